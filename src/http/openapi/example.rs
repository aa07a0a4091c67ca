//! Values that stand in more than one example.

use uuid::Uuid;

use crate::domain::{ContentHash, CredentialId, PhotoId};

/// A token, whose signature is cut.
pub(in crate::http) const TOKEN: &str =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl";
/// The id of the photo in all examples.
pub(in crate::http) const PHOTO: &str = "9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f";
/// The SHA-256 of `test`.
pub(in crate::http) const HASH: &str =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// The name of a manifest.
pub(in crate::http) const MANIFEST: &str = "urn:c2pa:5b0f6b1e-8a0c-4f0e-9d3a-2f6c1b7d8e90";
/// The bytes of a manifest store.
pub(in crate::http) const STORE: &str = "(JUMBF)";
/// The bytes of an uploaded file.
pub(in crate::http) const FILE: &str = "(the bytes of photo.jpg)";
/// An API key's id.
pub(in crate::http) const KEY: &str = "6f0e1d2c-3b4a-4958-8776-655443322110";
/// The id of the application in all examples.
pub(in crate::http) const APPLICATION: &str = "LCUID-LAP-6f0e1d2c-3b4a-4958-8776-655443322110";
/// The name under which that application acts.
pub(in crate::http) const APPLICATION_USER: &str = "LCUID-LU-6f0e1d2c-3b4a-4958-8776-655443322110";
/// A secret that is shown once.
pub(in crate::http) const SECRET: &str = "shown in this answer alone";
/// The id of a request, as `traceId` shows it.
pub(in crate::http) const TRACE: &str = "0d9b7a52-6c02-4f52-8d0d-1a7f1b2f6d39";
/// The address of a server, without a slash at its end.
pub(in crate::http) const URL: &str = "https://lumatrace.example";

/// [`PHOTO`], read.
pub(in crate::http) fn photo() -> PhotoId {
    PHOTO.parse::<Uuid>().unwrap_or_default().into()
}

/// [`HASH`], read.
pub(in crate::http) fn hash() -> Option<ContentHash> {
    ContentHash::parse(HASH)
}

/// [`KEY`], and within [`APPLICATION`].
pub(in crate::http) fn credential() -> CredentialId {
    KEY.parse::<Uuid>().unwrap_or_default().into()
}
