//! This server's copy of signers and trust lists.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{super::Context, Error, open, own};
use crate::{
    auth::MasterKey,
    credentials::{
        Anchors, Judge, ManifestSigner, TimeStamps,
        trust::{self, TrustKind},
    },
    db::{Database, signers::Origin},
    domain::{AccessKey, TenantId, access_key},
};

/// Why nobody signs for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerUnavailable {
    /// There is no signer.
    #[error("there is no signer: run lumatrace ca init, or signer import")]
    None,
    /// The latest one has ended.
    #[error("the signing certificate ended on {0}: import its successor, or run lumatrace ca init")]
    Ended(Date),
    /// The only ones begin later.
    #[error("the signing certificate begins on {0}: check the clock")]
    Future(Date),
    /// What it signs is not accepted, for this reason.
    #[error("{0}")]
    Refused(String),
}

/// This server's copy of who signs and who is trusted. It follows the database within a second.
#[derive(Debug)]
pub struct Signers {
    copied: RwLock<Arc<Copied>>,
    time_stamps: Option<Arc<dyn TimeStamps>>,
}

/// What was read at one moment.
#[derive(Debug)]
struct Copied {
    of_server: Candidates,
    of_tenants: HashMap<AccessKey, Candidates>,
    anchors: Anchors,
    judge: Judge,
    /// The server's own root, in PEM.
    own_root: Option<String>,
}

/// The signers of one holder, newest first.
#[derive(Debug, Default)]
struct Candidates {
    imported: Vec<Candidate>,
    self_made: Vec<Candidate>,
}

/// One that may sign.
#[derive(Debug, Clone)]
struct Candidate {
    id: Uuid,
    signer: Arc<ManifestSigner>,
}

impl Candidates {
    /// The newest that is valid. One that was imported has been put before the self-made one on
    /// purpose: when it has ended, no other takes its place silently.
    fn choose(&self, now: OffsetDateTime) -> Result<Arc<ManifestSigner>, SignerUnavailable> {
        let chosen = self.candidate(now).ok_or(SignerUnavailable::None)?;
        let first = chosen.signer.leaf();
        if first.is_valid_at(now) {
            return Ok(Arc::clone(&chosen.signer));
        }
        Err(if first.not_after < now {
            SignerUnavailable::Ended(first.not_after.date())
        } else {
            SignerUnavailable::Future(first.not_before.date())
        })
    }

    /// The newest that is valid, or the newest of all.
    fn candidate(&self, now: OffsetDateTime) -> Option<&Candidate> {
        let candidates = match self.imported.as_slice() {
            [] => &self.self_made,
            _ => &self.imported,
        };
        let valid = |candidate: &&Candidate| candidate.signer.leaf().is_valid_at(now);
        candidates.iter().find(valid).or(candidates.first())
    }
}

impl Signers {
    /// Who signs for a tenant now: its own signer if it has any, else the server's.
    ///
    /// # Errors
    ///
    /// [`SignerUnavailable`] when none of them is valid.
    pub fn for_tenant(
        &self,
        tenant: &TenantId,
        now: OffsetDateTime,
    ) -> Result<Arc<ManifestSigner>, SignerUnavailable> {
        let copied = self.copied();
        let own = copied
            .of_tenants
            .get(&access_key("tenant", tenant.as_str(), ""));
        own.unwrap_or(&copied.of_server).choose(now)
    }

    /// Who signs for tenants that have no signer of their own.
    ///
    /// # Errors
    ///
    /// As of [`Signers::for_tenant`].
    pub fn of_server(&self, now: OffsetDateTime) -> Result<Arc<ManifestSigner>, SignerUnavailable> {
        self.copied().of_server.choose(now)
    }

    /// Whether the self-made signer is missing, or ends soon.
    pub fn must_renew(&self, now: OffsetDateTime) -> bool {
        let copied = self.copied();
        let newest = copied.of_server.self_made.first();
        newest.is_none_or(|newest| own::is_due(newest.signer.leaf().not_after, now))
    }

