//! Reads what an installation holds: opens its database, as a server would, and stops at what keeps
//! one from starting.

use std::{error::Error, sync::mpsc, thread, time::Duration};

use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

use super::{
    super::{StartError, Store, chain, excess_of, store},
    Code, Finding, SetUp, credentials, files, settings, signing_keys,
};
use crate::{
    auth::MasterKey,
    clock::Clock,
    config::{InstallationSettings, Switch},
    db::{self, Database, DatabaseFacts, DatabaseFault, DbError, Operator, Schema, roles},
    metrics::Metrics,
    private_postgres::PrivatePostgres,
    service::{
        self,
        keys::{self, ExaminedKey},
        readiness::Unready,
        signers::{self, ExaminedAuthority, ExaminedSigner, Signers},
        trust::{self, ListedTrustList},
    },
};

/// How long the private PostgreSQL may take to become ready. One that recovers takes longer, and
/// begins again at the next start.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// How long all that is asked of the database may take together.
const READ_LIMIT: Duration = Duration::from_secs(15);

/// So often it is looked whether the database is well, with a pause in between, as a server does:
/// what it does not say each time is over.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// How far the clocks of database and server may be apart. Without a word about it they are never
/// more than some milliseconds where both are kept.
const CLOCKS_APART: time::Duration = time::Duration::seconds(30);

/// A check of what an installation holds.
type InstallationCheck = fn(&Installation) -> Vec<Finding>;

const OF_INSTALLATION: [InstallationCheck; 6] = [
    credentials::clock,
    signing_keys::signing_keys,
    credentials::authority,
    credentials::signers,
    credentials::trust_lists,
    credentials::self_tests,
];

/// What was read of an installation.
pub(super) struct Installation {
    pub(super) now: OffsetDateTime,
    /// Whether files are signed.
    pub(super) is_signing: bool,
    pub(super) signing_keys: Vec<ExaminedKey>,
    pub(super) authority: Option<ExaminedAuthority>,
    pub(super) signers: Vec<ExaminedSigner>,
    pub(super) trust_lists: Vec<ListedTrustList>,
    /// Signers and trust lists as a server has them.
    pub(super) loaded: Result<Signers, service::Error>,
}

/// Examines the database and what it holds; whether that could be done to the end.
pub(super) fn examine(set_up: &SetUp<'_>, findings: &mut Vec<Finding>) -> bool {
    let read = open(&set_up.config.installation).and_then(|store| {
        findings.extend(files::socket_folder(&store));
        let read = set_up.runtime.block_on(async {
            let read = timeout(READ_LIMIT, read(set_up, &store, findings)).await;
            read.unwrap_or_else(|_| Err(of_fault(DatabaseFault::Silent, None)))
        });
        drop(store);
        read
    });
    match read {
        Ok(installation) => {
            let checks = OF_INSTALLATION.iter();
            findings.extend(checks.flat_map(|check| check(&installation)));
            true
        }
        Err(finding) => {
            findings.push(finding);
            false
        }
    }
}

/// Opens the database in a bounded time: the thread that waits longer ends with this program.
fn open(settings: &InstallationSettings) -> Result<Store, Finding> {
    let folder = settings.data_dir.display();
    let (report, opened) = mpsc::sync_channel(1);
    let own = settings.clone();
    let waits = thread::Builder::new().spawn(move || {
        // Nobody listens any more where it took too long.
        report.send(Store::open_existing(&own)).ok();
    });
    waits.map_err(|error| unusable(&StartError::Io("a thread".to_owned(), error)))?;
    let Ok(store) = opened.recv_timeout(OPEN_LIMIT) else {
        let seconds = OPEN_LIMIT.as_secs();
        return Err(Finding::bad(
            Code::DatabaseSilent,
            format!(
                "the private PostgreSQL of {folder} does not become ready within {seconds} seconds"
            ),
            "resume it (`kill -CONT`) if it is paused, or start `lumatrace` and wait, if it recovers from a crash: \
             server.log beside the cluster says which",
        ));
    };
    store.map_err(|error| unusable(&error))?.ok_or_else(|| {
        Finding::bad(
            Code::InstallationMissing,
            format!("there is no installation here: {folder} holds no database, and DATABASE_URL is not set"),
            "set LUMATRACE_DATA_DIR to the data folder of the server, or DATABASE_URL, or start `lumatrace`, which makes one",
        )
    })
}

