//! The audit log: written with what it records, chained, and broken where somebody touched it.

mod export;
mod tampering;

use axum::http::{Method, Request};
use lumatrace::{
    auth::hash_password,
    domain::{
        ContentHash, TenantId, Username,
        audit::{By, Head},
    },
    http::ErrorCode,
    service::{
        accounts::{self, AccountChange},
        audit::{ChainStatus, verify},
        operator::{self, PolicyChange, TenantChange},
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, PgConnection};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{App, Client, NOW, PASSWORD, Part, pictures};

fn tenant_id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// The whole log, oldest first.
async fn log(chief: &Client) -> Vec<Value> {
    let (mut items, mut next) = (Vec::new(), Value::Null);
    loop {
        let cursor = next
            .as_str()
            .map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = chief.get(&format!("/api/v1/audit?limit=3{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        items.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    items.reverse();
    items
}

fn actions(log: &[Value]) -> Vec<String> {
    log.iter()
        .map(|event| format!("{} {}", event["actor"], event["action"]).replace('"', ""))
        .collect()
}

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

async fn finding(app: &App, tenant: &str) -> ChainStatus {
    verify(&app.operator, &app.ctx.master, &tenant_id(tenant), None)
        .await
        .unwrap()
}

async fn intact(app: &App, tenant: &str) -> Head {
    match finding(app, tenant).await {
        ChainStatus::Intact(head) => head,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_changes_something_is_recorded_and_what_only_reads_is_not() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let press = app.client(&acme).await;
    let registration = json!({
        "deviceModel": "SECRET-CAMERA", "latitude": 47.376_887, "longitude": 8.541_694,
        "label": "SECRET-LABEL", "externalId": "SECRET-ID",
    });
    let registered = press
        .post_json("/api/v1/photos/register", &registration)
        .await;
    let registered = registered.json()["photoId"].as_str().unwrap().to_owned();
    let image = pictures::png(&pictures::scene(256, 192, 31));
    let request = registration.to_string();
    let parts = [Part::image(&image), Part::text("request", &request)];
    let protected = press.post_form("/api/v1/photos/protect", &parts).await;
    assert_eq!(protected.status, 200, "{protected:?}");
    let photo = protected.header("x-photo-id").to_owned();
    // None of these leaves anything.
    press.verify(&protected.body, &photo).await;
    press.get("/api/v1/photos").await;
    press.get("/api/v1/me").await;
    let wrong =
        json!({ "tenantId": "acme", "username": "press", "password": "SECRET-GUESS-1234567" });
    let refused = app.anonymous();
    refused.post_json("/api/v1/auth/login", &wrong).await;
    press
        .post_form(
            "/api/v1/photos/protect",
            &[Part::image(b"SECRET-NOT-AN-IMAGE")],
        )
        .await;
    let gone = format!("/api/v1/photos/{registered}");
    let label = json!({ "label": "SECRET-OTHER-LABEL" });
    for _ in 0..2 {
        // The second changes nothing.
        assert_eq!(press.patch_json(&gone, &label).await.status, 200);
    }
    assert_eq!(press.call(&Method::DELETE, &gone).await.status, 204);
    assert_eq!(press.call(&Method::DELETE, &gone).await.status, 404);
    press.call(&Method::POST, "/api/v1/auth/logout").await;
    for change in [
        AccountChange::Disable,
        AccountChange::Enable,
        AccountChange::SetPassword(hash_password(&"SECRET-NEW-PASSWORD".into()).unwrap()),
    ] {
        app.change_account(&acme.id, &acme.username, change).await;
    }
    let nobody = Username::parse("nobody").unwrap();
    let tx = app.operator.begin_for(&acme.id).await.unwrap();
    let by = By::OPERATOR;
    accounts::change(
        tx,
        &app.ctx.master,
        &app.clock,
        by,
        &nobody,
        AccountChange::Disable,
    )
    .await
    .unwrap_err();
    let change = async |change| {
        operator::change_tenant(&app.operator, &app.ctx.master, &app.clock, &acme.id, change)
            .await
            .unwrap();
    };
    // The server hears of either a moment later.
    change(TenantChange::Suspend).await;
    chief.is_refused_within_a_second().await;
    change(TenantChange::Resume).await;
    chief.is_let_in_within_a_second().await;
    let policy = PolicyChange {
        max_copies: Some(std::num::NonZeroU32::new(4)),
        ..PolicyChange::default()
    };
    operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &acme.id, policy)
        .await
        .unwrap();

    let log = log(&chief).await;
    assert_eq!(
        actions(&log),
        [
            "operator tenant.created",
            "operator account.created",
            "operator account.created",
            "account:chief session.started",
            "account:press session.started",
            "account:press photo.registered",
            "account:press photo.protected",
            "account:press photo.labelled",
            "account:press photo.deleted",
            "account:press session.ended",
            "operator account.disabled",
            "operator account.enabled",
            "operator account.password_changed",
            "operator tenant.suspended",
            "operator tenant.resumed",
            "operator tenant.policy_changed",
        ]
    );
    assert_eq!(log[2]["detail"], json!({ "role": "ROLE_ADMIN" }));
    assert_eq!(log[5]["subject"], format!("photo:{registered}"));
    assert_eq!(log[6]["subject"], format!("photo:{photo}"));
    let hash = Sha256::digest(&image);
    let hash = ContentHash::from_digest(hash.into()).to_string();
    assert_eq!(
        log[6]["detail"],
        json!({
            "contentHash": hash, "format": "png", "width": "256", "height": "192", "protectionLevel": "FULL",
            "manifestId": protected.header("x-c2pa-manifest-id"), "published": "false", "source": "::", "traceId": protected.header("x-request-id"),
        })
    );
    assert_eq!(log[7]["subject"], format!("photo:{registered}"));
    let detail = log[7]["detail"].as_object().unwrap();
    assert!(detail.keys().eq(["source", "traceId"]), "{detail:?}");
    assert_eq!(log[15]["detail"]["maxCopies"], "4");
    let all = Value::from(log).to_string();
    for secret in [
        "SECRET",
        PASSWORD,
        "eyJ",
        "47.37",
        "8.54",
        "latitude",
        "longitude",
        "argon2",
        "device",
    ] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    intact(&app, "acme").await;
}

#[tokio::test]
async fn who_holds_the_answers_can_check_the_chain_without_us() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let press = app.client(&acme).await;
    press.post_json("/api/v1/photos/register", &json!({})).await;
    let mut previous = "0".repeat(64);
    let log = log(&chief).await;
    for (at, event) in log.iter().enumerate() {
        assert_eq!(event["sequence"], at as u64 + 1);
        assert_eq!(event["tenantId"], "acme");
        assert_eq!(event["previousHash"], previous);
        let mut said = event.as_object().unwrap().clone();
        previous = said.remove("hash").unwrap().as_str().unwrap().to_owned();
        let mut said = Value::from(said);
        // RFC 8785: members in the order of their names.
        said.sort_all_objects();
        let digest = Sha256::digest(said.to_string());
        let digest = ContentHash::from_digest(digest.into());
        assert_eq!(digest.to_string(), previous, "{event}");
    }
    let head = intact(&app, "acme").await;
    assert_eq!(
        (head.sequence, head.hash.to_string()),
        (i64::try_from(log.len()).unwrap(), previous)
    );
}

#[tokio::test]
async fn only_who_administers_the_tenant_reads_its_log_and_no_other() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let (_, other) = app.administered("bolt").await;
    app.client(&acme)
        .await
        .get("/api/v1/audit")
        .await
        .problem(ErrorCode::TenantRestricted);
    app.anonymous()
        .get("/api/v1/audit")
        .await
        .problem(ErrorCode::AuthMissing);
    for event in log(&other).await {
        assert_eq!(event["tenantId"], "bolt");
    }
    let first = chief.get("/api/v1/audit?limit=1").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    let path = format!("/api/v1/audit?cursor={}", first["next"].as_str().unwrap());
    for event in other.get(&path).await.json()["items"].as_array().unwrap() {
        assert_eq!(event["tenantId"], "bolt");
    }
    for query in [
        "limit=0",
        "limit=201",
        "cursor=AAAA",
        "cursor=%00",
        "limit=x",
    ] {
        chief
            .get(&format!("/api/v1/audit?{query}"))
            .await
            .problem(ErrorCode::ValidationFailed);
    }
}

#[tokio::test]
async fn filters_leave_exactly_what_they_name_in_the_order_of_the_chain() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let (_, other) = app.administered("bolt").await;
    let press = app.client(&acme).await;
    // A clock that goes forward and back: the chain is not in the order of time.
    let mut photos = Vec::new();
    for (minutes, client) in [
        (20, &chief),
        (-15, &press),
        (10, &chief),
        (-5, &press),
        (-2, &press),
    ] {
        app.clock.advance(minutes * 60);
        let photo = client
            .post_json("/api/v1/photos/register", &json!({}))
            .await
            .json()["photoId"]
            .clone();
        photos.push(photo.as_str().unwrap().to_owned());
    }
    let gone = format!("/api/v1/photos/{}", photos[1]);
    assert_eq!(press.call(&Method::DELETE, &gone).await.status, 204);

    let mut log = log(&chief).await;
    log.reverse();
    let photo = format!("photo:{}", photos[1]);
    let (start, middle, end) = (at(5), at(10), at(20));
    let mut cases = 0;
    for (query, left) in [
        (vec![("actor", "account:press")], 5),
        (vec![("actor", "account:chief")], 3),
        (vec![("actor", "account:pres")], 0),
        (vec![("actor", "operator")], 3),
        (vec![("action", "photo.registered")], 5),
        (vec![("action", "photo.protected")], 0),
        (vec![("subject", &photo)], 2),
        (vec![("subject", "account:press")], 2),
        (
            vec![("actor", "account:press"), ("action", "photo.deleted")],
            1,
        ),
        (
            vec![("actor", "account:chief"), ("action", "photo.deleted")],
            0,
        ),
        (vec![("from", &middle)], 3),
        (vec![("to", &middle)], log.len() - 3),
        (vec![("from", &end)], 1),
        (vec![("from", &start), ("to", &middle)], 3),
        (vec![("from", &end), ("to", &start)], 0),
        (
            vec![
                ("from", &start),
                ("to", &end),
                ("actor", "account:press"),
                ("subject", &photo),
            ],
            2,
        ),
    ] {
        let expected: Vec<&Value> = log
            .iter()
            .filter(|event| query.iter().all(|(name, value)| agrees(event, name, value)))
            .collect();
        assert_eq!(expected.len(), left, "{query:?}");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&query)
            .finish();
        for limit in [2, 200] {
            let found = all(&chief, &format!("limit={limit}&{query}")).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        }
        for event in all(&other, &format!("limit=200&{query}")).await {
            assert_eq!(event["tenantId"], "bolt", "{query}");
        }
        cases += 1;
    }
    println!("{cases} filters");
    for (field, wrong) in [
        ("action", "photo"),
        ("action", "Photo.deleted"),
        ("from", "yesterday"),
        ("from", "2026-11-01"),
        ("to", "2026-13-01T00:00:00Z"),
        ("actor", "a%00"),
        ("subject", "a%0Ab"),
        ("actor", "x".repeat(301).as_str()),
    ] {
        let refused = chief.get(&format!("/api/v1/audit?{field}={wrong}")).await;
        let problem = refused.problem(ErrorCode::ValidationFailed);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

/// The time so many minutes after the start, as a client writes it.
fn at(minutes: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(NOW + minutes * 60).unwrap();
    moment.format(&Rfc3339).unwrap()
}

/// Whether an event agrees with one parameter.
fn agrees(event: &Value, name: &str, value: &str) -> bool {
    let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).unwrap();
    match name {
        "from" => time(event["at"].as_str().unwrap()) >= time(value),
        "to" => time(event["at"].as_str().unwrap()) < time(value),
        member => event[member] == value,
    }
}

/// All events that a query leaves, page by page.
async fn all(chief: &Client, query: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/audit?{query}&cursor={cursor}");
        let page = chief.get(&path).await.json();
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            return items;
        };
        next.clone_into(&mut cursor);
    }
}

