//! How often a tenant may call: refused in time, counted once across servers, told truly, and
//! nobody else's matter.

use std::time::Duration;

use axum::http::Method;
use lumatrace::{
    domain::TenantId,
    http::ErrorCode,
    service::operator::{self, PolicyChange},
};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::{task::JoinSet, time::Instant};

use crate::support::{Answer, App, Client};

/// A slow bucket and no hourly quota.
const BUCKET_OF_FIVE: [&str; 6] = [
    "--rate-per-second",
    "1",
    "--rate-burst",
    "5",
    "--rate-per-hour",
    "0",
];

/// An hourly quota alone.
const FORTY_AN_HOUR: [&str; 4] = ["--rate-per-second", "0", "--rate-per-hour", "40"];

/// A client whose sign-in is not counted any more, so that all that is counted are its calls.
async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    let client = app.client(&tenant).await;
    forget_calls(app).await;
    client
}

async fn forget_calls(app: &App) {
    sqlx::query("delete from tenant_rates")
        .execute(&mut owner(app).await)
        .await
        .unwrap();
}

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

/// Waits until the present hour lasts for another minute, so that no count starts anew in the
/// middle of a test.
pub(crate) async fn well_before_the_hour_ends(app: &App) {
    let left = "select (3600 - extract(epoch from clock_timestamp())::bigint % 3600)::bigint";
    let left: i64 = sqlx::query_scalar(left)
        .fetch_one(&mut owner(app).await)
        .await
        .unwrap();
    if left < 60 {
        tokio::time::sleep(Duration::from_secs(left.unsigned_abs() + 1)).await;
    }
}

/// The tenant's row as it would be had the database's clock jumped by `hours` since it was written,
/// and the refusals that this server remembers forgotten.
async fn jump_the_clock(app: &App, hours: i32) {
    let jump =
        "update tenant_rates set filled_at = filled_at - $1 * interval '1 hour', hour = hour - $1";
    sqlx::query(jump)
        .bind(hours)
        .execute(&mut owner(app).await)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1_010)).await;
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer
        .header(header)
        .parse()
        .unwrap_or_else(|_| panic!("{header} of {answer:?}: {:?}", answer.headers))
}

