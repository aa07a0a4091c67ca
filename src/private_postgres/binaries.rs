//! Where the programs of PostgreSQL are on this machine, and of which version.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{PrivatePostgres, PrivatePostgresError};

/// Folders that packages install into, as parent, start of the name and rest of the path. Most are
/// not on PATH, so that several versions can be installed side by side.
const USUAL_PLACES: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The programs of one installed version, in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) major: u32,
    folder: PathBuf,
}

impl Binaries {
    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }
}

/// The newest installed version, to make a new cluster with.
pub(super) fn newest() -> Result<Binaries, PrivatePostgresError> {
    installed()
        .into_iter()
        .filter(|found| found.major >= PrivatePostgres::OLDEST_MAJOR)
        .max_by_key(|found| found.major)
        .ok_or(PrivatePostgresError::NotInstalled {
            oldest: PrivatePostgres::OLDEST_MAJOR,
        })
}

/// The version that made an existing cluster; PostgreSQL opens no other.
pub(super) fn of_major(major: u32, cluster: &Path) -> Result<Binaries, PrivatePostgresError> {
    installed()
        .into_iter()
        .find(|found| found.major == major)
        .ok_or_else(|| PrivatePostgresError::OtherVersion {
            cluster: cluster.to_owned(),
            wanted: major,
        })
}

fn installed() -> Vec<Binaries> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(|folder| folder.is_absolute());
    let usual = USUAL_PLACES
        .iter()
        .flat_map(|(parent, name, rest)| matching(parent, name, rest));
    on_path.chain(usual).filter_map(inspect).collect()
}

fn matching(parent: &str, name: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(name))
        .map(|entry| entry.path().join(rest))
        .collect()
}

/// The version in a folder that has both the server and `initdb`: on some systems they come in
/// separate packages, and one is of no use without the other.
fn inspect(folder: PathBuf) -> Option<Binaries> {
    let postgres = folder.join("postgres");
    if !postgres.is_file() || !folder.join("initdb").is_file() {
        return None;
    }
    let said = Command::new(postgres)
        .arg("--version")
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let major = major_of(&String::from_utf8_lossy(&said.stdout))?;
    Some(Binaries { major, folder })
}

/// Reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", and the bare "15" of a cluster's
/// `PG_VERSION`.
pub(super) fn major_of(text: &str) -> Option<u32> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = number
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_the_programs_print_them() {
        assert_eq!(
            major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_of("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(major_of("16\n"), Some(16));
        assert_eq!(major_of("no version\n"), None);
    }

    #[test]
    fn a_missing_version_says_what_to_install() {
        let message = of_major(7, Path::new("/x/cluster"))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("apt-get install postgresql-7"),
            "{message}"
        );
        assert!(message.contains("DATABASE_URL"), "{message}");
    }
}