#[tokio::test]
async fn the_head_is_that_of_the_tenant_and_moves_with_each_event() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    app.administered("bolt").await;
    let press = app.client(&acme).await;
    for _ in 0..3 {
        press.post_json("/api/v1/photos/register", &json!({})).await;
        let head = intact(&app, "acme").await;
        let told = chief.get("/api/v1/audit/head").await.json();
        let expected = json!({ "sequence": head.sequence, "hash": head.hash.to_string() });
        assert_eq!(told, expected);
    }
    press
        .get("/api/v1/audit/head")
        .await
        .problem(ErrorCode::TenantRestricted);
}

#[tokio::test]
async fn calls_in_parallel_leave_one_chain_a_tenant_without_gap() {
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    let (bolt, _) = app.administered("bolt").await;
    let clients = [app.client(&acme).await, app.client(&bolt).await];
    let before = [intact(&app, "acme").await, intact(&app, "bolt").await];
    let image = pictures::png(&pictures::scene(96, 64, 32));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..60_usize {
        let (client, image) = (clients[number % 2].clone(), image.clone());
        calls.spawn(async move {
            if number % 10 < 2 {
                client.protect(&image).await
            } else {
                client
                    .post_json("/api/v1/photos/register", &json!({}))
                    .await
            }
        });
    }
    // The operator works beside them, and so does the check.
    for _ in 0..5 {
        operator::set_policy(
            &app.operator,
            &app.ctx.master,
            &app.clock,
            &acme.id,
            PolicyChange::default(),
        )
        .await
        .unwrap();
        intact(&app, "acme").await;
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    let after = [intact(&app, "acme").await, intact(&app, "bolt").await];
    assert_eq!(after[0].sequence, before[0].sequence + 35);
    assert_eq!(after[1].sequence, before[1].sequence + 30);
}

#[tokio::test]
async fn what_was_rolled_back_is_not_in_the_log_and_what_cannot_be_logged_is_not_done() {
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    let press = app.client(&acme).await;
    let mut owner = owner(&app).await;
    owner
        .execute("alter table audit_events add constraint closed check (action <> 'photo.registered') not valid")
        .await
        .unwrap();
    let head = intact(&app, "acme").await;
    press
        .post_json("/api/v1/photos/register", &json!({}))
        .await
        .problem(ErrorCode::InternalEngineError);
    assert_eq!(press.get("/api/v1/photos").await.json()["items"], json!([]));
    assert_eq!(intact(&app, "acme").await, head);
}
