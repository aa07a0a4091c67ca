//! The log as a file: whole, oldest first, in pieces, and visibly broken where it is not whole.

use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use lumatrace::{
    db::audit::{Along, Sealing, Seals, append},
    domain::audit::{Action, AuditEntry, HeadSeal, Subject},
};

use super::*;

const EXPORT: &str = "/api/v1/audit/export";

/// The events of a file, oldest first.
fn events(file: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Seals that nobody checks.
struct NoSeals;

impl Seals for NoSeals {
    fn seal(&self, _: &TenantId, _: &Head) -> HeadSeal {
        [0; 32]
    }

    fn is_right(&self, _: &TenantId, _: &Head, _: &[u8]) -> bool {
        true
    }
}

/// Appends so many events at once.
async fn append_many(app: &App, tenant: &TenantId, events: usize) {
    let mut tx = app.operator.begin_for(tenant).await.unwrap();
    let entry = AuditEntry::new(
        By::OPERATOR,
        Action::TenantResumed,
        Subject::Tenant(tenant.clone()),
    );
    for _ in 0..events {
        let now = app.clock.now();
        let alone = Along::default();
        append(&mut tx, now, &entry, &alone, Sealing::Begin, &NoSeals)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// Begins to read an export.
async fn begin(chief: &Client) -> Body {
    let request = Request::get(EXPORT).body(Body::empty()).unwrap();
    let response = chief.respond(request).await;
    assert_eq!(response.status(), 200);
    response.into_body()
}

#[tokio::test]
async fn an_export_is_the_whole_log_with_itself_at_the_end_and_no_other_tenants() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    app.administered("bolt").await;
    let press = app.client(&acme).await;
    press.get(EXPORT).await.problem(ErrorCode::TenantRestricted);
    chief
        .get(&format!("{EXPORT}?action=x"))
        .await
        .problem(ErrorCode::ValidationFailed);
    // More than two batches.
    append_many(&app, &acme.id, 1_100).await;
    let file = chief.get(EXPORT).await;
    assert_eq!(file.status, 200, "{file:?}");
    assert_eq!(file.header("content-type"), "application/x-ndjson");
    assert_eq!(file.header("cache-control"), "no-store");
    let exported = events(&file.body);
    let mut log = all(&chief, "limit=200").await;
    log.reverse();
    assert_eq!(exported, log);
    let last = exported.last().unwrap();
    assert_eq!(
        (&last["actor"], &last["action"], &last["subject"]),
        (
            &json!("account:chief"),
            &json!("audit.exported"),
            &json!("tenant:acme")
        )
    );
    assert_eq!(last["detail"]["filters"], Value::Null);
    let name = format!(
        "attachment; filename=\"audit_acme_{}.ndjson\"",
        last["sequence"]
    );
    assert_eq!(file.header("content-disposition"), name);
    // What was refused is no export.
    let exports = log.iter().filter(|one| one["action"] == "audit.exported");
    assert_eq!(exports.count(), 1);

    let query = "actor=account:press&from=2000-01-01T00:00:00Z";
    let left = events(&chief.get(&format!("{EXPORT}?{query}")).await.body);
    let mut expected = all(&chief, query).await;
    expected.reverse();
    assert!(!left.is_empty());
    assert_eq!(left, expected);
    let export = &all(&chief, "action=audit.exported").await[0];
    assert_eq!(export["detail"]["filters"], "actor from");
    let none = chief.get(&format!("{EXPORT}?actor=account:none")).await;
    assert_eq!((none.status, none.body.len()), (200, 0));
}

#[tokio::test]
async fn while_a_client_reads_slowly_no_transaction_is_open_and_what_comes_later_is_not_in_it() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    append_many(&app, &acme.id, 1_100).await;
    let mut body = begin(&chief).await;
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(events(&first).len(), 500);
    // Connections go back a moment after their transactions have ended.
    let began = Instant::now();
    while app.ctx.db.connections().used > 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let memory = app.ctx.bodies.held();
    assert!(first.len() <= memory && memory < 1 << 20, "{memory} bytes");
    let head = chief.get("/api/v1/audit/head").await.json()["sequence"].clone();
    append_many(&app, &acme.id, 10).await;
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(events(&rest).last().unwrap()["sequence"], head);
    assert_eq!(app.ctx.bodies.held(), 0);
}

#[tokio::test]
async fn an_export_that_cannot_be_read_to_its_end_is_broken_off() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    append_many(&app, &acme.id, 600).await;
    let mut owner = owner(&app).await;
    for statement in [
        "set session_replication_role = replica",
        "update audit_events set detail = '[]' where sequence = 550",
    ] {
        owner.execute(statement).await.unwrap();
    }
    let mut body = begin(&chief).await;
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none() || body.is_end_stream());
    // The same over a connection.
    let address = app.listen().await;
    let answer = reqwest::Client::new()
        .get(format!("http://{address}{EXPORT}"))
        .bearer_auth(chief.token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap_err();
}
