//! Signs one picture and reads it: what a start finds out, no client has to.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{super::Error, Signers};
use crate::{
    credentials::{ManifestSigner, Statement, Trust},
    domain::{ContentHash, PhotoId, Registration, TenantId, verdict::C2paStatus},
    imaging::{Format, MetadataPolicy},
};

/// A gray PNG of one pixel.
const PICTURE: &[u8] =
    b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\
    \x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\
    \x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\x82\x00\x81\x77\xcd\x72\xb6\x00\x00\
    \x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// What became of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTest {
    /// It is valid, and the trust lists lead to its signer.
    Passed,
    /// It is valid, and the trust lists do not lead to its signer.
    Untrusted,
    /// What was signed is not accepted.
    Failed(C2paStatus),
}

impl Signers {
    /// Signs a picture for the server, and judges it as `verify` would.
    ///
    /// # Errors
    ///
    /// [`Error::SignerUnavailable`] when there is nobody to sign, or the certificate is refused.
    pub fn self_test(&self, now: OffsetDateTime) -> Result<SelfTest, Error> {
        self.test(&*self.of_server(now)?)
    }

    /// The same for a tenant.
    ///
    /// # Errors
    ///
    /// As of [`Signers::self_test`].
    pub fn self_test_for(&self, tenant: &TenantId, now: OffsetDateTime) -> Result<SelfTest, Error> {
        self.test(&*self.for_tenant(tenant, now)?)
    }

    fn test(&self, signer: &ManifestSigner) -> Result<SelfTest, Error> {
        let statement = Statement {
            manifest: Uuid::new_v4(),
            photo: PhotoId::random(),
            format: Format::Png,
            content_hash: ContentHash::from_digest([0; 32]),
            registration: Registration::default(),
            service: "http://localhost".to_owned(),
            soft_binding: "com.example.lumatrace.self-test".to_owned(),
        };
        let picture = PICTURE.into();
        // A start waits for no authority.
        let signer = signer.without_time_stamps();
        let file = signer
            .sign(&statement, &picture, &picture, MetadataPolicy::Keep)?
            .file;
        let found = self.judge().judge(&file.into(), Format::Png);
        Ok(match (found.status, found.trust) {
            (C2paStatus::Valid, Some(Trust::Trusted)) => SelfTest::Passed,
            (C2paStatus::Valid, _) => SelfTest::Untrusted,
            (status, _) => SelfTest::Failed(status),
        })
    }
}
