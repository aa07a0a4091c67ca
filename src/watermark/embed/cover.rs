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
    dither::{marked, scaled},
    jpeg_embedder::{self, JpegEmbedder},
    original::Original,
    sparse,
    strength::{Schedule, strength},
};
use crate::{
    imaging::{
        Economy, ImagingError, Photo, Pixels, Raster, encode, encode_and_decode, is_lossless,
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
#[derive(Debug)]
pub(in crate::watermark) struct PixelCover<'a> {
    photo: Photo,
    original: &'a Original,
    key: &'a WatermarkKey,
    sent: Option<Sent>,
}

/// What is sent of a photo held as samples.
#[derive(Debug)]
struct Sent {
    pixels: Pixels,
    /// The encoded file, if encoding is lossy and was therefore done already.
    encoded: Option<Vec<u8>>,
    /// Mean square difference from the original, in grey levels squared.
    change: f64,
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
            sent: None,
        }
    }

    fn start(&self) -> f32 {
        strength(self.photo.width(), self.photo.height())
    }

    /// Returns the original's pixels marked at a strength, and their mean square difference.
    fn marked(&self, original: &Raster, strength: f32) -> Option<(Raster, f64)> {
        if let Economy::Sparse(sparse) = self.photo.economy {
            let mut raster = original.clone();
            let again = strength > self.start();
            sparse::add_mark(&mut raster, sparse, self.original, strength, again);
            let change = mean_square_difference(original, &raster);
            return Some((raster, change));
        }
        let residual = scaled(self.original.residual(), strength);
        marked(original, &residual, self.key)
    }
}

impl Cover for PixelCover<'_> {
    fn schedule(&self) -> (Schedule, f32) {
        (Schedule::Pixels, self.start())
    }

    fn mark(&mut self, strength: f32) -> Result<(), WatermarkError> {
        // Frees its memory before the next copy is made.
        self.sent = None;
        let Pixels::Raster(original) = &self.photo.pixels else {
            return Err(unfit("coefficients are not samples").into());
        };
        let (raster, change) = self
            .marked(original, strength)
            .ok_or_else(|| unfit("the samples do not fill their rows"))?;
        self.sent = Some(if is_lossless(&self.photo) {
            Sent {
                pixels: Pixels::Raster(raster),
                encoded: None,
                change,
            }
        } else {
            let (bytes, raster) = encode_and_decode(&self.photo, raster)?;
            Sent {
                change: mean_square_difference(original, &raster),
                pixels: Pixels::Raster(raster),
                encoded: Some(bytes),
            }
        });
        Ok(())
    }

    fn sent(&self) -> &Pixels {
        let original = &self.photo.pixels;
        self.sent.as_ref().map_or(original, |sent| &sent.pixels)
    }

    fn change(&self) -> f64 {
        self.sent.as_ref().map_or(0.0, |sent| sent.change)
    }

    fn finish(mut self) -> Result<Vec<u8>, WatermarkError> {
        if let Some(sent) = self.sent {
            if let Some(bytes) = sent.encoded {
                return Ok(bytes);
            }
            // Frees the original before the file is made.
            self.photo.pixels = sent.pixels;
        }
        Ok(encode(&self.photo)?)
    }
}

fn unfit(reason: &str) -> ImagingError {
    ImagingError::Encode {
        reason: reason.to_owned(),
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
