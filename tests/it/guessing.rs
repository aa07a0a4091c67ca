//! Passwords are guessed from many addresses: the owner gets in, and one network is one source.

use axum::{body::Body, http::Request};
use lumatrace::{auth::hash_password, http::ErrorCode, service::accounts::AccountChange};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::support::{Answer, App, PASSWORD};

/// Tests have no connection, and its address is `::`: a proxy that names the source.
const PROXY: [&str; 2] = ["--trusted-proxies", "::/128"];

async fn login(app: &App, source: &str, username: &str, password: &str) -> Answer {
    let body = json!({ "tenantId": "acme", "username": username, "password": password });
    let request = Request::post("/api/v1/auth/login")
        .header("content-type", "application/json")
        .header("x-forwarded-for", source)
        .body(Body::from(body.to_string()));
    app.anonymous().send(request.unwrap()).await
}

/// One guess from each of so many addresses; the number of those that were looked at.
async fn guess_from(app: &App, addresses: u32) -> u32 {
    let mut looked_at = 0;
    for number in 0..addresses {
        let source = format!("198.51.{}.{}", number / 250, number % 250);
        let answer = login(app, &source, "press", "wrong").await;
        if answer.status == 401 {
            looked_at += 1;
        } else {
            answer.problem(ErrorCode::RateLimitExceeded);
        }
    }
    looked_at
}

#[tokio::test]
async fn the_owner_gets_in_from_a_known_address_while_five_hundred_others_guess() {
    const HOME: &str = "203.0.113.7";
    let app = App::spawn_with(&PROXY).await;
    let acme = app.tenant("acme").await;
    assert_eq!(login(&app, HOME, "press", PASSWORD).await.status, 200);
    assert_eq!(guess_from(&app, 500).await, 100, "the account's count");

    assert_eq!(login(&app, HOME, "press", PASSWORD).await.status, 200);
    // What is documented for a new address: a second, which is true, and then it is known, too.
    let new = "203.0.113.8";
    let answer = login(&app, new, "press", PASSWORD).await;
    answer.problem(ErrorCode::RateLimitExceeded);
    assert_eq!(answer.header("retry-after"), "1");
    app.clock.advance(1);
    assert_eq!(login(&app, new, "press", PASSWORD).await.status, 200);
    guess_from(&app, 20).await;
    assert_eq!(login(&app, new, "press", PASSWORD).await.status, 200);

    // A known address is no leave to guess.
    let mut refused = 0;
    for _ in 0..15 {
        refused += u32::from(login(&app, HOME, "press", "wrong").await.status == 429);
    }
    assert_eq!(refused, 5);
    login(&app, HOME, "press", PASSWORD)
        .await
        .problem(ErrorCode::RateLimitExceeded);

    // Another server, or this one after a restart, knows it by the table; which shows no address.
    let replica = app.replica_with(&PROXY).await;
    assert_eq!(guess_from(&replica, 110).await, 100);
    assert_eq!(login(&replica, HOME, "press", PASSWORD).await.status, 200);
    login(&replica, "203.0.113.9", "press", PASSWORD)
        .await
        .problem(ErrorCode::RateLimitExceeded);
    app.change_account(&acme.id, &acme.username, AccountChange::Disable)
        .await;
    login(&replica, HOME, "press", PASSWORD)
        .await
        .problem(ErrorCode::AuthFailed);
}

#[tokio::test]
async fn an_account_is_known_from_its_last_32_new_sources_and_a_guess_writes_nothing() {
    let app = App::spawn_with(&PROXY).await;
    let acme = app.tenant("acme").await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    for number in 0..35 {
        for (address, password, status) in [
            (format!("192.0.2.{number}"), PASSWORD, 200),
            (format!("192.0.2.{number}"), PASSWORD, 200),
            (format!("198.51.100.{number}"), "wrong", 401),
        ] {
            let answer = login(&app, &address, "press", password).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        app.clock.advance(1);
    }
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select source_hash from known_sources where username = 'press' order by first_seen_at",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(rows.len(), 32);
    let seen: i64 = sqlx::query_scalar(
        "select extract(epoch from min(first_seen_at))::bigint from known_sources",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(seen, 1_800_000_003, "the oldest three gave way");
    // A new password leaves them: an attacker who had the old one guesses no faster from there.
    let password = AccountChange::SetPassword(hash_password(&PASSWORD.into()).unwrap());
    app.change_account(&acme.id, &acme.username, password).await;
    assert_eq!(guess_from(&app, 120).await, 100);
    assert_eq!(
        login(&app, "192.0.2.34", "press", PASSWORD).await.status,
        200
    );
    login(&app, "192.0.2.1", "press", PASSWORD)
        .await
        .problem(ErrorCode::RateLimitExceeded);
}

#[tokio::test]
async fn who_owns_an_ipv6_network_is_refused_as_one_source() {
    let app = App::spawn_with(&PROXY).await;
    app.tenant("acme").await;
    let mut looked_at = 0;
    // Each guess at another name, and from another /64 of one /56.
    for number in 0..220 {
        let source = format!("2001:db8:0:{number:x}::1");
        let name = format!("user{number}");
        looked_at += u32::from(login(&app, &source, &name, "wrong").await.status == 401);
    }
    assert_eq!(looked_at, 200);
    let answer = login(&app, "2001:db8:0:ff::1", "press", PASSWORD).await;
    answer.problem(ErrorCode::RateLimitExceeded);
    let other = login(&app, "2001:db8:0:100::1", "press", PASSWORD).await;
    assert_eq!(other.status, 200, "another /56");
}
