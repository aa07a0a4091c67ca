//! Who signs manifests: a chain of certificates and the key of its leaf.

use std::sync::Arc;

use c2pa::{Signer, SigningAlg};

pub use super::certificate::Certificate;
use super::{
    certificate::{algorithm, parse},
    private_key::PrivateKey,
};

/// Room in a manifest beside certificates and signature, for the frame of the COSE structure
/// (RFC 9052); the rest is filled up.
const COSE_FRAME_BYTES: usize = 640;

/// A kind of signature that manifests may have (C2PA 2.4, section 13.2) and that is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// `EdDSA` on Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ps256, Self::Es256, Self::Ed25519];

    /// Reads a name as [`Algorithm::as_str`] writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name in settings, lists and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ps256 => "ps256",
            Self::Es256 => "es256",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// Why a chain and a key are no identity to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The chain is empty, or its first element is not an X.509 certificate.
    #[error("the chain does not begin with a certificate")]
    Certificate,
    /// The key is something else than an unencrypted PKCS#8 of a kind that signs here.
    #[error("the key is not RSA of 2048 bits or more, on P-256, or Ed25519, in PKCS#8")]
    Key,
    /// The key is not that of the first certificate.
    #[error("the key does not belong to the first certificate of the chain")]
    OtherKey,
}

/// A certificate chain and the private key of its leaf. Cheap to clone, and not to be printed.
#[derive(Debug, Clone)]
pub struct SigningIdentity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Vec<Vec<u8>>,
    leaf: Certificate,
    key: PrivateKey,
}

impl SigningIdentity {
    /// Puts together a chain of certificates in DER, the leaf first and the root left out, and the
    /// key of the leaf in PKCS#8. Whether validators would accept them, `profile` says.
    ///
    /// # Errors
    ///
    /// [`SigningError`] when the key is of another kind or of another certificate.
    pub fn new(chain: Vec<Vec<u8>>, pkcs8: &[u8]) -> Result<Self, SigningError> {
        let first = chain.first().ok_or(SigningError::Certificate)?;
        let certificate = parse(first).ok_or(SigningError::Certificate)?;
        let key = PrivateKey::from_pkcs8(pkcs8).ok_or(SigningError::Key)?;
        let certified = certificate.public_key();
        if algorithm(certified) != Some(key.algorithm())
            || *certified.subject_public_key.data != *key.public_key()
        {
            return Err(SigningError::OtherKey);
        }
        let leaf = Certificate::of(&certificate);
        Ok(Self(Arc::new(Inner { chain, leaf, key })))
    }

    /// The kind of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.0.key.algorithm()
    }

    /// The certificate of its key.
    pub fn leaf(&self) -> &Certificate {
        &self.0.leaf
    }

    /// Its certificates in DER, the leaf first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }
}

