//! The two kinds of cover that a mark is put into: pixels, and the quantised coefficients of a
//! JPEG.
//!
//! A cover is marked at one strength, perhaps again at another, and then sent. In between it shows
//! the pixels that the recipient will decode, so that the read-back is of what is sent: for
//! lossless outputs these are the marked pixels themselves, for lossy ones (lossy WebP) those of
//! the encoded file.

use std::borrow::Cow;

use super::{
    difference::mean_square_difference,
    dither::{Mark, scaled},
    jpeg_embedder::{self, JpegEmbedder},
    original::Original,
    sparse,
    strength::{Schedule, strength},
};
use crate::{
    imaging::{
        Economy, ImagingError, Photo, Pixels, Raster, Sparse, decode_own, encode, is_lossless,
    },
    watermark::{
        error::WatermarkError,
        key::WatermarkKey,
        sampling::{
            grid::LumaSource,
            jpeg_luma::{ReducedLuma, Step},
        },
    },
};

/// A picture that a mark is put into.
pub(in crate::watermark) trait Cover {
    /// Returns the rule that strengthens the mark, and the strength of the first iteration.
    fn schedule(&self) -> (Schedule, f32);
    /// Marks the original at a strength, replacing any earlier mark.
    fn mark(&mut self, strength: f32) -> Result<(), WatermarkError>;
    /// Returns the pixels that the recipient will decode.
    fn sent(&self) -> &Pixels;
    /// Returns their luma.
    fn sent_luma(&self) -> LumaSource<'_> {
        LumaSource::new(self.sent())
    }
    /// Returns the mean square difference of their colours from the original's, in grey levels
    /// squared.
    fn change(&self) -> f64;
    /// Encodes the marked picture.
    fn finish(self) -> Result<Vec<u8>, WatermarkError>;
}

/// A photo held as samples.
///
/// There is no second copy of its pixels while it is encoded.
#[derive(Debug)]
pub(in crate::watermark) struct PixelCover<'a> {
    photo: Photo,
    original: &'a Original,
    key: &'a WatermarkKey,
    /// The mark that the photo's own pixels have.
    mark: Option<Mark>,
    /// What is sent, if it is not the photo's own pixels.
    sent: Option<Sent>,
    /// Mean square difference from the original, in grey levels squared.
    change: f64,
}

/// What is sent of a photo held as samples.
#[derive(Debug)]
struct Sent {
    pixels: Pixels,
    /// The encoded file, if encoding is lossy and was therefore done already.
    encoded: Option<Vec<u8>>,
}

impl<'a> PixelCover<'a> {
    /// Prepares a photo held as samples.
    pub(in crate::watermark) fn new(
        photo: Photo,
        original: &'a Original,
        key: &'a WatermarkKey,
    ) -> Self {
        Self {
            photo,
            original,
            key,
            mark: None,
            sent: None,
            change: 0.0,
        }
    }

    fn start(&self) -> f32 {
        strength(self.photo.width(), self.photo.height())
    }

    /// Marks a photo with flat places or few colours, in a copy: what its palette needs is found in
    /// the original.
    fn mark_sparse(&mut self, sparse: Sparse, strength: f32) -> Result<(), WatermarkError> {
        let again = strength > self.start();
        let original = raster(&mut self.photo)?;
        let mut marked = original.clone();
        sparse::add_mark(&mut marked, sparse, self.original, strength, again);
        self.change = mean_square_difference(original, &marked);
        self.sent = Some(Sent {
            pixels: Pixels::Raster(marked),
            encoded: None,
        });
        Ok(())
    }

    /// Marks any other photo in place. If encoding is lossy, the original is needed once more, to
    /// be compared with what is sent.
    fn mark_in_place(&mut self, strength: f32) -> Result<(), WatermarkError> {
        let residual = scaled(self.original.residual(), strength);
        let mark = Mark::put(raster(&mut self.photo)?, residual, self.key);
        if is_lossless(&self.photo) {
            self.change = mark.change;
            self.mark = Some(mark);
            return Ok(());
        }
        let bytes = encode(&self.photo)?;
        let original = raster(&mut self.photo)?;
        mark.take_off(original, self.key);
        let decoded = decode_own(&bytes)?;
        self.change = mean_square_difference(original, &decoded);
        self.sent = Some(Sent {
            pixels: Pixels::Raster(decoded),
            encoded: Some(bytes),
        });
        Ok(())
    }
}

