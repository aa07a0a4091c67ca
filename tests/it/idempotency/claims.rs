//! Work that was claimed and not done.

use std::sync::mpsc;

use lumatrace::http::ErrorCode;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{client, is_replay, picture, send, traces};
use crate::support::App;

#[tokio::test]
async fn what_a_client_left_undone_is_taken_over_under_the_same_id() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "9"]).await;
    let acme = client(&app, "acme").await.under("left");
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    // The one worker is busy, so the call claims its key and waits.
    let (release, wait) = mpsc::channel::<()>();
    let gate = app.ctx.images.clone();
    let busy = tokio::spawn(async move { gate.run(move |_| wait.recv().ok()).await });
    while app.ctx.images.is_idle() {
        tokio::task::yield_now().await;
    }
    let caller = acme.clone();
    let left = tokio::spawn(async move { send(&caller, &picture(), None).await });
    let photo: Uuid = loop {
        let claimed = sqlx::query_scalar("select photo_id from idempotency_keys");
        if let Some(photo) = claimed.fetch_optional(&mut owner).await.unwrap() {
            break photo;
        }
    };
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();

    app.clock.advance(29);
    let waits = send(&acme, &picture(), None).await;
    waits.problem(ErrorCode::IdempotencyInProgress);
    send(&acme, b"other", None)
        .await
        .problem(ErrorCode::IdempotencyKeyReused);
    app.clock.advance(1);
    let first = send(&acme, &picture(), None).await;
    assert_eq!(first.header("x-photo-id"), photo.to_string(), "{first:?}");
    is_replay(&first, &send(&acme, &picture(), None).await);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
}

#[tokio::test]
async fn who_lost_its_claim_writes_nothing() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "9"]).await;
    let acme = client(&app, "acme").await.under("slow");
    let (release, wait) = mpsc::channel::<()>();
    let gate = app.ctx.images.clone();
    let busy = tokio::spawn(async move { gate.run(move |_| wait.recv().ok()).await });
    while app.ctx.images.is_idle() {
        tokio::task::yield_now().await;
    }
    let caller = acme.clone();
    let slow = tokio::spawn(async move { send(&caller, &picture(), None).await });
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let claimed = "select count(*) from idempotency_keys";
    while sqlx::query_scalar::<_, i64>(claimed)
        .fetch_one(&mut owner)
        .await
        .unwrap()
        == 0
    {}
    // It does not answer for half a minute, and another server does the work.
    app.clock.advance(30);
    let other = acme.at(&app.replica().await);
    let first = send(&other, &picture(), None).await;
    assert_eq!(first.status, 200, "{first:?}");
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
    let late = slow.await.unwrap();
    late.problem(ErrorCode::IdempotencyInProgress);
    is_replay(&first, &send(&acme, &picture(), None).await);
    assert_eq!(traces(&app, &acme).await, (1, 1, 1));
}
