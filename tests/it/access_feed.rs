//! An end is heard of by every server, whenever its transaction commits and whatever is lost on
//! the way; and what cannot be read stops nothing else.

use std::time::Duration;

use axum::http::Method;
use lumatrace::{
    domain::{AccessKey, Role},
    service::keys,
};
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{App, Tenant};

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

fn access_key(kind: &str, tenant: &str, subject: &str) -> AccessKey {
    Sha256::digest(format!("{kind}\n{tenant}\n{subject}")).into()
}

async fn published(app: &App) -> usize {
    let keys = app.anonymous().get("/.well-known/jwks.json").await.json();
    keys["keys"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_disable_in_a_transaction_that_was_open_for_long_is_seen_when_it_commits() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let mut owner = owner(&app).await;
    let mut open = owner.begin().await.unwrap();
    open.execute("update accounts set status = 'disabled', generation = generation + 1 where username = 'press'")
        .await
        .unwrap();
    // Both servers read what was written and committed after it, again and again: whatever they
    // remember of where they are lies behind that change now.
    for number in 0..3 {
        let username = app
            .account(&tenant.id, &format!("desk{number}"), Role::User)
            .await;
        let id = tenant.id.clone();
        let later = app.token(&Tenant { id, username }).await;
        for service in [&app, &replica] {
            service.with_token(&later).is_let_in_within_a_second().await;
            let position = service.ctx.db.access_position(None).await.unwrap();
            let (_, rows) = service.ctx.db.access_changes(&position.seen).await.unwrap();
            assert!(rows.states.is_empty(), "nothing else is new: {rows:?}");
        }
    }
    let before = app.ctx.db.access_position(None).await.unwrap();
    for service in [&app, &replica] {
        assert_eq!(
            service.with_token(&token).get("/api/v1/me").await.status,
            200
        );
    }
    open.commit().await.unwrap();
    let (_, rows) = app.ctx.db.access_changes(&before.seen).await.unwrap();
    assert_eq!(rows.states.len(), 1, "{rows:?}");
    assert_eq!(
        rows.states[0].key,
        access_key("account", "acme", "press"),
        "the late one, and nothing twice"
    );
    for service in [&app, &replica] {
        service
            .with_token(&token)
            .is_refused_within_a_second()
            .await;
    }
}

/// Waits until a server publishes so many keys, for a tick and what a busy machine needs.
async fn publishes(app: &App, keys: usize) {
    let mut tries = 0;
    while published(app).await != keys {
        tokio::time::sleep(Duration::from_millis(20)).await;
        tries += 1;
        assert!(tries < 75, "the tick reads keys as well");
    }
}

#[tokio::test]
async fn a_rotation_that_nobody_announces_is_seen_within_a_second_and_refuses_nothing() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let tenant = app.tenant("acme").await;
    owner(&app)
        .await
        .execute("alter table signing_keys disable trigger signing_keys_changed")
        .await
        .unwrap();
    let old = app.token(&tenant).await;
    // Twice: the key that signs then was in no key set before.
    for _ in 0..2 {
        keys::rotate(&app.operator, &app.ctx.master, &app.clock)
            .await
            .unwrap();
    }
    publishes(&app, 4).await;
    // The other server may not have looked yet, and looks because of the token.
    for token in [app.token(&tenant).await, old] {
        for service in [&replica, &app] {
            let answer = service.with_token(&token).get("/api/v1/me").await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    publishes(&replica, 4).await;
}

#[tokio::test]
async fn a_notification_that_is_not_true_ends_nothing() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let mut serving = owner(&app).await;
    serving.execute("set role lumatrace_app").await.unwrap();
    for number in 0..50 {
        for named in [
            access_key("tenant", "acme", ""),
            access_key("account", "acme", "press"),
        ] {
            sqlx::query("select pg_notify('lumatrace_access', encode($1, 'base64'))")
                .bind(named.as_slice())
                .execute(&mut serving)
                .await
                .unwrap();
        }
        let answer = client.get("/api/v1/me").await;
        assert_eq!(answer.status, 200, "call {number}: {answer:?}");
    }
}

#[tokio::test]
async fn many_ends_at_once_are_announced_together_and_all_are_heard() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let mut clients = vec![client];
    for number in 0..60 {
        let username = app
            .account(&tenant.id, &format!("desk{number}"), Role::User)
            .await;
        if number % 20 == 19 {
            let id = tenant.id.clone();
            clients.push(app.client(&Tenant { id, username }).await);
        }
    }
    let mut owner = owner(&app).await;
    let mut tx = owner.begin().await.unwrap();
    tx.execute("update accounts set generation = generation + 1")
        .await
        .unwrap();
    let told: String = sqlx::query_scalar("select current_setting('lumatrace.told')")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(told, "32", "the rest is one notification");
    tx.commit().await.unwrap();
    for client in &clients {
        client.is_refused_within_a_second().await;
    }
    assert_eq!(clients.len(), 4);
}

#[tokio::test]
async fn rows_of_another_clusters_transactions_are_taken_over_and_read_once() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    // As a restore leaves them: of transactions that this cluster has yet to see.
    owner(&app)
        .await
        .execute("update access_states set changed_in = '9000000000000000'")
        .await
        .unwrap();
    let db = &app.ctx.db;
    let before = db.access_position(None).await.unwrap().seen;
    let again = db.access_changes(&before).await.unwrap().1.states.len();
    assert!(again > 0, "each reading would have them all");
    db.tidy_access_states().await.unwrap();
    let after = db.access_position(None).await.unwrap().seen;
    let first = db.access_changes(&before).await.unwrap().1.states.len();
    let next = db.access_changes(&after).await.unwrap().1.states.len();
    assert_eq!((first, next), (again, 0));
    assert_eq!(client.get("/api/v1/me").await.status, 200);
    let elsewhere =
        lumatrace::domain::SeenTransactions("9000000000000000:9000000000000000:".into());
    let position = db.access_position(Some(&elsewhere)).await.unwrap();
    assert!(position.other_history, "a server that was there reads all");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nobody_else_and_lets_nobody_in() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (acme, bolt) = (app.token(&acme).await, app.token(&bolt).await);
    let mut owner = owner(&app).await;
    // Only who owns the table can do this: the checks refuse such rows.
    for statement in [
        "alter table access_states drop constraint access_states_access_key_check,
             drop constraint access_states_expires_at_check",
        "insert into access_states values ('abc', 0, null, pg_current_xact_id(), 1),
             ('', 0, 'infinity', pg_current_xact_id(), 1)",
        "update access_states set access_key = substr(access_key, 1, 31), changed_in = pg_current_xact_id()
             where access_key = access_key('account', 'bolt', 'press')",
    ] {
        owner.execute(statement).await.unwrap();
    }
    let started = app.replica().await;
    for service in [&app, &started] {
        let client = service.with_token(&acme);
        assert_eq!(client.get("/api/v1/me").await.status, 200);
        let out = client.call(&Method::GET, "/api/v1/photos").await;
        assert_eq!(out.status, 200);
    }
    started.with_token(&bolt).is_refused_within_a_second().await;
}
