//! Another master key: everything that is sealed, sealed anew under the first of two.
//!
//! ```text
//! signing_keys            the private halves
//! signers, authority      their keys
//! credential_routes       names of tenants; and the copies in credentials
//! tenants                 secrets
//! audit_heads             seals, by an event that says why
//! ```
//!
//! Each row is one step, which changes nothing that was changed before: whoever is killed begins
//! again. Hashes of networks (`known_sources`) cannot be made anew, since nobody knows what was
//! hashed. Both keys find them while there are two; later they find nothing, and give way.

use super::{
    Error,
    audit::Sealer,
    journal,
    operator::{list_tenants, on_tenant},
    signers,
};
use crate::{
    auth::{MasterKey, SigningKey, TenantSecret},
    clock::Clock,
    db::{
        DbError, Operator, TenantTransaction,
        audit::{self, Seals},
        credentials, signing_keys, tenants,
    },
    domain::{TenantId, audit::Action},
};

/// How much was sealed under another key than the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Signing keys of tokens.
    pub signing_keys: u64,
    /// Keys of signers and of the certificate authority.
    pub signers: u64,
    /// Ways from credentials to tenants.
    pub credentials: u64,
    /// Secrets of tenants.
    pub tenants: u64,
    /// Audit logs.
    pub logs: u64,
}

impl Resealed {
    /// Adds what another pass has found.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            signing_keys: self.signing_keys + other.signing_keys,
            signers: self.signers + other.signers,
            credentials: self.credentials + other.credentials,
            tenants: self.tenants + other.tenants,
            logs: self.logs + other.logs,
        }
    }
}

/// Goes through everything once.
///
/// # Errors
///
/// The database fails, or neither key opens a value.
pub async fn pass(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
) -> Result<Resealed, Error> {
    let mut done = Resealed {
        signing_keys: reseal_signing_keys(operator, master).await?,
        signers: signers::reseal_all(operator, master).await?,
        credentials: reseal_routes(operator, master).await?,
        ..Resealed::default()
    };
    for listed in list_tenants(operator).await? {
        let wrong = || Error::internal(DbError::Corrupt("tenants"));
        let tenant = TenantId::parse(&listed.tenant).ok_or_else(wrong)?;
        match reseal_tenant(operator, master, clock, &tenant).await {
            // Deleted since it was listed.
            Err(Error::NotFound) => {}
            found => done = done.and(found?),
        }
    }
    Ok(done)
}

async fn reseal_signing_keys(operator: &Operator, master: &MasterKey) -> Result<u64, Error> {
    let mut tx = operator.begin().await?;
    let mut resealed = 0;
    for key in signing_keys::list(&mut *tx).await? {
        let old = &key.sealed_private_key;
        let new = SigningKey::reseal(master, &key.key_id, old).map_err(Error::internal)?;
        if let Some(new) = new {
            signing_keys::reseal(&mut *tx, &key.key_id, old, &new).await?;
            resealed += 1;
        }
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(resealed)
}

async fn reseal_routes(operator: &Operator, master: &MasterKey) -> Result<u64, Error> {
    let mut tx = operator.begin().await?;
    let mut resealed = 0;
    for route in credentials::routes(&mut tx).await? {
        let new = master.reseal_route(&route.sealed_tenant);
        if let Some(new) = new.map_err(Error::internal)? {
            credentials::reseal_route(&mut tx, &route.lookup, &new).await?;
            resealed += 1;
        }
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(resealed)
}

async fn reseal_tenant(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
) -> Result<Resealed, Error> {
    let mut done = Resealed::default();
    let mut tx = operator.begin_for(tenant).await?;
    for (id, sealed) in credentials::sealed_tenants(&mut tx).await? {
        let new = master.reseal_route(&sealed);
        if let Some(new) = new.map_err(Error::internal)? {
            credentials::reseal(&mut tx, id, &new).await?;
            done.credentials += 1;
        }
    }
    let found = tenants::find_for_image(&mut tx).await?;
    let sealed = found.ok_or(Error::NotFound)?.sealed_secret;
    let new = TenantSecret::reseal(master, tenant, &sealed).map_err(Error::internal)?;
    if let Some(new) = new {
        tenants::reseal(&mut tx, &new).await?;
        done.tenants = 1;
    }
    if has_former_seal(&mut tx, master).await? {
        // What comes after a right seal has one under the first key.
        let entry = on_tenant(Action::AuditSealed, tenant).with("reason", "new master key");
        journal::commit(tx, master, clock.now(), &entry).await?;
        done.logs = 1;
    } else {
        tx.commit().await?;
    }
    Ok(done)
}

/// Whether the head of the tenant's audit log has a right seal under another key than the first.
/// A wrong one, and one that is missing, stays as it is.
async fn has_former_seal(tx: &mut TenantTransaction, master: &MasterKey) -> Result<bool, Error> {
    let Some(audit::StoredHead {
        head,
        seal: Some(stored),
    }) = audit::head(tx).await?
    else {
        return Ok(false);
    };
    let (seals, tenant) = (Sealer(master), tx.tenant());
    Ok(stored != seals.seal(tenant, &head) && seals.is_right(tenant, &head, &stored))
}
