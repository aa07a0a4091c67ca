//! JPEG, PNG and WebP as they arrive: what is accepted is written again under each policy, and what
//! was written is read again as the same picture.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lumatrace::imaging::{
    Limits, MetadataPolicy, apply_policy, claimed_pixels, decode, encode, is_lossless, pixel_digest,
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 1 << 18,
};

fuzz_target!(
    init: {
        // Decoders of others may panic; that is caught, and the file is refused as damaged. What is
        // not caught ends the run in any case.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |data: &[u8]| {
        let claimed = claimed_pixels(data);
        for policy in [MetadataPolicy::Keep, MetadataPolicy::StripGps, MetadataPolicy::StripAll] {
            let Ok(mut photo) = decode(data, &LIMITS) else {
                return;
            };
            let pixels = u64::from(photo.width()) * u64::from(photo.height());
            assert_eq!(claimed, Some(pixels));
            apply_policy(&mut photo, policy);
            // Pixels that the container cannot take again are refused as such.
            let Ok(written) = encode(&photo) else {
                continue;
            };
            let limits = Limits { max_bytes: written.len(), ..LIMITS };
            let again = decode(&written, &limits).expect("what we write we can read");
            assert_eq!((again.width(), again.height()), (photo.width(), photo.height()));
            assert_eq!(again.orientation, photo.orientation);
            if is_lossless(&photo) {
                assert_eq!(pixel_digest(&again.pixels), pixel_digest(&photo.pixels));
            }
        }
    }
);
