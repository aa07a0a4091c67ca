//! Photos: register, protect, verify, identify, list, show, delete.

use serde_json::{Value, json};

use super::{
    operation::{Answer, Operation},
    schema::{hash, uuid},
};
use crate::http::ErrorCode;

const TAG: &str = "Photos";

const PHOTO: &str = "9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f";
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// What stands for the bytes of a file in examples.
const FILE: &str = "(the bytes of photo.jpg)";

/// `POST /api/v1/photos/register`.
pub(in crate::http) fn register() -> Operation {
    Operation::new("registerPhoto", TAG, "An id and a signed receipt, before there is an image")
        .about("`signature` is a detached JWS (RFC 7515) of the rest, as canonical JSON (RFC 8785); the keys of `/.well-known/jwks.json` check it.")
        .takes_json(
            "Registration",
            &json!({ "contentHash": HASH, "deviceModel": "Leica M11-P", "latitude": 47.3769, "longitude": 8.5417 }),
        )
        .once()
        .answers(Answer::json(
            200,
            "The id, and the receipt.",
            "Receipt",
            &json!({
                "photoId": PHOTO,
                "tenantId": "demo",
                "createdAt": "2027-01-15T08:00:00Z",
                "contentHash": HASH,
                "signature": "eyJhbGciOiJSUzI1NiJ9..c2lnbmF0dXJl",
            }),
        )
        .headers(&["Idempotency-Replayed"]))
        .refuses(&[ErrorCode::InvalidContentHash])
}

/// `POST /api/v1/photos/protect`.
pub(in crate::http) fn protect() -> Operation {
    let described = "The protected photo, in the format in which it came. The mark was read back from these bytes.";
    let mut image = Answer::empty(200, described).headers(&[
        "X-Photo-Id",
        "X-Content-SHA256",
        "X-Watermark-PSNR",
        "X-Protection-Level",
        "X-Content-Copies",
        "X-Content-Growth",
        "X-Metadata-Dropped",
        "Idempotency-Replayed",
        "Location",
        "Content-Disposition",
    ]);
    for kind in ["image/jpeg", "image/png", "image/webp"] {
        image = image.with(
            kind,
            json!({ "schema": { "description": "The bytes of the file." } }),
        );
    }
    Operation::new("protectPhoto", TAG, "A photo in, the marked photo out")
        .about("No image is stored. The limits to bytes and pixels are in the answer of `GET /api/v1/me`.")
        .takes_photo(
            "PhotoToProtect",
            &json!({ "image": FILE, "request": { "deviceModel": "Leica M11-P", "metadata": "strip-gps" } }),
        )
        .once()
        .answers(image)
        .refuses(&[
            ErrorCode::InvalidContentHash,
            ErrorCode::ImageNotProtectable,
            ErrorCode::NotFound,
            ErrorCode::Conflict,
        ])
}

/// `POST /api/v1/photos/verify`.
pub(in crate::http) fn verify() -> Operation {
    Operation::new("verifyPhoto", TAG, "Is this image that photo, and what was done to it")
        .about(
            "`authentic` is the answer; the rest explains it. It is true only if the mark of this photo is there, what is seen agrees with \
             what was protected, and no alteration was found. It says nothing about what was cut off, about what lies around the photo \
             (`transform.corners` shows where it lies), and about alterations smaller than `smallestVisible`. Under strict privacy \
             alterations cannot be looked for: `alteration` is `NOT_EXAMINED`, and `policy` `strict` says no.",
        )
        .takes_photo(
            "PhotoToVerify",
            &json!({ "image": FILE, "photoId": PHOTO, "policy": "standard" }),
        )
        .answers(Answer::json(
            200,
            "The verdict, and the evidence.",
            "Verification",
            &json!({
                "authentic": true,
                "confidenceScore": 97.5,
                "photoId": PHOTO,
                "tenantId": "demo",
                "policy": "standard",
                "verdict": "RECOVERED",
                "c2paStatus": "MISSING",
                "watermarkStatus": "DETECTED",
                "tamperClass": "RESIZE",
                "watermark": { "zScore": 30.2, "falsePositiveProbability": 1e-30, "threshold": 6.2 },
                "transform": {
                    "scaleX": 0.5, "scaleY": 0.5, "rotationDegrees": 0.0, "flipped": false, "negative": false, "cropKept": 1.0,
                    "corners": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                    "matrix": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                },
                "alteration": "NONE_FOUND",
                "compared": 1.0,
                "smallestVisible": 0.005,
                "tamperedRegions": [],
                "exactMatch": false,
                "message": "This is the protected photo: its content was compared and no change was found; a replaced area below about 0.5 % of the photo might not be seen.",
            }),
        ))
        .refuses(&[ErrorCode::NotFound])
}

/// `POST /api/v1/photos/identify`.
pub(in crate::http) fn identify() -> Operation {
    Operation::new(
        "identifyPhoto",
        TAG,
        "Which of the tenant's photos is this image",
    )
    .about(
        "By the mark, not by the look. Best first, mostly one or none. A match is not yet authentic: a mark can be carried to other \
         content (`CONFLICT`), and a marked photo can be altered (`ALTERED`). `verify` with the id says more.",
    )
    .takes_photo("PhotoToIdentify", &json!({ "image": FILE }))
    .answers(Answer::json(
        200,
        "The photos whose mark is in the image.",
        "Identification",
        &json!({ "matches": [{
                "photoId": PHOTO,
                "authentic": true,
                "confidenceScore": 97.5,
                "watermarkStatus": "DETECTED",
                "verdict": "RECOVERED",
                "alteration": "NONE_FOUND",
            }] }),
    ))
}

/// `GET /api/v1/photos`.
pub(in crate::http) fn list_all() -> Operation {
    Operation::new("listPhotos", TAG, "The tenant's photos, newest first")
        .paged(r"^[0-9]{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        .query(
            "contentHash",
            &hash("Only those whose registered file has this SHA-256."),
        )
        .answers(Answer::json(
            200,
            "A page of photos.",
            "PhotoPage",
            &json!({ "items": [photo()], "next": null }),
        ))
}

/// `GET /api/v1/photos/{photoId}`.
pub(in crate::http) fn get() -> Operation {
    Operation::new("getPhoto", TAG, "What is kept of a photo")
        .path("photoId", &uuid("The photo."), PHOTO)
        .answers(Answer::json(200, "What is kept.", "Photo", &photo()))
}

/// `DELETE /api/v1/photos/{photoId}`.
pub(in crate::http) fn delete() -> Operation {
    Operation::new("deletePhoto", TAG, "Forget a photo")
        .about("Copies of it are recognised no more.")
        .path("photoId", &uuid("The photo."), PHOTO)
        .answers(Answer::empty(204, "Nothing is kept of it any more."))
}

fn photo() -> Value {
    json!({
        "photoId": PHOTO,
        "tenantId": "demo",
        "createdAt": "2027-01-15T08:00:00Z",
        "contentHash": HASH,
        "deviceModel": "Leica M11-P",
        "latitude": 47.3769,
        "longitude": 8.5417,
        "publishLocation": false,
        "protectedAt": "2027-01-15T08:00:01Z",
        "protectedSha256": HASH,
        "format": "jpeg",
        "width": 4000,
        "height": 3000,
        "protectionLevel": "FULL",
    })
}
