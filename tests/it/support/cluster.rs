//! Clusters of PostgreSQL of a test's own, which it may stop, kill and copy: a primary, and
//! standbys that stream from it.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

/// Where Debian has the programs, by version; elsewhere they are on PATH.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A running server of PostgreSQL, alone with its folder under the system's temporary one.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    server: Child,
}

impl Cluster {
    /// Makes a primary with the database `lumatrace` in it; `None` where `pg_basebackup` is not
    /// installed, without which there are no standbys.
    pub(crate) async fn primary() -> Option<Self> {
        let programs = programs()?;
        let folder = new_folder();
        let mut initdb = command(&programs, "initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "-D"]);
        run(initdb.arg(folder.join("data")));
        let cluster = Self::start(programs, folder);
        let mut admin = cluster.connect("postgres").await;
        admin.execute("create database lumatrace").await.unwrap();
        Some(cluster)
    }

    /// Makes a hot standby that streams from this one.
    pub(crate) async fn standby(&self) -> Self {
        let folder = new_folder();
        let mut copy = command(&self.programs, "pg_basebackup");
        copy.args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf"]);
        copy.args(["--username=postgres", "-h"]).arg(&self.folder);
        run(copy.arg("-D").arg(folder.join("data")));
        let standby = Self::start(self.programs.clone(), folder);
        standby.connect("lumatrace").await;
        standby
    }

    fn start(programs: PathBuf, folder: PathBuf) -> Self {
        let server = launch(&programs, &folder);
        Self {
            programs,
            folder,
            server,
        }
    }

    /// Starts the server again after it was killed.
    pub(crate) fn restart(&mut self) {
        self.server = launch(&self.programs, &self.folder);
    }

    /// How the superuser connects to `lumatrace`.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options_of("lumatrace")
    }

    fn options_of(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .port(5432)
            .username("postgres")
            .database(database)
    }

    /// The URL of the same.
    pub(crate) fn url(&self) -> String {
        let mut url = self.options().to_url_lossy();
        url.query_pairs_mut()
            .append_pair("host", &self.folder.to_string_lossy());
        url.to_string()
    }

    /// Connects as the superuser, once the server takes connections.
    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        let options = self.options_of(database);
        let connected = async {
            loop {
                if let Ok(connection) = PgConnection::connect_with(&options).await {
                    return connection;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let patience = Duration::from_mins(1);
        tokio::time::timeout(patience, connected)
            .await
            .expect("the server starts")
    }

    /// Sends a signal to all its processes at once: `STOP`, `CONT` or `KILL`.
    pub(crate) fn signal(&self, signal: &str) {
        let processes = self.processes().join(" ");
        let line = format!("kill -{signal} {processes}");
        Command::new("sh").args(["-c", &line]).status().unwrap();
    }

    /// Kills all its processes, and waits until they are gone.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        self.server.wait().unwrap();
    }

    /// The server's process and its children.
    fn processes(&self) -> Vec<String> {
        let server = self.server.id().to_string();
        let of_server = |process: &str| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let parent = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split(' ').nth(2));
            parent == Some(&server)
        };
        let all = fs::read_dir("/proc").unwrap().flatten();
        let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut processes: Vec<String> = names.filter(|process| of_server(process)).collect();
        processes.insert(0, server);
        processes
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal("KILL");
        self.server.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The folder of the newest programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.push(PathBuf::from("/usr/bin"));
    let all = |folder: &PathBuf| {
        let programs = ["initdb", "postgres", "pg_basebackup"];
        programs
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    folders.into_iter().rfind(all)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A folder that PostgreSQL may write to, which does not run as root.
fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lumatrace-cluster-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    if is_root() {
        let (user, group) = postgres();
        chown(&folder, Some(user), Some(group)).unwrap();
    }
    folder
}

/// The account `postgres` of this machine: user and group.
fn postgres() -> (u32, u32) {
    let list = fs::read_to_string("/etc/passwd").unwrap();
    let line = list.lines().find(|line| line.starts_with("postgres:"));
    let mut numbers = line.expect("an account postgres").split(':').skip(2);
    let mut number = || numbers.next().unwrap().parse().unwrap();
    (number(), number())
}

fn command(programs: &Path, program: &str) -> Command {
    let mut command = Command::new(programs.join(program));
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    if is_root() {
        let (user, group) = postgres();
        command.uid(user).gid(group);
    }
    command
}

fn run(command: &mut Command) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Commits wait for the log to be written, which is what standbys are compared by; nothing waits
/// for the disk.
fn launch(programs: &Path, folder: &Path) -> Child {
    let mut server = command(programs, "postgres");
    let socket = format!("unix_socket_directories={}", folder.display());
    for setting in [
        socket.as_str(),
        "listen_addresses=",
        "fsync=off",
        "synchronous_commit=on",
        "wal_retrieve_retry_interval=100ms",
    ] {
        server.args(["-c", setting]);
    }
    server.arg("-D").arg(folder.join("data"));
    server.stderr(Stdio::null()).spawn().unwrap()
}
