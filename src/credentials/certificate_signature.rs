//! Whether a certificate was signed by the key of another (RFC 5280 section 6.1.3).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::{
    certificate::X509Certificate,
    oid_registry::{
        OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_NIST_HASH_SHA256,
        OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512, OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512, OID_SIG_ED25519,
    },
    signature_algorithm::RsaSsaPssParams,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

/// What a signature turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// Made by the issuer's key.
    Good,
    /// Made by another key, or over something else.
    Bad,
    /// Of a kind that C2PA does not allow, as with SHA-1.
    NotAllowed,
}

/// Checks the signature of a certificate with the key of its issuer.
pub(super) fn check(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Signature {
    let key = issuer.public_key();
    let Some(algorithm) = allowed(&certificate.signature_algorithm, key) else {
        return Signature::NotAllowed;
    };
    let key = UnparsedPublicKey::new(algorithm, &key.subject_public_key.data);
    let signed = certificate.tbs_certificate.as_ref();
    match key.verify(signed, &certificate.signature_value.data) {
        Ok(()) => Signature::Good,
        Err(_) => Signature::Bad,
    }
}

/// How to check a kind of signature that C2PA 2.4 allows in certificates (section 14.5.1).
fn allowed(
    signature: &AlgorithmIdentifier<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let kind = &signature.algorithm;
    if *kind == OID_PKCS1_SHA256WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA256)
    } else if *kind == OID_PKCS1_SHA384WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA384)
    } else if *kind == OID_PKCS1_SHA512WITHRSA {
        Some(&RSA_PKCS1_2048_8192_SHA512)
    } else if *kind == OID_PKCS1_RSASSAPSS {
        pss(signature)
    } else if *kind == OID_SIG_ED25519 {
        Some(&ED25519)
    } else {
        ecdsa(signature, key)
    }
}

fn pss(signature: &AlgorithmIdentifier<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = RsaSsaPssParams::try_from(signature.parameters.as_ref()?).ok()?;
    let hash = parameters.hash_algorithm_oid();
    if *hash == OID_NIST_HASH_SHA256 {
        Some(&RSA_PSS_2048_8192_SHA256)
    } else if *hash == OID_NIST_HASH_SHA384 {
        Some(&RSA_PSS_2048_8192_SHA384)
    } else if *hash == OID_NIST_HASH_SHA512 {
        Some(&RSA_PSS_2048_8192_SHA512)
    } else {
        None
    }
}

fn ecdsa(
    signature: &AlgorithmIdentifier<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let curves = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
    let hashes = [
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
        OID_SIG_ECDSA_WITH_SHA512,
    ];
    let hash = hashes.iter().position(|hash| *hash == signature.algorithm);
    match (curves.iter().position(|known| *known == curve)?, hash?) {
        (0, 0) => Some(&ECDSA_P256_SHA256_ASN1),
        (0, 1) => Some(&ECDSA_P256_SHA384_ASN1),
        (0, 2) => Some(&ECDSA_P256_SHA512_ASN1),
        (1, 0) => Some(&ECDSA_P384_SHA256_ASN1),
        (1, 1) => Some(&ECDSA_P384_SHA384_ASN1),
        (1, 2) => Some(&ECDSA_P384_SHA512_ASN1),
        (2, 0) => Some(&ECDSA_P521_SHA256_ASN1),
        (2, 1) => Some(&ECDSA_P521_SHA384_ASN1),
        (2, 2) => Some(&ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}
