//! Detection: registers the picture by its content, then asks the statistic once.
//!
//! The received picture may be cropped, rotated, tilted, framed or bent. Where the protected photo
//! lies in it is decided by the likeness of content alone ([`super::register`]), which does not see
//! the signs; so the z that decides is one test, however many positions were tried (see
//! [`super::signal::score`]).

pub(super) mod content;
pub(super) mod null_trials;

use self::content::ContentMatch;
use super::{
    features::{chroma::ChromaCells, levels::Levels},
    geometry::{homography::Homography, overlap},
    key::WatermarkKey,
    layout::Tiling,
    record::Record,
    register::{Depth, RECOGNISED_RHO, RegisteredImage, received::ReceivedImage, register},
    signal::{
        agreement::{Agreement, Reference},
        carrier::Signs,
        score::{
            DetectionStatus, PublicEvidence, Signed, confidence, false_positive_probability, status,
        },
        statistic::{Statistic, smooth_mark, statistic},
    },
    tamper::{self, Expected, Observed, Region, TamperFinding, Tampering},
};
use crate::imaging::Photo;

/// Least share, both of the photo that is seen and of the picture that it fills, at which the photo
/// counts as uncropped.
const WHOLE: f64 = 0.97;
/// Rotation, in degrees, below which a picture counts as upright: registration is no more exact
/// than that.
const UNTURNED_DEGREES: f64 = 0.05;

/// Findings about a received photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Standard deviations above an unmarked picture; for a reversed mark, the equivalent z.
    pub z: f64,
    /// Whether the mark was detected with its sign reversed, as happens when copies were combined
    /// or an original subtracted to remove it.
    pub mark_reversed: bool,
    /// Agreement of the content with the original's, -1..=1; above 0.5 it is the same picture.
    pub rho: f64,
    /// Bound on the probability that a picture without this mark reaches this z, in (0, 1].
    pub false_positive_probability: f64,
    /// Decision on the mark.
    pub status: DetectionStatus,
    /// The evidence for the mark on a scale from 0 to 100, to two decimals; a detection starts at
    /// 60.
    pub confidence: f64,
    /// Remaining fraction of the mark: about 1 if untouched, 0 if absent. Diffusion into a JPEG
    /// lowers it a little.
    pub beta: f64,
    /// Map from the protected photo to the received picture; `None` if the picture is neither
    /// marked nor recognised.
    pub transform: Option<Transform>,
    /// Share of the protected photo that is seen, 0..=1.
    pub coverage: f64,
    /// Share of the received picture that the protected photo fills, 0..=1.
    pub filled: f64,
    /// Comparison of the content with the protected one, on an absolute scale.
    pub content: ContentMatch,
    /// Agreement of the textured places, -1..=1: the main input of [`Self::content`].
    pub content_rho: f64,
    /// Places where the content differs; `None` unless the mark is detected.
    pub tampering: Option<Tampering>,
}

impl Detection {
    /// Returns the evidence in whole steps, as it may be told to whoever sent the picture.
    pub fn published(&self) -> PublicEvidence {
        PublicEvidence::of(self.z)
    }

    /// Returns whether the received picture shows the same content as the protected one, marked or
    /// not.
    pub fn recognised(&self) -> bool {
        self.rho > RECOGNISED_RHO
    }
}

/// Map from the protected photo to the received picture, both upright: mirror, rotation, scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Width after divided by width before, along the protected photo's x axis.
    pub scale_x: f64,
    /// Height after divided by height before, along the protected photo's y axis.
    pub scale_y: f64,
    /// Clockwise rotation in degrees, 0..360, applied after mirroring.
    pub rotation_degrees: f64,
    /// Whether the photo was mirrored left to right first.
    pub flipped: bool,
    /// Whether light and dark were exchanged, as in a negative.
    pub negative: bool,
    /// Share of the protected photo's area that was kept, 0..=1.
    pub crop_kept: f64,
    /// Homography from the protected photo to the received picture, row-major; both span the unit
    /// square, upright.
    pub matrix: [[f64; 3]; 3],
    /// Corners of the protected photo in the received picture, in fractions of it, clockwise from
    /// the upper left.
    pub corners: Quad,
}

/// Four points (x, y) in fractions of the received picture; they may lie outside it.
pub type Quad = [(f64, f64); 4];

impl Transform {
    /// Returns the corners in the received picture of a rectangle of the protected photo, clockwise
    /// from the upper left.
    pub fn quad(&self, region: &Region) -> Quad {
        let (right, bottom) = (region.x + region.width, region.y + region.height);
        quad(
            &Homography(self.matrix),
            [
                (region.x, region.y),
                (right, region.y),
                (right, bottom),
                (region.x, bottom),
            ],
        )
    }
}

/// Maps four corners. Nothing that was detected lies behind the horizon; a corner that does is put
/// at the middle.
fn quad(map: &Homography, corners: Quad) -> Quad {
    corners.map(|(u, v)| map.apply(u, v).unwrap_or((0.5, 0.5)))
}

/// Kind of change made to a protected photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManipulationClass {
    /// No change: the pixels are equal.
    None,
    /// Recompression, or a change of tones.
    Compression,
    /// Resizing, mirroring or quarter turns.
    Resize,
    /// Another frame: cropping, rotation by other angles, tilt or an added border.
    Crop,
    /// Content replaced, erased, painted over or recoloured in places: see
    /// [`Detection::tampering`].
    StructuralAlteration,
}

/// Looks for the mark of a key in a photo, given the record of the photo that was protected with
/// it.
pub fn detect(photo: &Photo, record: &Record, key: &WatermarkKey) -> Detection {
    detect_in(&ReceivedImage::new(photo), record, key, Depth::Full)
}