impl Cover for PixelCover<'_> {
    fn schedule(&self) -> (Schedule, f32) {
        (Schedule::Pixels, self.start())
    }

    fn mark(&mut self, strength: f32) -> Result<(), WatermarkError> {
        self.sent = None;
        if let Some(mark) = self.mark.take() {
            mark.take_off(raster(&mut self.photo)?, self.key);
        }
        match self.photo.economy {
            // Lossy coding has no use for flat places that stay flat.
            Economy::Sparse(sparse) if is_lossless(&self.photo) => {
                self.mark_sparse(sparse, strength)
            }
            _ => self.mark_in_place(strength),
        }
    }

    fn sent(&self) -> &Pixels {
        let own = &self.photo.pixels;
        self.sent.as_ref().map_or(own, |sent| &sent.pixels)
    }

    fn change(&self) -> f64 {
        self.change
    }

    fn finish(mut self) -> Result<Vec<u8>, WatermarkError> {
        if let Some(sent) = self.sent {
            if let Some(bytes) = sent.encoded {
                return Ok(bytes);
            }
            self.photo.pixels = sent.pixels;
        }
        // There is no way back to the original any more.
        self.mark = None;
        Ok(encode(&self.photo)?)
    }
}

/// Returns the samples of a photo.
fn raster(photo: &mut Photo) -> Result<&mut Raster, ImagingError> {
    match &mut photo.pixels {
        Pixels::Raster(raster) => Ok(raster),
        Pixels::Jpeg(_) => Err(ImagingError::Encode {
            reason: "coefficients are not samples".to_owned(),
        }),
    }
}

/// A photo held as JPEG coefficients.
#[derive(Debug)]
pub(in crate::watermark) struct JpegCover {
    /// The photo, with its coefficients as they are sent.
    photo: Photo,
    /// Their luma.
    luma: ReducedLuma,
    embedder: JpegEmbedder,
    /// Strength of the first iteration.
    start: f32,
    /// Steps by which the coefficients differ from the original's.
    steps: Vec<Step>,
    /// Mean square difference from the original, in grey levels squared.
    change: f64,
}

impl JpegCover {
    /// Prepares a JPEG, with its luma and the embedder made for its coefficients.
    pub(in crate::watermark) fn new(
        photo: Photo,
        luma: ReducedLuma,
        embedder: JpegEmbedder,
        start: f32,
    ) -> Self {
        Self {
            photo,
            luma,
            embedder,
            start,
            steps: Vec::new(),
            change: 0.0,
        }
    }
}

impl Cover for JpegCover {
    fn schedule(&self) -> (Schedule, f32) {
        (Schedule::Jpeg { start: self.start }, self.start)
    }

    fn mark(&mut self, strength: f32) -> Result<(), WatermarkError> {
        if let Pixels::Jpeg(image) = &mut self.photo.pixels {
            if !self.steps.is_empty() {
                jpeg_embedder::apply(image, &self.steps, -1);
                self.luma = ReducedLuma::new(image);
            }
            self.steps = self.embedder.steps(image, strength);
            jpeg_embedder::apply(image, &self.steps, 1);
            self.luma.step(image, &self.steps);
            self.change = jpeg_embedder::mean_square_change(image, &self.steps);
        }
        Ok(())
    }

    fn sent(&self) -> &Pixels {
        &self.photo.pixels
    }

    fn sent_luma(&self) -> LumaSource<'_> {
        LumaSource::Jpeg(Cow::Borrowed(&self.luma))
    }

    fn change(&self) -> f64 {
        self.change
    }

    fn finish(self) -> Result<Vec<u8>, WatermarkError> {
        Ok(encode(&self.photo)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imaging::{Encoding, Format, Layout, Samples},
        watermark::tests::pictures::{key, photo, scene},
    };

    /// A picture with black and white places, which a mark cannot pass.
    fn contrasty() -> Photo {
        let stretch = |sample: u8| (i32::from(sample) * 3 - 250).clamp(0, 255) as u8;
        let samples = scene(300, 200).into_iter().map(stretch).collect();
        photo(300, 200, Layout::Rgb, Samples::U8(samples))
    }

    #[test]
    fn a_mark_that_is_strengthened_is_put_into_the_original() {
        let key = key();
        let mut lossy = contrasty();
        lossy.format = Format::WebP;
        lossy.encoding = Encoding::Lossy;
        for photo in [contrasty(), lossy] {
            let original = Original::new(&photo, &LumaSource::of_original(&photo), &key);
            let marked = |strengths: &[f32]| {
                let mut cover = PixelCover::new(photo.clone(), &original, &key);
                for &strength in strengths {
                    cover.mark(strength).unwrap();
                }
                let change = cover.change();
                assert!(change > 0.0);
                (cover.finish().unwrap(), change.to_bits())
            };
            assert!(
                marked(&[2.0, 0.3, 0.9]) == marked(&[0.9]),
                "{:?}",
                photo.format
            );
        }
    }
}
