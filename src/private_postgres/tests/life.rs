//! Starting, stopping, dying in every way, and sharing.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use super::*;

#[test]
fn starts_stops_and_starts_again() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let postgres = timed("first start", || start(&data_dir));
    assert_eq!(
        fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let socket_dir = postgres.socket_dir().to_owned();
    assert_eq!(
        fs::metadata(&socket_dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    query(&socket_dir, "create table kept as select 'a photo' as name").unwrap();
    assert_eq!(query(&socket_dir, "show fsync").unwrap(), "on");
    assert_eq!(query(&socket_dir, "show listen_addresses").unwrap(), "");
    assert_eq!(query(&socket_dir, "show server_encoding").unwrap(), "UTF8");
    timed("stop", || postgres.stop());
    assert_down(&data_dir, &socket_dir);

    for round in 2..=4 {
        let begun = Instant::now();
        let postgres = timed(&format!("start {round}"), || start(&data_dir));
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(
            query(postgres.socket_dir(), "select name from kept").unwrap(),
            "a photo"
        );
        drop(postgres);
        assert_down(&data_dir, &socket_dir);
    }
}

#[test]
fn a_killed_postmaster_comes_back() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let postgres = start(&data_dir);
    let socket_dir = postgres.socket_dir().to_owned();
    query(&socket_dir, "create table kept as select 'a photo' as name").unwrap();
    for _ in 0..3 {
        let killed = postmaster(&data_dir);
        let session = socket::open_session(&socket_dir).unwrap();
        signal_postmaster(&data_dir, "KILL");
        wait_for("a killed postmaster is back", || {
            query(&socket_dir, "select name from kept").is_ok_and(|name| name == "a photo")
        });
        assert_ne!(postmaster(&data_dir), killed);
        drop(session);
    }
    postgres.stop();
    assert_down(&data_dir, &socket_dir);
}

#[test]
fn a_paused_postmaster_is_stopped_like_any_other() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let postgres = start(&data_dir);
    let socket_dir = postgres.socket_dir().to_owned();
    signal_postmaster(&data_dir, "STOP");
    let began = Instant::now();
    timed("stop of a paused one", || postgres.stop());
    assert!(began.elapsed() < LIMIT, "it was waited for");
    assert_down(&data_dir, &socket_dir);
}

#[test]
fn a_killed_owner_leaves_a_cluster_that_starts() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    for _ in 0..3 {
        let mut other = Other::launch(&data_dir);
        let socket_dir = other.wait_until_started();
        query(
            &socket_dir,
            "create table if not exists kept as select 'a photo' as name",
        )
        .unwrap();
        other.kill();
        let postgres = timed("start after kill -9 of the owner", || start(&data_dir));
        // It must be ours by now, and not the old one on its way down.
        thread::sleep(Duration::from_millis(300));
        assert_eq!(
            query(postgres.socket_dir(), "select name from kept").unwrap(),
            "a photo"
        );
    }
}

#[test]
fn an_owner_killed_while_making_the_cluster_leaves_nothing_in_the_way() {
    let scratch = Scratch::new();
    let data_dir = scratch.open_data_dir();
    for delay_ms in [50, 150, 300, 500] {
        let other = Other::launch(&data_dir);
        thread::sleep(Duration::from_millis(delay_ms));
        other.kill();
    }
    let postgres = timed("start after kill -9 during initdb", || start(&data_dir));
    query(postgres.socket_dir(), "select 1").unwrap();
}

#[test]
fn a_stale_pid_file_is_not_believed() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let postgres = start(&data_dir);
    let copy = fs::read_to_string(postmaster_file(&data_dir)).unwrap();
    let living = copy.replacen(&postmaster(&data_dir).to_string(), "1", 1);
    postgres.stop();
    fs::write(postmaster_file(&data_dir), living).unwrap();
    let postgres = timed("start beside a pid file naming process 1", || {
        start(&data_dir)
    });
    query(postgres.socket_dir(), "select 1").unwrap();
}

#[test]
fn two_processes_may_start_at_once_on_nothing() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let mut others = [(); 3].map(|()| Other::launch(&data_dir));
    let folders = others.each_mut().map(Other::wait_until_started);
    for folder in &folders {
        query(folder, "select 1").unwrap();
    }
    for other in others {
        other.finish();
    }
    assert_down(&data_dir, &folders[0]);
}

#[test]
fn a_follower_leaves_the_cluster_alone_and_takes_over_when_the_owner_goes() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    let mut owner = Other::launch(&data_dir);
    let socket_dir = owner.wait_until_started();
    let running = postmaster(&data_dir);

    timed("start of a follower", || start(&data_dir)).stop();
    assert_eq!(
        postmaster(&data_dir),
        running,
        "a follower stopped the cluster"
    );

    let follower = start(&data_dir);
    assert_eq!(follower.socket_dir(), socket_dir);
    owner.finish();
    wait_for(
        "a follower has taken over from an owner that stopped",
        || query(&socket_dir, "select 1").is_ok(),
    );
    follower.stop();
    assert_down(&data_dir, &socket_dir);

    let mut owner = Other::launch(&data_dir);
    owner.wait_until_started();
    let follower = start(&data_dir);
    let running = postmaster(&data_dir);
    owner.kill();
    wait_for(
        "a follower has taken over from an owner that was killed",
        || {
            fs::read_to_string(postmaster_file(&data_dir))
                .is_ok_and(|text| !text.starts_with(&running.to_string()))
                && query(&socket_dir, "select 1").is_ok()
        },
    );
    follower.stop();
    assert_down(&data_dir, &socket_dir);
}

#[test]
fn a_cluster_that_cannot_start_says_why() {
    let scratch = Scratch::new();
    let data_dir = scratch.data_dir();
    start(&data_dir).stop();
    let settings = cluster_dir(&data_dir).join("cluster/postgresql.conf");
    fs::write(&settings, "no_such_setting = 1\n").unwrap();
    let message = timed("giving up", || try_start(&data_dir))
        .unwrap_err()
        .to_string();
    assert!(message.contains("no_such_setting"), "{message}");
    assert!(is_cluster_free(&data_dir));

    fs::write(cluster_dir(&data_dir).join("cluster/PG_VERSION"), "7\n").unwrap();
    let message = try_start(&data_dir).unwrap_err().to_string();
    assert!(message.contains("PostgreSQL 7"), "{message}");
}
