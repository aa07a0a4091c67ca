//! What there is to say about each stored signer. A server takes all of them or none; here one that
//! is broken hides no other.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{super::Error, purpose};
use crate::{
    auth::MasterKey,
    credentials::{
        profile::{self, Examined},
        signing::{Certificate, SigningError, SigningIdentity},
    },
    db::{
        DbError, Operator,
        signers::{self, Origin, SealedSigner},
    },
    domain::TenantId,
};

/// Whose files a signer signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Those of all tenants that have no signer of their own.
    Server,
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of a tenant that the operator's role does not see.
    Unknown,
}

/// Why a stored key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It does not open.
    #[error("its key was sealed under another master key")]
    Sealed,
    /// It opens, and is not that of the certificate.
    #[error(transparent)]
    Identity(#[from] SigningError),
}

/// A stored signer that was not removed.
#[derive(Debug)]
pub struct ExaminedSigner {
    /// Its id.
    pub id: Uuid,
    /// Whose files it signs.
    pub holder: Holder,
    /// Where it comes from.
    pub origin: Origin,
    /// Its leaf.
    pub leaf: Certificate,
    /// Whether it signs for its holder, or would if it could; false for one that another has
    /// replaced.
    pub is_chosen: bool,
    /// What the profile of signing certificates says about its chain.
    pub profile: Examined,
    /// What is wrong with its key.
    pub key_fault: Option<KeyFault>,
}

/// Examines all signers, newest first.
///
/// # Errors
///
/// The database fails, or has a row that this program never wrote.
pub async fn examine(
    operator: &Operator,
    master: &MasterKey,
    now: OffsetDateTime,
) -> Result<Vec<ExaminedSigner>, Error> {
    let mut tx = operator.begin().await?;
    let tenants = signers::tenants(&mut *tx).await?;
    let mut stored = signers::list(&mut *tx).await?;
    stored.retain(|signer| signer.removed_at.is_none());
    let named = |key: &[u8]| {
        let (_, name) = tenants.iter().find(|(known, _)| known == key)?;
        TenantId::parse(name)
    };
    let examined = stored.iter().map(|signer| {
        Ok(ExaminedSigner {
            id: signer.signer_id,
            holder: match &signer.tenant_key {
                None => Holder::Server,
                Some(key) => named(key).map_or(Holder::Unknown, Holder::Tenant),
            },
            origin: if is_imported(signer) {
                Origin::Imported
            } else {
                Origin::SelfMade
            },
            leaf: leaf(signer).ok_or_else(|| Error::internal(DbError::Corrupt("signers")))?,
            is_chosen: chosen_beside(signer, &stored, now) == Some(signer.signer_id),
            profile: profile::examine(&signer.chain, now),
            key_fault: open(master, signer).err(),
        })
    });
    examined.collect()
}

fn is_imported(signer: &SealedSigner) -> bool {
    signer.origin == Origin::Imported.as_str()
}

fn leaf(signer: &SealedSigner) -> Option<Certificate> {
    let der = signer.chain.first()?;
    Certificate::from_der(der)
}

/// Which of the signers of the same holder signs, by the rule of [`super::Signers::for_tenant`];
/// the newest where none is valid.
fn chosen_beside(
    signer: &SealedSigner,
    stored: &[SealedSigner],
    now: OffsetDateTime,
) -> Option<Uuid> {
    let of_holder = || {
        let all = stored.iter();
        all.filter(|other| other.tenant_key == signer.tenant_key)
    };
    let imported = of_holder().any(is_imported);
    let mut candidates = of_holder().filter(|other| is_imported(other) == imported);
    let newest = candidates.clone().next();
    let valid = candidates.find(|one| leaf(one).is_some_and(|leaf| leaf.is_valid_at(now)));
    valid.or(newest).map(|chosen| chosen.signer_id)
}

fn open(master: &MasterKey, signer: &SealedSigner) -> Result<(), KeyFault> {
    let sealed = signer.sealed_key.as_deref().unwrap_or_default();
    let pkcs8 = master.open(&purpose(signer.signer_id), sealed);
    let pkcs8 = pkcs8.map_err(|_| KeyFault::Sealed)?;
    SigningIdentity::new(signer.chain.clone(), &pkcs8)?;
    Ok(())
}
