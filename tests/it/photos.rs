//! `GET /api/v1/photos`, `GET`, `PATCH` and `DELETE /api/v1/photos/{photoId}`, `GET /api/v1/me`,
//! health.

use axum::http::Method;
use lumatrace::http::ErrorCode;
use serde_json::{Value, json};

use crate::readiness::soon;
use crate::support::App;

#[tokio::test]
async fn a_list_is_paged_newest_first_without_gap_or_repeat() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let mut registered = Vec::new();
    for number in 0..7 {
        // Photos of one moment, too: the clock moves at every second one.
        app.clock.advance(number % 2);
        let body = json!({ "contentHash": format!("{number:064x}") });
        let answer = client
            .post_json("/api/v1/photos/register", &body)
            .await
            .json();
        registered.push(answer["photoId"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut times, mut next) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let cursor = next
            .as_str()
            .map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = client
            .get(&format!("/api/v1/photos?limit=3{cursor}"))
            .await
            .json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["photoId"].as_str().unwrap().to_owned());
            times.push(item["createdAt"].as_str().unwrap().to_owned());
        }
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    registered.sort();
    seen.sort();
    assert_eq!(seen, registered);

    let unfilled = client
        .get("/api/v1/photos?cursor=&limit=&contentHash=")
        .await
        .json();
    assert_eq!(unfilled["items"].as_array().unwrap().len(), 7);

    let one = client
        .get(&format!("/api/v1/photos?contentHash={:064x}", 4))
        .await
        .json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["items"][0]["contentHash"], format!("{:064x}", 4));
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%00",
        "cursor=AAAA",
        "contentHash=x",
        "limit=-1",
    ] {
        client
            .get(&format!("/api/v1/photos?{query}"))
            .await
            .problem(ErrorCode::ValidationFailed);
    }
    for photo in [
        "x",
        "00000000-0000-4000-8000-000000000000",
        "%2e%2e",
        "0",
        "%00",
    ] {
        let path = format!("/api/v1/photos/{photo}");
        client.get(&path).await.problem(ErrorCode::NotFound);
        client
            .call(&Method::DELETE, &path)
            .await
            .problem(ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_photo_is_called_otherwise_and_nothing_else_of_it_changes() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let body = json!({ "label": "First", "externalId": "7", "deviceModel": "X-T5" });
    let photo = client
        .post_json("/api/v1/photos/register", &body)
        .await
        .json();
    let path = format!("/api/v1/photos/{}", photo["photoId"].as_str().unwrap());
    let mut expected = client.get(&path).await.json();
    for label in [
        json!("Zürich 100 %_\\"),
        Value::Null,
        json!("x".repeat(256)),
    ] {
        let answer = client.patch_json(&path, &json!({ "label": label })).await;
        expected["label"] = label;
        assert_eq!((answer.status, answer.json()), (200, expected.clone()));
        assert_eq!(client.get(&path).await.json(), expected);
    }
    for (reason, body) in [
        ("is required", json!({})),
        ("must be a string", json!({ "label": 7 })),
        ("must have at most 256", json!({ "label": "x".repeat(257) })),
        ("must have at most 256", json!({ "label": "a\nb" })),
        ("has the name \"Label\" here", json!({ "Label": "x" })),
    ] {
        let answer = client.patch_json(&path, &body).await;
        let problem = answer.problem(ErrorCode::ValidationFailed);
        let [wrong] = problem["errors"].as_array().unwrap().as_slice() else {
            panic!("{problem}");
        };
        assert!(
            wrong["reason"].as_str().unwrap().starts_with(reason),
            "{wrong}"
        );
    }
    assert_eq!(client.get(&path).await.json(), expected);
}

#[tokio::test]
async fn a_deleted_photo_is_gone() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let photo = client
        .post_json("/api/v1/photos/register", &json!({}))
        .await
        .json();
    let path = format!("/api/v1/photos/{}", photo["photoId"].as_str().unwrap());
    assert_eq!(client.get(&path).await.status, 200);
    assert_eq!(client.call(&Method::DELETE, &path).await.status, 204);
    client.get(&path).await.problem(ErrorCode::NotFound);
    client
        .call(&Method::DELETE, &path)
        .await
        .problem(ErrorCode::NotFound);
    client
        .patch_json(&path, &json!({ "label": "x" }))
        .await
        .problem(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let me = app.client(&tenant).await.get("/api/v1/me").await.json();
    assert_eq!(
        (&me["tenantId"], &me["username"]),
        (&json!("acme"), &json!("press"))
    );
    assert_eq!(
        me["limits"],
        json!({
            "imageBytes": 26_214_400,
            "imagePixels": 16_000_000,
            "callsPerSecond": 1_000_000,
            "callsAtOnce": 1_000_000,
            "callsPerHour": 1_000_000_000,
        })
    );
    assert_eq!(
        me["server"],
        json!({ "version": env!("CARGO_PKG_VERSION") })
    );
    assert!(
        me["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("photos:verify"))
    );
}

#[tokio::test]
async fn the_service_says_how_it_is() {
    let app = App::spawn().await;
    let health = app.anonymous().get("/api/v1/health").await.json();
    assert_eq!(
        health,
        json!({ "status": "UP", "timestamp": "2027-01-15T08:00:00Z" })
    );
    assert_eq!(app.anonymous().get("/livez").await.status, 200);
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
    app.ctx.db.close().await;
    let (answer, _) = soon(&app, &["database-silent"]).await;
    answer.problem(ErrorCode::DatabaseUnavailable);
    assert_eq!(app.anonymous().get("/livez").await.status, 200);
}
