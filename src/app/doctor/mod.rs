//! `lumatrace doctor`: looks at a whole set-up, changes nothing, and says what is wrong and what
//! cures it.
//!
//! A check is a small function from what was read to findings, and a line in [`OF_SETTINGS`] or
//! [`OF_INSTALLATION`]; what it may say has a code in `codes`. Start reading at [`examine`].

mod codes;
mod credentials;
mod settings;

use time::OffsetDateTime;
use tokio::runtime::Runtime;

pub use self::codes::Code;
use super::{StartError, Store, chain, store};
use crate::{
    clock::Clock,
    config::{Config, InstallationSettings, Switch},
    db::Schema,
    metrics::Metrics,
    service::{
        self,
        signers::{self, ExaminedAuthority, ExaminedSigner, Signers},
        trust::{self, ListedTrustList},
    },
};

/// How good or bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and may not be meant so, or not for long.
    Warning,
    /// It does not work.
    Error,
}

impl Level {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Warning, Self::Error];

    /// Its name in what is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How good or bad it is.
    pub level: Level,
    /// Its name, which stays the same: that of a [`Code`], of a weak set-up, or of a clause of the
    /// profile of signing certificates.
    pub code: &'static str,
    /// What was found, as one sentence without its full stop.
    pub message: String,
    /// What to do about it; `None` where nothing is to be done.
    pub cure: Option<String>,
}

impl Finding {
    /// Names in certificates are those of strangers: a line stays one line, and moves no cursor.
    fn of(level: Level, code: &'static str, message: &str, cure: Option<&str>) -> Self {
        let printable = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.join(" ").replace(char::is_control, "\u{fffd}")
        };
        Self {
            level,
            code,
            message: printable(message),
            cure: cure.map(printable),
        }
    }

    fn good(code: Code, message: impl AsRef<str>) -> Self {
        Self::of(code.level(), code.as_str(), message.as_ref(), None)
    }

    fn bad(code: Code, message: impl AsRef<str>, cure: impl AsRef<str>) -> Self {
        let cure = Some(cure.as_ref());
        Self::of(code.level(), code.as_str(), message.as_ref(), cure)
    }
}

