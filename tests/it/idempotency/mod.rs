//! `Idempotency-Key`: what is asked for again is done once, and answered with the same bytes.

mod claims;
mod kill;

use std::collections::BTreeMap;

use lumatrace::{http::ErrorCode, service::keys};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Answer, App, Client, Part, pictures};

const REGISTER: &str = "/api/v1/photos/register";
const PROTECT: &str = "/api/v1/photos/protect";

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

fn picture() -> Vec<u8> {
    pictures::png(&pictures::scene(96, 64, 5))
}

async fn send(client: &Client, image: &[u8], request: Option<&Value>) -> Answer {
    let request = request.map(Value::to_string);
    let mut parts = vec![Part::image(image)];
    if let Some(request) = &request {
        parts.push(Part::text("request", request));
    }
    client.post_form(PROTECT, &parts).await
}

/// Rows of `photos`, what is charged, and events about photos.
async fn traces(app: &App, client: &Client) -> (i64, i64, i64) {
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let photos = sqlx::query_scalar("select count(*) from photos");
    let events = sqlx::query_scalar(
        "select count(*) from audit_events where action in ('photo.registered', 'photo.protected')",
    );
    let usage = client.get("/api/v1/usage").await.json()["operations"].clone();
    (
        photos.fetch_one(&mut owner).await.unwrap(),
        usage["register"].as_i64().unwrap() + usage["protect"].as_i64().unwrap(),
        events.fetch_one(&mut owner).await.unwrap(),
    )
}

/// Asserts that the second answer is the first one, given again.
#[track_caller]
fn is_replay(first: &Answer, second: &Answer) {
    assert_eq!((first.status, second.status), (200, 200), "{second:?}");
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert!(first.body == second.body, "the same bytes");
    for header in [
        "content-type",
        "content-disposition",
        "location",
        "x-photo-id",
        "x-content-sha256",
        "x-watermark-psnr",
        "x-protection-level",
        "x-content-copies",
        "x-content-growth",
        "x-metadata-dropped",
    ] {
        assert_eq!(first.header(header), second.header(header), "{header}");
    }
}

#[tokio::test]
async fn protect_again_gives_the_same_bytes_and_is_charged_once() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let jpeg = pictures::jpeg(&pictures::scene(320, 240, 9), 90);
    let mut calls = 0;
    for (key, image) in [("png", picture()), ("jpeg", jpeg)] {
        let request = json!({ "deviceModel": "Leica M11", "label": "Told", "externalId": key });
        let once = acme.under(key);
        let first = send(&once, &image, Some(&request)).await;
        // A copy of the same picture and another policy of the tenant change nothing about what was
        // answered.
        acme.protect(&image).await;
        calls += 2;
        let mut owner = PgConnection::connect_with(&app.database.owner())
            .await
            .unwrap();
        sqlx::query("update tenants set privacy = 'strict', max_copies = 1")
            .execute(&mut owner)
            .await
            .unwrap();
        is_replay(&first, &send(&once, &image, Some(&request)).await);
        let elsewhere = once.at(&app.replica().await);
        is_replay(&first, &send(&elsewhere, &image, Some(&request)).await);
        sqlx::query("update tenants set privacy = 'full', max_copies = null")
            .execute(&mut owner)
            .await
            .unwrap();
        assert_eq!(traces(&app, &acme).await, (calls, calls, calls));
    }
}

#[tokio::test]
async fn register_again_gives_the_same_receipt_also_after_a_rotation() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await.under("receipt");
    let body = json!({ "contentHash": "ab".repeat(32), "latitude": 1, "longitude": 2, "x": [1] });
    let first = acme.post_json(REGISTER, &body).await;
    app.clock.advance(5);
    let second = acme.post_json(REGISTER, &body).await;
    is_replay(&first, &second);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
    // Spaces mean nothing.
    let photo = first.json()["photoId"].as_str().unwrap().to_owned();
    let spaced = format!(" {} ", serde_json::to_string_pretty(&body).unwrap());
    let third = acme
        .post_bytes(REGISTER, "application/json", spaced.into())
        .await;
    is_replay(&first, &third);
    keys::rotate(&app.operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    let elsewhere = acme.at(&app.replica().await);
    is_replay(&first, &elsewhere.post_json(REGISTER, &body).await);
    let signer = |answer: &Answer| {
        let signature = answer.json()["signature"].as_str().unwrap().to_owned();
        signature.split_once("..").unwrap().0.to_owned()
    };
    let new = elsewhere.under("new").post_json(REGISTER, &body).await;
    assert_ne!(signer(&first), signer(&new), "another key signs now");
    // The key is the operation's own: `protect` makes its own answer under it, of this very photo.
    let image = picture();
    let request = json!({ "photoId": photo });
    let refused = send(&acme, &image, Some(&request)).await;
    refused.problem(ErrorCode::InvalidContentHash);
}

