//! The files of one cluster, and the programs that are run on them.
//!
//! When this process is root's, the folder itself, the locks and the log stay root's, so that the
//! account which runs PostgreSQL cannot put anything in root's way; only the cluster and the
//! socket's folder are its own.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    PrivatePostgres, PrivatePostgresError,
    account::{self, UnixAccount},
    at, binaries,
    binaries::Binaries,
    location::{self, CLUSTER},
    socket, sys,
};

/// The state in a server's pid file once it accepts sessions.
const READY: &str = "ready";
/// The state until then.
const STARTING: &str = "starting";

/// The roles that log in: the cluster's owner, and the one that serves requests.
const ROLES: [&str; 2] = [PrivatePostgres::SUPERUSER, "lumatrace_app"];

/// Length from which the log is emptied at the next start.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;
/// How much of the log's end is read for an error message, and how many of its lines are shown.
const TAIL_BYTES: i64 = 64 * 1024;
const TAIL_LINES: usize = 12;
/// Logged for each client that came too early; in an error message it would hide the cause.
const TURNED_AWAY: &str = "FATAL:  the database system is ";

/// Given on the command line and not in `postgresql.conf`, so that existing clusters have them too.
const SETTINGS: [&str; 7] = [
    "cluster_name=lumatrace",
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "logging_collector=off",
    // Only the server's own life. Failed statements are reported by whoever sent them, and may
    // quote what is private.
    "log_min_messages=log",
    "log_error_verbosity=terse",
    "log_checkpoints=off",
];
/// Recovery from a crash begins with making sure of every file. One by one, that took more than a
/// minute on a busy disk; this asks for all of them at once. Since version 14, on Linux alone.
const SYNC_AT_ONCE: &str = "recovery_init_sync_method=syncfs";
const SYNC_AT_ONCE_SINCE: u32 = 14;
const SETTINGS_FOR_TESTS: [&str; 4] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
];

/// The folder of one cluster: its locks, its log, and PostgreSQL's own folders.
#[derive(Debug)]
pub(super) struct ClusterDir {
    folder: PathBuf,
    account: UnixAccount,
    durable: bool,
}

/// The process id and state that PostgreSQL writes to its pid file while it runs.
struct Postmaster {
    process: u32,
    state: String,
}

