//! Weak set-ups: what is certainly wrong is refused with its cure, what may be meant is warned of.
//!
//! [`Weakness`] is the closed list of them, each under a code that stays (docs/operations.md, "Weak
//! set-ups"). The checks look at settings and files alone, before anything is started or made.

use std::{fmt, fs, io, net::IpAddr, os::unix::fs::MetadataExt, path::Path};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{StartError, store};
use crate::config::{InstallationSettings, ServeSettings};

/// Permission bits of users who are not the owner of a file.
const OTHERS: u32 = 0o077;
/// The same, but for the group's right to read.
const OTHERS_BUT_GROUP_READS: u32 = 0o037;
/// The right of all other users to read.
const ALL_READ: u32 = 0o004;
/// The right of the group, and of all other users, to write.
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;

/// What is done about a weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The program does not start.
    Refused,
    /// The log says so at the start.
    Warned,
}

/// A kind of weak set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// The master key is no random one.
    MasterKeyGuessable,
    /// A file of secrets can be read by others.
    SecretFileOpen,
    /// Every user of the machine can change the data folder.
    DataFolderOpen,
    /// A group or another user can change the data folder.
    DataFolderShared,
    /// A file that a setting names can be read by every user of the machine.
    SecretMountOpen,
    /// A secret stands on the command line.
    SecretInFlag,
    /// The database is reached over a network without a verified certificate.
    DatabaseUnverified,
    /// The API is open to other machines, and clients are told to use plain HTTP.
    ListenerUnencrypted,
    /// Clients come through a proxy, and no proxy is known.
    ProxiesUnknown,
    /// Every machine is believed to be a proxy.
    ProxiesAny,
    /// The metrics are open to other machines.
    MetricsOpen,
}

impl Weakness {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MasterKeyGuessable,
        Self::SecretFileOpen,
        Self::DataFolderOpen,
        Self::DataFolderShared,
        Self::SecretMountOpen,
        Self::SecretInFlag,
        Self::DatabaseUnverified,
        Self::ListenerUnencrypted,
        Self::ProxiesUnknown,
        Self::ProxiesAny,
        Self::MetricsOpen,
    ];

    /// Its name, which stays the same.
    pub fn code(self) -> &'static str {
        match self {
            Self::MasterKeyGuessable => "master-key-guessable",
            Self::SecretFileOpen => "secret-file-open",
            Self::DataFolderOpen => "data-folder-open",
            Self::DataFolderShared => "data-folder-shared",
            Self::SecretMountOpen => "secret-mount-open",
            Self::SecretInFlag => "secret-in-flag",
            Self::DatabaseUnverified => "database-unverified",
            Self::ListenerUnencrypted => "listener-unencrypted",
            Self::ProxiesUnknown => "proxies-unknown",
            Self::ProxiesAny => "proxies-any",
            Self::MetricsOpen => "metrics-open",
        }
    }

    /// What is done about it.
    pub fn severity(self) -> Severity {
        match self {
            Self::MasterKeyGuessable | Self::SecretFileOpen | Self::DataFolderOpen => {
                Severity::Refused
            }
            Self::DataFolderShared
            | Self::SecretMountOpen
            | Self::SecretInFlag
            | Self::DatabaseUnverified
            | Self::ListenerUnencrypted
            | Self::ProxiesUnknown
            | Self::ProxiesAny
            | Self::MetricsOpen => Severity::Warned,
        }
    }
}

/// A weakness of this set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub weakness: Weakness,
    /// The setting, file or folder that has it.
    pub subject: String,
}

impl Finding {
    fn new(weakness: Weakness, subject: impl Into<String>) -> Self {
        Self {
            weakness,
            subject: subject.into(),
        }
    }

    fn of_file(weakness: Weakness, path: &Path) -> Self {
        Self::new(weakness, path.display().to_string())
    }

    /// What is wrong, as one sentence without its full stop.
    pub fn sentence(&self) -> String {
        let what = match self.weakness {
            Weakness::MasterKeyGuessable => {
                "repeats a few bytes and can be guessed: it is not random"
            }
            Weakness::SecretFileOpen => "can be read by other users of this machine",
            Weakness::DataFolderOpen => "can be changed by every user of this machine",
            Weakness::DataFolderShared => "can be changed by a group or by another user",
            Weakness::SecretMountOpen => "can be read by every user of this machine",
            Weakness::SecretInFlag => "holds a secret, which every user of this machine can see",
            Weakness::DatabaseUnverified => {
                "leads over the network without checking the certificate of the database"
            }
            Weakness::ListenerUnencrypted => {
                "lets other machines connect, and the server speaks plain HTTP"
            }
            Weakness::ProxiesUnknown => {
                "is that of a proxy, and all clients of a proxy that is not known count as one source"
            }
            Weakness::ProxiesAny => {
                "believes every machine, so that a client passes for any address and has any number of guesses"
            }
            Weakness::MetricsOpen => "lets other machines read the metrics without a token",
        };
        format!("{} {what}", self.subject)
    }