#[tokio::test]
async fn a_registered_photo_is_protected_once() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await.under("both");
    let registered = acme.post_json(REGISTER, &json!({})).await;
    let photo = registered.json()["photoId"].as_str().unwrap().to_owned();
    let request = json!({ "photoId": photo, "metadata": "strip-all" });
    let first = send(&acme, &picture(), Some(&request)).await;
    assert_eq!(first.header("x-photo-id"), photo);
    is_replay(&first, &send(&acme, &picture(), Some(&request)).await);
    is_replay(&registered, &acme.post_json(REGISTER, &json!({})).await);
    assert_eq!(traces(&app, &acme).await, (1, 2, 2));
}

#[tokio::test]
async fn fifty_calls_at_once_make_one_photo() {
    let app = App::spawn_with(&["--workers", "2", "--queue", "100"]).await;
    let acme = client(&app, "acme").await;
    let mut made = 0;
    for operation in [PROTECT, REGISTER] {
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let client = acme.under("at once");
            calls.spawn(async move {
                match operation {
                    PROTECT => send(&client, &picture(), None).await,
                    _ => client.post_json(REGISTER, &json!({})).await,
                }
            });
        }
        let (mut statuses, mut bodies) = (BTreeMap::<u16, u32>::new(), Vec::new());
        while let Some(answer) = calls.join_next().await {
            let answer = answer.unwrap();
            *statuses.entry(answer.status).or_default() += 1;
            if answer.status == 200 {
                bodies.push(answer.body);
            } else {
                answer.problem(ErrorCode::IdempotencyInProgress);
                assert_eq!(answer.header("retry-after"), "2");
            }
        }
        println!("{operation}: {statuses:?}");
        assert!(!bodies.is_empty() && bodies.windows(2).all(|pair| pair[0] == pair[1]));
        made += 1;
        assert_eq!(traces(&app, &acme).await, (made, made, made));
    }
}

#[tokio::test]
async fn a_key_stands_for_one_body() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await.under("k");
    let (image, request) = (picture(), json!({ "deviceModel": "a" }));
    assert_eq!(send(&acme, &image, Some(&request)).await.status, 200);
    let other = pictures::png(&pictures::scene(96, 64, 6));
    for (image, request) in [
        (&other, Some(request.clone())),
        (&image, None),
        (&image, Some(json!({ "deviceModel": "b" }))),
        (&image, Some(json!({ "deviceModel": "a", "unknown": 1 }))),
    ] {
        let answer = send(&acme, image, request.as_ref()).await;
        answer.problem(ErrorCode::IdempotencyKeyReused);
    }
    let text = request.to_string();
    let [file, words] = [Part::image(&image), Part::text("request", &text)];
    let again = acme.post_form(PROTECT, &[words, file]).await;
    assert_eq!(
        again.header("idempotency-replayed"),
        "true",
        "another order"
    );
    // Passed over by `protect`, and part of the body all the same.
    for stranger in [Part::text("x", "y"), Part::text("policy", "strict")] {
        let [file, words] = [Part::image(&image), Part::text("request", &text)];
        let answer = acme.post_form(PROTECT, &[file, words, stranger]).await;
        answer.problem(ErrorCode::IdempotencyKeyReused);
    }
    let registered = acme
        .post_json(REGISTER, &json!({ "deviceModel": "a" }))
        .await;
    assert_eq!(registered.status, 200);
    let answer = acme
        .post_json(REGISTER, &json!({ "deviceModel": "b" }))
        .await;
    answer.problem(ErrorCode::IdempotencyKeyReused);
    assert_eq!(traces(&app, &acme).await, (2, 2, 2));
}

