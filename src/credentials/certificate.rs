//! What is read of an X.509 certificate (RFC 5280).

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;
use x509_parser::{
    certificate::X509Certificate,
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
    },
    prelude::FromDer,
    time::ASN1Time,
    x509::{AttributeTypeAndValue, SubjectPublicKeyInfo},
};

use super::signing::Algorithm;

/// What answers and lists tell of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// CN of the subject; empty if it has none.
    pub common_name: String,
    /// O of the subject.
    pub organization: Option<String>,
    /// The first moment at which it is valid.
    pub not_before: OffsetDateTime,
    /// The last moment at which it is valid.
    pub not_after: OffsetDateTime,
    /// SHA-256 of the certificate's DER.
    pub sha256: [u8; 32],
}

impl Certificate {
    /// Reads one certificate from its DER; `None` for what is none, and for more than one.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        Some(Self::of(&parse(der)?))
    }

    /// Reads what is told of a parsed certificate.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let subject = certificate.subject();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, certificate.as_raw()).as_ref());
        Self {
            common_name: text(subject.iter_common_name().next()).unwrap_or_default(),
            organization: text(subject.iter_organization().next()),
            not_before: moment(certificate.validity().not_before),
            not_after: moment(certificate.validity().not_after),
            sha256,
        }
    }

    /// Its SHA-256 in hexadecimal, as tools call a certificate by its fingerprint.
    pub fn fingerprint(&self) -> String {
        self.sha256.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether `now` lies in its time.
    pub fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// Parses a DER that is one certificate and nothing more.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// The kind of signature that a key makes; `None` for kinds that are not signed with here.
pub(super) fn algorithm(key: &SubjectPublicKeyInfo<'_>) -> Option<Algorithm> {
    let kind = &key.algorithm;
    if kind.algorithm == OID_PKCS1_RSAENCRYPTION {
        return Some(Algorithm::Ps256);
    }
    if kind.algorithm == OID_SIG_ED25519 {
        return Some(Algorithm::Ed25519);
    }
    let curve = kind.parameters.as_ref()?.as_oid().ok()?;
    (kind.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == OID_EC_P256)
        .then_some(Algorithm::Es256)
}

/// The text of an attribute of a name; `None` for a type of text that is not in use.
pub(super) fn text(attribute: Option<&AttributeTypeAndValue<'_>>) -> Option<String> {
    attribute?.as_str().ok().map(str::to_owned)
}

/// A time of a certificate; both of its forms lie within the years that `OffsetDateTime` has.
fn moment(time: ASN1Time) -> OffsetDateTime {
    time.to_datetime()
}
