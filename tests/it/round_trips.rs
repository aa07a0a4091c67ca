//! How often a call waits for the database: counted between server and PostgreSQL, the check of the
//! connection, BEGIN and COMMIT included.

use serde_json::json;

use crate::support::{Answer, App, Client, PASSWORD, Tap, pictures};

/// The limits that a tenant has unless the operator says otherwise.
const USUAL_LIMITS: [&str; 8] = [
    "--rate-per-second",
    "50",
    "--rate-burst",
    "100",
    "--rate-per-hour",
    "50000",
    "--database-connections",
    "2",
];

/// A transaction that takes calls in advance, beside the calls.
const RENEWAL: &str = "synchronous_commit = off";

/// A server behind a proxy that counts, and a client whose tenant called a moment ago.
async fn tapped() -> (App, App, Tap, Client) {
    let app = App::spawn_with(&USUAL_LIMITS).await;
    let tap = Tap::start(&app.database).await;
    let server = app.replica_at_with(tap.url(), &USUAL_LIMITS).await;
    let client = server.client(&app.tenant("acme").await).await;
    (app, server, tap, client)
}

/// The round trips of a call of a tenant that called a moment ago, beside those of renewals.
async fn round_trips(tap: &Tap, client: &Client, call: impl AsyncFn() -> Answer) -> usize {
    // Writes what was counted of calls before.
    assert_eq!(client.get("/api/v1/usage").await.status, 200);
    for _ in 0..2 {
        assert_eq!(client.get("/api/v1/me").await.status, 200);
    }
    tap.forget();
    let answer = call().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let passed = tap.passed("acme");
    let own = passed.iter().filter(|one| !one.begin.contains(RENEWAL));
    own.map(|one| one.round_trips).sum()
}

/// The least of several rounds: the first ones prepare their statements.
async fn least(tap: &Tap, client: &Client, call: impl AsyncFn() -> Answer) -> usize {
    let mut least = usize::MAX;
    for _ in 0..6 {
        least = least.min(round_trips(tap, client, &call).await);
    }
    least
}

#[tokio::test]
async fn an_ordinary_call_waits_for_the_database_as_seldom_as_is_said() {
    let (_app, server, tap, client) = tapped().await;
    let image = pictures::png(&pictures::scene(96, 64, 81));
    let protected = client.protect(&image).await;
    let photo = protected.header("x-photo-id").to_owned();

    let protect = least(&tap, &client, async || client.protect(&image).await).await;
    let verify = least(&tap, &client, async || {
        client.verify(&protected.body, &photo).await
    })
    .await;
    let body = json!({ "tenantId": "acme", "username": "press", "password": PASSWORD });
    let login = least(&tap, &client, async || {
        let anonymous = server.anonymous();
        anonymous.post_json("/api/v1/auth/login", &body).await
    })
    .await;
    println!("round trips: protect {protect}, verify {verify}, login {login}");
    assert!((1..=6).contains(&protect), "protect: {protect}");
    assert!((1..=2).contains(&verify), "verify: {verify}");
    assert!((1..=9).contains(&login), "login: {login}");
}

#[tokio::test]
async fn who_called_a_moment_ago_is_let_in_without_asking_the_database() {
    let (_app, _server, tap, client) = tapped().await;
    for _ in 0..2 {
        assert_eq!(client.get("/api/v1/me").await.status, 200);
    }
    let (mut asked, mut left) = (0, Vec::new());
    for _ in 0..20 {
        tap.forget();
        let answer = client.get("/api/v1/me").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        asked += usize::from(!tap.passed("acme").is_empty());
        left.push(answer.header("x-ratelimit-remaining").to_owned());
    }
    println!("{asked} of 20 calls met a statement");
    // A renewal may pass beside one; and a slow machine may need a statement.
    assert!(asked <= 2, "{asked} of 20");
    let expected: Vec<String> = (0..20)
        .map(|call| (50_000 - 4 - call).to_string())
        .collect();
    assert_eq!(left, expected, "each is counted, the sign-in too");
}

#[tokio::test]
async fn the_copies_of_a_picture_are_counted_without_reading_their_records() {
    let (_app, _server, tap, client) = tapped().await;
    let picture = pictures::jpeg(&pictures::scene(256, 192, 21), 95);
    let mut answered = Vec::new();
    for copies in 1..=12_u8 {
        // Other bytes and the same pixels: a comment follows the two bytes that begin a JPEG.
        let comment = [0xff, 0xfe, 0, 3, copies];
        let image = [&picture[..2], &comment, &picture[2..]].concat();
        tap.forget();
        let protected = client.protect(&image).await;
        answered.push(tap.received());
        assert_eq!(protected.header("x-content-copies"), copies.to_string());
    }
    println!("bytes that PostgreSQL answered to each copy: {answered:?}");
    // A record has 20 000 bytes.
    assert!(
        answered[6..].iter().all(|&bytes| bytes < 12_000),
        "{answered:?}"
    );
}
