//! A verification on the wire. Places are fractions of the sides of a picture as viewers show it,
//! after its EXIF turn.

use schemars::JsonSchema;
use serde::Serialize;

use super::{c2pa::CredentialsJson, message::message};
use crate::{
    domain::{
        PhotoId, TenantId,
        verdict::{Alteration, C2paStatus, Policy, TamperClass, Verdict, WatermarkStatus},
    },
    http::openapi::example,
    service::Verification,
    watermark::{self, Quad, Region, Transform},
};

/// The least probability that is told: a leaked key or a fault is likelier than that.
const LEAST_PROBABILITY: f64 = 1e-30;

/// The answer of `verify`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Verification")]
pub(super) struct Response {
    /// The mark of this photo is there, what is seen agrees with the protected content, no
    /// alteration was found, and the policy is met. What was cut off, what lies around the photo,
    /// and alterations smaller than `smallestVisible` are not spoken for.
    authentic: bool,
    /// `zScore` on a scale for people, no probability: 60 at the threshold, and every 6 above it
    /// halve the distance to 100.
    #[schemars(range(min = 0, max = 100))]
    confidence_score: f64,
    /// The photo that was asked about.
    photo_id: PhotoId,
    /// The tenant whose photo it is.
    tenant_id: String,
    /// What was asked for.
    policy: Policy,
    verdict: Verdict,
    c2pa_status: C2paStatus,
    watermark_status: WatermarkStatus,
    /// What was done to the picture. `STRUCTURAL_ALTERATION` exactly where `alteration` is `FOUND`.
    tamper_class: TamperClass,
    watermark: MarkJson,
    transform: Option<TransformJson>,
    alteration: Alteration,
    /// The share of the protected photo that was seen and could be compared.
    #[schemars(range(min = 0, max = 1))]
    compared: f64,
    /// The share of the photo's area from which a replacement in this very copy is found nine times
    /// in ten. 0 for the very pixels; null where that cannot be said.
    #[schemars(range(min = 0, max = 1))]
    smallest_visible: Option<f64>,
    tampered_regions: Vec<RegionJson>,
    /// The bytes are those that `protect` sent.
    exact_match: bool,
    c2pa: CredentialsJson,
    /// One sentence for a person: what is said to be so, and what is not.
    message: String,
}

/// The evidence for the mark.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct MarkJson {
    /// The score, rounded down in steps of 6 from the threshold.
    z_score: f64,
    /// At most so likely an unmarked image scores so high. Never below 1e-30.
    #[schemars(range(min = 0, max = 1))]
    false_positive_probability: f64,
    /// The score from which a mark counts.
    threshold: f64,
}

/// Where the protected photo lies in the received image.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct TransformJson {
    /// Width in the received image over the protected width.
    scale_x: f64,
    /// Height in the received image over the protected height.
    scale_y: f64,
    /// Clockwise turn in degrees, 0 to 360, after mirroring.
    rotation_degrees: f64,
    /// The photo was mirrored left to right first.
    flipped: bool,
    /// Light and dark are exchanged.
    negative: bool,
    /// The share of the area that is left.
    crop_kept: f64,
    /// The protected photo's corners in the received image, in fractions of its sides, from the
    /// upper left clockwise. They lie outside of 0 to 1 where the photo was cut.
    corners: [[f64; 2]; 4],
    /// Homography, row by row: from the protected photo to the received image, both from 0 to 1.
    matrix: [f64; 9],
}

/// An altered place, in fractions of the protected photo.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Region")]
struct RegionJson {
    /// Left edge, from the left.
    x: f64,
    /// Upper edge, from the top.
    y: f64,
    /// Share of the photo's width.
    width: f64,
    /// Share of the photo's height.
    height: f64,
    /// How clear it is.
    #[schemars(range(min = 0, max = 1))]
    score: f64,
    /// The same place in the received image, in fractions of its sides.
    quad: [[f64; 2]; 4],
}

