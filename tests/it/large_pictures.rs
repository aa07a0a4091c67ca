//! Pictures of larger cameras: refused unless the operator allows them, and weighed so that memory
//! stays bounded.

use std::time::{Duration, Instant};

use lumatrace::{
    domain::{Megapixels, TenantId},
    http::ErrorCode,
    service::operator::{self, PolicyChange},
};
use serde_json::json;

use crate::support::{App, Client, Part, pictures};

const ENDPOINTS: [&str; 3] = [
    "/api/v1/photos/protect",
    "/api/v1/photos/verify",
    "/api/v1/photos/identify",
];

/// Sets how many megapixels a tenant's pictures may have.
async fn allow(app: &App, tenant: &str, millions: Option<u32>) {
    let max = millions.map(|millions| Megapixels::new(millions).unwrap());
    let change = PolicyChange {
        max_megapixels: Some(max),
        ..PolicyChange::default()
    };
    let tenant = TenantId::parse(tenant).unwrap();
    let policy =
        operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &tenant, change).await;
    assert_eq!(policy.unwrap().max_megapixels, max);
}

/// The start of a PNG that claims so many megapixels.
fn claims(millions: u32) -> Vec<u8> {
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    header.extend(1_000_u32.to_be_bytes());
    header.extend((millions * 1_000).to_be_bytes());
    header.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    header
}

/// Sends an image to an endpoint, beside the id of a photo.
async fn send(
    client: &Client,
    endpoint: &str,
    image: &[u8],
    photo: &str,
) -> crate::support::Answer {
    let mut parts = vec![Part::image(image)];
    if endpoint.ends_with("verify") {
        parts.push(Part::text("photoId", photo));
    }
    client.post_form(endpoint, &parts).await
}

/// Asserts that `me` tells how many pixels an image may have now: what a server knows of a tenant
/// that called a moment ago may be that old.
async fn is_told_within_a_second(client: &Client, pixels: u32) {
    let started = Instant::now();
    loop {
        let me = client.get("/api/v1/me").await.json();
        if me["limits"]["imagePixels"] == pixels {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(1), "{me}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_operator_sets_how_large_the_pictures_of_a_tenant_may_be() {
    let app = App::spawn().await;
    let acme = app.client(&app.tenant("acme").await).await;
    let bolt = app.client(&app.tenant("bolt").await).await;
    let photo = acme
        .protect(&pictures::png(&pictures::scene(128, 96, 51)))
        .await;
    let photo = photo.header("x-photo-id");
    let mut tried = 0;
    for (allowed, pixels, refused, taken) in [
        (None, 16_000_000, 17, 16),
        (Some(17), 17_000_000, 18, 17),
        (Some(64), 64_000_000, 65, 64),
        (Some(2), 2_000_000, 3, 2),
        (None, 16_000_000, 17, 16),
    ] {
        allow(&app, "acme", allowed).await;
        is_told_within_a_second(&acme, pixels).await;
        for endpoint in ENDPOINTS {
            let answer = send(&acme, endpoint, &claims(refused), photo).await;
            let problem = answer.problem(ErrorCode::PayloadTooLarge);
            let told = &problem["errors"][0];
            assert_eq!(
                (&told["limit"], &told["max"], &told["actual"]),
                (
                    &json!("pixels"),
                    &json!(pixels),
                    &json!(u64::from(refused) * 1_000_000)
                ),
                "{endpoint} {allowed:?}"
            );
            // Past the limit, it is a header without a picture.
            let answer = send(&acme, endpoint, &claims(taken), photo).await;
            answer.problem(ErrorCode::InvalidImage);
            tried += 1;
        }
    }
    println!("{tried} limits at endpoints");
    assert_eq!(tried, 15);
    allow(&app, "acme", Some(64)).await;
    let me = bolt.get("/api/v1/me").await.json();
    assert_eq!(me["limits"]["imagePixels"], 16_000_000, "another tenant");
    bolt.post_form(ENDPOINTS[0], &[Part::image(&claims(17))])
        .await
        .problem(ErrorCode::PayloadTooLarge);
}

#[tokio::test]
async fn a_larger_picture_is_protected_found_and_verified_and_takes_the_room_of_two() {
    let app = App::spawn_with(&["--workers", "2", "--queue", "1"]).await;
    let client = app.client(&app.tenant("acme").await).await;
    let other = app.client(&app.tenant("bolt").await).await;
    allow(&app, "acme", Some(24)).await;
    let large = pictures::jpeg(&pictures::scene(4_860, 3_500, 52), 88);

    // One of two shares is free, and a large picture waits for both.
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let held = tokio::spawn({
        let gate = app.ctx.images.clone();
        async move { gate.run(None, move |_| wait.recv().ok()).await }
    });
    while app.ctx.images.load().running == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn({
        let (client, large) = (client.clone(), large.clone());
        async move { client.protect(&large).await }
    });
    while app.ctx.images.load().waiting == 0 {
        assert!(!waiting.is_finished(), "it did not wait");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let small = pictures::png(&pictures::scene(128, 96, 53));
    client
        .post_form(ENDPOINTS[0], &[Part::image(&small)])
        .await
        .problem(ErrorCode::ServerBusy);
    // Nor does it keep another tenant out.
    assert_eq!(other.protect(&small).await.status, 200);
    release.send(()).unwrap();
    held.await.unwrap().unwrap();

    let protected = waiting.await.unwrap();
    assert_eq!(protected.header("x-protection-level"), "FULL");
    let photo = protected.header("x-photo-id");
    let answer = client.verify(&protected.body, photo).await.json();
    assert_eq!(
        (&answer["authentic"], &answer["exactMatch"]),
        (&json!(true), &json!(true)),
        "{answer}"
    );
    let matches = send(&client, ENDPOINTS[2], &protected.body, "")
        .await
        .json();
    assert_eq!(matches["matches"][0]["photoId"], photo, "{matches}");
    other.protect(&small).await;
}
