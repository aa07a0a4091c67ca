//! The folder of the cluster's socket, and the check whether a server answers there.
//!
//! Its permissions are the protection: only its owner and root get in. Where its owner is another
//! user than this process's, PostgreSQL answers root alone besides (`ClusterDir::close_door`).

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{ffi::OsStrExt, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{PrivatePostgres, account::UnixAccount};

/// Systems allow 104 to 108 bytes for the path of a socket.
const MAX_PATH_BYTES: usize = 100;
/// Where a folder with a short path can be made: the one for root first, then the one for all.
const SHORT_PARENTS: [&str; 2] = ["/run", "/tmp"];
/// Inside the cluster's folder: names the socket's folder when that is elsewhere.
const RECORD: &str = "socket-location";

/// How long to wait for one answer of the server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest message that is read. What comes before "ready for query" has some hundred bytes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Where the socket is expected, as far as is known now.
pub(super) fn folder(cluster_dir: &Path) -> PathBuf {
    match fs::read_to_string(cluster_dir.join(RECORD)) {
        Ok(recorded) => PathBuf::from(recorded.trim_end()),
        Err(_) => cluster_dir.join("socket"),
    }
}

/// Makes sure that the socket's folder exists and is the account's alone. Only the owner of the
/// cluster may call this.
pub(super) fn prepare_folder(cluster_dir: &Path, account: &UnixAccount) -> io::Result<PathBuf> {
    let expected = folder(cluster_dir);
    if fits(&expected) && account.own_folder(&expected).unwrap_or(false) {
        return Ok(expected);
    }
    let short = make_short_folder(account)?;
    let draft = cluster_dir.join("socket-location.new");
    fs::write(&draft, short.as_os_str().as_bytes())?;
    fs::rename(draft, cluster_dir.join(RECORD))?;
    Ok(short)
}

/// PostgreSQL names its socket after a TCP port, even when it has none.
fn address(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{}", PrivatePostgres::PORT))
}

/// A comma or a quotation mark would split PostgreSQL's list of folders.
fn fits(folder: &Path) -> bool {
    let bytes = folder.as_os_str().as_bytes();
    address(folder).as_os_str().len() <= MAX_PATH_BYTES
        && !bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n'))
}

/// The name is random because everybody can write to `/tmp`, and could wait there under a name
/// known beforehand.
fn make_short_folder(account: &UnixAccount) -> io::Result<PathBuf> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for parent in SHORT_PARENTS {
        let folder = Path::new(parent).join(format!("lumatrace-{:016x}", random()?));
        match account.own_folder(&folder) {
            Ok(true) => return Ok(folder),
            Ok(false) => last = io::Error::from(io::ErrorKind::AlreadyExists),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A number that nobody can guess.
pub(super) fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Whether PostgreSQL accepts sessions at this socket. One that is full counts: it is up, and in
/// use.
pub(super) fn answers(folder: &Path) -> bool {
    match open_session(folder) {
        Ok(mut session) => {
            // Terminate. Without it PostgreSQL notes a lost connection in its log.
            let _ = session.write_all(b"X\0\0\0\x04");
            true
        }
        Err(error) => error.kind() == io::ErrorKind::QuotaExceeded,
    }
}

/// Opens a session as far as "ready for query".
pub(super) fn open_session(folder: &Path) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(address(folder))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&startup_message())?;
    loop {
        let (kind, body) = read_message(&mut stream)?;
        match kind {
            b'Z' => return Ok(stream),
            b'E' if body.windows(7).any(|field| field == b"C53300\0") => {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            b'E' => {
                return Err(io::Error::other(
                    String::from_utf8_lossy(&body).into_owned(),
                ));
            }
            _ => {}
        }
    }
}

fn startup_message() -> Vec<u8> {
    const PROTOCOL: [u8; 4] = [0, 3, 0, 0];
    let fields = [
        "user",
        PrivatePostgres::SUPERUSER,
        "database",
        PrivatePostgres::DATABASE,
        "",
    ];
    let mut body = PROTOCOL.to_vec();
    for field in fields {
        body.extend_from_slice(field.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body.as_slice()].concat()
}

/// Reads one message of the protocol: its kind, a length that counts itself, then the body.
pub(super) fn read_message(stream: &mut UnixStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let length = length.saturating_sub(4);
    if length > MAX_MESSAGE_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}
