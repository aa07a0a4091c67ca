//! A standby votes for `identify`: what it is asked, and that its loss costs no answer.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use axum::http::Method;
use lumatrace::{
    db::{self, DbError, words},
    domain::TenantId,
    metrics::Snapshot,
    service::standby::{self, Fault},
};
use sqlx::{Executor, PgConnection};

use crate::{
    process::{DataDir, lumatrace_on},
    support::{App, Client, Cluster, Part, TestDatabase, pictures},
};

/// A primary, its standby, and an application that uses both.
struct Pair {
    app: App,
    client: Client,
    standby: Cluster,
    primary: Cluster,
}

impl Pair {
    /// `None` where PostgreSQL's programs are not all installed.
    async fn start() -> Option<Self> {
        let primary = Cluster::primary().await?;
        let standby = primary.standby().await;
        let flags = ["--read-database-url", &standby.url()];
        let app = App::spawn_at(&primary.url(), &flags).await;
        assert!(is_up(&app), "from the first look on");
        let client = app.client(&app.tenant("acme").await).await;
        Some(Self {
            app,
            client,
            standby,
            primary,
        })
    }

    /// Waits until the standby has replayed all that there is.
    async fn level(&self) {
        let mut primary = self.primary.connect("lumatrace").await;
        let mut standby = self.standby.connect("lumatrace").await;
        let written: String = text(&mut primary, "select pg_current_wal_flush_lsn()::text").await;
        let replayed = format!("select (pg_last_wal_replay_lsn() >= '{written}')::text");
        until("level", async || {
            text(&mut standby, &replayed).await == "true"
        })
        .await;
    }

    /// Identifies a file, which is that photo, and says whether the standby voted.
    async fn finds(&self, file: &[u8], photo: &str) -> bool {
        let before = votes(&self.app, "standby");
        assert_eq!(identify(&self.client, file).await, [photo]);
        votes(&self.app, "standby") > before
    }

    /// Waits until the standby votes.
    async fn is_used(&self, file: &[u8], photo: &str) {
        until("used", async || self.finds(file, photo).await).await;
    }
}

async fn text(connection: &mut PgConnection, question: &str) -> String {
    let question = sqlx::AssertSqlSafe(question.to_owned());
    let answer = sqlx::query_scalar(question).fetch_one(connection);
    answer.await.unwrap()
}

/// Asks until it is so, for half a minute at most.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_up(app: &App) -> bool {
    app.ctx
        .standby
        .as_ref()
        .is_some_and(standby::Standby::is_up)
}

