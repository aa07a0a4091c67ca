//! `POST /api/v1/photos/register`.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lumatrace::http::ErrorCode;
use serde_json::{Value, json};

use crate::support::App;

const REGISTER: &str = "/api/v1/photos/register";

/// Checks a detached JWS over the canonical JSON of the other members, by the published key alone.
fn signature_holds(answer: &Value, jwks: &Value) -> bool {
    let mut payload = answer.clone();
    let signature = payload
        .as_object_mut()
        .unwrap()
        .remove("signature")
        .unwrap();
    let (header, signature) = signature.as_str().unwrap().split_once("..").unwrap();
    let decoded: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let key = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == decoded["kid"]);
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(key.unwrap()[name].as_str().unwrap())
            .unwrap()
    };
    // Of strings alone, sorted members are RFC 8785.
    payload.sort_all_objects();
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    RsaPublicKeyComponents {
        n: part("n"),
        e: part("e"),
    }
    .verify(
        &RSA_PKCS1_2048_8192_SHA256,
        message.as_bytes(),
        &URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
    .is_ok()
}

#[tokio::test]
async fn a_receipt_is_checkable_with_the_key_set() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.json();
    let hash = "ab".repeat(32);
    for body in [
        json!({}),
        json!({ "contentHash": hash, "latitude": 52.1, "longitude": -3, "x": 1 }),
    ] {
        let answer = client.post_json(REGISTER, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut receipt = answer.json();
        assert_eq!(receipt["tenantId"], "acme");
        assert!(signature_holds(&receipt, &jwks));
        receipt["createdAt"] = "2001-01-01T00:00:00Z".into();
        assert!(!signature_holds(&receipt, &jwks), "a changed receipt");
    }
}

#[tokio::test]
async fn what_was_registered_can_be_looked_up() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let body = json!({
        "contentHash": "0f".repeat(32), "deviceModel": "Leica M11", "latitude": -33.5, "longitude": 151.25,
        "label": "Sydney, the quay", "externalId": "DAM/7",
        "photoId": "00000000-0000-4000-8000-000000000000", "tenantId": "other", "createdAt": "1999-01-01T00:00:00Z",
    });
    let registered = client.post_json(REGISTER, &body).await.json();
    let photo = client
        .get(&format!(
            "/api/v1/photos/{}",
            registered["photoId"].as_str().unwrap()
        ))
        .await
        .json();
    for member in [
        "contentHash",
        "deviceModel",
        "latitude",
        "longitude",
        "label",
        "externalId",
    ] {
        assert_eq!(photo[member], body[member], "{member}");
    }
    assert_eq!(photo["protectedAt"], Value::Null);
    for member in ["photoId", "tenantId", "createdAt"] {
        assert_ne!(photo[member], body[member], "{member} is ours to say");
        assert_eq!(photo[member], registered[member]);
    }
}

#[tokio::test]
async fn wrong_fields_are_refused_by_name() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let hash = "ab".repeat(32);
    for bad in [
        json!(hash.to_uppercase()),
        json!(hash[1..]),
        json!(format!("{hash}0")),
        json!(format!(" {hash}")),
        json!("g".repeat(64)),
        json!(format!("{hash}  photo.jpg")),
        json!(""),
        json!(7),
    ] {
        let answer = client
            .post_json(REGISTER, &json!({ "contentHash": bad }))
            .await;
        answer.problem(ErrorCode::InvalidContentHash);
    }
    for (field, body) in [
        ("longitude", json!({ "latitude": 1 })),
        ("latitude", json!({ "longitude": 1 })),
        ("latitude", json!({ "latitude": 91, "longitude": 1 })),
        ("latitude", json!({ "latitude": "1", "longitude": 1 })),
        ("deviceModel", json!({ "deviceModel": 1 })),
        ("deviceModel", json!({ "deviceModel": "x".repeat(257) })),
        ("deviceModel", json!({ "deviceModel": "a\nb" })),
        ("label", json!({ "label": "ü".repeat(257) })),
        ("label", json!({ "label": "a\tb" })),
        ("externalId", json!({ "externalId": 7 })),
        ("externalId", json!({ "externalId": "a\u{0}" })),
    ] {
        let problem = client
            .post_json(REGISTER, &body)
            .await
            .problem(ErrorCode::ValidationFailed);
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(
        client.get("/api/v1/photos").await.json()["items"],
        json!([])
    );
}
