//! `POST /api/v1/check/{tenantId}`: strangers are told one word, seldom, and only where they may
//! ask.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::Request,
};
use futures_util::{StreamExt, stream};
use lumatrace::{
    domain::{CheckPolicy, TenantId},
    http::{ErrorCode, Peer},
    metrics::Snapshot,
    service::operator::{self, PolicyChange, TenantChange},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    openapi::Contract,
    support::{Answer, App, Client, Tenant, pictures},
};

const HERE: &str = "192.0.2.1";

/// A tenant that strangers may ask about, and its client.
async fn open(app: &App, name: &str) -> (Tenant, Client) {
    let tenant = app.tenant(name).await;
    let change = PolicyChange {
        check: Some(CheckPolicy::On),
        ..PolicyChange::default()
    };
    let (master, clock) = (&app.ctx.master, &app.clock);
    operator::set_policy(&app.operator, master, clock, &tenant.id, change)
        .await
        .unwrap();
    let client = app.client(&tenant).await;
    (tenant, client)
}

fn request(tenant: &str, source: &str, body: Body) -> Request<Body> {
    let source: IpAddr = source.parse().unwrap();
    Request::post(format!("/api/v1/check/{tenant}"))
        .header("content-type", "multipart/form-data; boundary=boundary")
        .extension(Peer(source))
        .body(body)
        .unwrap()
}

fn form(image: &[u8]) -> Vec<u8> {
    let head =
        "--boundary\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n";
    [head.as_bytes(), image, b"\r\n--boundary--\r\n"].concat()
}

async fn check(app: &App, tenant: &str, source: &str, image: &[u8]) -> Answer {
    let body = Body::from(form(image));
    app.anonymous().send(request(tenant, source, body)).await
}

async fn answer(app: &App, tenant: &str, image: &[u8]) -> String {
    let answer = check(app, tenant, HERE, image).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["answer"].as_str().unwrap().to_owned()
}

async fn owner(app: &App) -> PgConnection {
    PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap()
}

/// Lets all windows end.
async fn later(owner: &mut PgConnection) {
    let past = "update check_tallies set until = clock_timestamp() - interval '1 second'";
    owner.execute(past).await.unwrap();
}

#[tokio::test]
async fn a_stranger_is_told_one_word_and_nothing_of_the_photo() {
    let app = App::spawn().await;
    let (_, acme) = open(&app, "acme").await;
    open(&app, "bolt").await;
    let mut contract = Contract::new();
    let scene = pictures::scene(640, 480, 7);
    let protected = acme.protect(&pictures::png(&scene)).await;
    let photo = protected.header("x-photo-id").to_owned();
    let mut painted = pictures::read(&protected.body);
    for (x, y, pixel) in painted.enumerate_pixels_mut() {
        if (200..360).contains(&x) && (150..290).contains(&y) {
            *pixel = image::Rgb([240, 30, 30]);
        }
    }
    let painted = pictures::jpeg(&painted, 90);
    let smaller = pictures::jpeg(&pictures::read(&protected.body), 60);
    let other = pictures::png(&pictures::scene(640, 480, 99));
    for (tenant, image, expected) in [
        ("acme", &protected.body[..], "UNCHANGED"),
        ("acme", &smaller, "UNCHANGED"),
        ("acme", &painted, "CHANGED"),
        ("acme", &other, "UNKNOWN"),
        ("bolt", &protected.body, "UNKNOWN"),
    ] {
        let answer = check(&app, tenant, HERE, image).await;
        contract.holds("checkPicture", &answer);
        let told = answer.json();
        assert_eq!(told["answer"], expected, "{told}");
        let members: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(members, ["answer", "tenantId", "message"], "{told}");
        assert!(!told.to_string().contains(&photo), "{told}");
        if expected == "UNCHANGED" {
            let verified = acme.verify(image, &photo).await.json();
            assert_eq!(verified["authentic"], true, "{verified}");
        }
    }
    contract.holds(
        "checkPicture",
        &check(&app, "acme", HERE, b"no image").await,
    );
    contract.holds("checkPicture", &check(&app, "none", HERE, b"").await);
    let counted = app.ctx.metrics.render(Snapshot::default()).unwrap();
    for (answer, times) in [("UNCHANGED", 2), ("CHANGED", 1), ("UNKNOWN", 2)] {
        let line = format!("lumatrace_checks_total{{answer=\"{answer}\"}} {times}\n");
        assert!(counted.contains(&line), "{line}: {counted}");
    }
}

/// A check whose client waits to be asked for the picture, and whether it was asked.
async fn watched(app: &App, tenant: &str) -> (Answer, bool) {
    let read = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&read);
    let body = stream::once(async move {
        noted.store(true, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(form(b"no image")))
    });
    let mut request = request(tenant, HERE, Body::from_stream(body));
    let expect = "100-continue".parse().unwrap();
    request.headers_mut().insert("expect", expect);
    let answer = app.anonymous().send(request).await;
    (answer, read.load(Ordering::SeqCst))
}

#[tokio::test]
async fn where_nobody_may_ask_the_answer_is_that_of_no_tenant_and_the_picture_is_not_read() {
    let app = App::spawn().await;
    app.tenant("closed").await;
    let (gone, _) = open(&app, "gone").await;
    let (master, clock) = (&app.ctx.master, &app.clock);
    let change = TenantChange::Suspend;
    operator::change_tenant(&app.operator, master, clock, &gone.id, change)
        .await
        .unwrap();
    let mut told = Vec::new();
    for tenant in ["nobody", "closed", "gone", "No%20Name"] {
        let (answer, read) = watched(&app, tenant).await;
        let mut problem = answer.problem(ErrorCode::NotFound);
        assert!(!read, "{tenant}: the body was read");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        for own in ["traceId", "instance"] {
            problem[own] = Value::Null;
        }
        told.push((problem.to_string(), names));
    }
    for other in &told[1..] {
        assert_eq!(*other, told[0]);
    }
    open(&app, "acme").await;
    let (answer, read) = watched(&app, "acme").await;
    answer.problem(ErrorCode::UnsupportedImage);
    assert!(read);
}

