//! A certificate authority of one's own: a root, an issuing CA under it, and leaves to sign with.
//!
//! Lifetimes and extensions are those of the C2PA certificate policy 0.2 (assurance level 1), but
//! for what only a listed authority may state: its policy and its record in the programme.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    rand::{SystemRandom, fill},
    signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
    SigningKey,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    certificate::{Certificate, parse, text},
    pem,
    private_key::PrivateKey,
    signing::Algorithm,
};

/// Certificates begin an hour early, for machines whose clocks are behind.
const BACKDATED: Duration = Duration::hours(1);
/// A root ends after ten years of 365 days.
const ROOT_LIFE: Duration = Duration::days(3650);
/// An issuing CA ends after five years: the policy allows 1827 days.
const ISSUING_LIFE: Duration = Duration::days(1826);
/// A leaf ends after a year: the policy allows 366 days.
const LEAF_LIFE: Duration = Duration::days(365);
/// Below this an issuing CA is made anew: a leaf may not outlive it.
const ISSUING_LEFT: Duration = Duration::days(400);

/// C of all names. An installation does not know its country; ISO 3166-1 leaves this code to
/// users, and it is in use for an unknown one.
const COUNTRY: &str = "ZZ";

/// `c2pa-kp-claimSigning`, the purpose of a key that signs manifests.
const CLAIM_SIGNING: [u64; 9] = [1, 3, 6, 1, 4, 1, 62558, 2, 1];

/// A certificate cannot be made or a stored authority not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A key cannot be drawn, or a stored one is none.
    #[error("not a usable key of a certificate authority")]
    Key,
    /// A stored certificate is none, or not that of its key.
    #[error("not the certificate of the authority's key")]
    Certificate,
    /// A certificate cannot be written.
    #[error("a certificate cannot be written")]
    Encoding(#[from] rcgen::Error),
    /// The root ends too soon to issue anything under it.
    #[error("the root of the certificate authority ends too soon: make a new one")]
    RootEnds,
}

/// A root and an issuing CA, with their keys.
#[derive(Debug)]
pub struct Authority {
    root: Ca,
    issuing: Ca,
    algorithm: Algorithm,
}

/// A stored [`Authority`]: certificates in DER and keys in PKCS#8.
#[derive(Clone)]
pub struct AuthorityParts {
    /// The root's certificate.
    pub root: Vec<u8>,
    /// The root's key.
    pub root_key: Zeroizing<Vec<u8>>,
    /// The issuing CA's certificate.
    pub issuing: Vec<u8>,
    /// The issuing CA's key.
    pub issuing_key: Zeroizing<Vec<u8>>,
    /// The kind of its leaves.
    pub algorithm: Algorithm,
}

impl fmt::Debug for AuthorityParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityParts(redacted)")
    }
}

/// The chain of a new leaf in DER, itself first and the root left out, and its key in PKCS#8.
pub type IssuedLeaf = (Vec<Vec<u8>>, Zeroizing<Vec<u8>>);

impl Authority {
    /// Makes a root and an issuing CA on P-384 whose leaves are of a kind; all names have
    /// `organization` as their O.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] when the machine gives no randomness.
    pub fn make(
        now: OffsetDateTime,
        organization: &str,
        algorithm: Algorithm,
    ) -> Result<Self, AuthorityError> {
        let mut number = [0; 4];
        fill(&mut number).map_err(|_| AuthorityError::Key)?;
        // Different in each installation: two roots of one name would be taken for one another.
        let number = u32::from_be_bytes(number);
        let key = CaKey::generate()?;
        let mut params = ca_params(1, &key);
        params.distinguished_name = name(organization, &format!("LumaTrace root {number:08x}"))?;
        lasts(&mut params, now, ROOT_LIFE, None);
        let certificate = params.self_signed(&key)?.der().to_vec();
        let root = Ca { certificate, key };
        let issuing = root.issuing_ca(now)?;
        Ok(Self {
            root,
            issuing,
            algorithm,
        })
    }