#[tokio::test]
async fn tenants_do_not_share_keys() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await.under("k");
    let bolt = client(&app, "bolt").await.under("k");
    let one = send(&acme, &picture(), None).await;
    let other = send(&bolt, &pictures::png(&pictures::scene(96, 64, 6)), None).await;
    assert_eq!((one.status, other.status), (200, 200));
    assert_ne!(one.header("x-photo-id"), other.header("x-photo-id"));
    assert_eq!(other.header("idempotency-replayed"), "");
    is_replay(&one, &send(&acme, &picture(), None).await);
}

#[tokio::test]
async fn keys_are_short_and_printable() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let (longest, too_long) = ("k".repeat(64), "k".repeat(65));
    for bad in [b"".as_slice(), too_long.as_bytes(), b"a\tb", b"\xc3\xa9"] {
        for operation in [REGISTER, PROTECT] {
            let client = acme.under(bad);
            let answer = match operation {
                PROTECT => send(&client, &picture(), None).await,
                _ => client.post_json(REGISTER, &json!({})).await,
            };
            let problem = answer.problem(ErrorCode::ValidationFailed);
            assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
        }
    }
    assert_eq!(traces(&app, &acme).await, (0, 0, 0));
    for good in [longest.as_str(), "\"quoted\"", "two words"] {
        let answer = acme.under(good).post_json(REGISTER, &json!({})).await;
        assert_eq!(answer.status, 200, "{good}");
    }
}

#[tokio::test]
async fn after_a_day_a_key_is_forgotten() {
    let app = App::spawn_with(&["--token-ttl-seconds", "604800"]).await;
    let acme = client(&app, "acme").await;
    let once = acme.under("day");
    let first = send(&once, &picture(), None).await;
    acme.under("other").post_json(REGISTER, &json!({})).await;
    app.clock.advance(86_399);
    is_replay(&first, &send(&once, &picture(), None).await);
    app.clock.advance(1);
    // Another body is fine, too.
    let second = send(&once, &picture(), Some(&json!({ "deviceModel": "a" }))).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(first.header("x-photo-id"), second.header("x-photo-id"));
    assert_eq!(second.header("idempotency-replayed"), "");
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let kept: Vec<String> = sqlx::query_scalar("select key from idempotency_keys")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(kept, ["day"], "what expired is swept");
}

#[tokio::test]
async fn errors_are_not_remembered() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await.under("k");
    let image = picture();
    send(&acme, b"no image", None)
        .await
        .problem(ErrorCode::UnsupportedImage);
    send(&acme, &image[..image.len() / 2], None)
        .await
        .problem(ErrorCode::InvalidImage);
    let wrong_hash = json!({ "contentHash": "0".repeat(64) });
    send(&acme, &image, Some(&wrong_hash))
        .await
        .problem(ErrorCode::InvalidContentHash);
    let nowhere = json!({ "photoId": Uuid::new_v4() });
    send(&acme, &image, Some(&nowhere))
        .await
        .problem(ErrorCode::NotFound);
    let first = send(&acme, &image, None).await;
    is_replay(&first, &send(&acme, &image, None).await);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
}

#[tokio::test]
async fn what_cannot_be_answered_again_is_a_conflict() {
    let app = App::spawn().await;
    let acme = client(&app, "acme").await;
    let once = acme.under("k");
    let protected = send(&once, &picture(), None).await;
    let photo = protected.header("x-photo-id").to_owned();
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    // As if another version of the engine had made other bytes of it.
    let other = "update photos set protected_sha256 = sha256('other')";
    sqlx::query(other).execute(&mut owner).await.unwrap();
    let problem = send(&once, &picture(), None)
        .await
        .problem(ErrorCode::Conflict);
    assert!(problem["message"].as_str().unwrap().contains("version"));

    let registered = once.post_json(REGISTER, &json!({})).await.json();
    for photo in [&photo, registered["photoId"].as_str().unwrap()] {
        let path = format!("/api/v1/photos/{photo}");
        let deleted = acme.call(&axum::http::Method::DELETE, &path).await;
        assert!(deleted.status < 300, "{deleted:?}");
    }
    for answer in [
        send(&once, &picture(), None).await,
        once.post_json(REGISTER, &json!({})).await,
    ] {
        let problem = answer.problem(ErrorCode::Conflict);
        assert!(problem["message"].as_str().unwrap().contains("deleted"));
    }
    assert_eq!(
        traces(&app, &acme).await.0,
        0,
        "deleted photos stay deleted"
    );
}
