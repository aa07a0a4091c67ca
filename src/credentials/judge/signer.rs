//! Who signed, and when.

use c2pa::SignatureInfo;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use x509_parser::pem::Pem;

use super::{judgement::Signer, text};
use crate::credentials::certificate::Certificate;

/// Returns the subject of the certificate that a manifest was signed with: the first of its chain.
pub(super) fn signer(signature: &SignatureInfo) -> Option<Signer> {
    let first = Pem::iter_from_buffer(signature.cert_chain().as_bytes()).next()?;
    let leaf = Certificate::from_der(&first.ok()?.contents)?;
    Some(Signer {
        common_name: text::name(&leaf.common_name),
        organization: leaf.organization.as_deref().and_then(text::name),
        not_after: leaf.not_after,
        certificate_sha256: leaf.sha256,
    })
}

/// Returns the time of the manifest's time stamp.
pub(super) fn signed_at(signature: &SignatureInfo) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(signature.time.as_deref()?, &Rfc3339).ok()
}
