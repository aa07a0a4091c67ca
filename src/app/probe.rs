//! Asks a server on this machine, as `lumatrace healthcheck` and `lumatrace doctor` do.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long the whole answer may take.
const LIMIT: Duration = Duration::from_secs(3);

/// How much of an answer is read, in bytes.
const MAX_BYTES: u64 = 256 << 10;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The head after the status, and the body as it was sent.
    pub text: String,
}

/// Asks the server that listens at `listen` for `path`; at the loopback address if it listens on
/// all.
///
/// # Errors
///
/// Nobody answers within three seconds, or not in HTTP.
pub async fn probe(listen: SocketAddr, path: &str) -> io::Result<Answer> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let ask = async {
        let mut stream = TcpStream::connect(SocketAddr::new(ip, listen.port())).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut answer).await?;
        read(&answer).ok_or_else(|| io::Error::other("it does not speak HTTP"))
    };
    let answer = timeout(LIMIT, ask).await;
    answer.unwrap_or_else(|_| Err(io::Error::other("it did not answer in time")))
}

fn read(answer: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (status, text) = text.strip_prefix("HTTP/1.1 ")?.split_at_checked(3)?;
    Some(Answer {
        status: status.parse().ok()?,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_anything_else_is_none() {
        let answer = read(b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.text.ends_with("{}")), (503, true));
        for other in [&b""[..], b"SSH-2.0-OpenSSH", b"HTTP/1.1 2", b"HTTP/1.1 abc"] {
            assert_eq!(read(other), None);
        }
    }
}
