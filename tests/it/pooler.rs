//! Behind a pooler that lends its connections for one transaction at a time: no notification
//! arrives, and what is set outside of a transaction is another client's.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lumatrace::{
    db::{DbError, accounts},
    service::{accounts::AccountChange, keys},
};
use sqlx::{Connection, Executor, PgConnection};
use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use crate::support::{App, TestDatabase};

/// The first version that knows prepared statements in this mode.
const LEAST_VERSION: (u32, u32) = (1, 21);

/// A running `pgbouncer`.
pub(crate) struct Pooler {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Pooler {
    /// Starts one before a database; `None` where none is installed.
    pub(crate) async fn start(database: &TestDatabase) -> Option<Self> {
        version().filter(|version| *version >= LEAST_VERSION)?;
        let folder =
            std::env::temp_dir().join(format!("lumatrace-pooler-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = database.owner();
        let host = match server.get_socket() {
            None => server.get_host().to_owned(),
            Some(socket) => {
                forward(&folder, socket, server.get_port());
                folder.to_string_lossy().into_owned()
            }
        };
        let settings = format!(
            "[databases]\n* = host={host} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             max_prepared_statements = 200\ndefault_pool_size = 3\n\
             ignore_startup_parameters = extra_float_digits, IntervalStyle\n",
            server.get_port(),
            server.get_username(),
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        // It does not run as root; the same user as the tests' PostgreSQL does.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
        {
            command.args(["--user", "postgres"]);
        }
        let process = command
            .arg("--quiet")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self {
            process,
            folder,
            port,
        };
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            assert!(started.elapsed() < Duration::from_secs(10), "it starts");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(pooler)
    }

    pub(crate) fn url(&self, database: &TestDatabase) -> String {
        let server = database.owner();
        format!(
            "postgres://{}@127.0.0.1:{}/{}?sslmode=disable",
            server.get_username(),
            self.port,
            server.get_database().unwrap()
        )
    }
}

/// Opens a socket in `folder` that leads to that of a PostgreSQL. The private one lets in the user
/// of the tests alone, and the pooler does not run as root.
fn forward(folder: &Path, socket: &Path, port: u16) {
    let name = format!(".s.PGSQL.{port}");
    let (door, server) = (folder.join(&name), socket.join(&name));
    let listener = UnixListener::bind(&door).unwrap();
    std::fs::set_permissions(&door, PermissionsExt::from_mode(0o777)).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = UnixStream::connect(&server).await.unwrap();
            tokio::spawn(async move {
                tokio::io::copy_bidirectional(&mut client, &mut server)
                    .await
                    .ok();
            });
        }
    });
}

/// Major and minor version of the `pgbouncer` that is installed.
fn version() -> Option<(u32, u32)> {
    let output = Command::new("pgbouncer").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let numbers = text.split_whitespace().nth(1)?;
    let mut numbers = numbers.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[tokio::test]
async fn behind_a_pooler_ends_and_rotations_are_seen_within_a_second_and_no_token_is_refused() {
    let app = App::spawn().await;
    let Some(pooler) = Pooler::start(&app.database).await else {
        return println!("SKIPPED: there is no PgBouncer of version 1.21 or newer");
    };
    let behind = app.replica_at(&pooler.url(&app.database)).await;
    let tenant = app.tenant("acme").await;
    let client = behind.client(&tenant).await;
    app.change_account(&tenant.id, &tenant.username, AccountChange::EndSessions)
        .await;
    let seen_after = client.is_refused_within_a_second().await;
    println!("an end is seen after {} ms", seen_after.as_millis());

    let (mut calls, mut refused) = (0, 0);
    for round in 0..3 {
        // Twice: what signs then was in no key set before.
        for _ in 0..2 {
            keys::rotate(&app.operator, &app.ctx.master, &app.clock)
                .await
                .unwrap();
        }
        let rotated = Instant::now();
        let newest = app.ctx.db.signing_keys().await.unwrap();
        let newest = newest
            .iter()
            .filter(|key| key.retired_at.is_none() && key.activated_at.is_some());
        let newest: Vec<_> = newest.map(|key| key.key_id.clone()).collect();
        let mut seen_after = None;
        let mut tokens = 0;
        while tokens < 20 || (seen_after.is_none() && tokens < 1_000) {
            tokens += 2;
            for (signs, checks) in [(&app, &behind), (&behind, &app)] {
                let token = signs.token(&tenant).await;
                let answer = checks.with_token(&token).get("/api/v1/me").await;
                calls += 1;
                if answer.status != 200 {
                    println!("refused: {answer:?}");
                    refused += 1;
                }
            }
            if seen_after.is_none() && newest[0] == behind.ctx.tokens.keys().active().id() {
                seen_after = Some(rotated.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seen_after = seen_after.expect("the tick reads keys");
        println!(
            "round {round}: the new key signs after {} ms",
            seen_after.as_millis()
        );
    }
    println!("{calls} calls with a fresh token of the other server: {refused} refused");
    assert_eq!(refused, 0);
    assert!(calls >= 60, "{calls}");
}

#[tokio::test]
async fn behind_a_pooler_each_transaction_runs_as_the_serving_role_and_no_other_does() {
    let app = App::spawn().await;
    let Some(pooler) = Pooler::start(&app.database).await else {
        return println!("SKIPPED: there is no PgBouncer of version 1.21 or newer");
    };
    let behind = app.replica_at(&pooler.url(&app.database)).await;
    let tenant = app.tenant("acme").await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    owner
        .execute("revoke all on all tables in schema public from lumatrace_app")
        .await
        .unwrap();
    // More at once than the pooler has connections, the operator's between the server's.
    let mut calls = JoinSet::new();
    for number in 0..60 {
        let (db, tenant) = (behind.ctx.db.clone(), tenant.id.clone());
        calls.spawn(async move {
            if number % 2 == 0 {
                return db.signing_keys().await.map(|_| ());
            }
            let mut tx = db.begin(&tenant).await?;
            accounts::list(&mut tx, None, 100).await.map(|_| ())
        });
    }
    let mut refused = 0;
    while let Some(call) = calls.join_next().await {
        let call = call.unwrap();
        assert!(matches!(call, Err(DbError::NotPermitted(_))), "{call:?}");
        refused += 1;
        let mut tx = behind.operator.begin_for(&tenant.id).await.unwrap();
        assert_eq!(
            accounts::list(&mut tx, None, 100).await.unwrap().len(),
            1,
            "as the owner"
        );
    }
    println!("{refused} of 60 ran as the serving role");
    assert_eq!(refused, 60);
}
