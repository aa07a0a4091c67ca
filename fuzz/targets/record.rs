//! Records of photos: whatever is read is written in the one form that there is of it. (Sections of
//! later versions are skipped, so that it may be shorter than what was read.)

#![no_main]

use libfuzzer_sys::fuzz_target;
use lumatrace::watermark::Record;

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::from_bytes(data) else {
        return;
    };
    let written = record.to_bytes();
    assert!(written.len() <= data.len());
    let again = Record::from_bytes(&written).expect("what we write we can read");
    assert!(again.to_bytes() == written);
});
