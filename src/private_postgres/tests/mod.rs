//! The supervisor against real PostgreSQL, by real deaths. Run as root and as an ordinary user,
//! they cover both ways.

mod life;
mod places;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{Options, PrivatePostgres, PrivatePostgresError, socket, sys};

const CHILD_FOLDER: &str = "PRIVATE_POSTGRES_TEST_FOLDER";
const LIMIT: Duration = Duration::from_secs(30);

/// A temporary folder that anybody can enter, so that each test chooses what is closed.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "lt-pg-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// A data folder that does not exist yet; `start` makes it with mode 0700.
    fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }

    /// A data folder that is open to PostgreSQL's account.
    fn open_data_dir(&self) -> PathBuf {
        let folder = self.data_dir();
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(cluster_dir(&self.data_dir()));
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Another process that uses a data folder: this test program, running only [`child_process`].
struct Other {
    process: Child,
    lines: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn launch(data_dir: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["child_process", "--ignored", "--nocapture"])
            .env(CHILD_FOLDER, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn wait_until_started(&mut self) -> PathBuf {
        let line = self
            .lines
            .find_map(|line| line.unwrap().strip_prefix("started ").map(PathBuf::from));
        line.expect("the other process did not start")
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as a command that has done its work ends.
    fn finish(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

#[test]
#[ignore = "not a test: what another process does while a test watches it"]
fn child_process() {
    let data_dir = PathBuf::from(env::var_os(CHILD_FOLDER).expect("run by another test"));
    let postgres = start(&data_dir);
    println!("\nstarted {}", postgres.socket_dir().display());
    let _ = io::stdin().read_line(&mut String::new());
    postgres.stop();
}

fn start(data_dir: &Path) -> PrivatePostgres {
    try_start(data_dir).unwrap()
}

fn try_start(data_dir: &Path) -> Result<PrivatePostgres, PrivatePostgresError> {
    // Durable, as in production: what is measured and killed here is the real thing.
    PrivatePostgres::start(Options {
        data_dir: data_dir.to_owned(),
        durable: true,
    })
}

fn cluster_dir(data_dir: &Path) -> PathBuf {
    match fs::read_to_string(data_dir.join("postgres-location")) {
        Ok(recorded) => PathBuf::from(recorded.trim_end()),
        Err(_) => data_dir.join("postgres"),
    }
}

fn postmaster_file(data_dir: &Path) -> PathBuf {
    cluster_dir(data_dir).join("cluster/postmaster.pid")
}

fn postmaster(data_dir: &Path) -> u32 {
    let text = fs::read_to_string(postmaster_file(data_dir)).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn signal_postmaster(data_dir: &Path, signal: &str) {
    let process = postmaster(data_dir).to_string();
    assert!(
        // The shell's own: a small system has no program of that name.
        Command::new("sh")
            .args(["-c", &format!("kill -{signal} {process}")])
            .status()
            .unwrap()
            .success()
    );
}

fn is_cluster_free(data_dir: &Path) -> bool {
    fs::File::open(cluster_dir(data_dir).join("cluster.lock"))
        .unwrap()
        .try_lock()
        .is_ok()
}

fn assert_down(data_dir: &Path, socket_dir: &Path) {
    assert!(is_cluster_free(data_dir), "a process of PostgreSQL is left");
    assert_eq!(
        fs::read_dir(socket_dir).unwrap().count(),
        0,
        "a socket is left"
    );
    assert!(!postmaster_file(data_dir).exists());
}

fn timed<T>(what: &str, action: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = action();
    println!("{what}: {} ms", begun.elapsed().as_millis());
    result
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "waited too long until {what}");
        thread::sleep(Duration::from_millis(5));
    }
    println!("until {what}: {} ms", begun.elapsed().as_millis());
}

/// Runs one statement and gives back the first field of its last row.
fn query(socket_dir: &Path, sql: &str) -> io::Result<String> {
    let mut session = socket::open_session(socket_dir)?;
    let length = u32::try_from(sql.len() + 5).unwrap().to_be_bytes();
    session.write_all(&[b"Q", &length[..], sql.as_bytes(), b"\0"].concat())?;
    let mut field = String::new();
    loop {
        match socket::read_message(&mut session)? {
            (b'Z', _) => return Ok(field),
            (b'E', body) => {
                return Err(io::Error::other(
                    String::from_utf8_lossy(&body).into_owned(),
                ));
            }
            // Number of fields (2 bytes), length of the first (4 bytes), the first.
            (b'D', body) => field = String::from_utf8_lossy(&body[6..]).into_owned(),
            _ => {}
        }
    }
}
