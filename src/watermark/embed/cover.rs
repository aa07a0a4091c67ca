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
    dither::{add_residual, scaled},
    jpeg_embedder::{self, JpegEmbedder},
    original::Original,
    sparse,
    strength::{Schedule, strength},
};
use crate::{
    imaging::{Economy, ImagingError, Limits, Photo, Pixels, decode, encode, is_lossless},
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

/// A marked photo held as samples.
#[derive(Debug)]
struct Sent {
    photo: Photo,
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
}

impl Cover for PixelCover<'_> {
    fn schedule(&self) -> (Schedule, f32) {
        (Schedule::Pixels, self.start())
    }

    fn mark(&mut self, strength: f32) -> Result<(), WatermarkError> {
        // Frees its memory before the next copy is made.
        self.sent = None;
        let mut photo = self.photo.clone();
        if let Pixels::Raster(marked) = &mut photo.pixels {
            match self.photo.economy {
                Economy::Sparse(sparse) => {
                    let again = strength > self.start();
                    sparse::add_mark(marked, sparse, self.original, strength, again);
                }
                Economy::Plain | Economy::Quality(_) => {
                    add_residual(
                        marked,
                        &scaled(self.original.residual(), strength),
                        self.key,
                    );
                }
            }
        }
        let encoded = if is_lossless(&photo) {
            None
        } else {
            let bytes = encode(&photo)?;
            let limits = Limits {
                max_bytes: bytes.len(),
                max_pixels: u64::from(photo.width()) * u64::from(photo.height()),
            };
            photo.pixels = decode(&bytes, &limits)?.pixels;
            Some(bytes)
        };
        let (Pixels::Raster(original), Pixels::Raster(sent)) = (&self.photo.pixels, &photo.pixels)
        else {
            let reason = "samples came back as coefficients".to_owned();
            return Err(ImagingError::Encode { reason }.into());
        };
        let change = mean_square_difference(original, sent);
        self.sent = Some(Sent {
            photo,
            encoded,
            change,
        });
        Ok(())
    }

    fn sent(&self) -> &Pixels {
        let photo = self.sent.as_ref().map_or(&self.photo, |sent| &sent.photo);
        &photo.pixels
    }

    fn change(&self) -> f64 {
        self.sent.as_ref().map_or(0.0, |sent| sent.change)
    }

    fn finish(self) -> Result<Vec<u8>, WatermarkError> {
        match self.sent {
            Some(Sent {
                encoded: Some(bytes),
                ..
            }) => Ok(bytes),
            Some(Sent { photo, .. }) => Ok(encode(&photo)?),
            None => Ok(encode(&self.photo)?),
        }
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
