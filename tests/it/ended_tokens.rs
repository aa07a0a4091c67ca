//! Tokens that are ended one by one: once each, a bounded number for each holder, and cheap to keep
//! however many there are.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use lumatrace::{
    domain::{Scopes, audit::By},
    http::ErrorCode,
    service::credentials::{self, APPLICATION_TOKEN_TTL_SECONDS, ApplicationRequest},
};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::App;

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

async fn count(app: &App, what: &str) -> i64 {
    let question = AssertSqlSafe(format!("select count(*) from {what}"));
    sqlx::query_scalar(question)
        .fetch_one(&mut owner(app).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn beyond_a_number_the_older_ends_of_a_holder_become_one_moment() {
    let app = App::spawn_with(&["--token-ttl-seconds", "31536000"]).await;
    let tenant = app.tenant("acme").await;
    let start = app.clock.now().unix_timestamp();
    let early = app.client(&tenant).await;
    // A thousand that were ended while the clock went on, one each second.
    sqlx::query(
        "insert into revoked_tokens (tenant_id, token_id, holder, issued_at, expires_at)
         select 'acme', gen_random_uuid(), 'press', to_timestamp($1 + second), to_timestamp($1 + 31536000)
         from generate_series(1, 1000) as second",
    )
    .bind(start as f64)
    .execute(&mut owner(&app).await)
    .await
    .unwrap();
    let replica = app.replica().await;
    assert_eq!(replica.ctx.access.ended_tokens(), 1_000);
    assert_eq!(early.get("/api/v1/me").await.status, 200);
    app.clock.advance(400);
    let middle = app.client(&tenant).await;
    app.clock.advance(601);
    let late = app.client(&tenant).await;
    let ended = app.client(&tenant).await;
    let out = ended.call(&Method::POST, "/api/v1/auth/logout").await;
    assert_eq!(out.status, 200, "{out:?}");

    // Of 1001, the newest 500 are ends of their own still; those before are one moment.
    assert_eq!(count(&app, "revoked_tokens").await, 500);
    for service in [&app, &replica] {
        let of = |client: &crate::support::Client| service.with_token(client.token().unwrap());
        for gone in [&early, &middle, &ended] {
            of(gone).is_refused_within_a_second().await;
        }
        assert_eq!(of(&late).get("/api/v1/me").await.status, 200);
    }
    assert_eq!(app.ctx.access.ended_tokens(), 500);
    let mut tries = 0;
    while replica.ctx.access.ended_tokens() != 500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        tries += 1;
        assert!(tries < 100, "servers forget the single ends");
    }
    let moment: Value = sqlx::query_scalar(
        "select detail from audit_events where action = 'session.ended' order by sequence desc limit 1",
    )
    .fetch_one(&mut owner(&app).await)
    .await
    .unwrap();
    assert_eq!(moment["issuedBefore"], (start + 502).to_string());
    let started = app.replica().await;
    assert_eq!(started.ctx.access.ended_tokens(), 500, "after a start, too");
    let early = started.with_token(early.token().unwrap());
    early
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
}

#[tokio::test]
async fn a_token_is_ended_once_however_often_that_is_asked() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let tx = app.operator.begin_for(&tenant.id).await.unwrap();
    let request = ApplicationRequest {
        name: "the app",
        scopes: Scopes::PHOTOS,
        days: None,
        token_ttl_seconds: APPLICATION_TOKEN_TTL_SECONDS,
    };
    let made =
        credentials::create_application(tx, &app.ctx.master, &app.clock, By::OPERATOR, request)
            .await
            .unwrap();
    let client = format!(
        "{}:{}",
        made.id.as_application(),
        made.secret.expose_secret()
    );
    let basic = format!("Basic {}", STANDARD.encode(client));
    let oauth = async |path: &str, body: String| {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", &basic)
            .body(Body::from(body))
            .unwrap();
        let answer = app.anonymous().send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let minted = oauth("/oauth2/token", "grant_type=client_credentials".to_owned()).await;
    let token = minted.json()["access_token"].as_str().unwrap().to_owned();
    for _ in 0..20 {
        oauth("/oauth2/revoke", format!("token={token}")).await;
    }
    let ended = "audit_events where action = 'session.ended'";
    assert_eq!(count(&app, ended).await, 1);
    assert_eq!(count(&app, "revoked_tokens").await, 1);
}

fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Prints what a million live ends cost: the start of a server, its memory, a tick, an end.
/// `script/cargo test --release --test it what_a_million_live_ends_cost -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn what_a_million_live_ends_cost() {
    const ENDS: usize = 1_000_000;
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let empty = Instant::now();
    let before = app.replica().await;
    println!("start without any: {:?}", empty.elapsed());
    drop(before);
    let last = app.clock.now().unix_timestamp() + 86_400;
    sqlx::query(
        "insert into access_states (access_key, least, changed_in, version, expires_at)
         select sha256(convert_to(number::text, 'UTF8')), 1, pg_current_xact_id(), 1, to_timestamp($1 + number)
         from generate_series(1, $2) as number",
    )
    .bind(last as f64)
    .bind(i64::try_from(ENDS).unwrap())
    .execute(&mut owner(&app).await)
    .await
    .unwrap();
    // Servers that run take them in as one change; the measured one starts with them.
    let mut tries = 0;
    while app.ctx.access.ended_tokens() < ENDS {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tries += 1;
        assert!(tries < 600);
    }
    let (resident, started) = (resident_kib(), Instant::now());
    let measured = app.replica().await;
    let started = started.elapsed();
    let each = (resident_kib() - resident) * 1024 / i64::try_from(ENDS).unwrap();
    assert_eq!(measured.ctx.access.ended_tokens(), ENDS);
    println!("start with {ENDS}: {started:?}");
    println!("memory of the process grew by {each} bytes each");
    let ctx = &measured.ctx;
    let mut seen = ctx.db.access_position(None).await.unwrap().seen;
    let (mut asked, mut applied) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let began = Instant::now();
        let (position, rows) = ctx.db.access_changes(&seen).await.unwrap();
        asked.push(began.elapsed());
        let merging = Instant::now();
        ctx.access.merge(&rows.states);
        ctx.access.complete(began, last);
        applied.push(merging.elapsed());
        seen = position.seen;
    }
    asked.sort();
    applied.sort();
    println!(
        "a tick without a change: asked in {:?}, applied in {:?}",
        asked[25], applied[25]
    );
    let began = Instant::now();
    ctx.access.complete(began, last + 1_001);
    println!(
        "a tick in which 1000 expire: applied in {:?}",
        began.elapsed()
    );
    assert_eq!(ctx.access.ended_tokens(), ENDS - 1_000);
    let out = client.call(&Method::POST, "/api/v1/auth/logout").await;
    assert_eq!(out.status, 200);
    let seen_after = measured
        .with_token(client.token().unwrap())
        .is_refused_within_a_second()
        .await;
    println!("a logout at another server is seen after {seen_after:?}");
    let resident = resident_kib();
    ctx.access.complete(Instant::now(), i64::from(u32::MAX));
    println!(
        "when all have expired, the process is {} KiB smaller",
        resident - resident_kib()
    );
}
