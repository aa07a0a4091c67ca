//! Calls that servers take in advance: no limit is passed because of them, what the operator says
//! holds within a second, and a server that ends gives back and writes what it held.

use std::{sync::Arc, time::Duration};

use lumatrace::{
    http::ErrorCode,
    service::operator::{self, PolicyChange, TenantChange},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::{sync::Barrier, task::JoinSet, time::Instant};

use crate::{
    limits::well_before_the_hour_ends,
    process::{DataDir, Server, curl, lumatrace_on},
    support::{App, Client, PASSWORD, TestDatabase, pictures},
};

const FORTY_A_SECOND: [&str; 6] = [
    "--rate-per-second",
    "40",
    "--rate-burst",
    "80",
    "--rate-per-hour",
    "0",
];

/// Whether a call passes; any other answer than that of a limit is wrong.
async fn passes(client: &Client) -> bool {
    let answer = client.get("/api/v1/me").await;
    if answer.status == 200 {
        return true;
    }
    answer.problem(ErrorCode::RateLimitExceeded);
    false
}

/// Calls for a while, every few milliseconds, so that the server holds a lease.
async fn call_slowly(client: &Client, during: Duration) {
    let until = Instant::now() + during;
    while Instant::now() < until {
        passes(client).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

async fn used(database: &TestDatabase, question: &'static str) -> i64 {
    let mut owner = PgConnection::connect_with(&database.owner()).await.unwrap();
    let used: Option<i64> = sqlx::query_scalar(question)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    used.unwrap_or_default()
}

/// Calls that were taken from the hour.
const TAKEN: &str = "select sum(used)::bigint from tenant_rates";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_with_leases_never_let_more_pass_than_one_bucket() {
    let app = App::spawn_with(&FORTY_A_SECOND).await;
    let other = app.replica_with(&FORTY_A_SECOND).await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let clients = [app.with_token(&token), other.with_token(&token)];
    let mut rounds = Vec::new();
    for _ in 0..3 {
        // The bucket fills, and then each server takes a lease.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let shortly = Duration::from_millis(400);
        tokio::join!(
            call_slowly(&clients[0], shortly),
            call_slowly(&clients[1], shortly)
        );
        // All at once at both, with a full bucket and both leases there.
        let start = Arc::new(Barrier::new(8));
        let mut calls = JoinSet::new();
        let began = Instant::now();
        for number in 0..8 {
            let (client, start) = (clients[number % 2].clone(), Arc::clone(&start));
            calls.spawn(async move {
                start.wait().await;
                let mut passed = 0;
                for _ in 0..40 {
                    passed += u32::from(passes(&client).await);
                }
                passed
            });
        }
        let passed: u32 = calls.join_all().await.into_iter().sum();
        let most = 80.0 + 40.0 * began.elapsed().as_secs_f64();
        rounds.push((passed, most));
    }
    println!("let pass, and at most: {rounds:?}");
    for (passed, most) in rounds {
        assert!(f64::from(passed) <= most, "{passed} of {most}");
        assert!(f64::from(passed) > 0.6 * 80.0, "{passed}: nearly a bucket");
    }
}

#[tokio::test]
async fn a_limit_that_is_lowered_and_a_tenant_that_is_suspended_end_a_lease_within_a_second() {
    let app = App::spawn_with(&FORTY_A_SECOND).await;
    let tenant = app.tenant("acme").await;
    let acme = app.client(&tenant).await;
    call_slowly(&acme, Duration::from_millis(700)).await;
    let change = PolicyChange {
        rate_per_second: Some(Some(1)),
        rate_burst: Some(Some(2)),
        ..PolicyChange::default()
    };
    operator::set_policy(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &tenant.id,
        change,
    )
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut passed = 0;
    for _ in 0..20 {
        passed += u32::from(passes(&acme).await);
    }
    assert!(passed <= 4, "{passed}");
    // Then the bucket has no more room for the lease.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(passes(&acme).await);

    let more = PolicyChange {
        rate_per_second: Some(Some(1_000)),
        rate_burst: Some(Some(4_000)),
        ..PolicyChange::default()
    };
    operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &tenant.id, more)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    call_slowly(&acme, Duration::from_millis(500)).await;
    assert!(passes(&acme).await);
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &tenant.id,
        TenantChange::Suspend,
    )
    .await
    .unwrap();
    acme.is_refused_within_a_second().await;
}

#[tokio::test]
async fn what_a_silent_tenant_left_of_a_lease_is_given_back() {
    let limits = [
        "--rate-per-second",
        "50",
        "--rate-burst",
        "100",
        "--rate-per-hour",
        "50000",
    ];
    let app = App::spawn_with(&limits).await;
    let acme = app.client(&app.tenant("acme").await).await;
    well_before_the_hour_ends(&app).await;
    for _ in 0..3 {
        assert!(passes(&acme).await);
    }
    let leased = used(&app.database, TAKEN).await;
    assert!(leased > 4, "{leased} are taken, more than were called");
    let deadline = Instant::now() + Duration::from_secs(5);
    // Three calls and the sign-in.
    while used(&app.database, TAKEN).await != 4 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A process that serves, and what it takes to call it.
struct Served {
    server: Server,
    token: String,
    file: String,
    photo: String,
}

impl Served {
    fn start(database: &TestDatabase, data_dir: &DataDir) -> Self {
        let server = Server::start(lumatrace_on(database, data_dir));
        let login = format!("{}/api/v1/auth/login", server.url);
        let body = json!({ "tenantId": "acme", "username": "press", "password": PASSWORD });
        let body = body.to_string();
        let kind = "content-type: application/json";
        let (_, answer) = curl(&["-H", kind, "-d", &body, &login]);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let token = answer["token"].as_str().unwrap();
        let token = format!("authorization: Bearer {token}");
        let upload = data_dir.0.join("upload.png");
        std::fs::write(&upload, pictures::png(&pictures::scene(96, 64, 83))).unwrap();
        let file = data_dir.0.join("protected.png");
        let (form, file) = (
            format!("image=@{}", upload.display()),
            file.display().to_string(),
        );
        let protect = format!("{}/api/v1/photos/protect", server.url);
        let (status, protected) = curl(&["-H", &token, "-F", &form, &protect]);
        assert_eq!(status, 200);
        std::fs::write(&file, protected).unwrap();
        let list = format!("{}/api/v1/photos", server.url);
        let (_, photos) = curl(&["-H", &token, &list]);
        let photos: Value = serde_json::from_slice(&photos).unwrap();
        let photo = photos["items"][0]["photoId"].as_str().unwrap().to_owned();
        Self {
            server,
            token,
            file,
            photo,
        }
    }

    fn verify(&self, times: usize) {
        let (image, photo) = (
            format!("image=@{}", self.file),
            format!("photoId={}", self.photo),
        );
        let verify = format!("{}/api/v1/photos/verify", self.server.url);
        for _ in 0..times {
            let (status, _) = curl(&["-H", &self.token, "-F", &image, "-F", &photo, &verify]);
            assert_eq!(status, 200);
        }
    }
}

const VERIFIED: &str = "select sum(calls)::bigint from usage_hours where operation = 'verify'";
const PROTECTED: &str = "select sum(calls)::bigint from usage_hours where operation = 'protect'";

#[test]
fn a_server_that_stops_writes_its_counts_and_one_that_is_killed_loses_a_second_of_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let count = |question| runtime.block_on(used(&database, question));
    let data_dir = DataDir::new();
    let served = Served::start(&database, &data_dir);
    served.verify(4);
    served.server.signal("-TERM");
    assert_eq!(served.server.wait(), 0);
    assert_eq!((count(VERIFIED), count(PROTECTED)), (4, 1));
    // Sign-in, protect, list, four times verify; unless an hour ended meanwhile.
    let taken = count(TAKEN);
    assert!((1..=7).contains(&taken), "{taken}");

    let mut served = Served::start(&database, &data_dir);
    served.verify(3);
    std::thread::sleep(Duration::from_millis(1_200));
    served.verify(2);
    served.server.child.kill().unwrap();
    served.server.child.wait().unwrap();
    let verified = count(VERIFIED);
    println!("{verified} of 9 verifications were written");
    assert!((7..=9).contains(&verified), "{verified}");
    assert_eq!(count(PROTECTED), 2, "never one of a photo");
    // A lease of 25 and what it was to give back, at most.
    let taken = count(TAKEN);
    assert!(taken <= 7 + 8 + 2 * 25, "{taken}");
}

/// The room in the bucket that is left for leases.
const LEASED: &str = "select sum(leased + leased_before)::bigint from tenant_rates";

#[tokio::test]
async fn the_room_of_a_killed_servers_lease_is_taken_back_while_another_server_goes_on() {
    let app = App::spawn_with(&FORTY_A_SECOND).await;
    let acme = app.client(&app.tenant("acme").await).await;
    call_slowly(&acme, Duration::from_millis(700)).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    // As if others had been killed that held these.
    let question = "update tenant_rates set leased = leased + 30";
    sqlx::query(question).execute(&mut owner).await.unwrap();
    call_slowly(&acme, Duration::from_millis(1_500)).await;
    assert!(used(&app.database, LEASED).await >= 30);
    call_slowly(&acme, Duration::from_secs(5)).await;
    let leased = used(&app.database, LEASED).await;
    assert!((1..30).contains(&leased), "{leased}: its own alone");
}
