//! RSA keys that sign tokens and receipts, and the set of them in force.
//!
//! Keys have 3072 bits (NIST SP 800-57 part 1: 128 bits of security). A key's id is its RFC 7638
//! thumbprint.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{MasterKey, SealError};

/// `typ` of receipts, so that none can be taken for a token (RFC 8725 section 3.11).
const RECEIPT_TYPE: &str = "lumatrace-receipt+jws";
/// `typ` of receipts for manifests, for the same reason.
const MANIFEST_RECEIPT_TYPE: &str = "c2pa-receipt+jwt";
/// Longest receipt that is read, in bytes: ours have about 1,000.
const LONGEST_RECEIPT_BYTES: usize = 4096;

/// Why a signing key cannot be generated, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The key is not an RSA key in PKCS#8, or could not be generated.
    #[error("not a usable RSA signing key")]
    Key,
    /// The stored key was sealed under another master key.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// One RSA key pair, in the forms that its uses need.
pub struct SigningKey {
    id: String,
    pair: RsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    encoding: EncodingKey,
    decoding: DecodingKey,
    modulus: String,
    exponent: String,
    /// Seconds since 1970 until which the database keeps this key published for its tokens.
    tokens_until: AtomicI64,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Generates a 3072-bit key; takes about a second.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(|_| SigningKeyError::Key)?;
        let pkcs8 = pair.as_der().map_err(|_| SigningKeyError::Key)?;
        Self::from_pkcs8(Zeroizing::new(pkcs8.as_ref().to_vec()))
    }

    /// Decrypts the output of [`SigningKey::seal`].
    pub fn open(master: &MasterKey, id: &str, sealed: &[u8]) -> Result<Self, SigningKeyError> {
        Self::from_pkcs8(master.open(&purpose(id), sealed)?)
    }

    /// Encrypts the private key for the database.
    pub fn seal(&self, master: &MasterKey) -> Result<Vec<u8>, SealError> {
        master.seal(&purpose(&self.id), &self.pkcs8)
    }

    /// Seals a stored key under the master key's first; `None` where it is.
    pub fn reseal(
        master: &MasterKey,
        id: &str,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, SealError> {
        master.reseal(&purpose(id), sealed)
    }

    /// The `kid` in token headers: the RFC 7638 thumbprint of the public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Signs `claims` as a detached JWS (RFC 7515 appendix F).
    ///
    /// Their JSON is canonical (RFC 8785) because a sorted map of strings is all that they can be.
    pub fn sign_detached(
        &self,
        claims: &BTreeMap<&str, String>,
    ) -> Result<String, SigningKeyError> {
        let (message, signature) = self.sign(RECEIPT_TYPE, claims)?;
        let header = message.split('.').next().unwrap_or_default();
        Ok(format!("{header}..{signature}"))
    }

    /// Signs the claims of a receipt for a manifest as a compact JWS (RFC 7515 section 7.1). Their
    /// JSON is canonical, as that of [`SigningKey::sign_detached`].
    pub fn sign_manifest_receipt(
        &self,
        claims: &BTreeMap<&str, String>,
    ) -> Result<String, SigningKeyError> {
        let (message, signature) = self.sign(MANIFEST_RECEIPT_TYPE, claims)?;
        Ok(format!("{message}.{signature}"))
    }

    /// Header and payload of a JWS, and the signature on them.
    fn sign(
        &self,
        typ: &str,
        claims: &BTreeMap<&str, String>,
    ) -> Result<(String, String), SigningKeyError> {
        let header = BTreeMap::from([("alg", "RS256"), ("kid", self.id()), ("typ", typ)]);
        let message = format!("{}.{}", base64_json(&header)?, base64_json(claims)?);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .map_err(|_| SigningKeyError::Key)?;
        Ok((message, URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether the database keeps this key published until `expires_at`, in seconds since 1970.
    pub fn is_kept_until(&self, expires_at: i64) -> bool {
        self.tokens_until.load(Ordering::Relaxed) >= expires_at
    }

    /// Remembers how long the database keeps this key published; never shortens it.
    pub fn set_kept_until(&self, tokens_until: i64) {
        self.tokens_until.fetch_max(tokens_until, Ordering::Relaxed);
    }

    pub(super) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| SigningKeyError::Key)?;
        let public = pair.public_key();
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        // RFC 7638 section 3.2: the required members of an RSA key in lexical order.
        let thumbprint = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
        let pem = Zeroizing::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(&*pkcs8)
        ));
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint)),
            encoding: EncodingKey::from_rsa_pem(pem.as_bytes())
                .map_err(|_| SigningKeyError::Key)?,
            decoding: DecodingKey::from_rsa_components(&modulus, &exponent)
                .map_err(|_| SigningKeyError::Key)?,
            pair,
            pkcs8,
            modulus,
            exponent,
            tokens_until: AtomicI64::new(0),
        })
    }

    /// The public key.
    pub fn jwk(&self) -> Jwk {
        Jwk::new(&self.id, &self.modulus, &self.exponent)
    }
}

