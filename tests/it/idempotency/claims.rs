//! Work that was claimed and not done.

use std::{sync::mpsc, time::Duration};

use lumatrace::{domain::TenantId, http::ErrorCode};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{client, is_replay, picture, send, traces};
use crate::support::App;

/// Fills the one worker and the extra share; a call that claims its key now waits until something
/// is sent.
async fn occupy(app: &App) -> (mpsc::Sender<()>, JoinHandle<()>) {
    let (release, wait) = mpsc::channel::<()>();
    let (first, second) = (app.ctx.images.clone(), app.ctx.images.clone());
    let busy = tokio::spawn(async move {
        let (hold, ended) = mpsc::channel::<()>();
        let (one, other) = tokio::join!(
            first.run(None, move |_| {
                wait.recv().ok();
                drop(hold);
            }),
            second.run(TenantId::parse("busy"), move |_| ended.recv().is_err()),
        );
        assert!(one.is_ok() && other.unwrap());
    });
    while app.ctx.images.load().running < 2 {
        tokio::task::yield_now().await;
    }
    (release, busy)
}

/// What comes true before a test has failed.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    let patience = Duration::from_mins(1);
    tokio::time::timeout(patience, event).await.expect("soon")
}

/// The photo of the first claim that appears.
async fn claimed(app: &App) -> Uuid {
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    soon(async {
        loop {
            let claimed = sqlx::query_scalar("select photo_id from idempotency_keys");
            if let Some(photo) = claimed.fetch_optional(&mut owner).await.unwrap() {
                return photo;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
}

/// Sets when the claim runs out: in so many seconds.
async fn set_claim(app: &App, seconds: &str) {
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    sqlx::query(
        "update idempotency_keys set claimed_until = clock_timestamp() + $1::text::float8 * interval '1 second'
         where outcome is null",
    )
    .bind(seconds)
    .execute(&mut owner)
    .await
    .unwrap();
}

/// Seconds until the claim runs out.
async fn left(app: &App) -> f64 {
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    sqlx::query_scalar(
        "select extract(epoch from claimed_until - clock_timestamp())::float8 from idempotency_keys",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_claim_is_short_and_lasts_for_as_long_as_its_work() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "9"]).await;
    let acme = client(&app, "acme").await.under("long");
    let (release, busy) = occupy(&app).await;
    let caller = acme.clone();
    let long = tokio::spawn(async move { send(&caller, &picture(), None).await });
    claimed(&app).await;
    assert!(
        left(&app).await <= 10.0,
        "a server that died blocks it no longer"
    );
    // Renewed although it has hardly begun to run out, and again.
    for _ in 0..2 {
        set_claim(&app, "8").await;
        soon(async {
            while left(&app).await <= 8.0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
    release.send(()).unwrap();
    busy.await.unwrap();
    assert_eq!(long.await.unwrap().status, 200);
}

#[tokio::test]
async fn who_hangs_up_may_send_the_same_again_at_once() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "9"]).await;
    let acme = client(&app, "acme").await.under("left");
    let (release, busy) = occupy(&app).await;
    let caller = acme.clone();
    let left = tokio::spawn(async move { send(&caller, &picture(), None).await });
    claimed(&app).await;
    // As the server does with the work of a connection that is gone (`capacity.rs`).
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    busy.await.unwrap();

    // The clock stands still: the claim does not run out.
    let again = soon(async {
        loop {
            let answer = send(&acme, &picture(), None).await;
            if answer.status == 200 {
                return answer;
            }
            answer.problem(ErrorCode::IdempotencyInProgress);
        }
    })
    .await;
    is_replay(&again, &send(&acme, &picture(), None).await);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
}

#[tokio::test]
async fn a_claim_that_is_not_renewed_is_taken_over_and_who_lost_it_writes_nothing() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "9"]).await;
    let acme = client(&app, "acme").await.under("slow");
    let (release, busy) = occupy(&app).await;
    let caller = acme.clone();
    let slow = tokio::spawn(async move { send(&caller, &picture(), None).await });
    let photo = claimed(&app).await;

    let other = acme.at(&app.replica().await);
    let waits = send(&other, &picture(), None).await;
    waits.problem(ErrorCode::IdempotencyInProgress);
    assert_eq!(
        waits.header("retry-after"),
        "2",
        "its server is alive and renews it"
    );
    send(&other, b"other", None)
        .await
        .problem(ErrorCode::IdempotencyKeyReused);
    // Its server does not answer any more, and another one does the work. This one renews its claim
    // all the same, so that it may take more than one attempt to be between two renewals.
    let (late, first) = soon(async {
        loop {
            let mut late = 0;
            set_claim(&app, "5.5").await;
            let waits = send(&other, &picture(), None).await;
            if waits.status == 409 {
                late = waits.header("retry-after").parse().unwrap();
            }
            set_claim(&app, "0").await;
            let first = send(&other, &picture(), None).await;
            if first.status == 200 && late > 2 {
                return (late, first);
            }
        }
    })
    .await;
    assert_eq!(late, 6, "until the claim runs out");
    assert_eq!(first.header("x-photo-id"), photo.to_string(), "{first:?}");
    release.send(()).unwrap();
    busy.await.unwrap();
    slow.await
        .unwrap()
        .problem(ErrorCode::IdempotencyInProgress);
    is_replay(&first, &send(&acme, &picture(), None).await);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
}
