//! Bounded work: a full queue is refused at once, a client that hangs up frees its place, bodies
//! are watched.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use lumatrace::http::ErrorCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{App, Part, Tenant, pictures};

#[tokio::test]
async fn a_full_queue_answers_503_and_goes_on_after_it() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "2"]).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(512, 512, 21));
    let mut calls = JoinSet::new();
    for _ in 0..24 {
        let (client, image) = (client.clone(), image.clone());
        calls.spawn(async move {
            client
                .post_form("/api/v1/photos/protect", &[Part::image(&image)])
                .await
        });
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        if answer.status == 200 {
            done += 1;
        } else {
            answer.problem(ErrorCode::ServerBusy);
            refused += 1;
        }
    }
    println!("{done} were protected, {refused} were refused");
    assert!(done >= 3 && refused >= 1, "{done} and {refused}");
    client.protect(&image).await;
}

#[tokio::test]
async fn who_hangs_up_frees_the_place() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "1"]).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let address = app.listen().await;
    let (release, wait) = mpsc::channel::<()>();
    let running = tokio::spawn({
        let gate = app.ctx.images.clone();
        let party = Some(tenant.id.clone());
        async move { gate.run(party, move |_| wait.recv().ok()).await }
    });
    until(|| app.ctx.images.load().running == 1).await;
    let image = pictures::png(&pictures::scene(64, 64, 22));
    let mut body =
        b"--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\n".to_vec();
    body.extend_from_slice(&image);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let token = app.token(&tenant).await;
    let head = format!(
        "POST /api/v1/photos/protect HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(head.as_bytes()).await.unwrap();
    waiting.write_all(&body).await.unwrap();
    until(|| app.ctx.images.load().waiting == 1).await;
    let refused = client
        .post_form("/api/v1/photos/protect", &[Part::image(&image)])
        .await;
    refused.problem(ErrorCode::ServerBusy);

    drop(waiting);
    until(|| app.ctx.images.load().waiting == 0).await;
    release.send(()).unwrap();
    running.await.unwrap().unwrap();
    client
        .protect(&pictures::png(&pictures::scene(256, 256, 22)))
        .await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let token = app.token(&tenant).await;
    let mut stream = TcpStream::connect(app.listen().await).await.unwrap();
    let head = format!(
        "POST /api/v1/photos/protect HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         expect: 100-continue\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: 100000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_refused_upload_is_read_to_its_end_so_that_the_answer_arrives() {
    let app = App::spawn().await;
    let address = app.listen().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = 40_000_000;
    let head = format!(
        "POST /api/v1/photos/protect HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Without a token the answer is 401 at once; a client that only writes first must still get it.
    stream.write_all(&vec![0; length]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("AUTH_MISSING"), "{answer}");
}

/// Fills the gate of `app`, of one worker and `queue` places, with jobs of the tenant, and its
/// extra share with one of nobody. They end when the returned value is dropped.
async fn press(app: &App, tenant: &Tenant, queue: usize) -> (mpsc::Sender<()>, JoinSet<bool>) {
    let (release, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let mut jobs = JoinSet::new();
    for _ in 0..=queue {
        let (gate, wait) = (app.ctx.images.clone(), Arc::clone(&wait));
        let party = Some(tenant.id.clone());
        jobs.spawn(async move {
            let held = gate.run(party, move |_| wait.lock().unwrap().recv().is_err());
            held.await.is_ok()
        });
    }
    until(|| app.ctx.images.load().waiting == queue).await;
    let gate = app.ctx.images.clone();
    jobs.spawn(async move {
        let held = gate.run(None, move |_| wait.lock().unwrap().recv().is_err());
        held.await.is_ok()
    });
    until(|| app.ctx.images.load().running == 2).await;
    (release, jobs)
}

#[tokio::test]
async fn a_tenant_that_presses_gives_places_up_to_others_and_hears_that_its_share_is_full() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "8"]).await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (pressing, other) = (app.client(&acme).await, app.client(&bolt).await);
    let image = pictures::png(&pictures::scene(128, 96, 23));
    let (release, mut jobs) = press(&app, &acme, 8).await;
    let parts = [Part::image(&image)];
    let protect = "/api/v1/photos/protect";
    let full = pressing.post_form(protect, &parts).await;
    full.problem(ErrorCode::ServerBusy);
    assert!(full.header("retry-after").parse::<u32>().unwrap() >= 1);

    // The other tenant gets half of the places, one after the other.
    let mut served = JoinSet::new();
    for place in 1..=4 {
        let (other, image) = (other.clone(), image.clone());
        served.spawn(async move { other.protect(&image).await.status });
        let displaced = jobs.join_next().await.unwrap().unwrap();
        assert!(
            !displaced,
            "the newest job of who has most gives way: {place}"
        );
    }
    for (client, name) in [(&pressing, "acme"), (&other, "bolt")] {
        let refused = client.post_form(protect, &parts).await;
        let body = refused.problem(ErrorCode::RateLimitExceeded);
        assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("share"), "{name}: {message}");
    }
    drop(release);
    while let Some(status) = served.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let kept = jobs.join_all().await;
    assert_eq!(kept, [true; 6], "two ran and four waited");
}

#[tokio::test]
async fn a_refusal_for_want_of_room_asks_no_database_and_hardly_reads_the_body() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "2"]).await;
    let acme = app.tenant("acme").await;
    let token = app.token(&acme).await;
    let address = app.listen().await;
    let (release, jobs) = press(&app, &acme, 2).await;
    app.ctx.db.close().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/photos/verify HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 20000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // More than is read on, and less than what the sockets hold.
    stream.write_all(&vec![0; 100_000]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 503"), "{answer}");
    assert!(answer.contains("server_busy"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    drop(release);
    assert_eq!(jobs.join_all().await, [true; 4]);
}

#[tokio::test]
async fn logins_of_one_tenant_do_not_keep_another_out() {
    let app = App::spawn_with(&["--workers", "1"]).await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (release, wait) = mpsc::channel::<()>();
    let gate = app.ctx.passwords.clone();
    let party = Some(acme.id.clone());
    let running = tokio::spawn({
        let (gate, party) = (gate.clone(), party.clone());
        async move { gate.run(party, move |_| wait.recv().is_err()).await }
    });
    until(|| app.ctx.passwords.load().running == 1).await;
    let mut crowd = JoinSet::new();
    for _ in 0..150 {
        let (gate, party) = (gate.clone(), party.clone());
        crowd.spawn(async move { gate.run(party, |_| ()).await.is_ok() });
    }
    // 128 may wait.
    for _ in 128..150 {
        assert!(!crowd.join_next().await.unwrap().unwrap(), "refused");
    }
    // While all of that waits.
    app.client(&bolt).await.get("/api/v1/me").await.json();
    drop(release);
    running.await.unwrap().unwrap();
    assert_eq!(crowd.join_all().await, [true; 128]);
}

/// Waits for something that another task is about to bring about.
async fn until(come_true: impl Fn() -> bool) {
    let patience = async {
        while !come_true() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), patience)
        .await
        .expect("it comes true");
}