/// How many votes a source has given.
fn votes(app: &App, source: &str) -> u64 {
    let text = app.ctx.metrics.render(Snapshot::default()).unwrap();
    let name = format!("lumatrace_identify_votes_total{{source=\"{source}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().unwrap())
}

async fn protect(client: &Client, seed: u32) -> (String, Vec<u8>) {
    let scene = pictures::scene(256, 192, seed);
    let answer = client.protect(&pictures::png(&scene)).await;
    // Not the bytes that were returned, which are found without votes.
    let file = pictures::jpeg(&pictures::read(&answer.body), 90);
    (answer.header("x-photo-id").to_owned(), file)
}

async fn identify(client: &Client, image: &[u8]) -> Vec<String> {
    let answer = client
        .post_form("/api/v1/photos/identify", &[Part::image(image)])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let matches = answer.json()["matches"].as_array().unwrap().clone();
    let ids = matches
        .iter()
        .map(|one| one["photoId"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test]
async fn the_standby_votes_and_a_photo_is_found_from_its_protection_to_its_deletion() {
    let Some(pair) = Pair::start().await else {
        return println!("pg_basebackup is not installed");
    };
    let bolt = pair.app.client(&pair.app.tenant("bolt").await).await;
    let mut found = 0;
    for seed in [11, 24, 37, 50] {
        let (photo, file) = protect(&pair.client, seed).await;
        pair.finds(&file, &photo).await;
        pair.is_used(&file, &photo).await;
        assert_eq!(
            identify(&bolt, &file).await,
            [] as [&str; 0],
            "another tenant's"
        );
        let path = format!("/api/v1/photos/{photo}");
        let deleted = pair.client.call(&Method::DELETE, &path).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        assert_eq!(
            identify(&pair.client, &file).await,
            [] as [&str; 0],
            "deleted"
        );
        found += 1;
    }
    assert_eq!(found, 4);
}

#[tokio::test]
async fn what_a_standby_is_asked_is_asked_as_the_serving_role_and_changes_nothing() {
    let Some(pair) = Pair::start().await else {
        return println!("pg_basebackup is not installed");
    };
    let (photo, _) = protect(&pair.client, 11).await;
    let mut owner = pair.primary.connect("lumatrace").await;
    let tokens: Vec<i32> = sqlx::query_scalar("select unnest(tokens) from word_sets")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    pair.level().await;
    let standby = db::Standby::new(pair.standby.options(), 2);
    let (_, access) = standby.look().await.unwrap();
    let access = access.unwrap();
    let ask = async |tenant: &str| {
        let tenant = TenantId::parse(tenant).unwrap();
        let mut tx = standby.begin(&tenant, access).await.unwrap();
        let votes = words::vote(tx.rows(), &tokens, 2, 10).await?;
        let photos = votes.iter().map(|vote| vote.photo.to_string());
        Ok::<Vec<String>, DbError>(photos.collect())
    };
    assert_eq!(ask("acme").await.unwrap(), [photo]);
    assert_eq!(ask("bolt").await.unwrap(), [] as [&str; 0]);
    owner
        .execute("revoke select on photo_words from lumatrace_app")
        .await
        .unwrap();
    pair.level().await;
    let refused = ask("acme").await;
    assert!(
        matches!(refused, Err(DbError::NotPermitted(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_standby_that_is_behind_hides_no_photo() {
    let Some(pair) = Pair::start().await else {
        return println!("pg_basebackup is not installed");
    };
    let (old, old_file) = protect(&pair.client, 11).await;
    pair.level().await;
    let mut standby = pair.standby.connect("lumatrace").await;
    standby
        .execute("select pg_wal_replay_pause()")
        .await
        .unwrap();
    let paused = "select pg_get_wal_replay_pause_state()";
    until("paused", async || {
        text(&mut standby, paused).await == "paused"
    })
    .await;

    let (new, new_file) = protect(&pair.client, 24).await;
    for (photo, file) in [(&new, &new_file), (&old, &old_file)] {
        assert!(!pair.finds(file, photo).await, "the primary's votes");
    }
    until("seen", async || {
        standby::look(&pair.app.ctx).await == Some(Fault::Behind)
    })
    .await;

    standby
        .execute("select pg_wal_replay_resume()")
        .await
        .unwrap();
    pair.level().await;
    for (photo, file) in [(&new, &new_file), (&old, &old_file)] {
        pair.is_used(file, photo).await;
    }
}

#[tokio::test]
async fn whatever_becomes_of_the_standby_each_identify_is_answered_rightly_and_soon() {
    let Some(mut pair) = Pair::start().await else {
        return println!("pg_basebackup is not installed");
    };
    let mut photos = Vec::new();
    for seed in [11, 24, 37] {
        photos.push(protect(&pair.client, seed).await);
    }
    let (photo, file) = photos[0].clone();
    pair.is_used(&file, &photo).await;

    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let client = pair.client.clone();
    let identifies = async {
        let mut longest = Duration::ZERO;
        while !ended.load(Ordering::Relaxed) {
            for (photo, file) in &photos {
                let began = Instant::now();
                assert_eq!(identify(&client, file).await, [photo.as_str()]);
                longest = longest.max(began.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
        longest
    };
    let faults = async {
        pair.standby.signal("STOP");
        until("missed", async || !is_up(&pair.app)).await;
        let ready = pair.app.anonymous().get("/readyz").await;
        assert_eq!(ready.status, 200, "{ready:?}");
        pair.standby.signal("CONT");
        until("used again", async || is_up(&pair.app)).await;
        pair.is_used(&file, &photo).await;

        pair.standby.kill();
        until("missed", async || !is_up(&pair.app)).await;
        assert!(!pair.finds(&file, &photo).await, "the primary's votes");
        let ready = pair.app.anonymous().get("/readyz").await;
        assert_eq!(ready.status, 200, "{ready:?}");
        pair.standby.restart();
        until("used again", async || is_up(&pair.app)).await;
        pair.is_used(&file, &photo).await;

        let mut standby = pair.standby.connect("lumatrace").await;
        standby.execute("select pg_promote()").await.unwrap();
        until("promoted", async || {
            standby::look(&pair.app.ctx).await == Some(Fault::Promoted)
        })
        .await;
        assert!(!pair.finds(&file, &photo).await, "the primary's votes");
        ended.store(true, Ordering::Relaxed);
    };
    let (longest, ()) = tokio::join!(identifies, faults);
    let answered = answered.into_inner();
    let by = ["standby", "primary"].map(|source| votes(&pair.app, source));
    println!(
        "{answered} identifies, the longest took {longest:?}; votes of standby, primary: {by:?}"
    );
    // What a call loses, 3.5 s, beside what it takes on a machine that is starved.
    assert!(answered > 5 && longest < Duration::from_secs(15));
}

#[tokio::test]
async fn a_read_database_of_another_system_is_refused_and_one_that_is_not_there_is_not() {
    let Some(primary) = Cluster::primary().await else {
        return println!("pg_basebackup is not installed");
    };
    let (other, third) = (primary.standby().await, TestDatabase::create().await);
    let database = TestDatabase::create().await;
    let mut refused = 0;
    for url in [other.url(), third.url()] {
        let folder = DataDir::new();
        let mut command = lumatrace_on(&database, &folder);
        command.env("LUMATRACE_READ_DATABASE_URL", url);
        let output = command
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let sentence = "LUMATRACE_READ_DATABASE_URL leads to another database than DATABASE_URL";
        assert!(said.contains(sentence), "{said}");
        refused += 1;
    }
    assert_eq!(refused, 2);

    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let app = App::spawn_with(&["--read-database-url", nowhere]).await;
    let client = app.client(&app.tenant("acme").await).await;
    let (photo, file) = protect(&client, 11).await;
    assert_eq!(identify(&client, &file).await, [photo]);
    assert_eq!((is_up(&app), votes(&app, "primary")), (false, 1));
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
}