    /// When those end who sign now, in seconds since 1970: the server's under the name `server`,
    /// the others, each of one tenant, under their ids.
    pub fn ends(&self, now: OffsetDateTime) -> Vec<(String, i64)> {
        let copied = self.copied();
        let end = |candidate: &Candidate| candidate.signer.leaf().not_after.unix_timestamp();
        let own = copied
            .of_server
            .candidate(now)
            .map(|own| ("server".to_owned(), end(own)));
        let of_tenants = (copied.of_tenants.values())
            .filter_map(|candidates| candidates.candidate(now))
            .map(|candidate| (candidate.id.to_string(), end(candidate)));
        own.into_iter().chain(of_tenants).collect()
    }

    /// Whose certificates are trusted; the server's own root first.
    pub fn anchors(&self) -> Anchors {
        self.copied().anchors.clone()
    }

    /// The server's own root, in PEM.
    pub fn own_root(&self) -> Option<String> {
        self.copied().own_root.clone()
    }

    /// Judges manifests by these anchors.
    pub fn judge(&self) -> Judge {
        self.copied().judge.clone()
    }

    fn copied(&self) -> Arc<Copied> {
        let copied = self.copied.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&copied)
    }

    fn replace(&self, read: Copied) {
        *self.copied.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
    }
}

/// Reads signers and trust lists for the first time. Signatures are stamped where there are
/// `time_stamps`.
///
/// # Errors
///
/// The database fails, or a key in it was sealed under another master key.
pub async fn load(
    db: &Database,
    master: &MasterKey,
    time_stamps: Option<Arc<dyn TimeStamps>>,
) -> Result<Signers, Error> {
    let read = read(db, master, time_stamps.as_ref()).await?;
    Ok(Signers {
        copied: RwLock::new(Arc::new(read)),
        time_stamps,
    })
}

/// Reads them again.
pub(in crate::service) async fn refresh(ctx: &Context) -> Result<(), Error> {
    let time_stamps = ctx.signers.time_stamps.as_ref();
    let read = read(&ctx.db, &ctx.master, time_stamps).await?;
    ctx.signers.replace(read);
    Ok(())
}

async fn read(
    db: &Database,
    master: &MasterKey,
    time_stamps: Option<&Arc<dyn TimeStamps>>,
) -> Result<Copied, Error> {
    let own_root = db.root().await?.map(|root| trust::to_pem([&root]));
    let mut anchors = Anchors {
        manifest: own_root.iter().cloned().collect(),
        ..Anchors::default()
    };
    for list in db.trust_lists().await? {
        let pem = trust::to_pem(&list.anchors);
        match TrustKind::parse(&list.kind).ok_or_else(|| wrong("trust_lists"))? {
            TrustKind::Manifest => anchors.manifest.push(pem),
            TrustKind::Tsa => anchors.tsa.push(pem),
        }
    }
    let (mut of_server, mut of_tenants) = (Candidates::default(), HashMap::new());
    for sealed in db.signers().await? {
        let Some(identity) = open(master, &sealed)? else {
            continue;
        };
        let signer = ManifestSigner::new(identity, &anchors, time_stamps.cloned());
        let signer = signer.map_err(Error::internal)?;
        let candidates: &mut Candidates = match sealed.tenant_key {
            Some(key) => {
                let key: AccessKey = key.try_into().map_err(|_| wrong("signers"))?;
                of_tenants.entry(key).or_default()
            }
            None => &mut of_server,
        };
        let candidates = if sealed.origin == Origin::Imported.as_str() {
            &mut candidates.imported
        } else {
            &mut candidates.self_made
        };
        candidates.push(Candidate {
            id: sealed.signer_id,
            signer: Arc::new(signer),
        });
    }
    Ok(Copied {
        judge: Judge::new(&anchors).map_err(Error::internal)?,
        of_server,
        of_tenants,
        anchors,
        own_root,
    })
}

/// The fault of a row that this program never wrote.
fn wrong(table: &'static str) -> Error {
    Error::internal(crate::db::DbError::Corrupt(table))
}
