//! The database for when `DATABASE_URL` is not set: a real PostgreSQL that this process starts,
//! watches over and stops.
//!
//! It runs the programs that are installed on the machine, as an unprivileged user, and listens on
//! a unix socket only. Any number of processes may share one data folder: one of them owns the
//! cluster, the others follow it, and when the owner ends, a follower takes its place. Who owns it
//! is settled by two locks, never by a process id in a file:
//!
//! * `cluster.lock` is inherited by every process of PostgreSQL, so it is free only when no process
//!   of an old cluster is left; whoever gets it may clean up and start PostgreSQL.
//! * `owner.lock` is held by the owning process alone. While the first is held and this one is not,
//!   the cluster has been abandoned and is stopping.
//!
//! Start reading at `supervisor`, which is the life of a cluster; `cluster_dir` knows its
//! files, `location` where they are. Imports nothing of the project, and blocks: async callers put
//! [`PrivatePostgres::start`] on a thread of their own.

mod account;
mod binaries;
mod cluster_dir;
mod location;
mod socket;
mod supervisor;
mod sys;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use self::{cluster_dir::ClusterDir, supervisor::Supervisor};

/// How to start a private PostgreSQL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of everything that this installation keeps (`LUMATRACE_DATA_DIR`); made with mode
    /// 0700 if absent.
    pub data_dir: PathBuf,
    /// Whether a commit survives a power failure. False only for tests, where it also allows more
    /// connections.
    pub durable: bool,
}

/// A running PostgreSQL of this data folder, for as long as this value lives.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: PathBuf,
    socket_dir: PathBuf,
    /// Nothing is ever sent: hanging up is the request to stop.
    stop: Option<mpsc::Sender<()>>,
    supervisor: Option<JoinHandle<()>>,
}

impl PrivatePostgres {
    /// The database role that owns the cluster.
    pub const SUPERUSER: &str = "lumatrace_admin";
    /// The database that is made together with the cluster.
    pub const DATABASE: &str = "lumatrace";
    /// The oldest major version that serves; older ones have been out of support for years.
    pub const OLDEST_MAJOR: u32 = 13;
    /// The port in the name of the socket. Clients must set it, or they follow `PGPORT`.
    pub const PORT: u16 = 5432;

    /// Makes sure that the cluster of this data folder is running, started by this process or by
    /// another one that came first.
    ///
    /// The cluster is made if there is none. Afterwards it is kept running until this value is
    /// dropped: a PostgreSQL that dies is started again, and when another process that owns it
    /// ends, this one takes over.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, its folder cannot be used, or it does not become ready.
    /// Every message says what to do about it.
    pub fn start(options: Options) -> Result<Self, PrivatePostgresError> {
        let Options { data_dir, durable } = options;
        let (stop, stop_requested) = mpsc::channel();
        let (report, reported) = mpsc::sync_channel(1);
        let cluster_dir = ClusterDir::open(&data_dir, durable)?;
        let folder = cluster_dir.folder().to_owned();
        // A thread of its own, because the kernel stops PostgreSQL when the *thread* that spawned
        // it ends.
        let supervisor = thread::Builder::new()
            .name("postgres-supervisor".to_owned())
            .spawn(move || Supervisor::new(cluster_dir, stop_requested, report).run())
            .map_err(|cause| PrivatePostgresError::Thread { cause })?;
        let mut postgres = Self {
            folder,
            socket_dir: PathBuf::new(),
            stop: Some(stop),
            supervisor: Some(supervisor),
        };
        postgres.socket_dir = reported.recv().map_err(|_| PrivatePostgresError::Thread {
            cause: io::ErrorKind::BrokenPipe.into(),
        })??;
        Ok(postgres)
    }

    /// The folder in which the cluster of a data folder lives; `None` where there is none. Makes
    /// nothing.
    ///
    /// # Errors
    /// The folder cannot be read, or the cluster lived elsewhere and is gone.
    pub fn made(data_dir: &Path) -> Result<Option<PathBuf>, PrivatePostgresError> {
        location::made(data_dir)
    }

