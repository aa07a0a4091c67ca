//! Somebody touches the log: the check names the place, in the library and on the command line.

use lumatrace::{
    db::audit,
    domain::{
        TenantId,
        audit::{ChainHash, Head},
    },
    http::ErrorCode,
    service::{
        audit::{ChainStatus, verify},
        operator::{self, TenantChange},
    },
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, Row};

use super::{finding, intact, owner};
use crate::{
    process::{DataDir, lumatrace},
    support::{App, MASTER_KEY},
};

#[tokio::test]
async fn the_first_broken_link_is_named_wherever_somebody_touched_it() {
    const FROM: &str = "with e as (select * from audit_events where tenant_id = 'acme')";
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    app.administered("bolt").await;
    let press = app.client(&acme).await;
    for _ in 0..3 {
        press.post_json("/api/v1/photos/register", &json!({})).await;
    }
    let mut owner = owner(&app).await;
    owner
        .execute("create table old_heads as table audit_heads")
        .await
        .unwrap();
    press.post_json("/api/v1/photos/register", &json!({})).await;
    let head = intact(&app, "acme").await;
    let last = head.sequence;
    assert_eq!(last, 9);
    for table in ["audit_events", "audit_heads"] {
        let statement = format!("alter table {table} disable trigger user");
        owner.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    // Whoever may do this as the owner: each statement, and the place where the chain breaks.
    let event = |change: &str, sequence: i64| {
        format!(
            "update audit_events set {change} where tenant_id = 'acme' and sequence = {sequence}"
        )
    };
    let cases = [
        (event("detail = '{\"role\": \"ROLE_USER\"}'", 3), 3),
        (event("detail = '[1]'", 4), 4),
        (event("actor = 'account:bolt'", 1), 1),
        (event("at = at + interval '1 microsecond'", 7), 7),
        (event("event_id = gen_random_uuid()", 2), 2),
        (event("hash = previous_hash", 5), 5),
        (event("hash = 'short'", 5), 5),
        (event("previous_hash = hash", 6), 6),
        ("delete from audit_events where tenant_id = 'acme' and sequence = 6".to_owned(), 6),
        ("delete from audit_events where tenant_id = 'acme' and sequence < 3".to_owned(), 1),
        (format!("delete from audit_events where tenant_id = 'acme' and sequence = {last}"), last),
        (format!("delete from audit_events where tenant_id = 'acme' and sequence > {}", last - 3), last - 2),
        // Two events change places.
        (format!("{FROM} update audit_events set action = e.action, subject = e.subject, hash = e.hash
             from e where audit_events.tenant_id = 'acme' and e.sequence = 13 - audit_events.sequence
               and audit_events.sequence in (5, 8)"), 5),
        // One event too many, behind the end and before the beginning.
        (format!("{FROM} insert into audit_events select 'acme', {last} + 1, gen_random_uuid(), at, actor, action,
             subject, detail, hash, hash from e where sequence = {last}"), last + 1),
        (format!("{FROM} insert into audit_events select 'acme', 0, gen_random_uuid(), at, actor, action,
             subject, detail, hash, hash from e where sequence = {last}"), 0),
        ("update audit_heads set hash = decode(repeat('11', 32), 'hex') where tenant_id = 'acme'".to_owned(), last),
        (format!("update audit_heads set sequence = {} where tenant_id = 'acme'", last - 1), last - 1),
        ("alter table audit_events drop constraint audit_events_tenant_id_fkey;
          delete from audit_heads where tenant_id = 'acme'".to_owned(), 1),
    ];
    let kept = Some(head);
    for (statement, expected) in cases {
        // On a copy of the tables: what was broken is put back.
        owner
            .execute("create table was_events as table audit_events; create table was_heads as table audit_heads")
            .await
            .unwrap();
        owner
            .execute(sqlx::raw_sql(AssertSqlSafe(statement.clone())))
            .await
            .unwrap();
        for kept in [None, kept] {
            match verify(&app.operator, &app.ctx.master, &acme.id, kept)
                .await
                .unwrap()
            {
                ChainStatus::Broken { sequence, reason } => {
                    assert_eq!(sequence, expected, "{statement}: {reason}");
                }
                other => panic!("{statement}: {other:?}"),
            }
        }
        intact(&app, "bolt").await;
        owner
            .execute(
                "delete from audit_events; insert into audit_heads table was_heads on conflict (tenant_id)
                     do update set sequence = excluded.sequence, hash = excluded.hash, seal = excluded.seal;
                 insert into audit_events table was_events; drop table was_events, was_heads",
            )
            .await
            .unwrap();
        intact(&app, "acme").await;
    }

    // The end cut off with the head moved back is a whole chain, but the seal is not that head's.
    owner
        .execute(
            "delete from audit_events where tenant_id = 'acme' and sequence = 9;
             update audit_heads set sequence = 8, hash =
                 (select hash from audit_events where tenant_id = 'acme' and sequence = 8) where tenant_id = 'acme'",
        )
        .await
        .unwrap();
    let told = finding(&app, "acme").await;
    assert!(
        matches!(told, ChainStatus::Broken { sequence: 8, .. }),
        "{told:?}"
    );
    // With the seal that it had then, only a head that was kept elsewhere tells.
    owner
        .execute(
            "update audit_heads set seal = old_heads.seal from old_heads
             where audit_heads.tenant_id = 'acme' and old_heads.tenant_id = 'acme'",
        )
        .await
        .unwrap();
    intact(&app, "acme").await;
    let told = verify(&app.operator, &app.ctx.master, &acme.id, kept)
        .await
        .unwrap();
    assert!(
        matches!(told, ChainStatus::Broken { sequence: 9, .. }),
        "{told:?}"
    );
    // The same after others were written in its place.
    press.post_json("/api/v1/photos/register", &json!({})).await;
    intact(&app, "acme").await;
    let told = verify(&app.operator, &app.ctx.master, &acme.id, kept)
        .await
        .unwrap();
    assert!(
        matches!(told, ChainStatus::Broken { sequence: 9, .. }),
        "{told:?}"
    );
}

#[tokio::test]
async fn even_the_owner_of_the_tables_does_not_alter_the_log_by_accident() {
    let app = App::spawn().await;
    app.administered("acme").await;
    let mut owner = owner(&app).await;
    for statement in [
        "update audit_events set actor = 'operator'",
        "delete from audit_events where sequence = 1",
        "truncate audit_events",
        "update audit_heads set sequence = sequence - 1",
        "update audit_heads set hash = hash",
        "delete from audit_heads",
        "truncate audit_heads cascade",
        "truncate tenants cascade",
    ] {
        let refused = owner.execute(AssertSqlSafe(statement.to_owned())).await;
        assert!(refused.is_err(), "{statement}");
    }
    intact(&app, "acme").await;
}

#[tokio::test]
async fn of_a_deleted_tenants_log_a_tombstone_stays() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    app.administered("bolt").await;
    let bolt = intact(&app, "bolt").await;
    let mut owner = owner(&app).await;
    for round in 1..3 {
        let last = intact(&app, "acme").await;
        operator::change_tenant(
            &app.operator,
            &app.ctx.master,
            &app.clock,
            &acme.id,
            TenantChange::Delete,
        )
        .await
        .unwrap();
        let rows = sqlx::query(
            "select tenant_id, events, last_hash,
                    (select count(*) from audit_events e where e.tenant_id = d.tenant_id)
                    + (select count(*) from audit_heads h where h.tenant_id = d.tenant_id) as left_over
             from deleted_tenants d order by deleted_at",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        assert_eq!(rows.len(), round);
        let row = rows.last().unwrap();
        assert_eq!(row.get::<&str, _>("tenant_id"), "acme");
        assert_eq!(row.get::<i64, _>("events"), last.sequence);
        assert_eq!(row.get::<&[u8], _>("last_hash"), last.hash.as_bytes());
        assert_eq!(row.get::<i64, _>("left_over"), 0);
        // A new tenant of that name begins a new chain.
        app.tenant("acme").await;
        assert_eq!(intact(&app, "acme").await.sequence, 2);
    }
    chief
        .get("/api/v1/audit")
        .await
        .problem(ErrorCode::AuthRevoked);
    assert_eq!(intact(&app, "bolt").await, bolt);
}

/// Runs `lumatrace audit verify`: whether it succeeded, and its lines.
fn check(app: &App, data_dir: &DataDir, arguments: &[&str]) -> (bool, Vec<Value>) {
    lines_of(app, data_dir, "verify", arguments)
}

/// Runs a command of `lumatrace audit`.
fn lines_of(
    app: &App,
    data_dir: &DataDir,
    command: &str,
    arguments: &[&str],
) -> (bool, Vec<Value>) {
    let output = lumatrace(&data_dir.0)
        .env("DATABASE_URL", app.database.url())
        .env("LUMATRACE_MASTER_KEY", MASTER_KEY)
        .args(["audit", command])
        .args(arguments)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (output.status.success(), lines.collect())
}

#[tokio::test]
async fn the_command_checks_one_tenant_or_all_and_fails_when_one_is_broken() {
    let app = App::spawn().await;
    let data_dir = DataDir::new();
    app.administered("acme").await;
    app.administered("bolt").await;
    let Head { sequence, hash } = intact(&app, "bolt").await;
    let bolt = json!({
        "tenantId": "bolt", "events": sequence, "head": hash.to_string(), "status": "intact",
    });
    let (good, lines) = check(&app, &data_dir, &[]);
    assert!(good && lines.len() == 2 && lines[1] == bolt, "{lines:?}");
    let kept = format!("{sequence}:{hash}");
    let arguments = ["--tenant", "bolt", "--kept", kept.as_str()];
    assert_eq!(
        check(&app, &data_dir, &arguments),
        (true, vec![bolt.clone()])
    );

    owner(&app)
        .await
        .execute(
            "set session_replication_role = replica;
             update audit_events set subject = 'account:eve' where tenant_id = 'acme' and sequence = 2",
        )
        .await
        .unwrap();
    let acme = json!({
        "tenantId": "acme", "status": "broken", "sequence": 2,
        "reason": "the hash is not that of what the event says",
    });
    assert_eq!(check(&app, &data_dir, &[]), (false, vec![acme, bolt]));
    for wrong in [
        ["--tenant", "nobody", "--kept", kept.as_str()],
        ["--tenant", "bolt", "--kept", "1:00"],
    ] {
        assert_eq!(check(&app, &data_dir, &wrong), (false, vec![]), "{wrong:?}");
    }
}

/// Writes the log of `acme` anew, as whoever owns the tables could: other words in its second
/// event, and hashes and a head to match. `seal` is what is done about the seal.
async fn forge(app: &App, acme: &TenantId, seal: &str) {
    let mut owner = owner(app).await;
    let mut tx = app.operator.begin_for(acme).await.unwrap();
    let stored = audit::read(&mut tx, 0, i64::MAX, 100).await.unwrap();
    drop(tx);
    owner
        .execute("set session_replication_role = replica")
        .await
        .unwrap();
    let mut previous = ChainHash::ZERO;
    for row in stored {
        let mut event = row.event.unwrap();
        if event.sequence == 2 {
            "account:eve".clone_into(&mut event.subject);
        }
        event.previous_hash = previous;
        event.hash = event.computed_hash().unwrap();
        previous = event.hash;
        sqlx::query(
            "update audit_events set subject = $3, previous_hash = $4, hash = $5
             where tenant_id = $1 and sequence = $2",
        )
        .bind(acme.as_str())
        .bind(event.sequence)
        .bind(event.subject)
        .bind(event.previous_hash.as_bytes().as_slice())
        .bind(event.hash.as_bytes().as_slice())
        .execute(&mut owner)
        .await
        .unwrap();
    }
    let statement = format!("update audit_heads set hash = $2, seal = {seal} where tenant_id = $1");
    sqlx::query(AssertSqlSafe(statement))
        .bind(acme.as_str())
        .bind(previous.as_bytes().as_slice())
        .execute(&mut owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_writes_the_whole_chain_anew_without_the_master_key_is_found_out() {
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    let press = app.client(&acme).await;
    forge(&app, &acme.id, "seal").await;
    let told = finding(&app, "acme").await;
    assert!(
        matches!(told, ChainStatus::Broken { sequence: 5, .. }),
        "{told:?}"
    );
    // What the server appends does not make it good.
    press.post_json("/api/v1/photos/register", &json!({})).await;
    let told = finding(&app, "acme").await;
    assert!(
        matches!(told, ChainStatus::Broken { sequence: 6, .. }),
        "{told:?}"
    );
    forge(&app, &acme.id, "null").await;
    press.post_json("/api/v1/photos/register", &json!({})).await;
    let told = finding(&app, "acme").await;
    assert!(matches!(told, ChainStatus::Unsealed(_)), "{told:?}");
}

#[tokio::test]
async fn a_log_from_before_there_were_seals_is_sealed_when_the_operator_vouches_for_it() {
    let app = App::spawn().await;
    let data_dir = DataDir::new();
    let (acme, _) = app.administered("acme").await;
    owner(&app)
        .await
        .execute("set session_replication_role = replica; update audit_heads set seal = null")
        .await
        .unwrap();
    let run = |command: &'static str| lines_of(&app, &data_dir, command, &[]);
    let (good, lines) = run("verify");
    assert!(!good && lines[0]["status"] == "unsealed", "{lines:?}");
    let (good, lines) = run("seal");
    assert!(good && lines[0]["status"] == "sealed", "{lines:?}");
    let (good, lines) = run("verify");
    assert!(good && lines[0]["status"] == "intact", "{lines:?}");
    let (good, again) = run("seal");
    assert!(good && again == lines, "nothing to do: {again:?}");
    forge(&app, &acme.id, "seal").await;
    let (good, lines) = run("seal");
    assert!(!good && lines[0]["status"] == "broken", "{lines:?}");

    // Another master key would call every log forged: it is not asked.
    let output = lumatrace(&data_dir.0)
        .env("DATABASE_URL", app.database.url())
        .args(["audit", "verify"])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
}
