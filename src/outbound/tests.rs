use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::*;

const TYPE: &str = "application/timestamp-reply";
const MOST: usize = 64 << 10;

/// A server on loopback; `serve` gets each connection, its request read.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = connection.read(&mut request);
            serve(connection);
        }
    });
    (port, connections)
}

fn head(status: &str, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {TYPE}\r\nConnection: close\r\n{more}\r\n")
}

fn client(limit: Duration) -> Outbound {
    Outbound::new(&["127.0.0.0/8".parse().unwrap()], limit).unwrap()
}

async fn post(client: &Outbound, url: &str) -> Result<Vec<u8>, OutboundError> {
    let to = client.destination(url)?;
    client
        .post(
            &to,
            "application/timestamp-query",
            b"?".to_vec(),
            TYPE,
            MOST,
        )
        .await
}

/// Long enough for a loaded machine.
const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_answer_comes_back_if_it_is_of_the_type_and_not_too_long() {
    for (length, fits) in [(0, true), (5, true), (MOST, true), (MOST + 1, false)] {
        let (port, _) = server(move |mut to| {
            let more = format!("Content-Length: {length}\r\n");
            let _ = to.write_all(head("200 OK", &more).as_bytes());
            let _ = to.write_all(&vec![7; length]);
        });
        let answer = post(&client(PATIENT), &format!("http://127.0.0.1:{port}/")).await;
        match answer {
            Ok(body) => assert!(fits && body == vec![7; length], "{length}"),
            Err(OutboundError::TooLong(MOST)) => assert!(!fits, "{length}"),
            Err(error) => panic!("{length}: {error}"),
        }
    }
    let (port, _) = server(|mut to| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello");
    });
    let answer = post(&client(PATIENT), &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(answer, Err(OutboundError::Type(_))), "{answer:?}");
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_and_not_called() {
    let (port, connections) = server(|_| ());
    let closed = Outbound::new(&[], PATIENT).unwrap();
    let refused = post(&closed, &format!("http://localhost:{port}/")).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("localhost is refused: "), "{told}");
    assert!(told.contains("loopback"), "{told}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn one_refused_address_of_a_name_refuses_it() {
    let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
        let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        texts.iter().map(parse).collect()
    };
    let guard = Outbound::new(&[], PATIENT).unwrap().guard;
    let check = |texts: &[&str]| guard.check("tsa.example", &addresses(texts));
    assert_eq!(check(&["93.184.215.14", "2606:2800:21f::1"]), Ok(()));
    for mixed in [
        ["93.184.215.14", "10.0.0.5"],
        ["169.254.169.254", "93.184.215.14"],
        ["2606:2800:21f::1", "64:ff9b::a9fe:a9fe"],
    ] {
        let refused = check(&mixed).unwrap_err();
        assert!(mixed.contains(&&*refused.address.to_string()), "{refused}");
    }
}

#[test]
fn addresses_in_urls_are_refused_however_they_are_written() {
    let closed = Outbound::new(&[], PATIENT).unwrap();
    let open = client(PATIENT);
    let mut refused = 0;
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1./",
        "http://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]:8443/",
    ] {
        let found = closed.destination(url);
        assert!(matches!(found, Err(OutboundError::Refused(_))), "{url}");
        assert!(open.destination(url).is_ok(), "{url}");
        refused += 1;
    }
    assert_eq!(refused, 6);
    for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://0/"] {
        let found = open.destination(url);
        assert!(matches!(found, Err(OutboundError::Refused(_))), "{url}");
    }
    let kind = |url: &str| open.destination(url).unwrap_err();
    assert!(matches!(kind("ftp://tsa.example/"), OutboundError::Scheme));
    assert!(matches!(kind("file:///etc/passwd"), OutboundError::Scheme));
    assert!(matches!(
        kind("http://me@tsa.example/"),
        OutboundError::UserInfo
    ));
    assert!(matches!(kind("tsa.example"), OutboundError::Url(_)));
    assert!(matches!(kind("http://"), OutboundError::Url(_)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (port, connections) = server(|mut to| {
        let port = to.local_addr().unwrap().port();
        let there = format!("Location: http://127.0.0.1:{port}/there\r\nContent-Length: 0\r\n");
        let _ = to.write_all(head("307 Temporary Redirect", &there).as_bytes());
    });
    let answer = post(&client(PATIENT), &format!("http://127.0.0.1:{port}/")).await;
    assert!(
        matches!(answer, Err(OutboundError::Status(status)) if status.as_u16() == 307),
        "{answer:?}"
    );
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_answer_is_cut_off() {
    let (tell, told) = mpsc::channel();
    let (port, _) = server(move |mut to| {
        let _ = to.write_all(head("200 OK", "").as_bytes());
        let mut sent = 0;
        while to.write_all(&[7; 4096]).is_ok() {
            sent += 4096;
        }
        let _ = tell.send(sent);
    });
    let answer = post(&client(PATIENT), &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(answer, Err(OutboundError::TooLong(MOST))));
    // What the buffers of the sockets hold besides.
    let sent = told.recv_timeout(PATIENT).unwrap();
    assert!(sent < 64 << 20, "{sent}");
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_limit_also_one_that_trickles() {
    let limit = Duration::from_millis(300);
    for begins in [false, true] {
        let (port, _) = server(move |mut to| {
            if begins {
                let _ = to.write_all(head("200 OK", "").as_bytes());
            }
            let (_never, pause) = mpsc::channel::<()>();
            while begins && to.write_all(&[7]).is_ok() {
                let _ = pause.recv_timeout(Duration::from_millis(20));
            }
            let _ = pause.recv_timeout(PATIENT);
        });
        let begun = Instant::now();
        let answer = post(&client(limit), &format!("http://127.0.0.1:{port}/")).await;
        let told = answer.unwrap_err().to_string();
        assert!(told.starts_with("it took too long"), "{told}");
        assert!(begun.elapsed() >= limit && begun.elapsed() < PATIENT / 2);
    }
}