    /// What to do about it.
    pub fn cure(&self) -> String {
        let subject = &self.subject;
        match self.weakness {
            Weakness::MasterKeyGuessable => {
                "make one with `head -c 32 /dev/urandom | base64`".to_owned()
            }
            Weakness::SecretFileOpen => format!("run `chmod 600 {subject}`"),
            Weakness::DataFolderOpen | Weakness::DataFolderShared => {
                format!("give it to this user alone, and run `chmod 700 {subject}`")
            }
            Weakness::SecretMountOpen => {
                format!("mount it with mode 0400, or run `chmod 400 {subject}`")
            }
            Weakness::SecretInFlag => {
                "set the environment variable, or the one that names a file".to_owned()
            }
            Weakness::DatabaseUnverified => {
                "add sslmode=verify-full to the URL, and sslrootcert if its authority is your own"
                    .to_owned()
            }
            Weakness::ListenerUnencrypted => {
                "put a proxy with TLS in front, and set LUMATRACE_PUBLIC_URL to its https address"
                    .to_owned()
            }
            Weakness::ProxiesUnknown => {
                "set LUMATRACE_TRUSTED_PROXIES to the proxy's network, 127.0.0.1/32 for one on this machine"
                    .to_owned()
            }
            Weakness::ProxiesAny => {
                "set LUMATRACE_TRUSTED_PROXIES to the proxies' own networks alone".to_owned()
            }
            Weakness::MetricsOpen => {
                "bind it to an address that only the collector reaches".to_owned()
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sentence, cure) = (self.sentence(), self.cure());
        write!(f, "{sentence}; {cure} [{}]", self.weakness.code())
    }
}

/// Looks for weaknesses of what every command uses. `in_flags` are the flags with secrets that
/// stand on the command line.
///
/// # Errors
///
/// A setting cannot be read at all.
pub fn of_installation(
    settings: &InstallationSettings,
    in_flags: &[&'static str],
) -> Result<Vec<Finding>, StartError> {
    let mut found: Vec<Finding> = in_flags
        .iter()
        .map(|flag| Finding::new(Weakness::SecretInFlag, *flag))
        .collect();
    found.extend(of_files(&settings.data_dir)?);
    let mounts = [
        &settings.master_key_file,
        &settings.master_key_other_file,
        &settings.database_url_file,
    ];
    for path in mounts.into_iter().flatten() {
        found.extend(of_mount(path)?);
    }
    found.extend(of_master_key(settings)?);
    if let Some(options) = store::database_options(settings)? {
        found.extend(of_database("DATABASE_URL", &options));
    }
    Ok(found)
}

/// Looks for weaknesses of a data folder and of the files that this program keeps there.
pub(super) fn of_files(data_dir: &Path) -> Result<Vec<Finding>, StartError> {
    let mut found: Vec<Finding> = of_data_folder(data_dir)?.into_iter().collect();
    for path in store::secret_files(data_dir) {
        found.extend(of_secret_file(&path)?);
    }
    Ok(found)
}

/// Looks for weaknesses of what a server alone uses.
///
/// # Errors
///
/// A setting cannot be read at all.
pub fn of_server(settings: &ServeSettings) -> Result<Vec<Finding>, StartError> {
    let mut found = Vec::new();
    let mounts = [
        &settings.bootstrap_password_file,
        &settings.read_database_url_file,
    ];
    for path in mounts.into_iter().flatten() {
        found.extend(of_mount(path)?);
    }
    if let Some(options) = store::read_database_options(settings)? {
        found.extend(of_database("LUMATRACE_READ_DATABASE_URL", &options));
    }
    found.extend(of_listener(settings));
    if let Some(metrics) = settings.metrics_listen.filter(|at| !at.ip().is_loopback()) {
        let subject = format!("LUMATRACE_METRICS_LISTEN {metrics}");
        found.push(Finding::new(Weakness::MetricsOpen, subject));
    }
    Ok(found)
}

/// The server speaks plain HTTP, so that an `https` address is that of a proxy.
fn of_listener(settings: &ServeSettings) -> Option<Finding> {
    let (listen, proxies) = (settings.address.listen, &settings.trusted_proxies);
    let public = settings.public_url.as_deref().unwrap_or_default();
    let is_proxied = public.starts_with("https://");
    if proxies.iter().any(|network| network.prefix_len() == 0) {
        let setting = "LUMATRACE_TRUSTED_PROXIES";
        return Some(Finding::new(Weakness::ProxiesAny, setting));
    }
    if is_proxied && proxies.is_empty() {
        let subject = format!("LUMATRACE_PUBLIC_URL {public}");
        return Some(Finding::new(Weakness::ProxiesUnknown, subject));
    }
    (!is_proxied && !listen.ip().is_loopback()).then(|| {
        let subject = format!("LUMATRACE_LISTEN {listen}");
        Finding::new(Weakness::ListenerUnencrypted, subject)
    })
}

fn of_master_key(settings: &InstallationSettings) -> Result<Option<Finding>, StartError> {
    match store::present_master_key(settings) {
        Err(StartError::Weak(finding)) => Ok(Some(finding)),
        read => read.map(|_| None),
    }
}

fn of_data_folder(path: &Path) -> Result<Option<Finding>, StartError> {
    let Some(folder) = metadata(path)? else {
        return Ok(None);
    };
    let weakness = if folder.mode() & ALL_WRITE != 0 {
        Weakness::DataFolderOpen
    } else if folder.mode() & GROUP_WRITES != 0 || ![0, user()].contains(&folder.uid()) {
        Weakness::DataFolderShared
    } else {
        return Ok(None);
    };
    Ok(Some(Finding::of_file(weakness, path)))
}

/// A file that this program made. One of root's may be open to a group, as that of a volume is.
fn of_secret_file(path: &Path) -> Result<Option<Finding>, StartError> {
    Ok(metadata(path)?
        .filter(|file| {
            let roots = file.uid() == 0 && user() != 0;
            let others = if roots {
                OTHERS_BUT_GROUP_READS
            } else {
                OTHERS
            };
            file.mode() & others != 0
        })
        .map(|_| Finding::of_file(Weakness::SecretFileOpen, path)))
}

/// A file that somebody else provided: in a container it is often open, and there are no others.
fn of_mount(path: &Path) -> Result<Option<Finding>, StartError> {
    Ok(metadata(path)?
        .filter(|file| file.mode() & ALL_READ != 0)
        .map(|_| Finding::of_file(Weakness::SecretMountOpen, path)))
}

fn of_database(setting: &str, options: &PgConnectOptions) -> Option<Finding> {
    let host = options.get_host();
    let local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let verified = matches!(
        options.get_ssl_mode(),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    (!local && !verified).then(|| Finding::new(Weakness::DatabaseUnverified, setting))
}

/// `None` when there is no such file.
fn metadata(path: &Path) -> Result<Option<fs::Metadata>, StartError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::Io(path.display().to_string(), error)),
    }
}

