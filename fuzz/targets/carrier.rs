//! Manifests in files of strangers: found, read and judged within their time, and never trusted,
//! since nobody's certificate is.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lumatrace::{
    credentials::{Anchors, Judge, Trust},
    imaging::recognise,
};

static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::new(&Anchors::default()).unwrap());

fuzz_target!(
    init: {
        // The crate that reads manifests may panic; that is caught on its thread.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |data: &[u8]| {
        let Some(format) = recognise(data) else {
            return;
        };
        let judgement = JUDGE.judge(&Bytes::copy_from_slice(data), format);
        assert_ne!(judgement.trust, Some(Trust::Trusted));
    }
);
