//! Decides which folder is the home of a data folder's cluster.
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

use super::{PrivatePostgresError, account::Account, at, home::CLUSTER, socket};

/// Inside the data folder: names the home of the cluster when that is elsewhere.
const RECORD: &str = "postgres-location";
/// Outlives a reboot, unlike `/run` and `/tmp`.
const ELSEWHERE: &str = "/var/lib/lumatrace";

/// Finds or makes the home of the cluster, and says whom PostgreSQL has to run as there.
pub(super) fn resolve(data_dir: &Path) -> Result<(PathBuf, Account), PrivatePostgresError> {
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

    let account = Account::choose()?;
    let home = match recorded(&data_dir)? {
        Some(home) => home,
        None => choose(&data_dir, &account)?,
    };
    let account = account.owner_of(&home.join(CLUSTER));
    if !account.can_enter(&home)? {
        return Err(closed(&home, &account));
    }
    Ok((home, account))
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

fn choose(data_dir: &Path, account: &Account) -> Result<PathBuf, PrivatePostgresError> {
    let inside = data_dir.join("postgres");
    if inside.join(CLUSTER).exists() || account.can_enter(data_dir)? {
        make(&inside, account).map_err(at(&inside))?;
        return Ok(inside);
    }
    let home =
        make_elsewhere(data_dir, account).map_err(|cause| PrivatePostgresError::Nowhere {
            account: account.to_string(),
            folder: data_dir.to_owned(),
            elsewhere: ELSEWHERE,
            cause,
        })?;
    if !account.can_enter(&home)? {
        let _ = fs::remove_dir(&home);
        return Err(closed(&home, account));
    }
    record(data_dir, &home).map_err(at(&data_dir.join(RECORD)))?;
    tracing::warn!(
        folder = %home.display(),
        "the private PostgreSQL lives outside of the data folder, which {account} cannot enter; back up both"
    );
    Ok(home)
}

fn make_elsewhere(data_dir: &Path, account: &Account) -> io::Result<PathBuf> {
    let parent = Path::new(ELSEWHERE);
    let home = parent.join(unique_name(data_dir)?);
    make(parent, account)?;
    make(&home, account)?;
    Ok(home)
}

/// Makes a folder that the account can pass through but not change, whatever the umask.
fn make(folder: &Path, account: &Account) -> io::Result<()> {
    let mode = if *account == Account::Own {
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

/// The hash tells data folders apart for the curious, the random part makes sure: one may be
/// deleted and made again.
fn unique_name(data_dir: &Path) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    data_dir.hash(&mut hasher);
    Ok(format!(
        "{:016x}-{:016x}",
        hasher.finish(),
        socket::random()?
    ))
}

fn record(data_dir: &Path, home: &Path) -> io::Result<()> {
    let draft = data_dir.join("postgres-location.new");
    fs::write(&draft, format!("{}\n", home.display()))?;
    File::open(&draft)?.sync_all()?;
    fs::rename(draft, data_dir.join(RECORD))?;
    File::open(data_dir)?.sync_all()
}

fn closed(folder: &Path, account: &Account) -> PrivatePostgresError {
    PrivatePostgresError::Closed {
        folder: folder.to_owned(),
        account: account.to_string(),
    }
}
