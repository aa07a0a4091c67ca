//! What limits cost a call, and what a noisy tenant costs another; run by hand.

use std::time::Duration;

use tokio::{task::JoinSet, time::Instant};

use crate::support::{App, Client};

/// Prints what a limit costs a call, and what a noisy tenant costs another. The noise runs in the
/// server's own process and as fast as it can, so that the figures beside it are those of a
/// processor without rest.
/// `script/cargo test --release --test it limits_cost -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn what_limits_cost_and_what_a_noisy_neighbour_costs() {
    let pool = ["--database-connections", "16"];
    let none = [
        "--rate-per-second",
        "0",
        "--rate-burst",
        "0",
        "--rate-per-hour",
        "0",
    ];
    let usual = [
        "--rate-per-second",
        "50",
        "--rate-burst",
        "100",
        "--rate-per-hour",
        "1000000",
    ];
    let high = [
        "--rate-per-second",
        "100000",
        "--rate-burst",
        "100000",
        "--rate-per-hour",
        "0",
    ];
    for (name, flags) in [("off", none), ("on", high), ("off", none), ("on", high)] {
        let app = App::spawn_with(&[&pool[..], &flags[..]].concat()).await;
        let acme = client(&app, "acme").await;
        let times = timed(&acme, 1_000, Duration::ZERO).await;
        println!(
            "limits {name}: median {:?}, p95 {:?}",
            times[500], times[950]
        );
    }
    for (name, flags) in [
        ("none", none),
        ("the usual ones", usual),
        ("high ones", high),
    ] {
        let app = App::spawn_with(&[&pool[..], &flags[..]].concat()).await;
        let (acme, bolt) = (client(&app, "acme").await, client(&app, "bolt").await);
        let alone = timed(&bolt, 100, Duration::from_millis(100)).await;
        let mut noise = JoinSet::new();
        for _ in 0..32 {
            let acme = acme.clone();
            noise.spawn(async move {
                loop {
                    acme.get("/api/v1/me").await;
                    tokio::task::yield_now().await;
                }
            });
        }
        let beside = timed(&bolt, 100, Duration::from_millis(100)).await;
        noise.shutdown().await;
        println!(
            "limits {name}: alone median {:?}, p95 {:?}; beside the noise median {:?}, p95 {:?}",
            alone[50], alone[95], beside[50], beside[95]
        );
    }
}

/// The times of calls that succeed, sorted.
async fn timed(client: &Client, count: usize, pause: Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        let answer = client.get("/api/v1/me").await;
        times.push(started.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(pause).await;
    }
    times.sort();
    times
}

async fn client(app: &App, tenant: &str) -> Client {
    let tenant = app.tenant(tenant).await;
    app.client(&tenant).await
}