/// The user that this process is.
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weakness_has_a_code_of_its_own_a_sentence_and_a_cure() {
        let mut codes: Vec<&str> = Weakness::ALL.iter().map(|it| it.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Weakness::ALL.len());
        for weakness in Weakness::ALL {
            let finding = Finding::new(weakness, "x");
            let told = finding.to_string();
            assert!(told.starts_with("x ") && told.ends_with(']'), "{told}");
        }
    }

    #[test]
    fn a_database_on_this_machine_needs_no_certificate_and_one_elsewhere_a_verified_one() {
        let weak = |url: &str| of_database("DATABASE_URL", &url.parse().unwrap()).is_some();
        let mut checked = 0;
        for (url, expected) in [
            ("postgres://u:p@db.example.com/x", true),
            ("postgres://u:p@db.example.com/x?sslmode=require", true),
            ("postgres://u:p@10.0.0.7/x?sslmode=verify-ca", false),
            ("postgres://u:p@db.example.com/x?sslmode=verify-full", false),
            ("postgres://u:p@localhost/x", false),
            ("postgres://u:p@127.0.0.1:5433/x?sslmode=disable", false),
            ("postgres://u@db.example.com/x?host=/run/postgresql", false),
        ] {
            assert_eq!(weak(url), expected, "{url}");
            checked += 1;
        }
        assert_eq!(checked, 7);
    }
}