impl Signer for SigningIdentity {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        let signed = self.0.key.sign(data);
        signed.map_err(|error| c2pa::Error::OtherError(Box::new(error)))
    }

    fn alg(&self) -> SigningAlg {
        match self.algorithm() {
            Algorithm::Ps256 => SigningAlg::Ps256,
            Algorithm::Es256 => SigningAlg::Es256,
            Algorithm::Ed25519 => SigningAlg::Ed25519,
        }
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        Ok(self.0.chain.clone())
    }

    fn reserve_size(&self) -> usize {
        let certificates: usize = self.0.chain.iter().map(Vec::len).sum();
        certificates + self.0.key.signature_bytes() + COSE_FRAME_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use c2pa::{Builder, Context, Reader, ValidationState};
    use serde_json::json;
    use time::macros::datetime;

    use super::{
        super::{authority::Authority, test_files::plain},
        *,
    };
    use crate::imaging::Format;

    /// The crate judges by the machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the c2pa crate takes the time from the air"
    )]
    fn today() -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc()
    }

    /// Signs a picture; the crate checks its own signature and the certificates.
    fn sign(identity: &SigningIdentity) -> c2pa::Result<Vec<u8>> {
        let settings = json!({
            "builder": {
                "thumbnail": { "enabled": false },
                "actions": {
                    "auto_opened_action": { "enabled": false },
                    "auto_created_action": { "enabled": false },
                    "auto_placed_action": { "enabled": false },
                },
            },
        });
        let context = Context::new().with_settings(settings.to_string())?;
        let definition = json!({
            "claim_version": 2,
            "claim_generator_info": [{ "name": "test", "version": "1" }],
            "format": "image/png",
            "assertions": [{
                "label": "c2pa.actions.v2",
                "data": { "actions": [{
                    "action": "c2pa.created",
                    "digitalSourceType":
                        "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
                }] },
            }],
        });
        let mut builder = Builder::from_shared_context(&Arc::new(context))
            .with_definition(definition.to_string().as_str())?;
        let mut signed = Cursor::new(Vec::new());
        let mut source = Cursor::new(plain(Format::Png, 1));
        builder.sign(identity, "image/png", &mut source, &mut signed)?;
        Ok(signed.into_inner())
    }

    #[test]
    fn what_a_leaf_of_each_kind_signs_is_accepted_and_trusted_under_its_root() {
        let mut signed = 0;
        for algorithm in Algorithm::ALL {
            let authority = Authority::make(today(), "Test house", Algorithm::Ps256).unwrap();
            let (chain, pkcs8) = authority.issue_leaf(algorithm, today()).unwrap();
            let identity = SigningIdentity::new(chain, &pkcs8).unwrap();
            assert_eq!(identity.algorithm(), algorithm);
            let file = sign(&identity).unwrap();
            let trust = json!({ "trust": { "anchors": [{
                "trust_anchors": authority.root_pem(), "trust_kind": "manifest",
            }] } });
            let context = Context::new().with_settings(trust.to_string()).unwrap();
            let read = Reader::from_shared_context(&Arc::new(context))
                .with_stream("image/png", Cursor::new(file))
                .unwrap();
            assert_eq!(
                read.validation_state(),
                ValidationState::Trusted,
                "{algorithm:?}: {read}"
            );
            signed += 1;
        }
        assert_eq!(signed, 3);
    }

    #[test]
    fn a_leaf_that_has_ended_signs_nothing() {
        let long_ago = today() - time::Duration::days(400);
        let authority = Authority::make(long_ago, "Test house", Algorithm::Es256).unwrap();
        let (chain, pkcs8) = authority.issue_leaf(Algorithm::Es256, long_ago).unwrap();
        let identity = SigningIdentity::new(chain, &pkcs8).unwrap();
        assert!(!identity.leaf().is_valid_at(today()));
        assert!(sign(&identity).is_err());
    }

    #[test]
    fn a_key_of_another_certificate_or_of_another_kind_is_refused() {
        let now = datetime!(2026-12-01 12:00 UTC);
        let authority = Authority::make(now, "Test house", Algorithm::Es256).unwrap();
        let (chain, own) = authority.issue_leaf(Algorithm::Es256, now).unwrap();
        let (other_chain, other) = authority.issue_leaf(Algorithm::Es256, now).unwrap();
        let (_, other_kind) = authority.issue_leaf(Algorithm::Ed25519, now).unwrap();
        let make = |chain: &[Vec<u8>], key: &[u8]| {
            SigningIdentity::new(chain.to_vec(), key).map(|identity| identity.algorithm())
        };
        assert_eq!(make(&chain, &own), Ok(Algorithm::Es256));
        assert_eq!(make(&chain, &other), Err(SigningError::OtherKey));
        assert_eq!(make(&other_chain, &own), Err(SigningError::OtherKey));
        assert_eq!(make(&chain, &other_kind), Err(SigningError::OtherKey));
        assert_eq!(make(&chain, b"no key"), Err(SigningError::Key));
        assert_eq!(make(&[], &own), Err(SigningError::Certificate));
        assert_eq!(
            make(&[b"none".to_vec()], &own),
            Err(SigningError::Certificate)
        );
    }

    #[test]
    fn an_identity_cannot_be_printed_and_kinds_have_names() {
        let now = datetime!(2026-12-01 12:00 UTC);
        let authority = Authority::make(now, "Test house", Algorithm::Ed25519).unwrap();
        let (chain, pkcs8) = authority.issue_leaf(Algorithm::Ed25519, now).unwrap();
        let identity = SigningIdentity::new(chain, &pkcs8).unwrap();
        let printed = format!("{identity:?} {authority:?}");
        assert!(printed.contains("PrivateKey(ed25519)"), "{printed}");
        assert!(!printed.contains(&format!("{:?}", &pkcs8[16..])));
        for kind in Algorithm::ALL {
            assert_eq!(Algorithm::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Algorithm::parse("rs256"), None);
    }
}
