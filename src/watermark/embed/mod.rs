//! Embedding: measure, mark, read back, strengthen if need be, encode.

pub(super) mod block_dct;
pub(super) mod cover;
pub(super) mod dc_clip;
pub(super) mod difference;
pub(super) mod dither;
pub(super) mod error_diffusion;
pub(super) mod exchange;
pub(super) mod jpeg_embedder;
pub(super) mod original;
pub(super) mod sparse;
pub(super) mod strength;

use self::{
    cover::{Cover, JpegCover, PixelCover},
    jpeg_embedder::JpegEmbedder,
    original::Original,
    strength::{LEAST_SENT, ProtectionLevel, ReadBack},
};
use super::{
    error::WatermarkError, features::visual_words::VisualWords, key::WatermarkKey,
    privacy::RecordPrivacy, record::Record, sampling::grid::LumaSource,
};
use crate::imaging::{Photo, Pixels, pixel_digest};

/// Fewest pixels on a side of a picture that can be marked.
const MIN_SIDE: u32 = 16;
/// Highest PSNR that is reported, in dB: a mark that changes nothing has no finite one.
const MAX_PSNR_DB: f64 = 99.0;

/// A marked photo and its record.
#[derive(Debug)]
pub struct Embedded {
    /// The encoded file, in the container of the original.
    pub bytes: Vec<u8>,
    /// The input that [`crate::watermark::detect()`] needs later, apart from the key.
    pub record: Record,
    /// Visual words by which an index can find the photo; empty under strict privacy.
    pub words: VisualWords,
    /// Measurements of the marking.
    pub report: EmbedReport,
}

/// Measurements taken while marking a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbedReport {
    /// PSNR of the sent picture against the original, both as a decoder shows them, in dB, at most
    /// 99: over all samples of red, green and blue (or grey), on white where there is alpha, for a
    /// peak of 255.
    ///
    /// For a JPEG it is computed from the coefficients that moved. Where a decoder clips their
    /// change, in white and black places, the picture changed less than this figure says
    /// (docs/watermark.md, "Measured").
    pub psnr_db: f64,
    /// How much the mark endures.
    pub level: ProtectionLevel,
    /// The strength g of the mark, about 0.2 to 2.
    pub strength: f32,
    /// z of the mark in the sent picture.
    pub z_sent: f64,
    /// z of the mark in a copy of at most 1024 pixels at JPEG quality 50.
    pub z_small: f64,
    /// Number of strengths that were tried, from 1.
    pub iterations: u32,
}

/// Marks a photo with its key and encodes it again.
///
/// The same photo and key give the same bytes on every machine. A photo may be marked again with
/// another key; each mark is found by its own record.
///
/// # Errors
///
/// [`WatermarkError::TooSmall`] if a side has fewer than 16 pixels, [`WatermarkError::WeakMark`] if
/// the mark reads back below z 12 at the largest strength, and [`WatermarkError::Imaging`] if
/// encoding fails.
pub fn embed(photo: Photo, key: &WatermarkKey) -> Result<Embedded, WatermarkError> {
    embed_with_privacy(photo, key, RecordPrivacy::Full)
}

/// Marks a photo as [`embed()`] does, with a record that may show no more than `privacy` allows.
///
/// The picture is the same for every `privacy`; `z_sent`, `z_small` and the level are what the
/// record can read of it.
///
/// # Errors
///
/// As [`embed()`]. A strict record reads about half the z, so it refuses some very flat pictures
/// that a full one accepts.
pub fn embed_with_privacy(
    photo: Photo,
    key: &WatermarkKey,
    privacy: RecordPrivacy,
) -> Result<Embedded, WatermarkError> {
    let (width, height) = (photo.width(), photo.height());
    if width.min(height) < MIN_SIDE {
        return Err(WatermarkError::TooSmall {
            width,
            height,
            min: MIN_SIDE,
        });
    }
    let source = LumaSource::of_original(&photo);
    let original = Original::new(&photo, &source, key);
    if let (Pixels::Jpeg(image), LumaSource::Jpeg(luma)) = (&photo.pixels, source) {
        let embedder = JpegEmbedder::new(image, &original);
        let start = embedder.start_strength(image);
        let luma = luma.into_owned();
        let cover = JpegCover::new(photo, luma, embedder, start);
        protect(cover, &original, privacy)
    } else {
        protect(PixelCover::new(photo, &original, key), &original, privacy)
    }
}

/// Marks a cover as strongly as it needs.
///
/// The strength does not depend on the record's privacy, so that the picture is the same. The
/// values reported in the end are those that a strict record reads.
fn protect(
    mut cover: impl Cover,
    original: &Original,
    privacy: RecordPrivacy,
) -> Result<Embedded, WatermarkError> {
    let (schedule, mut strength) = cover.schedule();
    let mut iterations = 1;
    let (mut record, mut read) = loop {
        cover.mark(strength)?;
        let record = original.record(strength, RecordPrivacy::Full);
        let read = original.read_back(&cover.sent_luma(), &record);
        match schedule.next(strength, iterations, read) {
            Some(next) => strength = next,
            None => break (record, read),
        }
        iterations += 1;
    };
    if privacy != RecordPrivacy::Full {
        record = original.record(strength, privacy);
        read = original.read_back(&cover.sent_luma(), &record);
    }
    let ReadBack { z_sent, z_small } = read;
    if z_sent < LEAST_SENT {
        return Err(WatermarkError::WeakMark { z_sent });
    }
    record.set_pixel_digest(pixel_digest(cover.sent()));
    let report = EmbedReport {
        psnr_db: psnr_db(cover.change()),
        level: read.level(),
        strength,
        z_sent,
        z_small,
        iterations,
    };
    // Visual words are numbers about the picture: strict privacy keeps none.
    let words = match privacy {
        RecordPrivacy::Full => original.words().clone(),
        RecordPrivacy::Strict => VisualWords::default(),
    };
    Ok(Embedded {
        bytes: cover.finish()?,
        record,
        words,
        report,
    })
}

/// Converts a mean square difference on the scale of 0..=255 to PSNR in dB.
fn psnr_db(mean_square: f64) -> f64 {
    (10.0 * (255.0 * 255.0 / mean_square).log10()).min(MAX_PSNR_DB)
}
