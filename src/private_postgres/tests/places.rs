//! Where the files and the socket end up.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use super::{
    super::{account::UnixAccount, binaries},
    *,
};

#[test]
fn a_data_folder_in_a_closed_place_works() {
    let scratch = Scratch::new();
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = scratch.open_data_dir();
    let postgres = start(&data_dir);
    query(postgres.socket_dir(), "select 1").unwrap();
    let is_outside = data_dir.join("postgres-location").exists();
    assert_eq!(is_outside, sys::effective_user() == 0);
    drop(postgres);

    if is_outside {
        let cluster_dir = cluster_dir(&data_dir);
        let away = cluster_dir.with_extension("away");
        fs::rename(&cluster_dir, &away).unwrap();
        let message = try_start(&data_dir).unwrap_err().to_string();
        assert!(message.contains("postgres-location"), "{message}");
        fs::rename(&away, &cluster_dir).unwrap();
    }
}

#[test]
fn a_data_folder_in_an_open_place_holds_its_cluster() {
    let scratch = Scratch::new();
    let data_dir = scratch.open_data_dir();
    let postgres = start(&data_dir);
    assert_eq!(postgres.socket_dir(), data_dir.join("postgres/socket"));
    drop(postgres);

    if sys::effective_user() == 0 {
        fs::set_permissions(&data_dir, fs::Permissions::from_mode(0o700)).unwrap();
        let error = try_start(&data_dir).unwrap_err();
        // Never a new, empty cluster elsewhere.
        assert!(
            matches!(error, PrivatePostgresError::Closed { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_long_path_has_its_socket_elsewhere() {
    let scratch = Scratch::new();
    let link = scratch.data_dir();
    let long = scratch
        .0
        .join(format!("a, \"long\" path {}", "x".repeat(150)));
    fs::create_dir(&long).unwrap();
    fs::set_permissions(&long, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(&long, &link).unwrap();

    let postgres = start(&link);
    let socket_dir = postgres.socket_dir().to_owned();
    assert!(
        socket_dir.as_os_str().len() < 60,
        "{}",
        socket_dir.display()
    );
    assert_eq!(
        fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    postgres.stop();
    assert_down(&link, &socket_dir);

    // `/tmp` and `/run` are emptied at boot; the recorded name is still free.
    fs::remove_dir(&socket_dir).unwrap();
    let postgres = start(&link);
    assert_eq!(postgres.socket_dir(), socket_dir);
    postgres.stop();

    // Somebody waits there for our passwords.
    fs::set_permissions(&socket_dir, fs::Permissions::from_mode(0o777)).unwrap();
    let trap = UnixListener::bind(socket_dir.join(".s.PGSQL.5432")).unwrap();
    let postgres = start(&link);
    assert_ne!(postgres.socket_dir(), socket_dir);
    query(postgres.socket_dir(), "select 1").unwrap();
    drop(trap);
    fs::remove_dir_all(&socket_dir).unwrap();
    let second = postgres.socket_dir().to_owned();
    drop(postgres);
    fs::remove_dir(second).unwrap();
}

#[test]
fn the_log_stays_small() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    start(&data_dir).stop();
    let log = cluster_dir(&data_dir).join("server.log");
    fs::OpenOptions::new()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(11 * 1024 * 1024)
        .unwrap();
    start(&data_dir).stop();
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.len() < 4096 && text.contains("shut down"),
        "{} bytes",
        text.len()
    );
}

#[test]
fn tests_get_a_faster_server_with_more_room() {
    let scratch = Scratch::new();
    let options = Options {
        data_dir: scratch.data_dir(),
        durable: false,
    };
    let postgres = timed("first start, not durable", || {
        PrivatePostgres::start(options)
    })
    .unwrap();
    assert_eq!(query(postgres.socket_dir(), "show fsync").unwrap(), "off");
    assert_eq!(
        query(postgres.socket_dir(), "show max_connections").unwrap(),
        "200"
    );
    assert_eq!(
        postgres.socket_dir().file_name(),
        Some(OsStr::new("socket"))
    );
}

#[test]
fn a_cluster_that_another_user_runs_answers_root_alone() {
    let scratch = Scratch::new();
    let data_dir = scratch.open_data_dir();
    let postgres = start(&data_dir);
    let told = query(postgres.socket_dir(), "show hba_file").unwrap();
    query(postgres.socket_dir(), "select 1").unwrap();
    if sys::effective_user() != 0 {
        return;
    }
    assert_eq!(told, data_dir.join("postgres/door.hba").to_str().unwrap());
    let account = UnixAccount::choose().unwrap();
    let ask = |role: &str| {
        let mut psql = account.command(
            &binaries::newest()
                .unwrap()
                .postgres()
                .with_file_name("psql"),
        );
        psql.arg("-h").arg(postgres.socket_dir());
        psql.args([
            "-U",
            role,
            "-d",
            PrivatePostgres::DATABASE,
            "-c",
            "select 1",
        ]);
        let asked = psql.output().unwrap();
        (
            asked.status.success(),
            String::from_utf8_lossy(&asked.stderr).into_owned(),
        )
    };
    for role in [PrivatePostgres::SUPERUSER, "lumatrace_app"] {
        let (entered, told) = ask(role);
        assert!(
            !entered && told.contains("Peer authentication failed"),
            "{told}"
        );
    }
}
