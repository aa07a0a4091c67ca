//! A database in trouble: what is answered meanwhile, and that all is well when it is over.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use lumatrace::http::ErrorCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    process::{DataDir, Server, curl, lumatrace_on},
    readiness::soon,
    support::{
        Answer, App, Client, EACH_CALL_ASKS, PASSWORD, Part, Tenant, TestDatabase, pictures,
    },
};

/// The owner's session, which may write whatever the database is set to.
async fn owner(database: &TestDatabase) -> PgConnection {
    let options = database
        .owner()
        .options([("default_transaction_read_only", "off")]);
    PgConnection::connect_with(&options).await.unwrap()
}

/// Sets the database read-only for sessions from now on, or takes that back.
async fn set_read_only(owner: &mut PgConnection, read_only: bool) {
    let name: String = sqlx::query_scalar("select current_database()")
        .fetch_one(&mut *owner)
        .await
        .unwrap();
    let change = if read_only {
        "set default_transaction_read_only = on"
    } else {
        "reset default_transaction_read_only"
    };
    let statement = format!("alter database {name} {change}");
    owner.execute(AssertSqlSafe(statement)).await.unwrap();
}

/// Ends all sessions but the owner's own.
async fn end_sessions(owner: &mut PgConnection) {
    owner
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
}

