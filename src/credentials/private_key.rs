//! The private key of a signing certificate.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PSS_SHA256,
        RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use super::signing::Algorithm;

/// A key pair of one of the kinds that sign here.
pub(super) enum PrivateKey {
    /// For PS256 (RFC 8230).
    Rsa(RsaKeyPair),
    /// For ES256 (RFC 9053 section 2.1), on P-256.
    Ec(EcdsaKeyPair),
    /// For `EdDSA` (RFC 9053 section 2.2), on Ed25519.
    Ed(Ed25519KeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.algorithm().as_str())
    }
}

impl PrivateKey {
    /// Draws a key, and returns it with its PKCS#8. One of RSA has 3072 bits (128 bits of
    /// security, NIST SP 800-57 part 1) and takes about 300 ms.
    pub(super) fn generate(
        algorithm: Algorithm,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), Unspecified> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::Ps256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072)?;
                Zeroizing::new(pair.as_der()?.as_ref().to_vec())
            }
            Algorithm::Es256 => {
                let document =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
                Zeroizing::new(document.as_ref().to_vec())
            }
            Algorithm::Ed25519 => {
                let document = Ed25519KeyPair::generate_pkcs8(&random)?;
                Zeroizing::new(document.as_ref().to_vec())
            }
        };
        let key = Self::from_pkcs8(&pkcs8).ok_or(Unspecified)?;
        Ok((key, pkcs8))
    }

    /// Reads an unencrypted PKCS#8 (RFC 5958); `None` for what is none, for RSA below 2048 bits,
    /// and for kinds and curves that do not sign here.
    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        if let Ok(key) = RsaKeyPair::from_pkcs8(pkcs8) {
            return Some(Self::Rsa(key));
        }
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8) {
            return Some(Self::Ec(key));
        }
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .ok()
            .map(Self::Ed)
    }

    /// The kind of signature that it makes.
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Ps256,
            Self::Ec(_) => Algorithm::Es256,
            Self::Ed(_) => Algorithm::Ed25519,
        }
    }

    /// The public half, as the bits of `subjectPublicKey` in a certificate.
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::Ec(key) => key.public_key().as_ref(),
            Self::Ed(key) => key.public_key().as_ref(),
        }
    }

    /// Length of a signature in bytes.
    pub(super) fn signature_bytes(&self) -> usize {
        match self {
            Self::Rsa(key) => key.public_modulus_len(),
            Self::Ec(_) | Self::Ed(_) => 64,
        }
    }

    /// Signs `message`: RSASSA-PSS with SHA-256 and a salt of 32 bytes, ECDSA with SHA-256 as `r`
    /// and `s` of 32 bytes each, or Ed25519.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let random = SystemRandom::new();
                key.sign(&RSA_PSS_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::Ec(key) => {
                let signature = key.sign(&SystemRandom::new(), message)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed(key) => Ok(key.try_sign(message)?.as_ref().to_vec()),
        }
    }
}
