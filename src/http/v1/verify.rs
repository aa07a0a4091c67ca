//! `POST /api/v1/photos/verify`: is this image that photo, how sure is it, and what was done to it.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::wire;
use crate::{
    domain::{
        PhotoId,
        verdict::{Policy, Verdict, WatermarkStatus},
    },
    http::{
        error::ApiError,
        extract::{Caller, PhotoForm},
    },
    service::{Context, FieldError, verify},
    watermark::{self, Published},
};

/// Verifies an image.
pub(in crate::http) async fn handler(
    caller: Caller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let request = read(&form)?;
    let (photo, policy) = (request.photo, request.policy);
    let found = verify::verify(&ctx, &caller.tenant, request)
        .await
        .map_err(ApiError::of_named_photo)?;
    let evidence = found.evidence;
    let detection = found.detection.as_ref();
    let shown = detection.map_or(Published::NOTHING, watermark::Detection::published);
    wire::json(&json!({
        "authentic": evidence.authentic(),
        "confidenceScore": shown.confidence,
        "photoId": photo.to_string(),
        "tenantId": caller.tenant.as_str(),
        "policy": policy.as_str(),
        "verdict": evidence.verdict().as_str(),
        "c2paStatus": evidence.c2pa.as_str(),
        "watermarkStatus": evidence.watermark.as_str(),
        "tamperClass": evidence.tamper_class.as_str(),
        "watermark": {
            "zScore": round(shown.z, 2),
            "falsePositiveProbability": shown.false_positive_probability,
            "threshold": watermark::DETECTION_THRESHOLD,
        },
        "transform": detection.and_then(|detection| detection.transform).map(transform),
        "tamperedRegions": found.tampered_regions().iter().map(region).collect::<Vec<_>>(),
        "exactMatch": evidence.exact_match,
        "message": message(&found),
    }))
}

/// The image, the id and the policy.
fn read(form: &PhotoForm) -> Result<verify::Request, ApiError> {
    let mut wrong = Vec::new();
    let mut refuse = |field, reason: &str| {
        wrong.push(FieldError {
            field,
            reason: reason.to_owned(),
        });
    };
    let photo = form.text("photoId");
    let id = photo.and_then(PhotoId::parse);
    if id.is_none() {
        refuse(
            "photoId",
            if photo.is_some() {
                "must be a UUID"
            } else {
                "is required"
            },
        );
    }
    let policy = form
        .text("policy")
        .map_or(Some(Policy::default()), Policy::parse);
    if policy.is_none() {
        refuse("policy", "must be standard or strict");
    }
    match (id, policy) {
        (Some(photo), Some(policy)) => Ok(verify::Request {
            image: form.image.clone(),
            photo,
            policy,
        }),
        _ => Err(ApiError::fields(wrong)),
    }
}

fn transform(found: watermark::Transform) -> Value {
    json!({
        "scaleX": round(found.scale_x, 4),
        "scaleY": round(found.scale_y, 4),
        "rotationDegrees": round(found.rotation_degrees, 2) % 360.0,
        "flipped": found.flipped,
        "cropKept": round(found.crop_kept, 4),
    })
}

/// A place in fractions of the protected photo.
fn region(found: &watermark::Region) -> Value {
    json!({
        "x": round(found.x, 4),
        "y": round(found.y, 4),
        "width": round(found.width, 4),
        "height": round(found.height, 4),
        // As coarse as the rest of the evidence: exact scores would tell an attacker which change helps.
        "score": (found.score * 10.0).floor() / 10.0,
    })
}

/// One sentence for a person.
fn message(found: &verify::Verification) -> &'static str {
    let evidence = found.evidence;
    if found.detection.is_none() {
        return "The photo is registered and was never protected, so no image can be verified against it.";
    }
    match (evidence.verdict(), evidence.authentic(), evidence.watermark) {
        (Verdict::Intact, true, _) => "This is the protected photo, byte for byte.",
        (Verdict::Altered, ..) => {
            "The mark of this photo is in the image, and parts of the image are not what was protected: see tamperedRegions."
        }
        (Verdict::Recovered, true, _) if found.alteration_uncertain() => {
            "The mark of this photo is in the image; its tones or colours were changed so much that a change of its content cannot be ruled out."
        }
        (Verdict::Recovered, true, _) => {
            "The mark of this photo is in the image; the file was changed since it was protected."
        }
        (Verdict::Intact | Verdict::Recovered, false, _) => {
            "The mark of this photo is in the image, and the strict policy asks for a valid manifest as well."
        }
        (Verdict::Unknown, _, WatermarkStatus::Marginal) => {
            "The image resembles a marked copy of this photo, but not clearly enough to say that it is one."
        }
        (Verdict::Unknown, ..) if found.same_picture() => {
            "The image shows the same picture, and the mark of this photo is not in it."
        }
        (Verdict::Unknown, ..) => "The mark of this photo was not found in the image.",
    }
}

/// Rounds to `digits` decimals.
fn round(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}