/// Reads all that is there. What is no obstacle goes to `findings` at once.
async fn read(
    set_up: &SetUp<'_>,
    store: &Store,
    findings: &mut Vec<Finding>,
) -> Result<Installation, Finding> {
    let SetUp { config, clock, .. } = set_up;
    let operator = connect(store).await?;
    let facts = facts(&operator, clock, findings).await?;
    let serving = of_role(operator.must_switch().await, &facts)?;
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
    findings.push(Finding::good(
        Code::Database,
        format!(
            "{} answers, its schema is that of this program, requests are served as {serving}, and there is a master key",
            called(&facts)
        ),
    ));
    let read = async {
        let db = store.serving(&operator, 1, Metrics::new()).await?;
        findings.extend(fault_of(&db).await);
        findings.extend(of_excess(operator.lasting_excess().await?));
        let read = contents(set_up, &operator, &db, &master).await;
        db.close().await;
        read
    };
    let read = read.await.map_err(|error| unusable(&error));
    operator.close().await;
    read
}

async fn contents(
    SetUp { config, clock, .. }: &SetUp<'_>,
    operator: &Operator,
    db: &Database,
    master: &MasterKey,
) -> Result<Installation, StartError> {
    let now = clock.now();
    Ok(Installation {
        now,
        is_signing: config.serve.credentials == Switch::On,
        signing_keys: keys::examine(operator, master, now).await?,
        authority: signers::examine_authority(operator, master).await?,
        signers: signers::examine(operator, master, now).await?,
        trust_lists: trust::list(operator, clock).await?,
        loaded: signers::load(db, master, None).await,
    })
}

async fn connect(store: &Store) -> Result<Operator, Finding> {
    let error = match store.unmigrated_operator().await {
        Ok(operator) => return Ok(operator),
        Err(error) => error,
    };
    Err(match (&error, db::refusal(store.owner()).await) {
        (StartError::Database(DbError::Unavailable(cause)), fault) => {
            of_fault(fault.unwrap_or(DatabaseFault::Silent), Some(&chain(cause)))
        }
        _ => unusable(&error),
    })
}

/// Version, clock and pooler.
async fn facts(
    operator: &Operator,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) -> Result<DatabaseFacts, Finding> {
    let before = clock.now();
    let facts = operator.facts().await;
    let facts = facts.map_err(|error| unusable(&error.into()))?;
    findings.extend(of_clocks(facts.clock, before, clock.now()));
    let is_pooled = operator.shares_sessions().await;
    if is_pooled.map_err(|error| unusable(&error.into()))? {
        findings.push(Finding::bad(
            Code::Pooler,
            "DATABASE_URL leads to a pooler that lends connections for one transaction, and a migration locks a session",
            "run `lumatrace migrate` and the operator's commands with a DATABASE_URL that leads to the database itself",
        ));
    }
    match of_version(&facts) {
        Some(finding) => Err(finding),
        None => Ok(facts),
    }
}

fn called(facts: &DatabaseFacts) -> String {
    let DatabaseFacts { version, role, .. } = facts;
    // A distribution adds its own after it.
    let version = version.split(' ').next().unwrap_or_default();
    let tls = facts.tls.as_deref().unwrap_or("no TLS");
    format!("PostgreSQL {version} ({tls}, as {role})")
}

fn of_version(facts: &DatabaseFacts) -> Option<Finding> {
    let oldest = PrivatePostgres::OLDEST_MAJOR;
    (facts.major < oldest).then(|| {
        Finding::bad(
            Code::DatabaseVersion,
            format!("{} is older than {oldest}", called(facts)),
            format!("set DATABASE_URL to a PostgreSQL {oldest} or newer: `lumatrace backup` there, `lumatrace restore` here"),
        )
    })
}

/// The database answered between `before` and `after`.
fn of_clocks(
    database: OffsetDateTime,
    before: OffsetDateTime,
    after: OffsetDateTime,
) -> Option<Finding> {
    let apart = (before - database).max(database - after);
    (apart > CLOCKS_APART).then(|| {
        Finding::bad(
            Code::ClockApart,
            format!(
                "the clocks of this machine and of its database are {} seconds apart",
                apart.whole_seconds()
            ),
            credentials::CLOCK_CURE,
        )
    })
}

/// The role that serves requests, by what was asked of the one that is connected.
fn of_role(must_switch: Result<bool, DbError>, facts: &DatabaseFacts) -> Result<&str, Finding> {
    match must_switch {
        Ok(true) => Ok(roles::SERVING_ROLE),
        Ok(false) => Ok(&facts.role),
        Err(DbError::UnsafeRole) => {
            let (role, serving) = (&facts.role, roles::SERVING_ROLE);
            Err(Finding::bad(
                Code::RoleUnsafe,
                format!(
                    "the role {role} could bypass row-level security, and cannot switch to {serving}: no server starts with it"
                ),
                format!(
                    "as a superuser run `create role {serving} nologin; grant {serving} to {role}`, or start `lumatrace` as a role that may"
                ),
            ))
        }
        Err(error) => Err(unusable(&error.into())),
    }
}

/// What a server would say at `/readyz`, unless it is over soon.
async fn fault_of(db: &Database) -> Option<Finding> {
    let mut fault = None;
    for _ in 0..LOOKS {
        fault = db.examine().await.err();
        fault?;
        sleep(PAUSE).await;
    }
    fault.map(|fault| of_fault(fault, None))
}

