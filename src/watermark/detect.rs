//! Looking for a mark: find how the picture lies by its content, then ask the statistic once.
//!
//! The received picture may be mirrored or turned. The eight symmetries of the grid are told apart by the likeness
//! of their content alone ([`super::statistic::Agreement`]), which does not see the signs; so the z that decides is
//! one test, however many symmetries were tried (see [`super::score`]).

use super::{
    WatermarkKey,
    carrier::{Chips, Sums},
    grid::upright_luma,
    record::Record,
    score::{DetectionStatus, confidence, false_positive_probability, status},
    statistic::{Agreement, Likeness, Statistic, smooth_mark, statistic},
    transform,
};
use crate::imaging::{Orientation, Photo, pixel_digest};

/// Agreement from which the picture certainly lies as recorded, and no other symmetry is tried.
const CERTAIN_RHO: f64 = 0.5;
/// Least agreement of a turned or mirrored picture: with less, its content says nothing about how it lies.
const TURN_RHO: f64 = 0.12;
/// How much more of the original's content must be seen in a turned or mirrored picture than in the picture as it
/// is. Stripes, gradients and flat pictures look the same in several symmetries and are taken as they are; rho
/// alone would choose among them by the mark, whose sums are largest, and rho lowest, in the right place.
const TURN_GAIN: f64 = 0.1;

/// What was found out about a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Standard deviations above an unmarked picture.
    pub z: f64,
    /// Agreement of the content with the original's, -1..=1; above 0.5 it is the same picture.
    pub rho: f64,
    /// Bound on the probability that a picture without this mark reaches this z; in (0, 1].
    pub false_positive_probability: f64,
    /// The verdict on the mark.
    pub status: DetectionStatus,
    /// The same evidence from 0 to 100, two decimals; a detection starts at 60.
    pub confidence: f64,
    /// Remaining fraction of the mark: about 1 untouched, 0 absent. Diffusion into a JPEG lowers it a little.
    pub beta: f64,
    /// How the protected photo became this one; nothing if it is neither marked nor recognised.
    pub transform: Option<Transform>,
    /// Share of the protected photo that is seen, 0..=1.
    pub coverage: f64,
}

/// The way from the protected photo to the received one, both upright: mirror, turn, scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Width after over width before, along the protected photo's x axis.
    pub scale_x: f64,
    /// Height after over height before, along the protected photo's y axis.
    pub scale_y: f64,
    /// Clockwise turn, after mirroring: 0, 90, 180 or 270.
    pub rotation_degrees: f64,
    /// Whether it was mirrored left to right first.
    pub flipped: bool,
    /// Share of the protected photo's area that was kept, 0..=1.
    pub crop_kept: f64,
}

/// What was done to a protected photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TamperClass {
    /// Nothing: the pixels are equal.
    None,
    /// It was compressed again, or its tones were changed.
    Compression,
    /// It was resized, mirrored or turned by quarters.
    Resize,
}

/// Looks for the mark of a key in a photo, with the record of the photo that was protected with it.
pub fn detect(photo: &Photo, record: &Record, key: &WatermarkKey) -> Detection {
    let signs = Chips::signs(key);
    let host = record.host();
    let Registered {
        sums,
        likeness,
        change,
    } = register(photo, &host, &signs);
    let rho = likeness.rho;
    let Statistic { z, beta } = statistic(&sums, &host, &smooth_mark(&record.mark()));
    let status = status(z);
    let recognised = status != DetectionStatus::NotFound || rho > CERTAIN_RHO;
    Detection {
        z,
        rho,
        false_positive_probability: false_positive_probability(z),
        status,
        confidence: confidence(z),
        beta,
        transform: recognised.then(|| transform_of(photo, record, change)),
        coverage: 1.0,
    }
}

/// A received picture in the place of the original.
struct Registered {
    sums: Sums,
    likeness: Likeness,
    /// How the protected photo was mirrored and turned.
    change: Orientation,
}

/// Finds the symmetry of best agreement; as it is, if that is certain.
fn register(photo: &Photo, host: &Sums, signs: &Chips) -> Registered {
    let received = upright_luma(photo);
    let agreement = Agreement::new(host);
    let attempt = |way_back: Orientation| {
        let sums = transform::forward(&way_back.apply(&received)).sums(signs);
        Registered {
            likeness: agreement.with(&sums),
            sums,
            change: way_back.inverse(),
        }
    };
    let as_it_is = attempt(Orientation::Upright);
    if as_it_is.likeness.rho > CERTAIN_RHO {
        return as_it_is;
    }
    let least_gain = as_it_is.likeness.gain + TURN_GAIN;
    Orientation::ALL[1..]
        .iter()
        .map(|&way_back| attempt(way_back))
        .filter(|turned| turned.likeness.rho > TURN_RHO && turned.likeness.gain > least_gain)
        .max_by(|a, b| a.likeness.rho.total_cmp(&b.likeness.rho))
        .filter(|turned| turned.likeness.rho > as_it_is.likeness.rho)
        .unwrap_or(as_it_is)
}

/// Describes a change of symmetry and size.
fn transform_of(photo: &Photo, record: &Record, change: Orientation) -> Transform {
    let (mut width, mut height) = photo.upright_size();
    if change.swaps_sides() {
        (width, height) = (height, width);
    }
    let (rotation_degrees, flipped) = match change {
        Orientation::Upright => (0.0, false),
        Orientation::MirrorH => (0.0, true),
        Orientation::Rotate180 => (180.0, false),
        Orientation::MirrorV => (180.0, true),
        Orientation::Transpose => (270.0, true),
        Orientation::Rotate90 => (90.0, false),
        Orientation::Transverse => (90.0, true),
        Orientation::Rotate270 => (270.0, false),
    };
    Transform {
        scale_x: f64::from(width) / f64::from(record.width()),
        scale_y: f64::from(height) / f64::from(record.height()),
        rotation_degrees,
        flipped,
        crop_kept: 1.0,
    }
}

/// Says what was done to a photo in which the mark was detected. Looks at all pixels if need be.
pub fn tamper_class(photo: &Photo, record: &Record, detection: &Detection) -> TamperClass {
    let same_size = photo.upright_size() == (record.width(), record.height());
    let as_it_was = |way: &Transform| !way.flipped && way.rotation_degrees == 0.0;
    if !same_size || !detection.transform.as_ref().is_some_and(as_it_was) {
        TamperClass::Resize
    } else if pixel_digest(&photo.pixels) == *record.pixel_digest() {
        TamperClass::None
    } else {
        TamperClass::Compression
    }
}