    /// Makes an issuing CA anew under the same root, for leaves of a kind.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::RootEnds`] when the root does not last long enough for a leaf's life.
    pub fn renew(self, now: OffsetDateTime, algorithm: Algorithm) -> Result<Self, AuthorityError> {
        if self.root_certificate()?.not_after < now + ISSUING_LEFT {
            return Err(AuthorityError::RootEnds);
        }
        let issuing = self.root.issuing_ca(now)?;
        Ok(Self {
            issuing,
            algorithm,
            ..self
        })
    }

    /// Opens a stored authority.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] when a key or a certificate is none, or they do not belong together.
    pub fn open(parts: AuthorityParts) -> Result<Self, AuthorityError> {
        Ok(Self {
            root: Ca::open(parts.root, parts.root_key)?,
            issuing: Ca::open(parts.issuing, parts.issuing_key)?,
            algorithm: parts.algorithm,
        })
    }

    /// What is to be stored of it.
    pub fn parts(&self) -> AuthorityParts {
        AuthorityParts {
            root: self.root.certificate.clone(),
            root_key: self.root.key.pkcs8.clone(),
            issuing: self.issuing.certificate.clone(),
            issuing_key: self.issuing.key.pkcs8.clone(),
            algorithm: self.algorithm,
        }
    }

    /// The kind of its leaves, unless another is asked for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a leaf that is issued now would have to end early, since the issuing CA does.
    pub fn must_renew(&self, now: OffsetDateTime) -> Result<bool, AuthorityError> {
        let issuing = Certificate::from_der(&self.issuing.certificate);
        let issuing = issuing.ok_or(AuthorityError::Certificate)?;
        Ok(issuing.not_after < now + ISSUING_LEFT)
    }

    /// The certificate of the root, in DER.
    pub fn root(&self) -> &[u8] {
        &self.root.certificate
    }

    /// The certificate of the root, in PEM.
    pub fn root_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.root.certificate)
    }

    /// What is told of the root.
    ///
    /// # Errors
    ///
    /// Never for one that was made or opened here.
    pub fn root_certificate(&self) -> Result<Certificate, AuthorityError> {
        Certificate::from_der(&self.root.certificate).ok_or(AuthorityError::Certificate)
    }

    /// Issues a leaf, which ends with the issuing CA at the latest.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] when the machine gives no randomness.
    pub fn issue_leaf(
        &self,
        algorithm: Algorithm,
        now: OffsetDateTime,
    ) -> Result<IssuedLeaf, AuthorityError> {
        let (key, pkcs8) = PrivateKey::generate(algorithm).map_err(|_| AuthorityError::Key)?;
        let issuer = parse(&self.issuing.certificate).ok_or(AuthorityError::Certificate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&organization(&issuer), "LumaTrace signer")?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::ContentCommitment,
        ];
        params.extended_key_usages = purposes();
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = key_identifier(key.public_key());
        let ends = Certificate::of(&issuer).not_after;
        lasts(&mut params, now, LEAF_LIFE, Some(ends));
        let leaf = self.issuing.sign(&params, &PublicKey(&key))?;
        Ok((vec![leaf, self.issuing.certificate.clone()], pkcs8))
    }
}

/// A certificate that may sign others, and its key.
struct Ca {
    certificate: Vec<u8>,
    key: CaKey,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ca(redacted)")
    }
}

