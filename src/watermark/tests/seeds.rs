//! Seeds for the fuzzer: records.

use super::pictures::{key, scene_photo};
use crate::{
    fuzz_seeds::write,
    watermark::{RecordPrivacy, embed_with_privacy},
};

#[test]
#[ignore = "writes files for .ci/fuzz"]
fn seeds_of_records() {
    for (name, privacy) in [
        ("full", RecordPrivacy::Full),
        ("strict", RecordPrivacy::Strict),
    ] {
        let embedded = embed_with_privacy(scene_photo(256, 192), &key(), privacy).unwrap();
        write("record", name, &embedded.record.to_bytes());
    }
}
