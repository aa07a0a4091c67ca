//! A connection on which nothing has come yet.

use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// How a client of HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often an incomplete preface is looked at again.
const AGAIN: Duration = Duration::from_millis(20);

/// Waits until it can be told which HTTP the client speaks; false when it hung up or let `patience` pass. From then on the
/// protocol's own timeouts hold, which do not begin before.
pub(crate) async fn has_begun(stream: &TcpStream, patience: Duration) -> bool {
    timeout(patience, told(stream))
        .await
        .is_ok_and(|told| told.is_ok_and(|told| told))
}

async fn told(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        match start.get(..length) {
            None | Some([]) => return Ok(false),
            Some(start) if start == PREFACE || !PREFACE.starts_with(start) => return Ok(true),
            // Looking takes nothing away, so more of it must have time to come.
            Some(_) => sleep(AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Whether a connection on which `pieces` come, with pauses between them, begins while `patience` lasts.
    async fn begins(pieces: &[&[u8]], patience: Duration) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let waiting = tokio::spawn(async move { has_begun(&server, patience).await });
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            sleep(AGAIN * 2).await;
        }
        waiting.await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_begins_when_it_can_be_told_what_it_speaks() {
        assert!(begins(&[b"G"], LONG).await);
        assert!(begins(&[b"P", b"OST / HTTP/1.1"], LONG).await);
        assert!(begins(&[b"PRI * HT", &PREFACE[8..]], LONG).await);
        assert!(!begins(&[], AGAIN * 5).await, "nothing came");
        assert!(!begins(&[b"PRI * HT"], AGAIN * 5).await, "half a preface");
    }

    #[tokio::test]
    async fn who_hangs_up_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (server, _) = listener.accept().await.unwrap();
        drop(client);
        assert!(!has_begun(&server, Duration::MAX).await);
    }
}
