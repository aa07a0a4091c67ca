//! Who signs manifests: the server's own leaf, and certificates that the operator imported for the
//! server or for one tenant.
//!
//! ```text
//! certificate_authority   root, issuing CA ── issues, and renews ──> the self-made signer
//! signers                 sealed; every server keeps a copy ([`Signers`]), so that all sign alike
//! ```
//!
//! Start reading at [`Signers::for_tenant`], which says who signs for whom.

mod cache;
mod examined;
mod imported;
mod own;
mod self_test;

pub(super) use cache::refresh;
pub use cache::{SignerUnavailable, Signers, load};
pub use examined::{ExaminedSigner, Holder, KeyFault, examine};
pub use imported::{ImportError, ListedSigner, SignerState, import, list, remove};
pub use own::{ExaminedAuthority, MadeAuthority, ensure, examine_authority, init, root_pem};
pub use self_test::SelfTest;

use crate::{
    auth::{MasterKey, SealError},
    credentials::signing::SigningIdentity,
    db::{
        DbError, Operator, certificate_authority,
        signers::{self, SealedSigner},
    },
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Error;

/// Opens the keys of all signers, and those of the authority. Returns how many signers there are.
///
/// # Errors
///
/// One does not open with this master key.
pub(super) async fn open_all(operator: &Operator, master: &MasterKey) -> Result<usize, Error> {
    let mut tx = operator.begin().await?;
    let mut opened = 0;
    for sealed in signers::list(&mut *tx).await? {
        opened += usize::from(open(master, &sealed)?.is_some());
    }
    if let Some(authority) = certificate_authority::get(&mut *tx).await? {
        own::open(master, &authority)?;
    }
    Ok(opened)
}

/// Seals the keys of all signers, and those of the authority, under the master key's first. Returns
/// how many were not.
pub(super) async fn reseal_all(operator: &Operator, master: &MasterKey) -> Result<u64, Error> {
    let mut tx = operator.bootstrap().await?;
    let mut resealed = 0;
    for SealedSigner {
        signer_id,
        sealed_key,
        ..
    } in signers::list(&mut *tx).await?
    {
        let Some(old) = sealed_key else { continue };
        let new = master.reseal(&purpose(signer_id), &old);
        if let Some(new) = new.map_err(Error::internal)? {
            signers::reseal(&mut *tx, signer_id, &old, &new).await?;
            resealed += 1;
        }
    }
    resealed += own::reseal(&mut tx, master).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(resealed)
}

/// What the key of a signer is sealed for.
fn purpose(signer: Uuid) -> String {
    format!("signer {signer}")
}

fn seal(master: &MasterKey, signer: Uuid, pkcs8: &[u8]) -> Result<Vec<u8>, Error> {
    let sealed = master.seal(&purpose(signer), pkcs8);
    sealed.map_err(Error::internal)
}

/// Opens a signer; `None` for one that was removed.
fn open(master: &MasterKey, signer: &SealedSigner) -> Result<Option<SigningIdentity>, Error> {
    let Some(sealed) = &signer.sealed_key else {
        return Ok(None);
    };
    let pkcs8: Result<Zeroizing<Vec<u8>>, SealError> =
        master.open(&purpose(signer.signer_id), sealed);
    let pkcs8 = pkcs8.map_err(Error::internal)?;
    let identity = SigningIdentity::new(signer.chain.clone(), &pkcs8);
    identity.map(Some).map_err(Error::internal)
}
