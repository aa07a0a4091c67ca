//! The stop of a server, in its order: requests, background tasks, database.

use lumatrace::app::{self, Background};
use tokio::{net::TcpListener, sync::oneshot};

use crate::support::App;

#[tokio::test]
async fn a_stop_waits_for_background_tasks_and_closes_the_database_after_them() {
    let app = App::spawn().await;
    let (report, mut reported) = oneshot::channel();
    let mut background = Background::default();
    let ctx = app.ctx.clone();
    background.spawn("last words", |stopping| async move {
        stopping.cancelled().await;
        report.send(ctx.db.check_writable().await.is_ok()).unwrap();
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    app::run(listener, app.ctx.clone(), background, async {}).await;
    assert_eq!(reported.try_recv(), Ok(true), "it could use the database");
    assert!(app.ctx.db.check_writable().await.is_err(), "closed");
}
