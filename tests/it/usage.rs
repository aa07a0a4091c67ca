//! What a tenant used: exactly what was answered with success, nobody else's, by day.

use std::{collections::BTreeMap, sync::Arc};

use lumatrace::{
    domain::{TenantId, Username},
    http::ErrorCode,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::support::{App, Client, Part, Tenant, pictures};

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}

/// A tenant that is there.
fn known(name: &str) -> Tenant {
    Tenant {
        id: TenantId::parse(name).unwrap(),
        username: Username::parse("press").unwrap(),
    }
}

fn operations(register: u32, protect: u32, verify: u32, identify: u32) -> Value {
    json!({ "register": register, "protect": protect, "verify": verify, "identify": identify })
}

async fn used(client: &Client) -> Value {
    let answer = client.get("/api/v1/usage").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["operations"].clone()
}

#[tokio::test]
async fn usage_is_what_was_answered_with_success_also_in_parallel() {
    let app = App::spawn_with(&["--workers", "2", "--queue", "400"]).await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    assert_eq!(used(&acme).await, operations(0, 0, 0, 0));
    let image = pictures::png(&pictures::scene(96, 64, 5));
    let protected = acme.protect(&image).await;
    let photo = protected.header("x-photo-id").to_owned();
    let hash = "0".repeat(64);
    let wrong_hash = json!({ "contentHash": hash }).to_string();

    let (mut calls, at_once) = (JoinSet::new(), Arc::new(Semaphore::new(32)));
    for number in 0..360 {
        let place = Arc::clone(&at_once).acquire_owned().await.unwrap();
        let (client, image, photo) = (acme.clone(), image.clone(), photo.clone());
        let (marked, wrong_hash) = (protected.body.clone(), wrong_hash.clone());
        calls.spawn(async move {
            let (name, answer) = match number % 9 {
                0..=2 => (
                    "register",
                    client
                        .post_json("/api/v1/photos/register", &json!({}))
                        .await,
                ),
                3 => (
                    "register",
                    client
                        .post_json("/api/v1/photos/register", &json!({ "contentHash": "x" }))
                        .await,
                ),
                4 => ("verify", client.verify(&marked, &photo).await),
                5 => ("verify", client.verify(b"no image", &photo).await),
                6 => (
                    "identify",
                    client
                        .post_form("/api/v1/photos/identify", &[Part::image(&marked)])
                        .await,
                ),
                7 if number % 2 == 0 => (
                    "protect",
                    client
                        .post_form("/api/v1/photos/protect", &[Part::image(&image)])
                        .await,
                ),
                7 => {
                    let parts = [Part::image(&image), Part::text("request", &wrong_hash)];
                    (
                        "protect",
                        client.post_form("/api/v1/photos/protect", &parts).await,
                    )
                }
                _ => (
                    "verify",
                    client
                        .verify(&marked, "00000000-0000-4000-8000-000000000000")
                        .await,
                ),
            };
            drop(place);
            (name, answer.status)
        });
    }
    let mut counted = BTreeMap::from([
        ("register", 0),
        ("protect", 1),
        ("verify", 0),
        ("identify", 0),
    ]);
    let mut failed = 0;
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            (name, 200) => *counted.get_mut(name).unwrap() += 1,
            _ => failed += 1,
        }
    }
    println!("{counted:?}, {failed} failed");
    assert_eq!(failed, 40 * 3 + 20);
    let own = operations(
        counted["register"],
        counted["protect"],
        counted["verify"],
        counted["identify"],
    );
    assert_eq!(used(&acme).await, own);
    assert_eq!(used(&bolt).await, operations(0, 0, 0, 0));
}

#[tokio::test]
async fn what_is_refused_for_a_limit_is_not_charged() {
    let app = App::spawn_with(&["--rate-per-second", "0", "--rate-per-hour", "6"]).await;
    let acme = client(&app, "acme").await;
    let mut passed = 0;
    for _ in 0..12 {
        let answer = acme.post_json("/api/v1/photos/register", &json!({})).await;
        if answer.status == 200 {
            passed += 1;
        } else {
            answer.problem(ErrorCode::RateLimitExceeded);
        }
    }
    let free = app.replica().await;
    let again = free.client(&known("acme")).await;
    assert_eq!(used(&again).await, operations(passed, 0, 0, 0));
    // Five beside the sign-in, unless an hour ended in between.
    assert!((5..=11).contains(&passed), "{passed}");
}

#[tokio::test]
async fn usage_is_told_by_day_for_whole_days() {
    let app = App::spawn_with(&["--token-ttl-seconds", "31536000"]).await;
    let acme = client(&app, "acme").await;
    // The clock stands at 2027-01-15T08:00:00Z.
    for calls in [2, 3] {
        for _ in 0..calls {
            acme.post_json("/api/v1/photos/register", &json!({})).await;
        }
        app.clock.advance(86_400);
    }
    let month = acme.get("/api/v1/usage").await.json();
    assert_eq!(
        month,
        json!({
            "tenantId": "acme",
            "from": "2027-01-01T00:00:00Z",
            "to": "2027-02-01T00:00:00Z",
            "operations": operations(5, 0, 0, 0),
            "days": [
                { "day": "2027-01-15", "register": 2, "protect": 0, "verify": 0, "identify": 0 },
                { "day": "2027-01-16", "register": 3, "protect": 0, "verify": 0, "identify": 0 },
            ],
        })
    );
    for (query, register) in [
        ("from=2027-01-16", 3),
        ("from=2027-01-15T00:00:00Z&to=2027-01-16T00:00:00Z", 2),
        ("from=2027-01-14&to=2027-01-15", 0),
        ("from=&to=", 5),
    ] {
        let part = acme.get(&format!("/api/v1/usage?{query}")).await;
        assert_eq!(part.json()["operations"]["register"], register, "{query}");
    }
    for (query, field) in [
        ("from=yesterday", "from"),
        ("to=2027-01-15T12:00:00Z", "to"),
        ("from=2027-01-15&to=2027-01-15", "to"),
        ("from=2020-01-01&to=2027-01-15", "to"),
    ] {
        let refused = acme.get(&format!("/api/v1/usage?{query}")).await;
        let problem = refused.problem(ErrorCode::ValidationFailed);
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}