fn of_fault(fault: DatabaseFault, cause: Option<&str>) -> Finding {
    let (code, cure) = match fault {
        DatabaseFault::Down => (
            Code::DatabaseDown,
            "start the database, or correct DATABASE_URL",
        ),
        DatabaseFault::Silent => (
            Code::DatabaseSilent,
            "resume or restart the database (`kill -CONT` if it was paused), or set DATABASE_URL to one that answers",
        ),
        DatabaseFault::Exhausted => (
            Code::DatabaseExhausted,
            "raise max_connections of the database, or lower LUMATRACE_DATABASE_CONNECTIONS of its servers",
        ),
        DatabaseFault::ReadOnly => (
            Code::DatabaseReadOnly,
            "set DATABASE_URL to the primary, or `reset default_transaction_read_only` there",
        ),
        DatabaseFault::Full => (
            Code::DatabaseFull,
            "make room on the disk of the database: `df -h` there says where",
        ),
    };
    let reason = Unready::from(fault).reason();
    let why = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let message = format!("the database {reason}{why}");
    Finding::bad(code, message, cure)
}

fn of_excess(excess: roles::Excess) -> Vec<Finding> {
    let found = excess_of(excess).into_iter();
    found
        .map(|(what, cure)| Finding::bad(Code::RoleExcess, what, cure))
        .collect()
}

fn of_schema(schema: Schema) -> Result<(), Finding> {
    match schema {
        Schema::Current => Ok(()),
        Schema::Missing => Err(Finding::bad(
            Code::InstallationMissing,
            "there is no installation here: the database of DATABASE_URL has no schema",
            "correct DATABASE_URL, or run `lumatrace migrate`",
        )),
        Schema::Older => Err(Finding::bad(
            Code::SchemaOther,
            "the schema of the database is older than this program",
            "run `lumatrace migrate`, as the role that owns the tables",
        )),
        Schema::Newer => Err(Finding::bad(
            Code::SchemaOther,
            "the schema of the database is newer than this program",
            "run the `lumatrace` that migrated it, or a newer one: `lumatrace --version` tells which this is",
        )),
    }
}

/// What keeps a server from starting, and is not one of the others.
fn unusable(error: &StartError) -> Finding {
    let message = error.to_string();
    match (error, cause(error)) {
        (StartError::DiskFull { .. }, _) => files::full(&message),
        (StartError::PrivatePostgres(_), _) => Finding::bad(
            Code::DatabaseUnusable,
            message,
            "do what that says, or set LUMATRACE_DATA_DIR to another folder (docs/operations.md, \"Where the data is\")",
        ),
        (_, Some(DbError::Corrupt(_))) => Finding::bad(
            Code::RowDamaged,
            message,
            "restore the latest backup with `lumatrace restore`, or have that row deleted",
        ),
        (_, Some(DbError::Unavailable(_))) => of_fault(DatabaseFault::Silent, Some(&message)),
        _ => Finding::bad(
            Code::DatabaseUnusable,
            message,
            "set DATABASE_URL to that of the role that owns the tables (docs/operations.md, \"A PostgreSQL of your own\")",
        ),
    }
}

/// The failure of the database that an error comes from.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a DbError> {
    match error.downcast_ref() {
        None => cause(error.source()?),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str, major: u32) -> DatabaseFacts {
        DatabaseFacts {
            version: version.to_owned(),
            major,
            role: "lumatrace".to_owned(),
            tls: Some("TLSv1.3".to_owned()),
            clock: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_postgresql_that_is_too_old_is_an_error_and_the_oldest_is_none() {
        let found = of_version(&facts("12.22", 12)).unwrap();
        assert_eq!(found.code, "database-version");
        assert!(
            found.message.contains("12.22 (TLSv1.3, as lumatrace)"),
            "{}",
            found.message
        );
        assert_eq!(of_version(&facts("13.0", 13)), None);
    }

    #[test]
    fn clocks_are_apart_either_way_and_a_slow_answer_is_no_difference() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        let apart = |database, before, after| {
            let found = of_clocks(at(database), at(before), at(after));
            found.map(|found| found.message)
        };
        assert_eq!(apart(0, 0, 0), None);
        assert_eq!(apart(5, 0, 14), None);
        assert_eq!(apart(40, 0, 14), None);
        for (database, seconds) in [(-31, 31), (100, 86)] {
            let said = apart(database, 0, 14).unwrap();
            assert!(said.contains(&format!("{seconds} seconds apart")), "{said}");
        }
    }

    #[test]
    fn a_damaged_row_is_found_behind_the_errors_that_it_caused() {
        let damaged = service::Error::internal(DbError::Corrupt("trust_lists"));
        let found = unusable(&StartError::Service(damaged));
        assert_eq!(found.code, "row-damaged");
        assert!(found.message.contains("trust_lists"), "{}", found.message);
    }
}