/// Waits until a session waits for a lock, and returns its process id.
async fn blocked(owner: &mut PgConnection, others: &[i32]) -> i32 {
    let patience = Duration::from_mins(1);
    let found = async {
        loop {
            let waiting = sqlx::query_scalar(
                "select pid from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and pid <> all($1)",
            )
            .bind(others)
            .fetch_optional(&mut *owner);
            if let Some(process) = waiting.await.unwrap() {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(patience, found).await.expect("soon")
}

fn signal(process: i32, signal: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {process}")])
        .status();
    assert!(sent.unwrap().success());
}

async fn login(app: &App, tenant: &Tenant) -> Answer {
    let body = json!({
        "tenantId": tenant.id.as_str(), "username": tenant.username.as_str(), "password": PASSWORD,
    });
    app.anonymous().post_json("/api/v1/auth/login", &body).await
}

/// One call of each kind: what reads, what writes, with a token and without.
async fn calls(
    app: &App,
    tenant: &Tenant,
    client: &Client,
    photo: &str,
) -> Vec<(&'static str, Answer)> {
    let image = pictures::png(&pictures::scene(96, 64, 5));
    vec![
        ("login", login(app, tenant).await),
        ("me", client.get("/api/v1/me").await),
        ("photos", client.get("/api/v1/photos").await),
        (
            "protect",
            client
                .post_form("/api/v1/photos/protect", &[Part::image(&image)])
                .await,
        ),
        ("verify", client.verify(&image, photo).await),
    ]
}

#[tokio::test]
async fn while_the_database_is_read_only_calls_are_answered_503_and_then_at_once_as_ever() {
    let app = App::spawn_with(&EACH_CALL_ASKS).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(96, 64, 5));
    let photo = client.protect(&image).await.header("x-photo-id").to_owned();
    let mut owner = owner(&app.database).await;

    set_read_only(&mut owner, true).await;
    end_sessions(&mut owner).await;
    let (answer, fell) = soon(&app, &["database-read-only"]).await;
    answer.problem(ErrorCode::DatabaseUnavailable);
    for (call, answer) in calls(&app, &tenant, &client, &photo).await {
        println!("{call}");
        answer.problem(ErrorCode::DatabaseUnavailable);
    }
    assert_eq!(app.anonymous().get("/livez").await.status, 200);

    // The sessions that are open stay read-only: only a pool that drops them gets on.
    set_read_only(&mut owner, false).await;
    for (call, answer) in calls(&app, &tenant, &client, &photo).await {
        assert_eq!(answer.status, 200, "{call}: {answer:?}");
    }
    let (_, rose) = soon(&app, &[]).await;
    println!("read-only: said after {fell:?}, ready again {rose:?} after the first calls");
}

#[tokio::test]
async fn a_server_that_was_demoted_behind_open_connections_is_left_by_all_of_them() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let mut owner = owner(&app.database).await;
    set_read_only(&mut owner, true).await;
    end_sessions(&mut owner).await;
    // All connections of the pool are opened, and read-only.
    let takes = || async { app.ctx.db.check_writable().await.is_ok() };
    let states: [bool; 4] = tokio::join!(takes(), takes(), takes(), takes()).into();
    assert_eq!(states, [false; 4]);
    set_read_only(&mut owner, false).await;
    assert_eq!(client.get("/api/v1/me").await.status, 200);
    assert!(takes().await);
}

#[tokio::test]
async fn nobody_waits_long_for_a_lock_a_session_that_is_ended_or_a_server_that_stands_still() {
    let flags = [&["--database-connections", "8"][..], &EACH_CALL_ASKS[..]].concat();
    let app = App::spawn_with(&flags).await;
    let mut tenants = Vec::new();
    for name in ["locked", "ended", "stopped"] {
        let tenant = app.tenant(name).await;
        let client = app.client(&tenant).await;
        assert_eq!(client.get("/api/v1/me").await.status, 200);
        tenants.push(client);
    }
    let [locked, ended, stopped] = <[Client; 3]>::try_from(tenants).ok().unwrap();
    let mut holder = owner(&app.database).await;
    let mut watcher = owner(&app.database).await;
    holder
        .execute("begin; select * from tenant_rates for update")
        .await
        .unwrap();

    // Each waits for the row of its tenant.
    let call = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.get("/api/v1/me").await })
    };
    let waits_for_lock = call(&locked);
    let first = blocked(&mut watcher, &[]).await;
    let loses_session = call(&ended);
    let second = blocked(&mut watcher, &[first]).await;
    let meets_silence = call(&stopped);
    let third = blocked(&mut watcher, &[first, second]).await;
    sqlx::query("select pg_terminate_backend($1)")
        .bind(second)
        .execute(&mut watcher)
        .await
        .unwrap();
    signal(third, "STOP");
    // 20 seconds are the promise of docs/operations.md for all of them.
    let promised = tokio::time::timeout(Duration::from_secs(20), async {
        (
            waits_for_lock.await.unwrap(),
            loses_session.await.unwrap(),
            meets_silence.await.unwrap(),
        )
    });
    let answered = promised.await;
    signal(third, "CONT");
    let (waited, lost, silent) = answered.expect("in time");
    for answer in [waited, lost, silent] {
        answer.problem(ErrorCode::DatabaseUnavailable);
    }
    holder.execute("rollback").await.unwrap();
    for client in [locked, ended, stopped] {
        assert_eq!(client.get("/api/v1/me").await.status, 200);
    }
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed_before_it_is_asked() {
    let app = App::spawn().await;
    let client = app.client(&app.tenant("acme").await).await;
    let mut owner = owner(&app.database).await;
    let processes: Vec<i32> = sqlx::query_scalar(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(!processes.is_empty());
    for process in &processes {
        signal(*process, "STOP");
    }
    let answer = client.get("/api/v1/me").await;
    for process in &processes {
        signal(*process, "CONT");
    }
    assert_eq!(answer.status, 200, "on a connection of its own: {answer:?}");
}

#[tokio::test]
async fn what_an_operators_transaction_sets_ends_with_it() {
    let app = App::spawn().await;
    app.tenant("acme").await;
    let (mut one, mut two) = (
        app.operator.begin().await.unwrap(),
        app.operator.begin().await.unwrap(),
    );
    let mut sessions = 0;
    for session in [&mut one, &mut two] {
        let left: (Option<String>, String, String) = sqlx::query_as(
            "select nullif(current_setting('lumatrace.tenant', true), ''), current_setting('lock_timeout'),
                    current_setting('idle_in_transaction_session_timeout')",
        )
        .fetch_one(&mut **session)
        .await
        .unwrap();
        assert_eq!(left, (None, "0".to_owned(), "0".to_owned()));
        sessions += 1;
    }
    assert_eq!(sessions, 2);
}

#[test]
fn a_server_starts_on_a_read_only_database_unless_something_must_be_written() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let mut owner = runtime.block_on(owner(&database));
    let refused = || {
        let output = lumatrace_on(&database, &data_dir)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };

    runtime.block_on(set_read_only(&mut owner, true));
    let told = refused();
    assert!(
        told.contains("the database is read-only, and the account of LUMATRACE_BOOTSTRAP_USERNAME"),
        "{told}"
    );
    runtime.block_on(set_read_only(&mut owner, false));
    drop(Server::start(lumatrace_on(&database, &data_dir)));
    runtime.block_on(set_read_only(&mut owner, true));
    let server = Server::start(lumatrace_on(&database, &data_dir));
    assert_eq!(curl(&[&format!("{}/readyz", server.url)]).0, 503);
    assert_eq!(curl(&[&format!("{}/livez", server.url)]).0, 200);
    drop(server);

    for (missing, told_as) in [
        (
            "update signing_keys set retired_at = now()",
            "the signing keys",
        ),
        (
            "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)",
            "missing migrations",
        ),
    ] {
        runtime.block_on(owner.execute(missing)).unwrap();
        let told = refused();
        let sentence =
            format!("the database is read-only, and {told_as} would have to be written first");
        assert!(told.contains(&sentence), "{told}");
    }
}