impl Ca {
    fn open(certificate: Vec<u8>, pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, AuthorityError> {
        let key = CaKey::from_pkcs8(pkcs8)?;
        let parsed = parse(&certificate).ok_or(AuthorityError::Certificate)?;
        if *parsed.public_key().subject_public_key.data != *key.der_bytes() {
            return Err(AuthorityError::Certificate);
        }
        Ok(Self { certificate, key })
    }

    /// Signs a certificate for a key. Its issuer's name is written as that of this certificate is.
    fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<Vec<u8>, AuthorityError> {
        let own = parse(&self.certificate).ok_or(AuthorityError::Certificate)?;
        let common_name = Certificate::of(&own).common_name;
        let mut issuer = ca_params(0, &self.key);
        issuer.distinguished_name = name(&organization(&own), &common_name)?;
        let issuer = Issuer::from_params(&issuer, &self.key);
        Ok(params.signed_by(key, &issuer)?.der().to_vec())
    }

    /// Makes an issuing CA under this root.
    fn issuing_ca(&self, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let root = parse(&self.certificate).ok_or(AuthorityError::Certificate)?;
        let told = Certificate::of(&root);
        let key = CaKey::generate()?;
        let mut params = ca_params(0, &key);
        let common_name = told.common_name.replace("root", "issuing CA");
        params.distinguished_name = name(&organization(&root), &common_name)?;
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = purposes();
        lasts(&mut params, now, ISSUING_LIFE, Some(told.not_after));
        let certificate = self.sign(&params, &key)?;
        Ok(Self { certificate, key })
    }
}

/// The key of a CA, on P-384: it is used a few times a year, and RSA of that strength is slow.
struct CaKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl CaKey {
    fn generate() -> Result<Self, AuthorityError> {
        let algorithm = &ECDSA_P384_SHA384_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let pkcs8 = pkcs8.map_err(|_| AuthorityError::Key)?;
        Self::from_pkcs8(Zeroizing::new(pkcs8.as_ref().to_vec()))
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, AuthorityError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &pkcs8);
        let pair = pair.map_err(|_| AuthorityError::Key)?;
        Ok(Self { pair, pkcs8 })
    }
}

impl PublicKeyData for CaKey {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for CaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// The public half of a leaf's key.
struct PublicKey<'a>(&'a PrivateKey);

impl PublicKeyData for PublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0.algorithm() {
            Algorithm::Ps256 => &PKCS_RSA_SHA256,
            Algorithm::Es256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::Ed25519 => &PKCS_ED25519,
        }
    }
}

/// What the certificates of both CAs have in common.
fn ca_params(path_length: u8, key: &CaKey) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = key_identifier(key.der_bytes());
    params
}

/// What a leaf's key is for: signing manifests, and email protection, which validators of before
/// that purpose ask for.
fn purposes() -> Vec<ExtendedKeyUsagePurpose> {
    vec![
        ExtendedKeyUsagePurpose::EmailProtection,
        ExtendedKeyUsagePurpose::Other(CLAIM_SIGNING.to_vec()),
    ]
}

/// SHA-1 of the public key (RFC 5280 section 4.2.1.2, method 1), which the policy asks for. It
/// names a key and protects nothing.
fn key_identifier(public_key: &[u8]) -> KeyIdMethod {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, public_key);
    KeyIdMethod::PreSpecified(hash.as_ref().to_vec())
}

fn name(organization: &str, common_name: &str) -> Result<DistinguishedName, AuthorityError> {
    let mut name = DistinguishedName::new();
    let country = DnValue::PrintableString(COUNTRY.try_into()?);
    name.push(DnType::CountryName, country);
    name.push(DnType::OrganizationName, organization);
    name.push(DnType::CommonName, common_name);
    Ok(name)
}

fn organization(certificate: &x509_parser::certificate::X509Certificate<'_>) -> String {
    text(certificate.subject().iter_organization().next()).unwrap_or_default()
}