impl Response {
    /// What was found out about an image and a photo.
    pub(super) fn new(tenant: &TenantId, photo: PhotoId, found: &Verification) -> Self {
        let (evidence, mark) = (found.evidence, found.mark);
        let way = (found.detection.as_ref()).and_then(|found| found.transform.as_ref());
        // What was altered was laid in place first, so that there is a way to each place.
        let regions = way.map(|way| {
            let places = found.tampered_regions().iter();
            places.map(|place| RegionJson::new(place, way)).collect()
        });
        Self {
            authentic: evidence.authentic(),
            confidence_score: mark.confidence,
            photo_id: photo,
            tenant_id: tenant.to_string(),
            policy: evidence.policy,
            verdict: evidence.verdict(),
            c2pa_status: evidence.c2pa,
            watermark_status: evidence.watermark,
            tamper_class: evidence.tamper_class(),
            watermark: MarkJson {
                z_score: round(mark.z, 2),
                false_positive_probability: mark.false_positive_probability.max(LEAST_PROBABILITY),
                threshold: watermark::DETECTION_THRESHOLD,
            },
            transform: way.map(TransformJson::new),
            alteration: evidence.alteration(),
            compared: found.compared(),
            smallest_visible: found.smallest_visible(),
            tampered_regions: regions.unwrap_or_default(),
            exact_match: evidence.exact_match,
            c2pa: CredentialsJson::new(photo, found),
            message: message(found),
        }
    }

    /// A photo at half its size.
    pub(super) fn example() -> Self {
        Self {
            authentic: true,
            confidence_score: 97.5,
            photo_id: example::photo(),
            tenant_id: "demo".to_owned(),
            policy: Policy::Standard,
            verdict: Verdict::Recovered,
            c2pa_status: C2paStatus::Missing,
            watermark_status: WatermarkStatus::Detected,
            tamper_class: TamperClass::Resize,
            watermark: MarkJson {
                z_score: 30.2,
                false_positive_probability: LEAST_PROBABILITY,
                threshold: watermark::DETECTION_THRESHOLD,
            },
            transform: Some(TransformJson {
                scale_x: 0.5,
                scale_y: 0.5,
                rotation_degrees: 0.0,
                flipped: false,
                negative: false,
                crop_kept: 1.0,
                corners: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                matrix: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            }),
            alteration: Alteration::NoneFound,
            compared: 1.0,
            smallest_visible: Some(0.005),
            tampered_regions: Vec::new(),
            exact_match: false,
            c2pa: CredentialsJson::example(),
            message: "This is the protected photo: its content was compared and no change was found; a replaced area below about 0.5 % of the photo might not be seen.".to_owned(),
        }
    }
}

impl TransformJson {
    fn new(way: &Transform) -> Self {
        let mut matrix = [0.0; 9];
        // Finer than the corners, which its entries are multiplied and divided to.
        for (rounded, entry) in matrix.iter_mut().zip(way.matrix.as_flattened()) {
            *rounded = round(*entry, 6);
        }
        Self {
            scale_x: round(way.scale_x, 4),
            scale_y: round(way.scale_y, 4),
            rotation_degrees: round(way.rotation_degrees, 2) % 360.0,
            flipped: way.flipped,
            negative: way.negative,
            crop_kept: round(way.crop_kept, 4),
            corners: quad(way.corners),
            matrix,
        }
    }
}

impl RegionJson {
    fn new(place: &Region, way: &Transform) -> Self {
        Self {
            x: round(place.x, 4),
            y: round(place.y, 4),
            width: round(place.width, 4),
            height: round(place.height, 4),
            // As coarse as the rest of the evidence: exact scores would tell an attacker which
            // change helps.
            score: (place.score * 10.0).floor() / 10.0,
            quad: quad(way.quad(place)),
        }
    }
}

/// Four points, each as x and y.
fn quad(corners: Quad) -> [[f64; 2]; 4] {
    corners.map(|(x, y)| [round(x, 4), round(y, 4)])
}

/// Rounds to `digits` decimals, and never to a negative zero.
fn round(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit + 0.0
}
