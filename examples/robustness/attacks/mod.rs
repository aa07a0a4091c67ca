//! What is done to a protected picture, by name: the catalogue of `attacks.py` and what is harsher.
//!
//! An attack is a function of the pixels; those that draw random numbers take them from a generator
//! seeded with the attack's own name. The result is pixels, or the file that an attacker would send
//! on where the last step is a codec: the product then reads it with its own decoder, as it would a
//! user's.

mod codec;
mod crop;
mod denoise;
mod filter;
mod geometry;
mod harsh;
mod noise;
mod overlay;
mod pipeline;
mod resize;
mod smooth;
mod tone;
mod warp;

use std::sync::OnceLock;

use image::RgbImage;
use lumatrace::imaging::{Layout, Limits, Photo, Pixels, Raster, Samples, decode};

pub(crate) use codec::{jpeg, png, python_available, unpack, webp, webp_lossless};
pub(crate) use crop::{crop, strip};
pub(crate) use denoise::{non_local_means, wavelet_denoise};
pub(crate) use geometry::rotate_inner;
pub(crate) use noise::{gaussian_noise, generator, uniform};
pub(crate) use overlay::{Pen, text};
pub(crate) use pipeline::screenshot;
pub(crate) use resize::{long_edge, resize, resize_to};
pub(crate) use smooth::gaussian as blur;
pub(crate) use tone::{brightness, contrast, gamma, hue, saturation, white_balance};

/// What an attacked picture arrives as.
pub(crate) enum Attacked {
    /// Pixels, as a lossless file would have them.
    Pixels(RgbImage),
    /// A JPEG or WebP file.
    File(Vec<u8>),
}

impl Attacked {
    /// Decodes it as the product does.
    pub(crate) fn photo(&self) -> Photo {
        match self {
            Self::Pixels(picture) => photo_of(picture.clone()),
            Self::File(bytes) => decode(bytes, &NO_LIMITS).unwrap(),
        }
    }

    /// Returns its pixels.
    pub(crate) fn into_pixels(self) -> RgbImage {
        match self {
            Self::Pixels(picture) => picture,
            Self::File(bytes) => unpack(&bytes),
        }
    }
}

impl From<RgbImage> for Attacked {
    fn from(picture: RgbImage) -> Self {
        Self::Pixels(picture)
    }
}

impl From<Vec<u8>> for Attacked {
    fn from(bytes: Vec<u8>) -> Self {
        Self::File(bytes)
    }
}

/// Enlarged pictures may be larger than the service accepts; the engine does not mind.
pub(crate) const NO_LIMITS: Limits = Limits {
    max_bytes: usize::MAX,
    max_pixels: u64::MAX,
};

/// Wraps pixels into the photo that a PNG of them decodes to.
pub(crate) fn photo_of(picture: RgbImage) -> Photo {
    static EMPTY: OnceLock<Photo> = OnceLock::new();
    let empty = EMPTY.get_or_init(|| decode(&png(&RgbImage::new(1, 1)), &NO_LIMITS).unwrap());
    let (width, height) = picture.dimensions();
    let samples = Samples::U8(picture.into_raw());
    Photo {
        pixels: Pixels::Raster(Raster::new(width, height, Layout::Rgb, samples).unwrap()),
        ..empty.clone()
    }
}

/// What an attack does.
type Function = Box<dyn Fn(&RgbImage) -> Attacked + Send + Sync>;

/// A named attack.
pub(crate) struct Attack {
    /// Its name, the same as in `attacks.py`.
    pub(crate) name: String,
    /// Its kin.
    pub(crate) family: &'static str,
    /// 0: nothing lost, 1: mild, 2: usual in circulation, 3: harsh, 4: most of the picture is gone.
    pub(crate) severity: u8,
    /// Remark for the reader of a table.
    pub(crate) note: &'static str,
    function: Function,
}

impl Attack {
    /// Names an attack.
    fn new<R: Into<Attacked>>(
        name: impl Into<String>,
        family: &'static str,
        severity: u8,
        note: &'static str,
        function: impl Fn(&RgbImage) -> R + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            family,
            severity,
            note,
            function: Box::new(move |picture| function(picture).into()),
        }
    }

    /// Carries it out.
    pub(crate) fn run(&self, picture: &RgbImage) -> Attacked {
        (self.function)(picture)
    }
}

/// The attacks of `attacks.py`, in its order.
pub(crate) fn catalogue() -> Vec<Attack> {
    let mut attacks = vec![Attack::new("identity", "identity", 0, "", RgbImage::clone)];
    attacks.extend(codec::attacks());
    attacks.extend(resize::attacks());
    attacks.extend(crop::attacks());
    attacks.extend(geometry::attacks());
    attacks.extend(smooth::attacks());
    attacks.extend(noise::attacks());
    attacks.extend(tone::attacks());
    attacks.extend(overlay::attacks());
    attacks.extend(pipeline::attacks());
    attacks.extend(filter::attacks());
    attacks
}

/// What is harsher than the catalogue: combinations, small pieces, lenses.
pub(crate) fn harsh() -> Vec<Attack> {
    harsh::attacks()
}

/// The half of the catalogue that `attacks.py` calls its core.
pub(crate) const CORE: &str = "identity jpeg_80 jpeg_50 jpeg_30 jpeg_10 webp_50 avif_50 resize_0.5 resize_0.25 \
    resize_0.5_back resize_0.25_back aspect_0.8 crop_centre_90 crop_centre_75 crop_centre_50 crop_centre_25 \
    crop_corner_50 crop_back_50 rotate_1_inner rotate_5_inner rotate_10_inner rotate_30_inner rotate_90 flip_h \
    perspective_2 perspective_5 pad_black blur_1 blur_2 median_3 sharpen noise_10 noise_20 brightness_0.5 \
    contrast_0.5 gamma_0.6 equalise hue_15 grayscale posterize_4 palette_64 logo_25 erase_10 meme_frame \
    screenshot facebook print_scan camera_of_screen crop50_resize_jpeg50 rotate5_crop_jpeg70 nlm_5 wavelet_denoise";

/// Length of a side times a factor, in whole pixels, at least one.
fn scaled(side: u32, factor: f64) -> u32 {
    ((f64::from(side) * factor).round_ties_even() as u32).max(1)
}
