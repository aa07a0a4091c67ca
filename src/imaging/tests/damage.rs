//! Damaged files: cut short anywhere, bits flipped anywhere. Refused or decoded, but no panic.
//!
//! The formats' own decoders are called, not the front door, which would hide a panic.

use super::{
    super::{Encoding, Format, ImagingError, Layout, Limits, Photo, Pixels, jpeg, png, webp},
    samples::{self, Noise, raster8, raster16},
};

/// Damaged copies of each file; a fuzzer does the rest.
const FLIPS: usize = 1500;

fn decoder(format: Format) -> fn(&[u8], &Limits) -> Result<Photo, ImagingError> {
    match format {
        Format::Jpeg => jpeg::decode,
        Format::Png => png::decode,
        Format::WebP => webp::decode,
    }
}

fn files() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Jpeg, samples::jpeg(75, 50, (2, 2), false)),
        (Format::Jpeg, samples::jpeg(75, 50, (2, 1), true)),
        (Format::Png, samples::png(raster8(75, 50, Layout::Rgb))),
        (Format::Png, samples::png(raster16(40, 30, Layout::Rgba))),
        (
            Format::WebP,
            samples::webp(raster8(75, 50, Layout::Rgba), Encoding::Lossless),
        ),
        (
            Format::WebP,
            samples::webp(raster8(75, 50, Layout::Rgb), Encoding::Lossy),
        ),
        (
            Format::WebP,
            samples::webp(raster8(75, 50, Layout::Rgba), Encoding::Lossy),
        ),
    ]
}

#[test]
fn a_file_that_was_cut_short_is_refused() {
    for (format, file) in files() {
        for percent in 0..100 {
            let cut = &file[..file.len() * percent / 100];
            // The front door has seen the signature, on which the decoders rely.
            if cut.len() < 12 {
                continue;
            }
            let result = decoder(format)(cut, &Limits::default());
            assert!(
                matches!(result, Err(ImagingError::Invalid { .. })),
                "{format:?} {percent} %"
            );
        }
    }
}

#[test]
fn a_jpeg_cut_short_and_ended_is_refused_unless_it_ends_with_a_scan() {
    for progressive in [false, true] {
        let file = samples::jpeg(75, 50, (2, 2), progressive);
        let first = file.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
        let mut accepted = 0;
        for length in first..file.len() - 2 {
            let cut = [&file[..length], &[0xff, 0xd9]].concat();
            // A scan ends before the tables or the header of the next one, of which one byte may be
            // there.
            let ends_with_a_scan = [length, length - 1]
                .iter()
                .any(|&at| at > first && matches!(file[at..at + 2], [0xff, 0xc4 | 0xda]));
            let result = jpeg::decode(&cut, &Limits::default());
            assert!(
                result.is_err() || ends_with_a_scan,
                "progressive {progressive}, {length} bytes"
            );
            accepted += usize::from(result.is_ok());
        }
        assert_eq!(accepted > 5, progressive);
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut noise = Noise(1);
    for (format, file) in files() {
        for _ in 0..FLIPS {
            let mut damaged = file.clone();
            for _ in 0..=noise.next() % 4 {
                // Half of the flips go into the first 200 bytes, where the headers are.
                let range = if noise.next().is_multiple_of(2) {
                    file.len()
                } else {
                    200.min(file.len())
                };
                let at = 12 + noise.next() as usize % (range - 12);
                damaged[at] ^= 1 << (noise.next() % 8);
            }
            let Ok(photo) = decoder(format)(&damaged, &Limits::default()) else {
                continue;
            };
            let copy = super::super::encode(&photo).unwrap();
            let again = super::super::decode(&copy, &Limits::default()).unwrap();
            if let (Pixels::Raster(a), Pixels::Raster(b)) = (&photo.pixels, &again.pixels) {
                assert_eq!((a.width(), a.height()), (b.width(), b.height()));
            }
        }
    }
}
