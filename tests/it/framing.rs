//! Requests that two readers could understand differently, over a real socket.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::App;

#[tokio::test]
async fn what_is_ambiguous_is_refused_and_ends_the_connection() {
    let app = App::spawn().await;
    let address = app.listen().await;
    let login = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let mut tried = 0;
    for head in [
        "GET /livez HTTP/1.1\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost: x\r\nhost: x\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost: a b\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost: a/b\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost: a@b\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nhost:\r\n".to_owned(),
        format!("{login}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        format!("{login}transfer-encoding: chunked, chunked\r\n"),
        format!("{login}transfer-encoding: identity, chunked\r\n"),
        format!("{login}transfer-encoding: gzip, chunked\r\n"),
        format!("{login}transfer-encoding: xchunked\r\n"),
        format!("{login}content-length: 2\r\ncontent-length: 3\r\n"),
        format!("{login}content-length: -1\r\n"),
        format!("{login}x-folded: a\r\n b\r\ncontent-length: 2\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = if head.contains("chunked") {
            "2\r\n{}\r\n0\r\n\r\n"
        } else {
            ""
        };
        let request = format!("{head}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        // To its end: the server closes.
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{head}: {answer}");
        assert!(answer.contains("connection: close"), "{head}: {answer}");
        tried += 1;
    }
    assert_eq!(tried, 15);
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_body_with_two_lengths() {
    let app = App::spawn().await;
    let address = app.listen().await;
    let start = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("{start}{lengths}\r\n0\r\n\r\nGET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_behind_chunks() {
    let app = App::spawn().await;
    let mut stream = TcpStream::connect(app.listen().await).await.unwrap();
    let first = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let second = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(first.as_bytes()).await.unwrap();
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_too_large() {
    let app = App::spawn().await;
    let address = app.listen().await;
    for (body, status) in [
        ("transfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(), "400"),
        (
            format!(
                "transfer-encoding: chunked\r\n\r\n11000\r\n{}",
                " ".repeat(0x11000)
            ),
            "413",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}

#[tokio::test]
async fn the_server_as_a_whole_has_methods_and_is_no_proxy() {
    let app = App::spawn().await;
    let address = app.listen().await;
    for (line, status) in [("OPTIONS *", "204"), ("CONNECT x:443", "405")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: x:443\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        assert!(
            answer.contains("allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
            "{answer}"
        );
    }
}
