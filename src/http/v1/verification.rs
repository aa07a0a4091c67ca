//! A verification on the wire. Places are fractions of the sides of a picture as viewers show it, after its EXIF turn.

use serde_json::{Value, json};

use super::message::message;
use crate::{
    domain::{PhotoId, TenantId},
    service::Verification,
    watermark::{self, Quad, Region, Transform},
};

/// Least probability that is told: a leaked key or a fault is likelier than that.
const LEAST_PROBABILITY: f64 = 1e-30;

/// The answer of `verify`.
pub(super) fn body(tenant: &TenantId, photo: PhotoId, found: &Verification) -> Value {
    let (evidence, mark) = (found.evidence, found.mark);
    let way = (found.detection.as_ref()).and_then(|found| found.transform.as_ref());
    // What was altered was laid in place first, so that there is a way to each place.
    let regions = way.map(|way| {
        let places = found.tampered_regions().iter();
        places.map(|place| region(place, way)).collect::<Vec<_>>()
    });
    json!({
        "authentic": evidence.authentic(),
        "confidenceScore": mark.confidence,
        "photoId": photo.to_string(),
        "tenantId": tenant.as_str(),
        "policy": evidence.policy.as_str(),
        "verdict": evidence.verdict().as_str(),
        "c2paStatus": evidence.c2pa.as_str(),
        "watermarkStatus": evidence.watermark.as_str(),
        "tamperClass": evidence.tamper_class().as_str(),
        "watermark": {
            "zScore": round(mark.z, 2),
            "falsePositiveProbability": mark.false_positive_probability.max(LEAST_PROBABILITY),
            "threshold": watermark::DETECTION_THRESHOLD,
        },
        "transform": way.map(transform),
        "alteration": evidence.alteration().as_str(),
        "compared": found.compared(),
        "smallestVisible": found.smallest_visible(),
        "tamperedRegions": regions.unwrap_or_default(),
        "exactMatch": evidence.exact_match,
        "message": message(found),
    })
}

/// Where the protected photo lies in the received image.
fn transform(way: &Transform) -> Value {
    json!({
        "scaleX": round(way.scale_x, 4),
        "scaleY": round(way.scale_y, 4),
        "rotationDegrees": round(way.rotation_degrees, 2) % 360.0,
        "flipped": way.flipped,
        "negative": way.negative,
        "cropKept": round(way.crop_kept, 4),
        "corners": quad(way.corners),
        // Finer than the corners, which its entries are multiplied and divided to.
        "matrix": way.matrix.as_flattened().iter().map(|entry| round(*entry, 6)).collect::<Vec<_>>(),
    })
}

/// A place in fractions of the protected photo, and the same place in the received image.
fn region(place: &Region, way: &Transform) -> Value {
    json!({
        "x": round(place.x, 4),
        "y": round(place.y, 4),
        "width": round(place.width, 4),
        "height": round(place.height, 4),
        // As coarse as the rest of the evidence: exact scores would tell an attacker which change helps.
        "score": (place.score * 10.0).floor() / 10.0,
        "quad": quad(way.quad(place)),
    })
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