/// The number behind `;key=` of the limit of that name.
fn item(answer: &Answer, header: &str, name: &str, key: &str) -> u64 {
    let value = answer.header(header);
    let (_, rest) = value
        .split_once(&format!("\"{name}\""))
        .unwrap_or_else(|| panic!("{header}: {value}"));
    let (_, rest) = rest.split_once(&format!(";{key}=")).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// How many of `count` calls pass, all the others being refused for the limit.
async fn passing(client: &Client, count: usize) -> usize {
    let mut passed = 0;
    for _ in 0..count {
        let answer = client.get("/api/v1/me").await;
        if answer.status == 200 {
            passed += 1;
        } else {
            answer.problem(ErrorCode::RateLimitExceeded);
        }
    }
    passed
}

#[tokio::test]
async fn a_burst_above_the_limit_is_refused_and_retry_after_is_true() {
    let app = App::spawn_with(&BUCKET_OF_FIVE).await;
    let acme = client(&app, "acme").await;
    for left in (0..5).rev() {
        let answer = acme.get("/api/v1/me").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(number(&answer, "x-ratelimit-limit"), 5);
        // A slow machine may see a token that came back meanwhile.
        let remaining = number(&answer, "x-ratelimit-remaining");
        assert!((left..=left + 1).contains(&remaining), "{remaining}");
        assert_eq!(item(&answer, "ratelimit", "burst", "r"), remaining);
        assert_eq!(answer.header("ratelimit-policy"), r#""burst";q=5;w=5"#);
        assert!(number(&answer, "x-ratelimit-reset") <= 5);
        assert_eq!(answer.header("retry-after"), "");
    }
    let refused = loop {
        let answer = acme.get("/api/v1/me").await;
        if answer.status != 200 {
            break answer;
        }
    };
    refused.problem(ErrorCode::RateLimitExceeded);
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    let wait = number(&refused, "retry-after");
    assert_eq!(wait, 1);
    // Asking again meanwhile changes nothing: what is refused takes nothing.
    for _ in 0..20 {
        let again = acme.get("/api/v1/me").await;
        if again.status == 200 {
            break;
        }
        assert_eq!(number(&again, "x-ratelimit-remaining"), 0);
    }
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(acme.get("/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn the_hour_is_counted_down_and_told_on_every_answer_to_a_known_caller() {
    let app = App::spawn_with(&[
        "--rate-per-second",
        "50",
        "--rate-burst",
        "100",
        "--rate-per-hour",
        "500",
    ])
    .await;
    let acme = client(&app, "acme").await;
    well_before_the_hour_ends(&app).await;
    let mut resets = Vec::new();
    let calls: [(Method, &str, u16); 6] = [
        (Method::GET, "/api/v1/me", 200),
        (Method::GET, "/api/v1/photos", 200),
        (Method::GET, "/api/v1/photos?limit=0", 400),
        (Method::GET, "/api/v1/photos/nothing", 404),
        (Method::POST, "/api/v1/photos/register", 415),
        (Method::POST, "/api/v1/auth/logout", 200),
    ];
    for (taken, (method, path, status)) in (1..).zip(calls) {
        let answer = acme.call(&method, path).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(number(&answer, "x-ratelimit-limit"), 500, "{path}");
        assert_eq!(
            number(&answer, "x-ratelimit-remaining"),
            500 - taken,
            "{path}"
        );
        assert_eq!(item(&answer, "ratelimit", "hour", "r"), 500 - taken);
        assert!(item(&answer, "ratelimit", "burst", "r") >= 100 - taken);
        assert_eq!(
            answer.header("ratelimit-policy"),
            r#""burst";q=100;w=2, "hour";q=500;w=3600"#
        );
        resets.push(number(&answer, "x-ratelimit-reset"));
    }
    assert!(
        resets.is_sorted_by(|one, next| one >= next) && resets[0] <= 3_600,
        "{resets:?}"
    );
    for unknown in [
        acme.get("/api/v1/me").await,
        app.anonymous().get("/livez").await,
    ] {
        assert_eq!(unknown.header("x-ratelimit-limit"), "", "{unknown:?}");
        assert_eq!(unknown.header("ratelimit"), "");
    }
}

#[tokio::test]
async fn two_servers_share_one_quota_also_in_parallel() {
    let app = App::spawn_with(&FORTY_AN_HOUR).await;
    let other = app.replica_with(&FORTY_AN_HOUR).await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    forget_calls(&app).await;
    well_before_the_hour_ends(&app).await;
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let server = if number % 2 == 0 { &app } else { &other };
        let client = server.with_token(&token);
        calls.spawn(async move { client.get("/api/v1/me").await });
    }
    let (mut remaining, mut refused) = (Vec::new(), 0);
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        if answer.status == 200 {
            remaining.push(number(&answer, "x-ratelimit-remaining"));
        } else {
            answer.problem(ErrorCode::RateLimitExceeded);
            assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
            assert!(number(&answer, "retry-after") > 30);
            refused += 1;
        }
    }
    // Each call took one that no other took.
    remaining.sort_unstable();
    assert_eq!(remaining, (0..40).collect::<Vec<_>>());
    assert_eq!(refused, 60);
}

#[tokio::test]
async fn a_tenant_that_is_refused_can_log_out_and_concerns_nobody_else() {
    let app = App::spawn_with(&FORTY_AN_HOUR).await;
    let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
    well_before_the_hour_ends(&app).await;
    assert_eq!(passing(&acme, 60).await, 40);
    let free = bolt.get("/api/v1/me").await;
    assert_eq!(number(&free, "x-ratelimit-remaining"), 39);
    let out = acme.call(&Method::POST, "/api/v1/auth/logout").await;
    assert_eq!(out.status, 200, "{out:?}");
    assert_eq!(number(&out, "x-ratelimit-remaining"), 0);
}

#[tokio::test]
async fn a_jump_of_the_databases_clock_gives_no_double_budget_and_locks_nobody_out() {
    let app = App::spawn_with(&FORTY_AN_HOUR).await;
    let acme = client(&app, "acme").await;
    well_before_the_hour_ends(&app).await;
    assert_eq!(passing(&acme, 50).await, 40);
    jump_the_clock(&app, -1).await;
    let refused = acme.get("/api/v1/me").await;
    refused.problem(ErrorCode::RateLimitExceeded);
    assert!(
        number(&refused, "retry-after") <= 3_600,
        "the hour that is told is the present one"
    );
    // The next hour comes: its quota is given, once.
    jump_the_clock(&app, 1).await;
    assert_eq!(passing(&acme, 50).await, 40);
    // Forward by a year, back by a year.
    jump_the_clock(&app, 8_766).await;
    assert_eq!(passing(&acme, 50).await, 40);
    jump_the_clock(&app, -8_766).await;
    assert_eq!(passing(&acme, 5).await, 0);
    jump_the_clock(&app, 1).await;
    assert_eq!(passing(&acme, 5).await, 5);
}

#[tokio::test]
async fn a_bucket_fills_with_the_time_that_passed_and_a_clock_that_jumped_back_fills_it_from_then()
{
    let app = App::spawn_with(&BUCKET_OF_FIVE).await;
    let acme = client(&app, "acme").await;
    assert!((5..=7).contains(&passing(&acme, 10).await));
    // What is empty stays empty, for no time has passed; the second that the helper waits is not
    // seen by the clock either.
    jump_the_clock(&app, -1).await;
    assert_eq!(passing(&acme, 1).await, 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!((1..=4).contains(&passing(&acme, 6).await));
    // A whole hour fills it, and no more than it holds.
    jump_the_clock(&app, 1).await;
    assert!((5..=7).contains(&passing(&acme, 10).await));
}

#[tokio::test]
async fn the_operator_sets_a_tenants_limits_and_servers_follow_within_a_second() {
    let app = App::spawn_with(&FORTY_AN_HOUR).await;
    let (acme, id) = (client(&app, "acme").await, TenantId::parse("acme").unwrap());
    well_before_the_hour_ends(&app).await;
    let set = async |change: PolicyChange| {
        operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &id, change)
            .await
            .unwrap()
    };
    set(PolicyChange {
        rate_per_hour: Some(Some(3)),
        ..PolicyChange::default()
    })
    .await;
    assert_eq!(passing(&acme, 5).await, 3);
    let more = PolicyChange {
        rate_per_second: Some(Some(7)),
        rate_burst: Some(Some(1_000)),
        rate_per_hour: Some(Some(100)),
        ..PolicyChange::default()
    };
    assert_eq!(set(more).await.rates.per_hour, Some(100));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A limit that was not there before starts with an empty bucket at worst, and fills.
    let deadline = Instant::now() + Duration::from_secs(5);
    let me = loop {
        let answer = acme.get("/api/v1/me").await;
        if answer.status == 200 {
            break answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let limits = &me.json()["limits"];
    assert_eq!(limits["callsPerSecond"], 7, "{limits}");
    assert_eq!(limits["callsAtOnce"], 1_000);
    assert_eq!(limits["callsPerHour"], 100);
    set(PolicyChange {
        rate_per_second: Some(Some(0)),
        rate_per_hour: Some(Some(0)),
        ..PolicyChange::default()
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let free = acme.get("/api/v1/me").await;
    assert_eq!(free.json()["limits"]["callsPerHour"], json!(null));
    for header in ["x-ratelimit-limit", "ratelimit", "ratelimit-policy"] {
        assert_eq!(free.header(header), "", "{header}");
    }
    let back = set(PolicyChange {
        rate_per_second: Some(None),
        rate_burst: Some(None),
        rate_per_hour: Some(None),
        ..PolicyChange::default()
    })
    .await;
    assert_eq!(back.rates, lumatrace::domain::RateOverrides::default());
    assert_eq!(
        number(&acme.get("/api/v1/me").await, "x-ratelimit-limit"),
        40
    );
}
