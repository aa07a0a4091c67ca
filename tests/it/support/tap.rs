//! A proxy before PostgreSQL that counts what a server asks it: how often it waits for an answer.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

use super::TestDatabase;

/// A transaction that passed.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    /// The message that began it.
    pub(crate) begin: String,
    /// How often an answer was waited for, from the connection's check to the end.
    pub(crate) round_trips: usize,
}

#[derive(Default)]
struct Seen {
    passed: Vec<Passed>,
    received: usize,
}

/// The proxy; it ends with the test's runtime.
pub(crate) struct Tap {
    seen: Arc<Mutex<Seen>>,
    url: String,
}

impl Tap {
    /// Starts one before a database.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = database.owner();
        let url = format!(
            "postgres://{}@127.0.0.1:{port}/{}?sslmode=disable",
            server.get_username(),
            server.get_database().unwrap()
        );
        let seen = Arc::<Mutex<Seen>>::default();
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).ok();
                let counted = Arc::clone(&counted);
                match server.get_socket() {
                    None => {
                        let address = (server.get_host(), server.get_port());
                        let server = TcpStream::connect(address).await.unwrap();
                        relay(client, server, counted);
                    }
                    Some(folder) => {
                        let socket = folder.join(format!(".s.PGSQL.{}", server.get_port()));
                        relay(client, UnixStream::connect(socket).await.unwrap(), counted);
                    }
                }
            }
        });
        Self { seen, url }
    }

    /// The address of the proxy, for a server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Begins to count anew.
    pub(crate) fn forget(&self) {
        *self.seen.lock().unwrap() = Seen::default();
    }

    /// The transactions of a tenant that have ended.
    pub(crate) fn passed(&self, tenant: &str) -> Vec<Passed> {
        let tenant = format!("lumatrace.tenant = '{tenant}'");
        let seen = self.seen.lock().unwrap();
        let of_tenant = seen.passed.iter();
        of_tenant
            .filter(|passed| passed.begin.contains(&tenant))
            .cloned()
            .collect()
    }

    /// Bytes that PostgreSQL answered, to whatever was asked.
    pub(crate) fn received(&self) -> usize {
        self.seen.lock().unwrap().received
    }
}

fn relay<S>(client: TcpStream, server: S, seen: Arc<Mutex<Seen>>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = tokio::io::split(server);
    let mut messages = Messages::default();
    let asked = Arc::clone(&seen);
    tokio::spawn(copy(from_client, to_server, move |bytes| {
        messages.read(bytes, &asked);
    }));
    tokio::spawn(copy(from_server, to_client, move |bytes| {
        seen.lock().unwrap().received += bytes.len();
    }));
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut look: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        look(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    to.shutdown().await.ok();
}

/// What a client sends on one connection (PostgreSQL's manual, "Message Formats").
#[derive(Default)]
struct Messages {
    pending: Vec<u8>,
    is_started: bool,
    /// Whether the last message was a check of the connection: one follows its use, for which
    /// nobody waits, and one goes before the next use.
    is_checked: bool,
    running: Option<Passed>,
}

impl Messages {
    fn read(&mut self, bytes: &[u8], seen: &Mutex<Seen>) {
        self.pending.extend_from_slice(bytes);
        loop {
            // The first message has no type.
            let kind = usize::from(self.is_started);
            let Some(length) = self.pending.get(kind..kind + 4) else {
                return;
            };
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize + kind;
            if self.pending.len() < length {
                return;
            }
            let message: Vec<u8> = self.pending.drain(..length).collect();
            if self.is_started {
                self.count(message[0], &message[5..], seen);
            }
            self.is_started = true;
        }
    }

    fn count(&mut self, kind: u8, content: &[u8], seen: &Mutex<Seen>) {
        const QUERY: u8 = b'Q';
        const SYNC: u8 = b'S';
        if kind != QUERY && kind != SYNC {
            return;
        }
        let text = if kind == QUERY { content } else { &[] };
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end_matches('\0');
        if text.starts_with("begin") {
            self.running = Some(Passed {
                begin: text.to_owned(),
                round_trips: usize::from(self.is_checked),
            });
        }
        if let Some(running) = &mut self.running {
            running.round_trips += 1;
        }
        self.is_checked = kind == SYNC && self.running.is_none();
        let ends = ["commit", "rollback"];
        if ends.iter().any(|end| text.ends_with(end))
            && let Some(ended) = self.running.take()
        {
            seen.lock().unwrap().passed.push(ended);
        }
    }
}
