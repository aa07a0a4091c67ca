//! The account that PostgreSQL runs as. It refuses to be root, so a process of root's chooses
//! another.

use std::{
    fmt, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, lchown},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use super::{PrivatePostgresError, at, sys};

/// The accounts to choose from, the best first.
const NAMES: [&str; 2] = ["postgres", "nobody"];
/// The list of this machine's accounts (passwd(5)).
const LIST: &str = "/etc/passwd";

/// The name of the account with number 0, as peer authentication looks it up.
pub(super) fn root_name() -> String {
    let list = fs::read_to_string(LIST).unwrap_or_default();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == "0").then(|| name.to_owned())
    });
    name.unwrap_or_else(|| "root".to_owned())
}

/// The account of the operating system that PostgreSQL runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnixAccount {
    /// This process's own: it is not root's.
    Own,
    /// Another user's, because this process is root's. The numbers are its user and group ids.
    Other { name: String, user: u32, group: u32 },
}

impl UnixAccount {
    /// Chooses the account for a new cluster.
    pub(super) fn choose() -> Result<Self, PrivatePostgresError> {
        if sys::effective_user() != 0 {
            return Ok(Self::Own);
        }
        let list = fs::read_to_string(LIST).map_err(at(Path::new(LIST)))?;
        NAMES
            .iter()
            .find_map(|name| find(&list, |line| line.name == *name))
            .ok_or(PrivatePostgresError::NoAccount)
    }

    /// The account that an existing cluster belongs to, whoever starts it; else this one.
    pub(super) fn owner_of(self, cluster: &Path) -> Self {
        match fs::symlink_metadata(cluster) {
            Ok(found) if self != Self::Own && found.uid() != 0 => {
                let list = fs::read_to_string(LIST).unwrap_or_default();
                find(&list, |line| line.user == found.uid()).unwrap_or(Self::Other {
                    name: found.uid().to_string(),
                    user: found.uid(),
                    group: found.gid(),
                })
            }
            _ => self,
        }
    }

    /// A command that will run as this account, in an empty environment and in no particular
    /// folder.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/");
        if let Self::Other { user, group, .. } = self {
            // std also drops root's supplementary groups when it changes the user.
            command.uid(*user).gid(*group);
        }
        command
    }

    /// Whether this account can enter a folder. Tried by running a shell there: mode bits say
    /// nothing of access control lists, security modules or how the file system was mounted.
    pub(super) fn can_enter(&self, folder: &Path) -> Result<bool, PrivatePostgresError> {
        if *self == Self::Own {
            return Ok(true);
        }
        let mut shell = self.command(Path::new("/bin/sh"));
        shell
            .args(["-c", ":"])
            .current_dir(folder)
            .stdin(Stdio::null());
        match shell.status() {
            Ok(status) => Ok(status.success()),
            // The folder's refusal. A user that may not be changed is the other "permission
            // denied".
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(false),
            Err(cause) => Err(PrivatePostgresError::NotAllowed {
                account: self.to_string(),
                cause,
            }),
        }
    }

    /// Makes a folder that is this account's alone. False when something else is there already.
    pub(super) fn own_folder(&self, folder: &Path) -> io::Result<bool> {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {
                if let Self::Other { user, group, .. } = self {
                    lchown(folder, Some(*user), Some(*group))?;
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(folder)?;
                Ok(found.is_dir() && found.uid() == self.user() && found.mode() & 0o777 == 0o700)
            }
            Err(error) => Err(error),
        }
    }

    fn user(&self) -> u32 {
        match self {
            Self::Own => sys::effective_user(),
            Self::Other { user, .. } => *user,
        }
    }
}

impl fmt::Display for UnixAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => formatter.write_str("this process"),
            Self::Other { name, .. } => write!(formatter, "the user `{name}`"),
        }
    }
}

/// One line of the list of accounts: a name, and its user and group ids.
struct Line<'a> {
    name: &'a str,
    user: u32,
    group: u32,
}

fn find(list: &str, wanted: impl Fn(&Line<'_>) -> bool) -> Option<UnixAccount> {
    list.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            Some(Line { name, user, group })
        })
        // An account with root's number would be refused just as root is.
        .find(|line| line.user != 0 && wanted(line))
        .map(|line| UnixAccount::Other {
            name: line.name.to_owned(),
            user: line.user,
            group: line.group,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_account_and_skips_what_is_not_one() {
        let list = "broken\npostgres:x:0:0::/:\n# note\npostgres:x:101:104:P,,,:/var:/bin/bash\n";
        let found = find(list, |line| line.name == "postgres");
        let expected = UnixAccount::Other {
            name: "postgres".to_owned(),
            user: 101,
            group: 104,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(find(list, |line| line.name == "nobody"), None);
    }
}