impl ClusterDir {
    pub(super) fn open(data_dir: &Path, durable: bool) -> Result<Self, PrivatePostgresError> {
        let (folder, account) = location::resolve(data_dir)?;
        Ok(Self {
            folder,
            account,
            durable,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn socket_folder(&self) -> PathBuf {
        socket::folder(&self.folder)
    }

    /// Takes the lock that is free only when no process of this cluster is left; `None` if one is.
    pub(super) fn try_lock_cluster(&self) -> Result<Option<File>, PrivatePostgresError> {
        let path = self.folder.join("cluster.lock");
        let lock = open_lock(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }

    /// Takes the lock that shows that the cluster has a living owner. Waits for an earlier owner
    /// that has not yet noticed its loss.
    pub(super) fn lock_ownership(&self) -> Result<File, PrivatePostgresError> {
        let path = self.folder.join("owner.lock");
        let lock = open_lock(&path).map_err(at(&path))?;
        lock.lock().map_err(at(&path))?;
        Ok(lock)
    }

    /// Whether a living process owns the cluster. Asked with a shared lock, so that followers do
    /// not take each other for one.
    pub(super) fn has_owner(&self) -> Result<bool, PrivatePostgresError> {
        let path = self.folder.join("owner.lock");
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            // Left for the owner to make, so that it never belongs to a follower that is root's.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(at(&path)(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }

    /// Whether the cluster accepts sessions, and is run by `process` if that is given.
    pub(super) fn is_ready(&self, process: Option<u32>) -> bool {
        self.postmaster().is_some_and(|found| {
            found.state == READY && process.is_none_or(|it| it == found.process)
        }) && socket::answers(&self.socket_folder())
    }

    /// Whether the cluster is starting, which takes long when it has to recover from a crash.
    pub(super) fn is_starting(&self) -> bool {
        self.postmaster()
            .is_some_and(|found| found.state == STARTING)
    }

    /// Asks a cluster to stop whose owner died without stopping it.
    pub(super) fn stop_abandoned(&self) {
        if let Some(found) = self.postmaster() {
            sys::send(found.process, sys::Signal::FastShutdown);
        }
    }

    /// Starts PostgreSQL, on a new cluster if there is none. It inherits `lock`.
    pub(super) fn launch(&self, lock: &File) -> Result<Child, PrivatePostgresError> {
        self.forget_postmaster()?;
        let binaries = if let Some(major) = self.major()? {
            binaries::of_major(major, &self.cluster())?
        } else {
            let newest = binaries::newest()?;
            self.initialise(&newest, lock)?;
            newest
        };
        let socket_folder =
            socket::prepare_folder(&self.folder, &self.account).map_err(at(&self.folder))?;
        let mut socket_setting = OsString::from("unix_socket_directories=");
        socket_setting.push(socket_folder);
        let program = binaries.postgres();
        let mut command = self.account.command(&program);
        command
            .arg("-D")
            .arg(self.cluster())
            .args(["-p", &PrivatePostgres::PORT.to_string()])
            .arg("-c")
            .arg(socket_setting);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        self.close_door(&mut command)?;
        if cfg!(target_os = "linux") && binaries.major >= SYNC_AT_ONCE_SINCE {
            command.args(["-c", SYNC_AT_ONCE]);
        }
        for setting in SETTINGS_FOR_TESTS.iter().filter(|_| !self.durable) {
            command.args(["-c", setting]);
        }
        let log = self.open_log().map_err(at(&self.log()))?;
        let same_log = log.try_clone().map_err(at(&self.log()))?;
        command.stdin(Stdio::null()).stdout(log).stderr(same_log);
        sys::tie(&mut command, lock);
        command.spawn().map_err(at(&program))
    }

    /// Has PostgreSQL answer this user alone, when it runs as another one: whoever else is that
    /// account, as other services of the machine may be, can enter the socket's folder. The two
    /// files are root's, so that the account cannot change them, and are written at each start, so
    /// that clusters have them that were made before.
    fn close_door(&self, command: &mut Command) -> Result<(), PrivatePostgresError> {
        if self.account == UnixAccount::Own {
            return Ok(());
        }
        let root = account::root_name();
        for (setting, name, text) in [
            (
                "hba_file",
                "door.hba",
                "local all all peer map=door\n".to_owned(),
            ),
            (
                "ident_file",
                "door.ident",
                ROLES.map(|role| format!("door {root} {role}\n")).concat(),
            ),
        ] {
            let path = self.folder.join(name);
            write_for_all(&path, &text).map_err(at(&path))?;
            let mut value = OsString::from(setting);
            value.push("=");
            value.push(&path);
            command.arg("-c").arg(value);
        }
        Ok(())
    }

    /// The end of PostgreSQL's log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut log = File::open(self.log())?;
            if log.metadata()?.len() > TAIL_BYTES.unsigned_abs() {
                log.seek(SeekFrom::End(-TAIL_BYTES))?;
            }
            let mut tail = Vec::new();
            log.read_to_end(&mut tail)?;
            Ok(tail)
        };
        let tail = read().unwrap_or_else(|error| error.to_string().into_bytes());
        let text = String::from_utf8_lossy(&tail);
        let telling: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains(TURNED_AWAY))
            .collect();
        telling[telling.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn cluster(&self) -> PathBuf {
        self.folder.join(CLUSTER)
    }

    fn postmaster_file(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    fn postmaster(&self) -> Option<Postmaster> {
        let text = fs::read_to_string(self.postmaster_file()).ok()?;
        let mut lines = text.lines();
        let process = lines.next()?.trim().parse().ok()?;
        let state = lines.nth(6).unwrap_or_default().trim().to_owned();
        Some(Postmaster { process, state })
    }

    /// Removes the pid file of a dead server: PostgreSQL would believe it if that process id is in
    /// use again.
    fn forget_postmaster(&self) -> Result<(), PrivatePostgresError> {
        match fs::remove_file(self.postmaster_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at(&self.postmaster_file())(error))
            }
            _ => Ok(()),
        }
    }

    /// The major version that made the cluster; `None` if there is no cluster.
    fn major(&self) -> Result<Option<u32>, PrivatePostgresError> {
        let path = self.cluster().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => match binaries::major_of(&text) {
                Some(major) => Ok(Some(major)),
                None => Err(at(&path)(io::ErrorKind::InvalidData.into())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Makes the cluster beside its place and moves it there when it is complete, so that half a
    /// cluster is never started.
    fn initialise(&self, binaries: &Binaries, lock: &File) -> Result<(), PrivatePostgresError> {
        let draft = self.folder.join("cluster.new");
        match fs::remove_dir_all(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&draft)(error)),
            _ => self.account.own_folder(&draft).map_err(at(&draft))?,
        };
        tracing::info!(folder = %self.folder.display(), version = binaries.major, "making the private PostgreSQL");

        let mut initdb = self.account.command(&binaries.initdb());
        // `C` is the one locale that every system has. `trust`, because the socket's folder is the
        // protection where this user runs PostgreSQL; see `close_door` for where another one does.
        initdb.args([
            "--locale=C",
            "--encoding=UTF8",
            "--auth-local=trust",
            "--auth-host=reject",
        ]);
        initdb
            .args(["--data-checksums", "-U", PrivatePostgres::SUPERUSER, "-D"])
            .arg(&draft);
        // Making the database in single-user mode needs no client program.
        let mut single = self.account.command(&binaries.postgres());
        single
            .args(["--single", "-c", "exit_on_error=on", "-D"])
            .arg(&draft);
        if !self.durable {
            initdb.arg("--no-sync");
            single.arg("-F");
        }
        single.arg("postgres");

        run(initdb, lock, "")?;
        run(
            single,
            lock,
            &format!("CREATE DATABASE {}\n", PrivatePostgres::DATABASE),
        )?;
        fs::rename(&draft, self.cluster()).map_err(at(&draft))?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(at(&self.folder))
    }

    fn open_log(&self) -> io::Result<File> {
        let log = own_file().append(true).create(true).open(self.log())?;
        if log.metadata()?.len() > MAX_LOG_BYTES {
            log.set_len(0)?;
        }
        Ok(log)
    }
}

/// Runs a program to its end; its output matters only when it fails.
fn run(mut command: Command, lock: &File, input: &str) -> Result<(), PrivatePostgresError> {
    let program = PathBuf::from(command.get_program());
    sys::tie(&mut command, lock);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(at(&program))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read says why in its output.
        let _ = stdin.write_all(input.as_bytes());
    }
    let said = child.wait_with_output().map_err(at(&program))?;
    if said.status.success() {
        return Ok(());
    }
    let output = format!(
        "{}: {}",
        said.status,
        String::from_utf8_lossy(&said.stderr).trim()
    );
    Err(PrivatePostgresError::NotMade { program, output })
}

/// Writes a file that every user can read, completely or not at all.
fn write_for_all(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = own_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    fs::rename(draft, path)
}

fn open_lock(path: &Path) -> io::Result<File> {
    own_file()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Options for a file of this user's alone, which never follow a link that somebody planted.
fn own_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}