/// Does the same as [`detect`] with a received picture that may serve several records.
pub(super) fn detect_in(
    received: &ReceivedImage<'_>,
    record: &Record,
    key: &WatermarkKey,
    depth: Depth,
) -> Detection {
    let signs = Signs::new(key, record.tiling());
    let host = record.host_sums();
    let reference = Reference {
        signs: &signs,
        host: &host,
        agreement: &Agreement::new(&host),
    };
    let registered = register(received, record, &reference, depth);
    let rho = registered.likeness.rho;
    let (map, coverage) = (&registered.warp.map, &registered.coverage);
    let mark = record.mark();
    let smooth = smooth_mark(record.tiling(), &mark);
    let Statistic { z, beta } = statistic(&registered.sums, &host, &smooth, coverage);
    let Signed { z, reversed } = Signed::of(z);
    let status = status(z);
    let mut tampering = (status == DetectionStatus::Detected).then(|| {
        if record.tiling() != Tiling::Fine {
            return Tampering::not_examined();
        }
        let before = (record.chroma()).map(|hidden| ChromaCells::uncover(hidden, key));
        let levels = (record.levels()).map(|hidden| Levels::uncover(hidden, key));
        let after = (received.chroma())
            .map(|planes| planes.cells(map))
            .map(|cells| {
                if registered.negative {
                    cells.negative()
                } else {
                    cells
                }
            });
        tamper::examine(
            &Expected {
                host: &host,
                mark: &mark,
                chroma: before.as_ref(),
                levels: levels.as_ref(),
            },
            &Observed {
                luma: &registered.luma,
                sums: &registered.sums,
                map,
                coverage,
                chroma: after.as_ref(),
            },
            reference.agreement,
        )
    });
    if let Some(tampering) = tampering.as_mut().filter(|_| reversed) {
        tampering.doubt();
    }
    let (content, content_rho) =
        content::judge(reference.agreement, &registered, tampering.as_ref());
    let recognised = status != DetectionStatus::NotFound || rho > RECOGNISED_RHO;
    Detection {
        z,
        mark_reversed: reversed,
        rho,
        false_positive_probability: false_positive_probability(z),
        status,
        confidence: confidence(z),
        beta,
        transform: recognised
            .then(|| transform_of(received, record, &registered))
            .flatten(),
        coverage: coverage.share(),
        filled: overlap::overlap(map),
        content,
        content_rho,
        tampering,
    }
}

/// Describes the position of the protected photo in the received one.
///
/// The map is decomposed at the middle of what is seen: a mirror, then a rotation, then scales
/// along the photo's axes.
fn transform_of(
    received: &ReceivedImage<'_>,
    record: &Record,
    registered: &RegisteredImage,
) -> Option<Transform> {
    let (width, height) = received.upright_size();
    let (u, v) = registered.coverage.centre();
    let [[a, b], [c, d]] = registered.warp.map.jacobian(u, v)?;
    // From pixels of the protected photo to pixels of the received one.
    let ratio = |to: u32, from: u32| f64::from(to) / f64::from(from);
    let along_x = (
        a * ratio(width, record.width()),
        c * ratio(height, record.width()),
    );
    let along_y = (
        b * ratio(width, record.height()),
        d * ratio(height, record.height()),
    );
    let flipped = along_x.0 * along_y.1 - along_x.1 * along_y.0 < 0.0;
    // The photo's axes add up to the direction of the turn; mirrored, the x axis points the other
    // way.
    let mirror = if flipped { -1.0 } else { 1.0 };
    let unit = |(x, y): (f64, f64)| (x / x.hypot(y), y / x.hypot(y));
    let ((x0, x1), (y0, y1)) = (unit(along_x), unit(along_y));
    let degrees = (mirror * x1 - y0).atan2(mirror * x0 + y1).to_degrees();
    Some(Transform {
        scale_x: along_x.0.hypot(along_x.1),
        scale_y: along_y.0.hypot(along_y.1),
        rotation_degrees: degrees.rem_euclid(360.0),
        flipped,
        negative: registered.negative,
        crop_kept: (registered.warp.map.inverse()).map_or(0.0, |back| overlap::overlap(&back)),
        matrix: registered.warp.map.0,
        corners: quad(&registered.warp.map, overlap::CORNERS),
    })
}

/// Classifies the change made to a photo in which the mark was detected: the first of alteration,
/// crop, resize, compression and none that applies. Reads all pixels if need be; a picture of equal
/// pixels is never altered.
pub fn manipulation_class(
    photo: &Photo,
    record: &Record,
    detection: &Detection,
) -> ManipulationClass {
    ReceivedImage::new(photo).manipulation_class(record, detection)
}

impl ReceivedImage<'_> {
    /// Does the same as [`manipulation_class`].
    pub fn manipulation_class(&self, record: &Record, detection: &Detection) -> ManipulationClass {
        let same_size = self.upright_size() == (record.width(), record.height());
        let as_it_was = |way: &Transform| {
            let turned = way.rotation_degrees.min(360.0 - way.rotation_degrees);
            !way.flipped && turned < UNTURNED_DEGREES
        };
        let whole = detection.coverage >= WHOLE && detection.filled >= WHOLE;
        let altered = detection
            .tampering
            .as_ref()
            .is_some_and(|tampering| tampering.finding == TamperFinding::Altered);
        let in_place = same_size && whole && detection.transform.as_ref().is_some_and(as_it_was);
        if in_place && self.pixel_digest() == *record.pixel_digest() {
            ManipulationClass::None
        } else if altered {
            ManipulationClass::StructuralAlteration
        } else if !whole {
            ManipulationClass::Crop
        } else if !in_place {
            ManipulationClass::Resize
        } else {
            ManipulationClass::Compression
        }
    }
}
