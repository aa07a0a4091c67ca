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
    db::signers::SealedSigner,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Error;

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
