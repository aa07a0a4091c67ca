//! Bounded work: a full queue is refused at once, a client that hangs up frees its place, bodies
//! are watched.

use std::time::Duration;

use lumatrace::http::ErrorCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{App, Part, pictures};

#[tokio::test]
async fn a_full_queue_answers_503_and_goes_on_after_it() {
    let app = App::spawn_with(&["--workers", "1", "--queue", "2"]).await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let image = pictures::png(&pictures::scene(512, 512, 21));
    let mut calls = tokio::task::JoinSet::new();
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
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let running = tokio::spawn({
        let gate = app.ctx.images.clone();
        async move { gate.run(move |_| wait.recv().ok()).await }
    });
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
    until(|| app.ctx.images.is_full()).await;
    let refused = client
        .post_form("/api/v1/photos/protect", &[Part::image(&image)])
        .await;
    refused.problem(ErrorCode::ServerBusy);

    drop(waiting);
    until(|| !app.ctx.images.is_full()).await;
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