/// A check of what is set, and of the files that settings name. The flags are those with secrets
/// that stand on the command line.
type SettingsCheck = fn(&Config, &[&'static str]) -> Vec<Finding>;
/// A check of what an installation holds.
type InstallationCheck = fn(&Installation) -> Vec<Finding>;

const OF_SETTINGS: [SettingsCheck; 3] = [
    settings::weak_set_ups,
    settings::credentials_off,
    settings::soft_binding,
];

const OF_INSTALLATION: [InstallationCheck; 5] = [
    credentials::clock,
    credentials::authority,
    credentials::signers,
    credentials::trust_lists,
    credentials::self_tests,
];

/// What was read of an installation.
struct Installation {
    now: OffsetDateTime,
    /// Whether files are signed.
    is_signing: bool,
    authority: Option<ExaminedAuthority>,
    signers: Vec<ExaminedSigner>,
    trust_lists: Vec<ListedTrustList>,
    /// Signers and trust lists as a server has them.
    loaded: Result<Signers, service::Error>,
}

/// Examines the set-up. What depends on something that failed is not examined, and that is said.
///
/// Starts the private PostgreSQL if it does not run, and makes nothing: no folder, key or schema.
pub fn examine(
    runtime: &Runtime,
    config: &Config,
    in_flags: &[&'static str],
    clock: &Clock,
) -> Vec<Finding> {
    let checks = OF_SETTINGS.iter();
    let mut findings: Vec<Finding> = checks.flat_map(|check| check(config, in_flags)).collect();
    // No command starts a database in such a set-up, and neither does this one.
    if has_errors(&findings) {
        return unfinished(findings);
    }
    let installation = open(&config.installation).and_then(|store| {
        let read = runtime.block_on(read(config, &store, clock));
        drop(store);
        read
    });
    match installation {
        Ok(installation) => {
            findings.push(Finding::good(
                Code::Database,
                "the database answers, its schema is that of this program, and there is a master key",
            ));
            let checks = OF_INSTALLATION.iter();
            findings.extend(checks.flat_map(|check| check(&installation)));
            findings
        }
        Err(finding) => {
            findings.push(finding);
            unfinished(findings)
        }
    }
}

/// What there is to say when a setting cannot be read at all.
pub fn unreadable(error: &StartError) -> Vec<Finding> {
    unfinished(vec![settings::wrong(error)])
}

/// Whether something does not work.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|found| found.level == Level::Error)
}

fn unfinished(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.push(Finding::bad(
        Code::NotExamined,
        "what depends on that was not examined",
        "cure the errors above, and run lumatrace doctor again",
    ));
    findings
}

fn open(settings: &InstallationSettings) -> Result<Store, Finding> {
    let store = Store::open_existing(settings).map_err(|error| unusable(&error))?;
    store.ok_or_else(|| {
        let folder = settings.data_dir.display();
        Finding::bad(
            Code::InstallationMissing,
            format!("there is no installation here: {folder} holds no database, and DATABASE_URL is not set"),
            "set LUMATRACE_DATA_DIR to the data folder of the server, or DATABASE_URL, or start lumatrace, which makes one",
        )
    })
}

async fn read(config: &Config, store: &Store, clock: &Clock) -> Result<Installation, Finding> {
    let operator = store.unmigrated_operator().await;
    let operator = operator.map_err(|error| unusable(&error))?;
    let schema = operator.schema().await.map_err(StartError::from);
    of_schema(schema.map_err(|error| unusable(&error))?)?;
    let master = store::present_master_key(&config.installation);
    let master = master.map_err(|error| settings::wrong(&error))?;
    let master = master.ok_or_else(|| {
        Finding::bad(
            Code::MasterKeyMissing,
            "there is no master key, and what is sealed in the database cannot be opened",
            "set LUMATRACE_MASTER_KEY, or copy master.key from the data folder of the server that made the database",
        )
    })?;
    let now = clock.now();
    let read = async {
        let db = store.serving(&operator, 1, Metrics::new()).await?;
        let read = Installation {
            now,
            is_signing: config.serve.credentials == Switch::On,
            authority: signers::examine_authority(&operator, &master).await?,
            signers: signers::examine(&operator, &master, now).await?,
            trust_lists: trust::list(&operator, clock).await?,
            loaded: signers::load(&db, &master, None).await,
        };
        db.close().await;
        Ok(read)
    };
    let read = read.await.map_err(|error: StartError| unusable(&error));
    operator.close().await;
    read
}

fn of_schema(schema: Schema) -> Result<(), Finding> {
    match schema {
        Schema::Current => Ok(()),
        Schema::Missing => Err(Finding::bad(
            Code::InstallationMissing,
            "there is no installation here: the database of DATABASE_URL has no schema",
            "correct DATABASE_URL, or run lumatrace migrate",
        )),
        Schema::Older => Err(Finding::bad(
            Code::SchemaOther,
            "the schema of the database is older than this program",
            "run lumatrace migrate, as the role that owns the tables",
        )),
        Schema::Newer => Err(Finding::bad(
            Code::SchemaOther,
            "the schema of the database is newer than this program",
            "run the lumatrace that migrated it, or a newer one",
        )),
    }
}

fn unusable(error: &StartError) -> Finding {
    let cure = match error {
        StartError::PrivatePostgres(_) => {
            "do what that says (docs/operations.md, \"Where the data is\")"
        }
        _ => {
            "start the database, or correct DATABASE_URL (docs/operations.md, \"A database in trouble\")"
        }
    };
    Finding::bad(Code::DatabaseUnusable, chain(error), cure)
}
