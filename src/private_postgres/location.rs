//! Decides which folder holds the cluster of a data folder.
//!
//! That is `<data folder>/postgres`, unless this process is root's and the account that runs
//! PostgreSQL cannot get in there, as in a data folder of mode 0700. Then it is a folder in
//! `/var/lib`, and a file in the data folder says which.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{PrivatePostgresError, account::UnixAccount, at, socket};

/// Inside the cluster's folder: what PostgreSQL calls its data directory.
pub(super) const CLUSTER: &str = "cluster";

/// Inside the data folder: names the cluster's folder when that is elsewhere.
const RECORD: &str = "postgres-location";
/// Parent of clusters that cannot be inside their data folder. Survives a reboot, unlike `/run` and
/// `/tmp`.
const ELSEWHERE: &str = "/var/lib/lumatrace";

/// Finds or makes the cluster's folder, and chooses the account that PostgreSQL runs as there.
pub(super) fn resolve(data_dir: &Path) -> Result<(PathBuf, UnixAccount), PrivatePostgresError> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(at(data_dir))?;
    let data_dir = data_dir.canonicalize().map_err(at(data_dir))?;

    // Processes that start at once must come to the same answer.
    let turn = File::open(&data_dir).map_err(at(&data_dir))?;
    turn.lock().map_err(at(&data_dir))?;

    let account = UnixAccount::choose()?;
    let cluster_dir = match recorded(&data_dir)? {
        Some(cluster_dir) => cluster_dir,
        None => choose(&data_dir, &account)?,
    };
    let account = account.owner_of(&cluster_dir.join(CLUSTER));
    if !account.can_enter(&cluster_dir)? {
        return Err(closed(&cluster_dir, &account));
    }
    Ok((cluster_dir, account))
}

/// The cluster's folder; `None` where there is no cluster.
pub(super) fn made(data_dir: &Path) -> Result<Option<PathBuf>, PrivatePostgresError> {
    let folder = recorded(data_dir)?.unwrap_or_else(|| inside(data_dir));
    let cluster = folder.join(CLUSTER);
    let is_made = cluster.try_exists().map_err(at(&cluster))?;
    Ok(is_made.then_some(folder))
}

/// Where the cluster lives if it can.
fn inside(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

fn recorded(data_dir: &Path) -> Result<Option<PathBuf>, PrivatePostgresError> {
    let record = data_dir.join(RECORD);
    match fs::read_to_string(&record) {
        Ok(text) => {
            let folder = PathBuf::from(text.trim_end());
            if folder.is_dir() {
                Ok(Some(folder))
            } else {
                // Beginning with an empty database would look as if everything had been lost.
                Err(PrivatePostgresError::Lost { record, folder })
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&record)(error)),
    }
}

fn choose(data_dir: &Path, account: &UnixAccount) -> Result<PathBuf, PrivatePostgresError> {
    let inside = inside(data_dir);
    if inside.join(CLUSTER).exists() || account.can_enter(data_dir)? {
        make(&inside, account).map_err(at(&inside))?;
        return Ok(inside);
    }
    let cluster_dir =
        make_elsewhere(data_dir, account).map_err(|cause| PrivatePostgresError::Nowhere {
            account: account.to_string(),
            folder: data_dir.to_owned(),
            elsewhere: ELSEWHERE,
            cause,
        })?;
    if !account.can_enter(&cluster_dir)? {
        let _ = fs::remove_dir(&cluster_dir);
        return Err(closed(&cluster_dir, account));
    }
    record(data_dir, &cluster_dir).map_err(at(&data_dir.join(RECORD)))?;
    tracing::warn!(
        folder = %cluster_dir.display(),
        "the private PostgreSQL lives outside of the data folder, which {account} cannot enter; back up both"
    );
    Ok(cluster_dir)
}

fn make_elsewhere(data_dir: &Path, account: &UnixAccount) -> io::Result<PathBuf> {
    let parent = Path::new(ELSEWHERE);
    let cluster_dir = parent.join(unique_name(data_dir)?);
    make(parent, account)?;
    make(&cluster_dir, account)?;
    Ok(cluster_dir)
}

/// Makes a folder that the account can pass through but not change, whatever the umask.
fn make(folder: &Path, account: &UnixAccount) -> io::Result<()> {
    let mode = if *account == UnixAccount::Own {
        0o700
    } else {
        0o711
    };
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The hash shows people which clusters belong to one data folder; the random part keeps a folder
/// that was deleted and made again apart from its predecessor.
fn unique_name(data_dir: &Path) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    data_dir.hash(&mut hasher);
    Ok(format!(
        "{:016x}-{:016x}",
        hasher.finish(),
        socket::random()?
    ))
}

fn record(data_dir: &Path, cluster_dir: &Path) -> io::Result<()> {
    let draft = data_dir.join("postgres-location.new");
    fs::write(&draft, format!("{}\n", cluster_dir.display()))?;
    File::open(&draft)?.sync_all()?;
    fs::rename(draft, data_dir.join(RECORD))?;
    File::open(data_dir)?.sync_all()
}

fn closed(folder: &Path, account: &UnixAccount) -> PrivatePostgresError {
    PrivatePostgresError::Closed {
        folder: folder.to_owned(),
        account: account.to_string(),
    }
}