    /// The folder in which the cluster lives.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the socket, which is what libpq calls `host`; the port is the usual one, and
    /// no password is asked.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Stops the cluster cleanly if this process owns it, and returns when it is down. Dropping
    /// does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(supervisor) = self.supervisor.take() {
            // An error here is a panic that has been printed already.
            let _ = supervisor.join();
        }
    }
}

/// Why there is no private PostgreSQL. Each message is complete in itself and says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages name")]
pub enum PrivatePostgresError {
    /// The programs are not on this machine.
    #[error(
        "no PostgreSQL {oldest} or newer was found on this machine: install it with `apt-get install postgresql`, \
         `dnf install postgresql-server` or `brew install postgresql@17`, or set DATABASE_URL"
    )]
    NotInstalled { oldest: u32 },

    /// The programs are here, but of a version that cannot open the existing cluster.
    #[error(
        "the private PostgreSQL in `{}` was made by PostgreSQL {wanted}, which was not found on this machine: install it \
         with `apt-get install postgresql-{wanted}`, `dnf install postgresql{wanted}-server` or \
         `brew install postgresql@{wanted}`, or set DATABASE_URL", .cluster.display()
    )]
    OtherVersion { cluster: PathBuf, wanted: u32 },

    /// This process is root's, and the machine has no other account to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody` to run it as: \
         run this program as an ordinary user, or set DATABASE_URL"
    )]
    NoAccount,

    /// This process is root's in name only, as in a container without capabilities.
    #[error(
        "PostgreSQL refuses to run as root, and this process may not run it as {account} ({cause}): \
         run this program as an ordinary user, or set DATABASE_URL"
    )]
    NotAllowed { account: String, cause: io::Error },

    /// The account that has to run PostgreSQL cannot enter its folder.
    #[error(
        "the private PostgreSQL cannot live in `{}`, because {account} cannot enter that folder: open it and every folder \
         above it with `chmod o+x`, or set DATABASE_URL", .folder.display()
    )]
    Closed { folder: PathBuf, account: String },

    /// Neither the data folder nor the other place can be used.
    #[error(
        "the private PostgreSQL has no place to live: {account} cannot enter `{}`, and `{elsewhere}` \
         cannot be used either ({cause}); open the first and every folder above it with `chmod o+x`, \
         or set DATABASE_URL", .folder.display()
    )]
    Nowhere {
        account: String,
        folder: PathBuf,
        elsewhere: &'static str,
        cause: io::Error,
    },

    /// The cluster was put outside of the data folder, and is no longer there.
    #[error(
        "`{}` says that the private PostgreSQL lives in `{}`, which is not there: bring that folder back, or delete the \
         file to begin with an empty database", .record.display(), .folder.display()
    )]
    Lost { record: PathBuf, folder: PathBuf },

    /// A new cluster could not be made.
    #[error("`{}` could not make the private PostgreSQL: {output}", .program.display())]
    NotMade { program: PathBuf, output: String },

    /// PostgreSQL was started, by this process or another, and accepts no sessions.
    #[error("the private PostgreSQL {trouble}; its log `{}` ends with:\n{tail}", .log.display())]
    NotReady {
        trouble: &'static str,
        log: PathBuf,
        tail: String,
    },

    /// The operating system refused something.
    #[error("the private PostgreSQL cannot use `{}`: {cause}", .path.display())]
    Io { path: PathBuf, cause: io::Error },

    /// The thread that watches over the cluster could not be started, or ended without a report.
    #[error("the thread that watches over the private PostgreSQL cannot run: {cause}")]
    Thread { cause: io::Error },
}

/// Adds the file that an error of the operating system is about.
fn at(path: &Path) -> impl FnOnce(io::Error) -> PrivatePostgresError {
    move |cause| PrivatePostgresError::Io {
        path: path.to_owned(),
        cause,
    }
}
