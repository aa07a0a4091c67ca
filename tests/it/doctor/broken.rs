//! Set-ups that are broken for real: `lumatrace doctor` finds the fault of each, names the cure,
//! and ends in a bounded time with what else there is to say.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, FromArgMatches};
use lumatrace::{
    app::doctor::{self as checks, SetUp},
    clock::Clock,
    config::Config,
    credentials::{
        authority::Authority,
        signing::Algorithm,
        trust::{TrustKind, TrustList},
    },
    service::{keys::LONGEST_USE, trust},
};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use super::{OTHER_KEY, Place, doctor};
use crate::{
    faults::{SmallDisk, family, postmaster, signal, socket},
    pooler::Pooler,
    process::{DataDir, Server, lumatrace},
    support::MASTER_KEY,
};

/// A port where nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The command with fewer open files.
fn with_files(command: &Command, most: u32) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .env_clear();
    let variables = command.get_envs();
    limited.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    limited
}

#[tokio::test]
async fn what_is_wrong_with_settings_and_machine_is_found_beside_all_else() {
    let place = Place::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = silent.local_addr().unwrap().to_string();
    let both = format!("127.0.0.1:{}", free_port());
    let both = both.as_str();
    let mut tried = 0;
    for (settings, level, code, cure) in [
        (
            &[("LUMATRACE_WORKER", "3")][..],
            "warning",
            "setting-unknown",
            "lumatrace serve --help",
        ),
        (
            &[("LUMATRACE_WORKERS", "many")],
            "error",
            "setting-wrong",
            "lumatrace serve --help",
        ),
        (
            &[("LUMATRACE_CREDENTIALS", "maybe")],
            "error",
            "setting-wrong",
            "lumatrace serve --help",
        ),
        (
            &[("LUMATRACE_TSA_URL", "ftp://stamps")],
            "error",
            "setting-wrong",
            "lumatrace serve --help",
        ),
        (
            &[("LUMATRACE_QUEUE", "100000")],
            "warning",
            "memory-low",
            "LUMATRACE_QUEUE",
        ),
        (
            &[("LUMATRACE_CONNECTIONS", "1000000")],
            "warning",
            "descriptors-low",
            "LimitNOFILE=1000080",
        ),
        (
            &[("LUMATRACE_LISTEN", taken.as_str())],
            "error",
            "listener-taken",
            "LUMATRACE_LISTEN",
        ),
        (
            &[("LUMATRACE_LISTEN", "203.0.113.7:8081")],
            "error",
            "listener-unusable",
            "LUMATRACE_LISTEN",
        ),
        (
            &[
                ("LUMATRACE_LISTEN", both),
                ("LUMATRACE_METRICS_LISTEN", both),
            ],
            "error",
            "listener-taken",
            "LUMATRACE_METRICS_LISTEN",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")],
            "warning",
            "collector-silent",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
        (
            &[("LUMATRACE_PUBLIC_URL", "https://localhost")],
            "warning",
            "proxies-unknown",
            "LUMATRACE_TRUSTED_PROXIES",
        ),
        (
            &[("LUMATRACE_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0")],
            "warning",
            "proxies-any",
            "LUMATRACE_TRUSTED_PROXIES",
        ),
        (
            &[("LUMATRACE_MASTER_KEY_OTHER", OTHER_KEY)],
            "warning",
            "rekey-unfinished",
            "lumatrace rekey",
        ),
        (
            &[("LUMATRACE_MASTER_KEY", OTHER_KEY)],
            "error",
            "signing-key-unusable",
            "LUMATRACE_MASTER_KEY",
        ),
        (
            &[("LUMATRACE_MASTER_KEY", "c2hvcnQ=")],
            "error",
            "setting-wrong",
            "lumatrace serve --help",
        ),
        (
            &[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")],
            "error",
            "database-down",
            "DATABASE_URL",
        ),
    ] {
        let mut command = place.command();
        command.envs(settings.iter().copied());
        let said = doctor(command);
        said.finds(level, code, cure);
        // A value that the command line's parser refuses leaves nothing to examine.
        let is_parsed = !settings
            .iter()
            .any(|(_, value)| ["many", "maybe"].contains(value));
        assert_eq!(
            said.codes("ok").contains(&"engine"),
            is_parsed,
            "{}",
            said.text
        );
        tried += 1;
    }
    let few = with_files(&place.command(), 64);
    doctor(few).finds("warning", "descriptors-low", "ulimit -n 592");
    println!("{} broken set-ups of settings and machine", tried + 1);
    assert_eq!(tried, 16);
}

#[tokio::test]
async fn a_remote_database_in_plain_is_warned_of_and_one_that_is_cut_off_holds_nothing_up() {
    let place = Place::new().await;
    // Of a network for documentation (RFC 5737): no answer, or a refusal.
    let began = Instant::now();
    let said = place.doctor_with("DATABASE_URL", "postgres://u:secret@192.0.2.1/x");
    let (_, cure) = said.one("database-unverified");
    assert!(cure.contains("sslmode=verify-full"), "{cure}");
    let down = ["database-down", "database-silent"];
    assert!(
        said.codes("error").iter().all(|code| down.contains(code)),
        "{}",
        said.text
    );
    assert!(said.codes("ok").contains(&"engine") && !said.text.contains("secret"));
    println!("cut off: ended after {:?}", began.elapsed());
    // Five seconds of it wait for the database; the rest is work, on a machine that has other work.
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn files_of_the_data_folder_that_are_open_damaged_or_half_replaced_are_named() {
    let place = Place::new().await;
    let key = place.folder.0.join("master.key");
    let write = |name: &str, text: &str, mode| {
        let path = place.folder.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    let examine = || {
        let mut command = place.command();
        command.env_remove("LUMATRACE_MASTER_KEY");
        doctor(command)
    };
    write("master.key", MASTER_KEY, 0o600);
    let well = examine();
    well.is_well();
    assert!(
        well.one("files").0.contains("master.key has mode 0600"),
        "{}",
        well.text
    );

    write("master.key", MASTER_KEY, 0o644);
    examine().finds(
        "error",
        "secret-file-open",
        &format!("chmod 600 {}", key.display()),
    );
    write("master.key", MASTER_KEY, 0o600);
    write("demo-credentials.json", "{}", 0o640);
    examine().finds("error", "secret-file-open", "chmod 600");
    fs::remove_file(place.folder.0.join("demo-credentials.json")).unwrap();
    write("master.key.next", OTHER_KEY, 0o600);
    examine().finds("warning", "rekey-unfinished", "`lumatrace rekey`");
    fs::remove_file(place.folder.0.join("master.key.next")).unwrap();
    write("master.key", "damaged", 0o600);
    examine().finds("error", "setting-wrong", "lumatrace serve --help");
    fs::remove_file(&key).unwrap();
    examine().finds("error", "master-key-missing", "LUMATRACE_MASTER_KEY");
}

#[tokio::test]
async fn a_schema_of_another_program_and_damaged_rows_are_named() {
    let mut place = Place::new().await;
    place
        .run(
            "insert into _sqlx_migrations
             select 9999, description, installed_on, success, checksum, execution_time
             from _sqlx_migrations limit 1",
        )
        .await;
    let said = place.doctor();
    said.finds("error", "schema-other", "lumatrace --version");
    assert!(said.one("schema-other").0.contains("newer"));
    place
        .run("delete from _sqlx_migrations where version = 9999")
        .await;
    place
        .run("update certificate_authority set root = '\\x00'")
        .await;
    place
        .doctor()
        .finds("error", "row-damaged", "`lumatrace restore`");
}

#[tokio::test]
async fn signing_keys_that_are_old_or_missing_are_named_and_their_cure_cures() {
    let mut place = Place::new().await;
    place.run("update signing_keys set activated_at = now() - interval '399 days' where activated_at is not null").await;
    place.doctor().is_well();
    place.run("update signing_keys set activated_at = now() - interval '401 days' where activated_at is not null").await;
    let said = place.doctor();
    said.finds("warning", "signing-key-old", "`lumatrace key rotate`");
    place.cure_by(said.one("signing-key-old").1);
    place.doctor().is_well();
    place.run("delete from signing_keys").await;
    let said = place.doctor();
    said.finds("error", "signing-key-missing", "`lumatrace migrate`");
    place.cure_by(said.one("signing-key-missing").1);
    place.doctor().is_well();

    let alerts = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/alerts.yml");
    let alert = format!(
        "lumatrace_signing_key_age_seconds > {} * 86400",
        LONGEST_USE.whole_days()
    );
    assert!(
        fs::read_to_string(alerts).unwrap().contains(&alert),
        "{alert}"
    );
}

#[tokio::test]
async fn a_damaged_trust_list_is_named() {
    let mut place = Place::new().await;
    let now = Clock::system();
    let house = Authority::make(now.now(), "Press house", Algorithm::Es256).unwrap();
    let list = TrustList::read(house.root_pem().as_bytes()).unwrap();
    let imported = trust::import(&place.operator, &now, "press", TrustKind::Manifest, list).await;
    imported.unwrap();
    place.doctor().is_well();
    place
        .run("update trust_lists set anchors = array['\\x3000'::bytea]")
        .await;
    let said = place.doctor();
    said.finds(
        "error",
        "trust-list-damaged",
        "`lumatrace trust remove press`",
    );
}

#[tokio::test]
async fn roles_that_row_level_security_does_not_hold_are_refused_with_their_cure() {
    let mut place = Place::new().await;
    let role = format!("doctor_{}", Uuid::new_v4().simple());
    let as_role = |place: &Place| {
        let url = place.database.url();
        let join = if url.contains('?') { '&' } else { '?' };
        place.doctor_with("DATABASE_URL", &format!("{url}{join}options[role]={role}"))
    };
    let run = async |place: &mut Place, statement: String| {
        place.owner.execute(AssertSqlSafe(statement)).await.unwrap();
    };
    run(&mut place, format!("create role {role} bypassrls")).await;
    let bypassing = as_role(&place);
    // One that owns everything but is no superuser: it cannot take large objects from others.
    run(
        &mut place,
        format!("alter role {role} nobypassrls; grant lumatrace_app, lumatrace_admin to {role}"),
    )
    .await;
    let excessive = as_role(&place);
    run(&mut place, format!("drop role {role}")).await;
    bypassing.finds(
        "error",
        "role-unsafe",
        &format!("grant lumatrace_app to {role}"),
    );
    excessive.finds("warning", "role-excess", "superuser");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_before_the_database_is_named() {
    let place = Place::new().await;
    let Some(pooler) = Pooler::start(&place.database).await else {
        return println!("SKIPPED: a pooler, since there is no PgBouncer of version 1.21 or newer");
    };
    let said = place.doctor_with("DATABASE_URL", &pooler.url(&place.database));
    said.finds("warning", "pooler", "`lumatrace migrate`");
}

#[tokio::test]
async fn a_database_that_takes_no_changes_is_named_as_readyz_does() {
    let mut place = Place::new().await;
    let name = place.database.owner().get_database().unwrap().to_owned();
    let change = format!("alter database {name} set default_transaction_read_only = on");
    place.owner.execute(AssertSqlSafe(change)).await.unwrap();
    let said = place.doctor();
    said.finds("error", "database-read-only", "DATABASE_URL");
    assert!(
        said.codes("ok").contains(&"self-test"),
        "all else is examined: {}",
        said.text
    );
}

/// The clock of the program cannot be set, so the checks are run within this process.
#[test]
fn a_clock_that_is_not_that_of_the_database_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(Place::new());
    let command = Config::augment_args(clap::Command::new("doctor"));
    let (url, folder) = (place.database.url(), place.folder.0.to_str().unwrap());
    let matches = command.get_matches_from([
        "doctor",
        "--database-url",
        &url,
        "--master-key",
        MASTER_KEY,
        "--data-dir",
        folder,
        "--listen",
        "127.0.0.1:0",
        "--workers",
        "1",
    ]);
    let config = Config::from_arg_matches(&matches).unwrap();
    let codes = |ahead: i64| -> Vec<(&str, &str)> {
        let found = checks::examine(&SetUp {
            runtime: &runtime,
            config: &config,
            in_flags: &[],
            unknown: &[],
            clock: &Clock::fixed(Clock::system().now().unix_timestamp() + ahead),
        });
        let bad = found.iter().filter(|found| found.cure.is_some());
        bad.map(|found| (found.level.as_str(), found.code))
            .collect()
    };
    assert_eq!(codes(0), []);
    for ahead in [45, -45] {
        assert_eq!(codes(ahead), [("warning", "clock-apart")]);
    }
}

#[tokio::test]
async fn a_disk_without_room_is_named() {
    let Some(disk) = SmallDisk::mount(4) else {
        return println!("SKIPPED: a full disk, since this user may not mount one");
    };
    let place = Place::new().await;
    let examine = || {
        let mut command = place.command();
        command.env("LUMATRACE_DATA_DIR", disk.path());
        doctor(command)
    };
    examine().is_well();
    let filler = disk.fill_but(0);
    examine().finds("error", "disk-full", "LUMATRACE_DATA_DIR");
    let file = fs::File::options().write(true).open(&filler).unwrap();
    file.set_len(file.metadata().unwrap().len() - (512 << 10))
        .unwrap();
    examine().finds("warning", "disk-low", "df -h");
}

#[test]
fn a_paused_database_holds_nothing_up_whoever_runs_it() {
    let folder = DataDir::new();
    let server = Server::start(lumatrace(&folder.0));
    let address = server.url.strip_prefix("http://").unwrap();
    let examine = |url: Option<String>| {
        let mut command = lumatrace(&folder.0);
        command.env("LUMATRACE_LISTEN", address);
        if let Some(url) = url {
            command.env("DATABASE_URL", url);
        }
        let began = Instant::now();
        (doctor(command), began.elapsed())
    };
    let by_url = format!(
        "postgres://lumatrace_admin@localhost/lumatrace?host={}",
        socket(&folder.0).display()
    );
    examine(Some(by_url.clone())).0.is_well();
    // It alone first, so that none of its children is gone before its turn.
    let postmaster = postmaster(&folder.0);
    signal(&[postmaster], "STOP");
    let paused = family(postmaster);
    signal(&paused, "STOP");
    // The server notices within a second.
    thread::sleep(Duration::from_secs(2));
    let (named, private) = (examine(Some(by_url)), examine(None));
    signal(&paused, "CONT");
    for ((said, took), limit) in [(named, 60), (private, 80)] {
        println!("paused: ended after {took:?}");
        said.finds("error", "database-silent", "kill -CONT");
        let (message, cure) = said.one("server-not-ready");
        assert!(
            message.contains("database-silent") && cure.contains("/readyz"),
            "{message}"
        );
        assert!(said.codes("ok").contains(&"engine"), "{}", said.text);
        assert!(took < Duration::from_secs(limit), "{took:?}");
    }
}
