//! Decoding a file that this process has just made.
//!
//! libwebp decodes 2.4 times faster than the decoder of received files, and makes the same pixels:
//! reconstruction and loop filter are the format's (RFC 6386, 9 to 15), and both upsample chroma with
//! the weights 9, 3, 3 and 1. But it is not written in a memory-safe language, so it is never given a file
//! of somebody else. libwebp's encoder has a reconstruction of its own, but not yet filtered.

use webpx::{Decoder, DecoderConfig, Limits as NoLimits};

use super::{
    super::{
        error::ImagingError,
        raster::{Layout, Raster, Samples},
    },
    riff::parse_riff,
};

/// Decodes a file made from a raster of 8-bit samples, into the memory of that raster.
///
/// As when it is received, the picture has alpha only if the file has: the encoder leaves out an
/// alpha that hides nothing.
pub(in super::super) fn decode_own(file: &[u8], source: Raster) -> Result<Raster, ImagingError> {
    let (width, height) = (source.width(), source.height());
    let (chunks, _) = parse_riff(file)?;
    let layout = if chunks.iter().any(|(tag, _)| tag == b"ALPH") {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    let Samples::U8(mut samples) = source.into_samples() else {
        return Err(ImagingError::encode("WebP has no 16-bit samples"));
    };
    let stride = width as usize * layout.channels();
    samples.truncate(stride * height as usize);
    let failed = |error| ImagingError::encode(format_args!("libwebp: {error}"));
    let decoder = Decoder::new(file).map_err(failed)?;
    let decoder = decoder.config(DecoderConfig::new().limits(NoLimits::none()));
    let stride = u32::try_from(stride).unwrap_or(u32::MAX);
    match layout {
        Layout::Rgba => decoder.decode_rgba_into(&mut samples, stride),
        _ => decoder.decode_rgb_into(&mut samples, stride),
    }
    .map_err(failed)?;
    Raster::new(width, height, layout, Samples::U8(samples))
        .ok_or_else(|| ImagingError::encode("the decoder gave the wrong number of samples"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{
        Economy, Encoding, Format, Limits, Metadata, Orientation, Photo, Pixels, decode,
        encode_and_decode, tests::samples::picture,
    };

    /// A lossy photo without pixels of its own.
    fn shell(economy: Economy) -> Photo {
        let one = Raster::new(1, 1, Layout::Rgb, Samples::U8(vec![0; 3])).unwrap();
        Photo {
            format: Format::WebP,
            orientation: Orientation::Upright,
            pixels: Pixels::Raster(one),
            metadata: Metadata::from_webp(&[]),
            encoding: Encoding::Lossy,
            economy,
        }
    }

    /// Asserts that what is made of our file is what its recipient sees.
    fn assert_as_received(width: u32, height: u32, layout: Layout, samples: Vec<u8>, quality: f32) {
        let case = format!("{width} x {height} {layout:?} at {quality}");
        let raster = Raster::new(width, height, layout, Samples::U8(samples)).unwrap();
        let photo = shell(Economy::Quality(quality));
        let (file, sent) = encode_and_decode(&photo, raster).unwrap();
        let received = decode(&file, &Limits::default()).unwrap();
        let Pixels::Raster(received) = received.pixels else {
            panic!("a WebP was decoded to coefficients")
        };
        assert!(sent == received, "{case}");
    }

    #[test]
    fn our_own_file_is_seen_as_its_recipient_sees_it() {
        for width in (1..36).chain([127, 300]) {
            for height in [1, 2, 15, 16, 17, 33] {
                let samples = picture(width, height, Layout::Rgb);
                assert_as_received(width, height, Layout::Rgb, samples, 60.0);
            }
        }
        for quality in [0.0, 5.0, 20.0, 40.0, 75.0, 90.0, 100.0] {
            for layout in [Layout::Rgb, Layout::Rgba] {
                assert_as_received(301, 203, layout, picture(301, 203, layout), quality);
            }
        }
    }

    #[test]
    fn extreme_colours_and_alpha_are_seen_alike() {
        // Saturated noise reaches the ends of every conversion and filter.
        let mut noise = crate::imaging::tests::samples::Noise(11);
        for layout in [Layout::Rgb, Layout::Rgba] {
            for quality in [0.0, 50.0, 100.0] {
                let count = 130 * 75 * layout.channels();
                let extreme = (0..count).map(|_| [0, 255, 128, 3][noise.next() as usize % 4]);
                assert_as_received(130, 75, layout, extreme.collect(), quality);
            }
        }
        let mut opaque = picture(64, 48, Layout::Rgba);
        opaque
            .iter_mut()
            .skip(3)
            .step_by(4)
            .for_each(|alpha| *alpha = 255);
        assert_as_received(64, 48, Layout::Rgba, opaque, 50.0);
    }
}