#[track_caller]
fn refused_for_an_hour(answer: &Answer) {
    answer.problem(ErrorCode::RateLimitExceeded);
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn checks_are_counted_by_source_and_tenant_at_all_servers_under_no_address() {
    let app = App::spawn().await;
    let other = app.replica().await;
    open(&app, "acme").await;
    open(&app, "bolt").await;
    let servers = [&app, &other];
    let mut let_in = 0;
    let sources = (0..6).map(|network| format!("2001:db8:0:{network}::1"));
    for (number, source) in sources.enumerate() {
        for call in 0..10 {
            let answer = check(servers[call % 2], "acme", &source, b"no image").await;
            answer.problem(ErrorCode::UnsupportedImage);
            let_in += 1;
        }
        if number == 0 {
            // Of the same /64, at either server.
            for server in servers {
                let refused = check(server, "acme", "2001:db8::ffff:2", b"no image").await;
                refused_for_an_hour(&refused);
            }
            let elsewhere = check(&app, "bolt", &source, b"no image").await;
            elsewhere.problem(ErrorCode::UnsupportedImage);
        }
    }
    assert_eq!(let_in, 60);
    refused_for_an_hour(&check(&other, "acme", HERE, b"no image").await);

    let mut owner = owner(&app).await;
    let rows: Vec<(Vec<u8>, i32)> = sqlx::query_as(
        "select counted, used from check_tallies where tenant_id = 'acme' order by octet_length(counted)",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let lengths: Vec<usize> = rows.iter().map(|(counted, _)| counted.len()).collect();
    assert_eq!(lengths, [0, 32, 32, 32, 32, 32, 32]);
    assert_eq!(rows[0].1, 60);
    assert!(rows[1..].iter().all(|(_, used)| *used == 10), "{rows:?}");
    assert!(
        rows.iter()
            .all(|(counted, _)| !counted.starts_with(&[0x20, 0x01]))
    );

    later(&mut owner).await;
    check(&app, "acme", HERE, b"no image")
        .await
        .problem(ErrorCode::UnsupportedImage);
    let left: i64 =
        sqlx::query_scalar("select count(*) from check_tallies where tenant_id = 'acme'")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    assert_eq!(left, 2, "the tenant, and the source of this check");
}

#[tokio::test]
async fn there_is_one_check_of_a_tenant_at_a_time_and_who_hangs_up_makes_room() {
    let app = App::spawn().await;
    let other = app.replica().await;
    open(&app, "acme").await;
    open(&app, "bolt").await;
    let start = Bytes::from(form(b"")).slice(..40);
    let stalled = stream::iter([Ok::<_, std::io::Error>(start)]).chain(stream::pending());
    let slow = request("acme", HERE, Body::from_stream(stalled));
    let client = app.anonymous();
    let uploading = tokio::spawn(async move { client.send(slow).await });
    let began = Instant::now();
    while app.ctx.bodies.held() == 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    for server in [&app, &other] {
        let refused = check(server, "acme", "192.0.2.2", b"no image").await;
        refused.problem(ErrorCode::ServerBusy);
    }
    check(&app, "bolt", "192.0.2.2", b"no image")
        .await
        .problem(ErrorCode::UnsupportedImage);
    uploading.abort();
    uploading.await.unwrap_err();
    let began = Instant::now();
    loop {
        let answer = check(&other, "acme", "192.0.2.2", b"no image").await;
        if answer.status != 503 {
            answer.problem(ErrorCode::UnsupportedImage);
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(app.ctx.bodies.held(), 0);
}

#[tokio::test]
async fn of_one_photo_more_than_that_it_is_known_is_told_twenty_times_a_day() {
    let app = App::spawn().await;
    let (acme, client) = open(&app, "acme").await;
    let mut files = Vec::new();
    for seed in [7, 8] {
        let scene = pictures::scene(480, 360, seed);
        let protected = client.protect(&pictures::png(&scene)).await;
        let photo: Uuid = protected.header("x-photo-id").parse().unwrap();
        files.push((photo, protected.body.to_vec()));
    }
    let mut owner = owner(&app).await;
    assert_eq!(answer(&app, "acme", &files[0].1).await, "UNCHANGED");
    assert_eq!(used(&mut owner, &acme.id, files[0].0).await, 1);
    let almost = format!(
        "update check_tallies set used = 19 where counted = '\\x{}'",
        files[0].0.simple()
    );
    owner.execute(AssertSqlSafe(almost)).await.unwrap();
    for expected in ["UNCHANGED", "KNOWN", "KNOWN"] {
        assert_eq!(answer(&app, "acme", &files[0].1).await, expected);
    }
    assert_eq!(answer(&app, "acme", &files[1].1).await, "UNCHANGED");
    later(&mut owner).await;
    assert_eq!(answer(&app, "acme", &files[0].1).await, "UNCHANGED");
    assert_eq!(used(&mut owner, &acme.id, files[0].0).await, 1);
}

/// How often a photo was answered about today.
async fn used(owner: &mut PgConnection, tenant: &TenantId, photo: Uuid) -> i32 {
    sqlx::query_scalar("select used from check_tallies where tenant_id = $1 and counted = $2")
        .bind(tenant.as_str())
        .bind(photo.as_bytes().as_slice())
        .fetch_one(owner)
        .await
        .unwrap()
}