/// A public key of ours as a JWK (RFC 7517, RFC 7518 section 6.3.1).
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Jwk {
    #[schemars(extend("const" = "RSA"))]
    kty: &'static str,
    #[serde(rename = "use")]
    #[schemars(extend("const" = "sig"))]
    purpose: &'static str,
    #[schemars(extend("const" = "RS256"))]
    alg: &'static str,
    /// The `kid` of tokens.
    kid: String,
    /// The modulus.
    n: String,
    /// The exponent.
    e: String,
}

impl Jwk {
    /// The key of that `kid`, modulus and exponent, both in base64url.
    pub fn new(kid: &str, n: &str, e: &str) -> Self {
        Self {
            kty: "RSA",
            purpose: "sig",
            alg: "RS256",
            kid: kid.to_owned(),
            n: n.to_owned(),
            e: e.to_owned(),
        }
    }
}

/// A JWK set (RFC 7517 section 5).
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Keys")]
pub struct JwkSet {
    /// The key that signs first.
    pub keys: Vec<Jwk>,
}

/// The keys in force: one signs, all of them verify.
#[derive(Debug)]
pub struct KeyRing {
    active: SigningKey,
    active_since: Option<OffsetDateTime>,
    others: Vec<SigningKey>,
}

impl KeyRing {
    /// Makes a ring that signs with `active`. The others are published ahead of their use, or
    /// retired with tokens that still live.
    pub fn new(active: SigningKey, others: Vec<SigningKey>) -> Self {
        Self {
            active,
            active_since: None,
            others,
        }
    }

    /// The same, whose active key has signed since then.
    #[must_use]
    pub fn active_since(self, at: Option<OffsetDateTime>) -> Self {
        Self {
            active_since: at,
            ..self
        }
    }

    /// How long the active key has signed by `now`; `None` where that is not known.
    pub fn active_age(&self, now: OffsetDateTime) -> Option<time::Duration> {
        self.active_since.map(|at| now - at)
    }

    /// The key that signs new tokens and receipts.
    pub fn active(&self) -> &SigningKey {
        &self.active
    }

    /// The public keys.
    pub fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: self.all().map(SigningKey::jwk).collect(),
        }
    }

    /// The claims of a receipt for a manifest that one of the keys signed; `None` for anything
    /// else, tokens and other receipts of ours among them.
    pub fn manifest_receipt(&self, receipt: &str) -> Option<BTreeMap<String, String>> {
        if receipt.len() > LONGEST_RECEIPT_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(receipt).ok()?;
        if header.typ.as_deref() != Some(MANIFEST_RECEIPT_TYPE) || header.crit.is_some() {
            return None;
        }
        let key = self.decoding(&header.kid?)?;
        let mut validation = Validation::new(Algorithm::RS256);
        // It is no token: it has no times and no audience.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let read = jsonwebtoken::decode(receipt, key, &validation).ok()?;
        Some(read.claims)
    }

    pub(super) fn decoding(&self, id: &str) -> Option<&DecodingKey> {
        self.all().find(|key| key.id == id).map(|key| &key.decoding)
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.active).chain(&self.others)
    }
}

fn purpose(id: &str) -> String {
    format!("lumatrace signing key v1 {id}")
}

fn base64_json(value: &impl Serialize) -> Result<String, SigningKeyError> {
    serde_json::to_vec(value)
        .map(|json| URL_SAFE_NO_PAD.encode(json))
        .map_err(|_| SigningKeyError::Key)
}
