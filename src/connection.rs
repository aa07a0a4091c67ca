//! Connections on which the client has sent nothing yet.

use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// The first bytes that a client of HTTP/2 sends (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often an incomplete preface is checked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until the client has sent enough to tell HTTP/1 from HTTP/2; false if it hung up or sent
/// too little within `patience`. The timeouts of either protocol only start from there.
pub(crate) async fn has_begun(stream: &TcpStream, patience: Duration) -> bool {
    timeout(patience, protocol_is_known(stream))
        .await
        .is_ok_and(|known| known.is_ok_and(|known| known))
}

async fn protocol_is_known(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        match start.get(..length) {
            None | Some([]) => return Ok(false),
            Some(start) if start == PREFACE || !PREFACE.starts_with(start) => return Ok(true),
            // Peeking consumes nothing, so it would return at once: give the rest time to arrive.
            Some(_) => sleep(RETRY_INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Whether a connection on which `pieces` arrive, with pauses between, begins within
    /// `patience`.
    async fn begins(pieces: &[&[u8]], patience: Duration) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let waiting = tokio::spawn(async move { has_begun(&server, patience).await });
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            sleep(RETRY_INTERVAL * 2).await;
        }
        waiting.await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_begins_when_it_can_be_told_what_it_speaks() {
        assert!(begins(&[b"G"], LONG).await);
        assert!(begins(&[b"P", b"OST / HTTP/1.1"], LONG).await);
        assert!(begins(&[b"PRI * HT", &PREFACE[8..]], LONG).await);
        assert!(!begins(&[], RETRY_INTERVAL * 5).await, "nothing came");
        assert!(
            !begins(&[b"PRI * HT"], RETRY_INTERVAL * 5).await,
            "half a preface"
        );
    }

    #[tokio::test]
    async fn a_client_that_hung_up_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (server, _) = listener.accept().await.unwrap();
        drop(client);
        assert!(!has_begun(&server, Duration::MAX).await);
    }
}
