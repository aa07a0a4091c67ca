//! Content credentials (C2PA 2.4): the signed manifest in a file.
//!
//! Pure: bytes, certificates and times come in, bytes and judgements go out. Nothing here knows a
//! tenant, a database or a network.
//!
//! [`carrier`] finds, takes out and puts in the bytes of a manifest without reading them;
//! [`judge`] says what a manifest is worth.

mod active;
pub mod authority;
pub mod carrier;
mod certificate;
mod certificate_signature;
pub mod judge;
mod manifest;
mod pem;
mod private_key;
pub mod profile;
mod redaction;
mod signer;
pub mod signing;
#[cfg(test)]
pub(crate) mod test_files;
pub(crate) mod time_stamps;
pub mod trust;
mod worker;

#[cfg(test)]
mod tests;

pub use active::{active_manifest, active_urn};
pub use judge::{Anchors, Ingredient, Judge, Judgement, Signer, Trust};
pub use manifest::Statement;
pub use signer::{ManifestSigner, ParentManifest, SignError, Signed};
pub use time_stamps::TimeStamps;

/// Label of the assertion in which a manifest of ours names its photo (member `photoId`), and what
/// else the client states about it. Of our own namespace, by the rule for entity-specific labels
/// (C2PA 2.4, 6.2.1).
pub const PHOTO_ASSERTION: &str = "com.example.lumatrace.photo";
/// The code of a signature that was made with a certificate which has ended since.
pub const SIGNER_ENDED: &str = "signingCredential.expired";
