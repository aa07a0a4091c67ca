//! Looking for a mark: find how the picture lies by its content, then ask the statistic once.
//!
//! The received picture may be mirrored or turned. The eight symmetries of the grid are told apart by the likeness
//! of their content alone ([`super::statistic::Agreement`]), which does not see the signs; so the z that decides is
//! one test, however many symmetries were tried (see [`super::score`]).

use super::{
    WatermarkKey,
    carrier::{Chips, Sums},
    chroma::ChromaPlanes,
    coverage::Coverage,
    frame,
    grid::upright_luma,
    homography::Homography,
    record::Record,
    score::{DetectionStatus, confidence, false_positive_probability, status},
    statistic::{Agreement, Likeness, Statistic, smooth_mark, statistic},
    tamper::{self, Finding, Original, Received, Tampering},
    transform,
};
use crate::imaging::{Orientation, Photo, Plane, pixel_digest};

/// Agreement from which the picture certainly lies as recorded, and no other symmetry is tried.
const CERTAIN_RHO: f64 = 0.5;
/// Least agreement of a turned or mirrored picture: with less, its content says nothing about how it lies.
const TURN_RHO: f64 = 0.12;
/// How much more of the original's content must be seen in a turned or mirrored picture than in the picture as it
/// is. Stripes, gradients and flat pictures look the same in several symmetries and are taken as they are; rho
/// alone would choose among them by the mark, whose sums are largest, and rho lowest, in the right place.
const TURN_GAIN: f64 = 0.1;
/// Least share of the photo that is seen, and of the picture that it fills, of one that keeps its frame.
const WHOLE: f64 = 0.97;

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
    /// Share of the received picture that the protected photo fills, 0..=1.
    pub filled: f64,
    /// Where the content is another; nothing unless the mark is detected.
    pub tampering: Option<Tampering>,
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
    /// It has another frame: cut, turned by other angles, tilted or put on a border.
    Crop,
    /// Content was replaced, erased, painted over or recoloured in places: see [`Detection::tampering`].
    StructuralAlteration,
}

/// Looks for the mark of a key in a photo, with the record of the photo that was protected with it.
pub fn detect(photo: &Photo, record: &Record, key: &WatermarkKey) -> Detection {
    let signs = Chips::signs(key);
    let host = record.host();
    let Registered {
        luma,
        sums,
        likeness,
        change,
    } = register(photo, &host, &signs);
    let rho = likeness.rho;
    let Statistic { z, beta } = statistic(&sums, &host, &smooth_mark(&record.mark()));
    let status = status(z);
    let map = symmetry(change);
    let coverage = Coverage::full();
    let tampering = (status == DetectionStatus::Detected).then(|| {
        let before = record.chroma().map(|hidden| hidden.uncover(key));
        let after = ChromaPlanes::of(photo).map(|planes| planes.cells(&map));
        tamper::examine(
            &Original {
                host: &host,
                mark: &record.mark(),
                chroma: before.as_ref(),
            },
            &Received {
                luma: &luma,
                sums: &sums,
                map: &map,
                coverage: &coverage,
                chroma: after.as_ref(),
            },
        )
    });
    let recognised = status != DetectionStatus::NotFound || rho > CERTAIN_RHO;
    Detection {
        z,
        rho,
        false_positive_probability: false_positive_probability(z),
        status,
        confidence: confidence(z),
        beta,
        transform: recognised.then(|| transform_of(photo, record, change)),
        coverage: coverage.share(),
        filled: frame::overlap(&map),
        tampering,
    }
}

/// A received picture in the place of the original.
struct Registered {
    /// Luma in the original's place, 256 x 256.
    luma: Plane,
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
        let luma = way_back.apply_square(&received);
        let sums = transform::forward(&luma).sums(signs);
        Registered {
            likeness: agreement.with(&sums),
            luma,
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

/// The map from the protected photo to the received one under a symmetry.
fn symmetry(change: Orientation) -> Homography {
    let (x, y) = match change {
        Orientation::Upright => ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        Orientation::MirrorH => ([-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
        Orientation::Rotate180 => ([-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]),
        Orientation::MirrorV => ([1.0, 0.0, 0.0], [0.0, -1.0, 1.0]),
        Orientation::Transpose => ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]),
        Orientation::Rotate90 => ([0.0, -1.0, 1.0], [1.0, 0.0, 0.0]),
        Orientation::Transverse => ([0.0, -1.0, 1.0], [-1.0, 0.0, 1.0]),
        Orientation::Rotate270 => ([0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]),
    };
    Homography([x, y, [0.0, 0.0, 1.0]])
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

/// Says what was done to a photo in which the mark was detected: the first of alteration, crop, resize, compression
/// and nothing that applies. Looks at all pixels if need be; a picture of equal pixels is never altered.
pub fn tamper_class(photo: &Photo, record: &Record, detection: &Detection) -> TamperClass {
    let same_size = photo.upright_size() == (record.width(), record.height());
    let as_it_was = |way: &Transform| !way.flipped && way.rotation_degrees == 0.0;
    let whole = detection.coverage >= WHOLE && detection.filled >= WHOLE;
    let altered = detection
        .tampering
        .as_ref()
        .is_some_and(|tampering| tampering.finding == Finding::Altered);
    let in_place = same_size && whole && detection.transform.as_ref().is_some_and(as_it_was);
    if in_place && pixel_digest(&photo.pixels) == *record.pixel_digest() {
        TamperClass::None
    } else if altered {
        TamperClass::StructuralAlteration
    } else if !whole {
        TamperClass::Crop
    } else if !in_place {
        TamperClass::Resize
    } else {
        TamperClass::Compression
    }
}
