//! `/readyz`: what it says, how soon, and what it costs.

use std::time::{Duration, Instant};

use lumatrace::http::ErrorCode;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::{
    openapi::Contract,
    support::{Answer, App, pictures},
};

/// The codes of what keeps a server from being ready.
fn reasons(answer: &Answer) -> Vec<String> {
    if answer.status == 200 {
        return Vec::new();
    }
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

/// Asks until `/readyz` says what is expected, for the second that is promised; returns the answer
/// and how long that took.
pub(crate) async fn soon(app: &App, expected: &[&str]) -> (Answer, Duration) {
    let began = Instant::now();
    loop {
        let answer = app.anonymous().get("/readyz").await;
        let took = began.elapsed();
        if reasons(&answer) == expected {
            return (answer, took);
        }
        assert!(took < Duration::from_secs(1), "{expected:?}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pool_whose_connections_are_all_in_use_is_named_until_one_is_free() {
    let app = App::spawn().await;
    let mut held = Vec::new();
    for name in ["acme", "bolt"] {
        let tenant = app.tenant(name).await.id;
        for _ in 0..2 {
            held.push(app.ctx.db.begin(&tenant).await.unwrap());
        }
    }
    let (answer, fell) = soon(&app, &["database-exhausted"]).await;
    let body = answer.problem(ErrorCode::DatabaseUnavailable);
    assert_eq!(body["errors"][0]["field"], "database");
    let mut contract = Contract::new();
    contract.holds("isReady", &answer);
    drop(held);
    let (_, rose) = soon(&app, &[]).await;
    println!("no connection left: said after {fell:?}, ready again after {rose:?}");
}

#[tokio::test]
async fn a_signer_that_has_ended_is_named_where_files_are_signed() {
    let app = App::spawn().await;
    let unsigned = app.replica_with(&["--credentials", "off"]).await;
    app.clock.advance(20 * 365 * 86_400);
    let (answer, fell) = soon(&app, &["signer-ended"]).await;
    answer.problem(ErrorCode::SignerUnavailable);
    assert_eq!(answer.header("retry-after"), "60");
    println!("signer ended: said after {fell:?}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    soon(&unsigned, &[]).await;
}

#[tokio::test]
async fn any_number_may_ask_and_one_look_serves_them_all() {
    let app = App::spawn().await;
    let mut owner = PgConnection::connect(&app.database.url()).await.unwrap();
    let transactions = async |owner: &mut PgConnection| -> i64 {
        sqlx::query_scalar(
            "select xact_commit from pg_stat_database where datname = current_database()",
        )
        .fetch_one(owner)
        .await
        .unwrap()
    };
    let before = transactions(&mut owner).await;
    let began = Instant::now();
    let mut askers = JoinSet::new();
    for _ in 0..8 {
        let client = app.anonymous();
        askers.spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..250 {
                let asked = Instant::now();
                assert_eq!(client.get("/readyz").await.status, 200);
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        });
    }
    let slowest = askers.join_all().await.into_iter().max().unwrap();
    let took = began.elapsed();
    let after = transactions(&mut owner).await;
    println!(
        "2000 answers in {took:?}, the slowest in {slowest:?}, {} transactions meanwhile",
        after - before
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(after - before < 200, "none of them asked the database");
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_ends_each_connection_with_its_answer() {
    let app = App::spawn().await;
    let image = pictures::png(&pictures::scene(96, 64, 5));
    let client = app.client(&app.tenant("acme").await).await;
    assert_eq!(app.anonymous().get("/livez").await.header("connection"), "");
    app.ctx.readiness.stop();
    let answer = app.anonymous().get("/readyz").await;
    assert_eq!(reasons(&answer), ["stopping"]);
    answer.problem(ErrorCode::NotReady);
    let protected = client.protect(&image).await;
    assert_eq!(protected.header("connection"), "close", "and works as ever");
}
