//! Signers that the operator imports: certificates of an authority elsewhere.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    super::{Error, journal},
    seal,
};
use crate::{
    auth::MasterKey,
    clock::Clock,
    credentials::{
        profile::{self, Finding, Import},
        signing::Certificate,
    },
    db::{
        DbError, Operator,
        signers::{self, NewSigner, Origin, SealedSigner},
        tenants,
    },
    domain::{
        TenantId,
        audit::{Action, AuditEntry, By, Subject},
    },
};

/// Why a signer is not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Validators would refuse what it signs.
    #[error("the profile of signing certificates is violated")]
    Profile(Vec<Finding>),
    /// The rest.
    #[error(transparent)]
    Service(#[from] Error),
}

impl From<DbError> for ImportError {
    fn from(error: DbError) -> Self {
        Self::Service(error.into())
    }
}

/// What a signer is good for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerState {
    /// Valid. Of several of one holder, the newest signs.
    Valid,
    /// Its time is over.
    Ended,
    /// Its time has not begun.
    Future,
    /// It was removed, and its key with it.
    Removed,
}

impl SignerState {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Ended => "ended",
            Self::Future => "future",
            Self::Removed => "removed",
        }
    }
}

/// A signer as lists show it.
#[derive(Debug)]
pub struct ListedSigner {
    /// Its id.
    pub id: Uuid,
    /// The tenant that it signs for; `None` for all that have none of their own.
    pub tenant: Option<String>,
    /// `self-made` or `imported`.
    pub origin: String,
    /// The kind of its signatures, by name.
    pub algorithm: String,
    /// What it is good for.
    pub state: SignerState,
    /// Its leaf.
    pub leaf: Certificate,
    /// When it was made or imported.
    pub created_at: OffsetDateTime,
    /// When it was removed.
    pub removed_at: Option<OffsetDateTime>,
    /// Of one that was just imported: what is allowed, and may not be meant.
    pub warnings: Vec<Finding>,
}

/// Lists all signers, newest first, also those that were removed.
pub async fn list(operator: &Operator, clock: &Clock) -> Result<Vec<ListedSigner>, Error> {
    let mut tx = operator.begin().await?;
    let tenants = signers::tenants(&mut *tx).await?;
    let signers = signers::list(&mut *tx).await?;
    let now = clock.now();
    signers
        .into_iter()
        .map(|signer| {
            let mut tenants = tenants.iter();
            let named = tenants.find(|(key, _)| signer.tenant_key.as_ref() == Some(key));
            listed(signer, named.map(|(_, name)| name.clone()), now)
        })
        .collect()
}

fn listed(
    signer: SealedSigner,
    tenant: Option<String>,
    now: OffsetDateTime,
) -> Result<ListedSigner, Error> {
    let leaf = signer
        .chain
        .first()
        .and_then(|der| Certificate::from_der(der));
    let leaf = leaf.ok_or_else(|| Error::internal(DbError::Corrupt("signers")))?;
    let state = match signer.removed_at {
        Some(_) => SignerState::Removed,
        None if leaf.not_after < now => SignerState::Ended,
        None if now < leaf.not_before => SignerState::Future,
        None => SignerState::Valid,
    };
    Ok(ListedSigner {
        id: signer.signer_id,
        tenant,
        origin: signer.origin,
        algorithm: signer.algorithm,
        state,
        leaf,
        created_at: signer.created_at,
        removed_at: signer.removed_at,
        warnings: Vec::new(),
    })
}

/// Imports certificates and a key, both PEM, for one tenant or for the server. They sign within a
/// second, in place of older ones of the same holder.
///
/// # Errors
///
/// [`ImportError::Profile`] with all that is wrong; [`Error::NotFound`] when there is no such
/// tenant.
pub async fn import(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: Option<&TenantId>,
    files: (&str, &str),
) -> Result<ListedSigner, ImportError> {
    let now = clock.now();
    let Import {
        identity,
        pkcs8,
        warnings,
    } = profile::import(files.0, files.1, now).map_err(ImportError::Profile)?;
    let id = Uuid::new_v4();
    let new = NewSigner {
        signer_id: id,
        origin: Origin::Imported,
        algorithm: identity.algorithm().as_str(),
        chain: identity.chain(),
        sealed_key: &seal(master, id, &pkcs8)?,
        not_after: identity.leaf().not_after,
    };
    match tenant {
        None => {
            let mut tx = operator.begin().await?;
            signers::insert(&mut tx, &new, now).await?;
            tx.commit().await.map_err(DbError::from)?;
        }
        Some(tenant) => {
            let mut tx = operator.begin_for(tenant).await?;
            tenants::lock_policy(&mut tx)
                .await?
                .ok_or(Error::NotFound)?;
            signers::insert_for_tenant(&mut tx, &new, now).await?;
            let entry = event(Action::SignerImported, tenant, id)
                .with("certificate", identity.leaf().fingerprint());
            journal::commit(tx, master, now, &entry).await?;
        }
    }
    Ok(ListedSigner {
        id,
        tenant: tenant.map(|tenant| tenant.as_str().to_owned()),
        origin: Origin::Imported.as_str().to_owned(),
        algorithm: new.algorithm.to_owned(),
        state: SignerState::Valid,
        leaf: identity.leaf().clone(),
        created_at: now,
        removed_at: None,
        warnings,
    })
}

/// Removes an imported signer and forgets its key. What it signed stays as it is.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that id; [`Error::Conflict`] for the self-made one,
/// which another replaces.
pub async fn remove(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    id: Uuid,
) -> Result<(), Error> {
    let now = clock.now();
    let listed = list(operator, clock).await?;
    let mut in_force = listed
        .into_iter()
        .filter(|signer| signer.removed_at.is_none());
    let signer = in_force
        .find(|signer| signer.id == id)
        .ok_or(Error::NotFound)?;
    if signer.origin == Origin::SelfMade.as_str() {
        return Err(Error::Conflict(
            "it is the server's own signer, which `lumatrace ca init` replaces; with \
             LUMATRACE_CREDENTIALS=off nothing is signed",
        ));
    }
    let tenant = signer.tenant.and_then(|name| TenantId::parse(&name));
    let Some(tenant) = tenant else {
        let mut tx = operator.begin().await?;
        let removed = signers::remove(&mut tx, id, now).await?;
        tx.commit().await.map_err(DbError::from)?;
        return removed.then_some(()).ok_or(Error::NotFound);
    };
    let mut tx = operator.begin_for(&tenant).await?;
    if !signers::remove_of_tenant(&mut tx, id, now).await? {
        return Err(Error::NotFound);
    }
    let entry = event(Action::SignerRemoved, &tenant, id);
    journal::commit(tx, master, now, &entry).await
}

fn event(action: Action, tenant: &TenantId, signer: Uuid) -> AuditEntry {
    let subject = Subject::Tenant(tenant.clone());
    AuditEntry::new(By::OPERATOR, action, subject).with("signer", signer)
}
