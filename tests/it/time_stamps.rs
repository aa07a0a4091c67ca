//! Time stamps while photos are protected: what a slow authority may cost, and what not.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    net::TcpListener,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use lumatrace::{metrics::Snapshot, trace_context::TraceContext};

use crate::support::{App, pictures};

/// Photos that wait at the same time.
const PHOTOS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn photos_that_wait_for_a_silent_authority_hold_no_worker_and_come_unstamped() {
    // Takes connections and answers none, until all of the photos wait; then it hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    let authority = thread::spawn(move || {
        let connections = listener.incoming().take(PHOTOS).inspect(|_| {
            tell.send(Instant::now()).unwrap();
        });
        let connections: Vec<_> = connections.collect();
        let heads = connections.into_iter().map(|connection| {
            let lines = BufReader::new(connection.unwrap()).lines();
            let lines = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            lines.collect::<Vec<_>>()
        });
        heads.collect::<Vec<_>>()
    });
    let flags = [
        "--tsa-url",
        &url,
        "--tsa-timeout-seconds",
        "30",
        "--outbound-networks",
        "127.0.0.0/8",
        "--workers",
        "1",
    ];
    let app = App::spawn_with(&flags).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = Arc::new(pictures::jpeg(&pictures::scene(640, 480, 3), 90));
    let calls: Vec<_> = (0..PHOTOS)
        .map(|_| {
            let (client, image) = (client.clone(), Arc::clone(&image));
            tokio::spawn(async move { client.protect(&image).await })
        })
        .collect();
    let mut done = 0;
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.status, 200);
        done += 1;
    }
    assert_eq!(done, PHOTOS);
    let patient = Duration::from_secs(5);
    let asked: Vec<Instant> = (0..PHOTOS)
        .map_while(|_| told.recv_timeout(patient).ok())
        .collect();
    assert_eq!(asked.len(), PHOTOS);
    let apart = asked[PHOTOS - 1] - asked[0];
    println!("the last of {PHOTOS} asked {apart:?} after the first");
    // One worker, held for each wait, would have let the last one through after 90 seconds.
    assert!(apart < Duration::from_secs(30), "{apart:?}");
    let metrics = app.ctx.metrics.render(Snapshot::default()).unwrap();
    let failed = format!("lumatrace_time_stamps_total{{outcome=\"failed\"}} {PHOTOS}");
    assert!(metrics.contains(&failed), "{metrics}");
    let heads = authority.join().unwrap();
    let traces: HashSet<TraceContext> = (heads.iter().flatten())
        .filter_map(|line| line.strip_prefix("traceparent: ")?.parse().ok())
        .collect();
    assert_eq!(
        traces.len(),
        PHOTOS,
        "each asks in the trace of its call: {heads:?}"
    );
}
