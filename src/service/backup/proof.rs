//! The end of a restore: the database shows that it is the one that was saved, and that the master
//! key opens it.

use super::{
    super::{
        Error,
        audit::{self, ChainStatus},
        engine, keys, operator, signers,
    },
    BackupError,
};
use crate::{
    archive::{Chain, Manifest},
    auth::{MasterKey, TenantSecret},
    db::{Operator, photos, tenants},
    domain::{
        PhotoId, TenantId,
        audit::{ChainHash, Head},
    },
};

/// What was tried, and held.
#[derive(Debug)]
pub struct Proof {
    /// Audit logs that were followed from their first event to the head that the manifest names.
    pub chains: usize,
    /// Their events.
    pub events: i64,
    /// Signing keys that were opened.
    pub signing_keys: usize,
    /// Signers of manifests whose keys were opened, those of the certificate authority besides.
    pub signers: usize,
    /// Tenants whose secrets were opened.
    pub tenants: usize,
    /// A photo whose record was opened; `None` where no photo is protected.
    pub photo: Option<PhotoId>,
}

/// Tries all of it.
///
/// # Errors
///
/// [`BackupError::Unproven`] with the first that does not hold.
pub async fn prove(
    operator: &Operator,
    master: &MasterKey,
    manifest: &Manifest,
) -> Result<Proof, BackupError> {
    let closed = |what: &'static str| {
        move |error: Error| match error {
            Error::Internal(_) => {
                BackupError::Unproven(format!("{what} does not open with the master key"))
            }
            other => other.into(),
        }
    };
    let signing_keys = keys::list(operator, master).await;
    let signing_keys = signing_keys.map_err(closed("a signing key"))?.len();
    let signers = signers::open_all(operator, master).await;
    let signers = signers.map_err(closed("the key of a signer"))?;
    let tenants = operator::list_tenants(operator).await?.len();
    let (mut events, mut photo) = (0, None);
    for chain in &manifest.chains {
        let tenant = TenantId::parse(&chain.tenant).ok_or_else(|| unreadable(chain))?;
        events += follow(operator, master, &tenant, chain).await?;
        let opened = open_photo(operator, master, &tenant).await;
        photo = photo.or(opened.map_err(closed("a photo's record"))?);
    }
    Ok(Proof {
        chains: manifest.chains.len(),
        events,
        signing_keys,
        signers,
        tenants,
        photo,
    })
}

fn unreadable(chain: &Chain) -> BackupError {
    BackupError::Unproven(format!("the manifest names the tenant {}", chain.tenant))
}

/// Follows a tenant's audit log to the head that the manifest names; returns its events.
async fn follow(
    operator: &Operator,
    master: &MasterKey,
    tenant: &TenantId,
    chain: &Chain,
) -> Result<i64, BackupError> {
    let wanted = Head {
        sequence: chain.events,
        hash: ChainHash::parse(&chain.head).ok_or_else(|| unreadable(chain))?,
    };
    let why = match audit::verify(operator, master, tenant, Some(wanted)).await? {
        // A log without a seal had none when it was saved.
        ChainStatus::Intact(head) | ChainStatus::Unsealed(head) if head == wanted => {
            return Ok(head.sequence);
        }
        ChainStatus::Intact(_) | ChainStatus::Unsealed(_) => "it has other events",
        ChainStatus::Broken { reason, .. } => reason,
    };
    Err(BackupError::Unproven(format!(
        "the audit log of {tenant}: {why}"
    )))
}

/// Opens a tenant's secret and, with it, the record of its latest photo.
async fn open_photo(
    operator: &Operator,
    master: &MasterKey,
    tenant: &TenantId,
) -> Result<Option<PhotoId>, Error> {
    let mut tx = operator.begin_for(tenant).await?;
    let found = tenants::find_for_image(&mut tx).await?;
    let found = found.ok_or(Error::NotFound)?;
    let secret = TenantSecret::open(master, tenant, &found.sealed_secret);
    let secret = secret.map_err(Error::internal)?;
    let Some(photo) = photos::latest_protected(&mut tx).await? else {
        return Ok(None);
    };
    let sealed = photos::find_record(&mut tx, photo).await?;
    engine::open_record(&secret, photo, &sealed.ok_or(Error::NotFound)?)?;
    Ok(Some(photo))
}
