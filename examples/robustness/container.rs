//! File formats that photographs are protected in.

use std::str::FromStr;

use image::RgbImage;

use crate::attacks::{jpeg, png, webp, webp_lossless};

/// In which file format a source is protected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Container {
    /// The file as it is.
    AsItIs,
    /// A PNG of its pixels.
    Png,
    /// A JPEG of this quality, 4:2:0.
    Jpeg(u8),
    /// A lossless WebP.
    WebPLossless,
    /// A lossy WebP of this quality.
    WebP(u8),
}

impl Container {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 6] = [
        Self::AsItIs,
        Self::Png,
        Self::Jpeg(85),
        Self::Jpeg(95),
        Self::WebPLossless,
        Self::WebP(90),
    ];

    /// Returns its name for a table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::AsItIs => "file as it is".to_owned(),
            Self::Png => "PNG".to_owned(),
            Self::Jpeg(quality) => format!("JPEG {quality}"),
            Self::WebPLossless => "WebP lossless".to_owned(),
            Self::WebP(quality) => format!("WebP {quality}"),
        }
    }

    /// Encodes a picture so.
    pub(crate) fn encode(self, picture: &RgbImage) -> Option<Vec<u8>> {
        match self {
            Self::AsItIs => None,
            Self::Png => Some(png(picture)),
            Self::Jpeg(quality) => Some(jpeg(picture, quality)),
            Self::WebPLossless => Some(webp_lossless(picture)),
            Self::WebP(quality) => Some(webp(picture, f32::from(quality))),
        }
    }
}

impl FromStr for Container {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_quality = |kind: &str| text.strip_prefix(kind).and_then(|text| text.parse().ok());
        match text {
            "as-is" => Ok(Self::AsItIs),
            "png" => Ok(Self::Png),
            "webp-lossless" => Ok(Self::WebPLossless),
            _ => of_quality("jpeg:")
                .map(Self::Jpeg)
                .or_else(|| of_quality("webp:").map(Self::WebP))
                .ok_or_else(|| "as-is, png, jpeg:Q, webp:Q or webp-lossless".to_owned()),
        }
    }
}