/// Sets the time of a certificate, which does not outlive its issuer.
fn lasts(
    params: &mut CertificateParams,
    now: OffsetDateTime,
    life: Duration,
    issuer_ends: Option<OffsetDateTime>,
) {
    params.not_before = now - BACKDATED;
    let ends = params.not_before + life;
    params.not_after = issuer_ends.map_or(ends, |latest| ends.min(latest));
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use x509_parser::extensions::ParsedExtension;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

    fn days(der: &[u8]) -> i64 {
        let certificate = Certificate::from_der(der).unwrap();
        assert_eq!(certificate.not_before, NOW - BACKDATED);
        (certificate.not_after - certificate.not_before).whole_days()
    }

    #[test]
    fn leaves_and_authorities_have_what_the_policy_asks_for() {
        let authority = Authority::make(NOW, "Test house", Algorithm::Es256).unwrap();
        let mut checked = 0;
        for algorithm in Algorithm::ALL {
            let (chain, _) = authority.issue_leaf(algorithm, NOW).unwrap();
            assert_eq!((chain.len(), days(&chain[0])), (2, 365));
            let (leaf, issuing) = (parse(&chain[0]).unwrap(), parse(&chain[1]).unwrap());
            assert_eq!(
                leaf.subject().to_string(),
                "C=ZZ, O=Test house, CN=LumaTrace signer"
            );
            assert_eq!(leaf.issuer(), issuing.subject());
            let basic = leaf.basic_constraints().unwrap().unwrap();
            assert!(basic.critical && !basic.value.ca);
            let usage = leaf.key_usage().unwrap().unwrap();
            // digitalSignature and contentCommitment, and no other bit.
            assert!(usage.critical && usage.value.flags == 0b11);
            let purposes = leaf.extended_key_usage().unwrap().unwrap().value;
            assert!(purposes.email_protection && !purposes.any && !purposes.server_auth);
            let other: Vec<String> = purposes.other.iter().map(ToString::to_string).collect();
            assert_eq!(other, ["1.3.6.1.4.1.62558.2.1"]);
            let key = digest(
                &SHA1_FOR_LEGACY_USE_ONLY,
                &leaf.public_key().subject_public_key.data,
            );
            let identifiers =
                leaf.extensions()
                    .iter()
                    .filter(|extension| match extension.parsed_extension() {
                        ParsedExtension::SubjectKeyIdentifier(own) => own.0 == key.as_ref(),
                        ParsedExtension::AuthorityKeyIdentifier(its) => {
                            its.key_identifier.is_some() && !extension.critical
                        }
                        _ => false,
                    });
            assert_eq!(identifiers.count(), 2);
            checked += 1;
        }
        assert_eq!(checked, 3);
        let parts = authority.parts();
        assert_eq!((days(&parts.root), days(&parts.issuing)), (3650, 1826));
        let issuing = parse(&parts.issuing).unwrap();
        let basic = issuing.basic_constraints().unwrap().unwrap();
        assert!(basic.critical && basic.value.ca && basic.value.path_len_constraint == Some(0));
    }

    #[test]
    fn a_stored_authority_issues_under_the_same_root_and_its_issuing_ca_can_be_made_anew() {
        let made = Authority::make(NOW, "Test house", Algorithm::Es256).unwrap();
        let (root, issuing) = (made.root().to_vec(), made.parts().issuing);
        let opened = Authority::open(made.parts()).unwrap();
        let (chain, _) = opened.issue_leaf(opened.algorithm(), NOW).unwrap();
        assert_eq!(chain[1], issuing);
        assert!(!opened.must_renew(NOW).unwrap());
        let later = NOW + Duration::days(1500);
        assert!(opened.must_renew(later).unwrap());
        let renewed = opened.renew(later, Algorithm::Ed25519).unwrap();
        assert_eq!(renewed.root(), root);
        assert_ne!(renewed.parts().issuing, issuing);
        assert_eq!(renewed.algorithm(), Algorithm::Ed25519);
        assert!(!renewed.must_renew(later).unwrap());
        let last = NOW + Duration::days(3600);
        let ended = renewed.renew(last, Algorithm::Ed25519);
        assert!(matches!(ended, Err(AuthorityError::RootEnds)));
    }

    #[test]
    fn a_leaf_does_not_outlive_its_issuer() {
        let authority = Authority::make(NOW, "Test house", Algorithm::Es256).unwrap();
        let late = NOW + Duration::days(1800);
        let (chain, _) = authority.issue_leaf(Algorithm::Es256, late).unwrap();
        let [leaf, issuing] = [0, 1].map(|at| Certificate::from_der(&chain[at]).unwrap());
        assert_eq!(leaf.not_after, issuing.not_after);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_no_authority() {
        let [one, two] =
            [(); 2].map(|()| Authority::make(NOW, "Test house", Algorithm::Es256).unwrap());
        let mixed = AuthorityParts {
            root_key: two.parts().root_key,
            ..one.parts()
        };
        assert!(matches!(
            Authority::open(mixed),
            Err(AuthorityError::Certificate)
        ));
        assert_ne!(one.root_certificate().unwrap().common_name, "");
        assert_ne!(
            one.root_certificate().unwrap().common_name,
            two.root_certificate().unwrap().common_name
        );
    }
}
