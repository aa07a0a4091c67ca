//! Asks the operator's time-stamp authority for the stamps on signatures.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::{
    credentials::TimeStamps,
    metrics::Metrics,
    outbound::{Destination, Outbound},
};

/// Types of request and reply (RFC 3161, 3.4).
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
/// Most bytes of a reply: ten times the usual.
const MOST_BYTES: usize = 64 << 10;

/// A time-stamp authority that is asked over HTTP.
#[derive(Debug)]
pub struct TimeStampAuthority {
    /// Its limit of time is `limit`.
    outbound: Outbound,
    url: Destination,
    limit: Duration,
    metrics: Metrics,
    /// Signing blocks its thread, requests run here.
    runtime: Handle,
}

impl TimeStampAuthority {
    /// An authority at `url`, which takes requests of `outbound`, whose limit of time is `limit`.
    /// Requests run on the runtime of the caller.
    pub fn new(outbound: Outbound, url: Destination, limit: Duration, metrics: Metrics) -> Self {
        Self {
            outbound,
            url,
            limit,
            metrics,
            runtime: Handle::current(),
        }
    }
}

impl TimeStamps for TimeStampAuthority {
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let sent = self
            .outbound
            .post(&self.url, QUERY, request.to_vec(), REPLY, MOST_BYTES);
        match self.runtime.block_on(sent) {
            Ok(reply) => Some(reply),
            Err(error) => {
                tracing::warn!(%error, tsa.url = %self.url, "the time-stamp authority gives no reply");
                None
            }
        }
    }

    fn longest_wait(&self) -> Duration {
        self.limit
    }

    fn count(&self, granted: bool) {
        self.metrics.count_time_stamp(granted);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        sync::{Arc, mpsc},
        thread,
        time::Instant,
    };

    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::{
        clock::Clock,
        cpu::CpuGate,
        credentials::{
            Anchors, Judge, Judgement, ManifestSigner, Statement,
            authority::Authority,
            signing::{Algorithm, SigningIdentity},
            test_files::plain,
            time_stamps::test_authority::TestAuthority,
        },
        domain::{ContentHash, PhotoId, Registration, verdict::C2paStatus},
        imaging::{Format, MetadataPolicy},
        metrics::Snapshot,
    };

    /// Signs a picture with an authority at `url`; what a judge says that trusts it.
    async fn signed(url: &str, limit: Duration, tsa: &TestAuthority) -> (Judgement, Metrics) {
        let metrics = Metrics::new();
        let outbound = Outbound::new(&["127.0.0.0/8".parse().unwrap()], limit).unwrap();
        let url = outbound.destination(url).unwrap();
        let stamps = TimeStampAuthority::new(outbound, url, limit, metrics.clone());
        let now = Clock::system().now();
        let authority = Authority::make(now, "Test", Algorithm::Es256).unwrap();
        let (chain, key) = authority.issue_leaf(Algorithm::Es256, now).unwrap();
        let identity = SigningIdentity::new(chain, &key).unwrap();
        let anchors = Anchors {
            manifest: vec![authority.root_pem()],
            tsa: vec![tsa.root.clone()],
        };
        let signer = ManifestSigner::new(identity, &anchors, Some(Arc::new(stamps))).unwrap();
        let statement = Statement {
            manifest: Uuid::new_v4(),
            photo: PhotoId::random(),
            format: Format::Png,
            content_hash: ContentHash::from_digest([7; 32]),
            registration: Registration::default(),
            service: "https://lumatrace.example".to_owned(),
            soft_binding: "com.example.lumatrace.wm.1".to_owned(),
        };
        let gate = CpuGate::new(1, 0);
        let signing = gate.run((), move |_| {
            let picture = Bytes::from(plain(Format::Png, 1));
            let outcome = signer.sign(&statement, &picture, &picture, MetadataPolicy::Keep);
            let judge = Judge::new(&anchors).unwrap();
            judge.judge(&outcome.unwrap().file.into(), Format::Png)
        });
        (signing.await.unwrap(), metrics)
    }

    /// Listens for one request, and answers with what `answer` makes of its head and body.
    fn serve(answer: impl FnOnce(&str, &[u8]) -> Vec<u8> + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsa", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
            let end = loop {
                let read = connection.read(&mut buffer).unwrap();
                received.extend_from_slice(&buffer[..read]);
                let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
                let Some(end) = head.map(|head| head + 4) else {
                    continue;
                };
                let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap();
                let length: usize = length.split('\r').next().unwrap().parse().unwrap();
                if received.len() >= end + length {
                    break end;
                }
            };
            let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
            let _ = connection.write_all(&answer(&head, &received[end..]));
        });
        url
    }

    fn http(kind: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        [head.as_bytes(), b"\r\n\r\n", body].concat()
    }

    fn counted(metrics: &Metrics, outcome: &str) -> bool {
        let line = format!("lumatrace_time_stamps_total{{outcome=\"{outcome}\"}} 1");
        metrics.render(Snapshot::default()).unwrap().contains(&line)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_authority_is_asked_over_http_and_one_that_does_not_answer_holds_up_for_the_limit() {
        let Some(tsa) = TestAuthority::new("") else {
            return;
        };
        let tsa = Arc::new(tsa);
        let asked = Arc::clone(&tsa);
        let patient = Duration::from_secs(20);
        let url = serve(move |head, request| {
            assert!(head.starts_with("post /tsa http/1.1\r\n"), "{head}");
            assert!(head.contains("\r\ncontent-type: application/timestamp-query\r\n"));
            // The hash of the signature, and nothing of the photo.
            assert!(request.len() < 100, "{}", request.len());
            http("application/timestamp-reply", &asked.reply(request))
        });
        let (judged, metrics) = signed(&url, patient, &tsa).await;
        assert_eq!(judged.status, C2paStatus::Valid, "{judged:?}");
        assert!(judged.time_stamped, "{judged:?}");
        assert!(counted(&metrics, "granted"));

        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let down = format!("http://{}/", closed.local_addr().unwrap());
        drop(closed);
        let (_never, pause) = mpsc::channel::<()>();
        let slow = serve(move |_, _| {
            let _ = pause.recv_timeout(patient);
            Vec::new()
        });
        let short = Duration::from_millis(300);
        for (name, url, limit) in [
            ("down", down, patient),
            ("slow", slow, short),
            (
                "a web page",
                serve(|_, _| http("text/html", b"no")),
                patient,
            ),
            (
                "rubbish",
                serve(|_, _| http("application/timestamp-reply", b"no")),
                patient,
            ),
        ] {
            let begun = Instant::now();
            let (judged, metrics) = signed(&url, limit, &tsa).await;
            assert_eq!(judged.status, C2paStatus::Valid, "{name}: {judged:?}");
            assert!(!judged.time_stamped, "{name}");
            assert!(counted(&metrics, "failed"), "{name}");
            assert!(begun.elapsed() < patient / 2, "{name}");
        }
    }
}
