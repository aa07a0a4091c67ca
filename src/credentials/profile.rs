//! Whether a chain of certificates and a key may sign manifests: all that is wrong at once, each
//! with its cure.
//!
//! The clauses are those of C2PA 2.4, section 14.5.1, as validators enforce them; what the C2PA
//! certificate policy 0.2 asks beyond them is a warning, since it binds listed authorities only.

use aws_lc_rs::{
    encoding::AsDer,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair},
};
use time::{Duration, OffsetDateTime};
use x509_parser::{
    certificate::X509Certificate, extensions::ParsedExtension, public_key::PublicKey,
    x509::X509Version,
};
use zeroize::Zeroizing;

use super::{
    certificate::{Certificate, algorithm, parse},
    certificate_signature::{self, Signature},
    pem::{self, Block},
    private_key::PrivateKey,
    signing::{SigningError, SigningIdentity},
};

/// Most certificates of a chain. Each is written into every manifest.
const MOST_CERTIFICATES: usize = 8;
/// Longest life of a leaf by the certificate policy.
const POLICY_LIFE: Duration = Duration::days(366);
/// A leaf that ends sooner is warned of.
const SOON: Duration = Duration::days(30);
/// Fewest bits of an RSA key.
const FEWEST_RSA_BITS: usize = 2048;

/// A rule, and what to do where it is broken.
#[derive(Debug, PartialEq, Eq)]
pub struct Clause {
    /// Its name, for scripts.
    pub name: &'static str,
    /// What to do, as a sentence.
    pub cure: &'static str,
}

/// A clause that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub clause: &'static Clause,
    /// What was found, as a clause that names the certificate.
    pub found: String,
}

/// A chain and a key that may sign.
#[derive(Debug)]
pub struct Import {
    /// They.
    pub identity: SigningIdentity,
    /// The key, in PKCS#8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// What is allowed, and may not be meant.
    pub warnings: Vec<Finding>,
}

macro_rules! clauses {
    ($($id:ident $name:literal $cure:literal;)*) => {
        $(static $id: Clause = Clause { name: $name, cure: $cure };)*
    };
}

clauses! {
    CERTIFICATE_FORM "certificate.form"
        "Give a PEM file of certificates, the leaf first, then each issuer.";
    CERTIFICATE_VERSION "certificate.version"
        "Ask the authority for a certificate of X.509 version 3.";
    CERTIFICATE_CRITICAL "certificate.critical"
        "Ask the authority for a certificate without that extension, or with it not critical.";
    CERTIFICATE_UNIQUE_ID "certificate.unique-id"
        "Ask the authority for a certificate without unique identifiers.";
    KEY_FORM "key.form"
        "Give the private key as PEM: PKCS#8, or convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem";
    KEY_ENCRYPTED "key.encrypted"
        "Decrypt the key first, into a file that only you can read: openssl pkey -in KEY -out KEY.pem";
    KEY_KIND "key.kind"
        "Make a key of RSA with 3072 bits (ps256), on P-256 (es256) or Ed25519, and have it certified.";
    KEY_SHORT "key.short"
        "Make a key of RSA with 3072 bits and have it certified.";
    KEY_OTHER "key.other"
        "Give the key that the certificate was requested with.";
    TIME_ENDED "time.ended"
        "Ask the authority for a new certificate; check the clock of this machine.";
    TIME_FUTURE "time.future"
        "Import it when its time begins; check the clock of this machine.";
    TIME_LONG "time.long"
        "Have it replaced each year: the C2PA certificate policy allows 366 days.";
    TIME_SOON "time.soon"
        "Import its successor before then: files can be signed until the certificate ends.";
    PURPOSE_MISSING "purpose.missing"
        "Ask for extendedKeyUsage = emailProtection, 1.3.6.1.4.1.62558.2.1";
    PURPOSE_ANY "purpose.any"
        "Ask for extendedKeyUsage = emailProtection, 1.3.6.1.4.1.62558.2.1, without anyExtendedKeyUsage.";
    PURPOSE_OTHER "purpose.other"
        "Ask for a certificate of its own: extendedKeyUsage = emailProtection, 1.3.6.1.4.1.62558.2.1";
    USAGE_MISSING "usage.missing"
        "Ask for keyUsage = critical, digitalSignature, nonRepudiation";
    USAGE_CERTIFICATES "usage.certificates"
        "Ask for keyUsage = critical, digitalSignature, nonRepudiation, without keyCertSign.";
    LEAF_AUTHORITY "leaf.authority"
        "Give the leaf's certificate first: one with basicConstraints = critical, CA:FALSE.";
    LEAF_SELF_SIGNED "leaf.self-signed"
        "Have the key certified by an authority, or use the server's own: lumatrace ca init";
    AUTHORITY_KEY_ID "key-id.authority"
        "Ask for authorityKeyIdentifier = keyid";
    SUBJECT_KEY_ID "key-id.subject"
        "Ask for subjectKeyIdentifier = hash";
    NAME_ORGANIZATION "name.organization"
        "Ask for a subject with O: validators show it as the signer.";
    NAME_COMMON "name.common"
        "Ask for a subject with CN: validators show it as the signer.";
    NAME_COUNTRY "name.country"
        "Ask for a subject with C: the C2PA certificate policy has it.";
    CHAIN_LONG "chain.long"
        "Give the leaf and its issuers alone: each is written into every file.";
    CHAIN_ORDER "chain.order"
        "Put the certificates in order: the leaf, its issuer, the issuer of that.";
    CHAIN_SIGNATURE "chain.signature"
        "Give the very certificate that issued it: another has the same name.";
    CHAIN_ALGORITHM "chain.algorithm"
        "Ask for certificates signed with SHA-256 or better.";
    CHAIN_AUTHORITY "chain.authority"
        "Give the certificates of authorities (CA:TRUE, keyCertSign) behind the leaf's.";
    CHAIN_TIME "chain.time"
        "Ask the authority for its current certificates.";
}

/// Reads and checks certificates and a key in PEM. A root at the end of the chain is left out:
/// who trusts it has it.
///
/// # Errors
///
/// All that is wrong, at least one finding.
pub fn import(certificates: &str, key: &str, now: OffsetDateTime) -> Result<Import, Vec<Finding>> {
    let (chain, key) = (read_chain(certificates), read_key(key));
    let chain = chain.map(|chain| (examine(&chain, now), chain));
    let ((examined, chain), key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (Ok((examined, _)), Err(unread)) => return Err(with(examined.broken, unread)),
        (Err(unread), key) => return Err(with(key.err().into_iter().collect(), unread)),
    };
    match SigningIdentity::new(chain, &key) {
        Ok(identity) if examined.broken.is_empty() => Ok(Import {
            identity,
            pkcs8: key,
            warnings: examined.warnings,
        }),
        Err(error @ SigningError::OtherKey) => Err(with(
            examined.broken,
            finding(&KEY_OTHER, error.to_string()),
        )),
        // What else can be wrong has been found above.
        _ => Err(examined.broken),
    }
}

fn with(mut findings: Vec<Finding>, one: Finding) -> Vec<Finding> {
    findings.push(one);
    findings
}

/// What there is to say about a chain.
#[derive(Debug, Default)]
pub struct Examined {
    /// What validators would refuse.
    pub broken: Vec<Finding>,
    /// What they accept, and may not be meant.
    pub warnings: Vec<Finding>,
}

impl Examined {
    fn broken(&mut self, is: bool, clause: &'static Clause, found: impl FnOnce() -> String) {
        if is {
            self.broken.push(finding(clause, found()));
        }
    }

    fn warned(&mut self, is: bool, clause: &'static Clause, found: impl FnOnce() -> String) {
        if is {
            self.warnings.push(finding(clause, found()));
        }
    }
}

fn finding(clause: &'static Clause, found: String) -> Finding {
    Finding { clause, found }
}

/// Checks a chain of certificates in DER, the leaf first.
pub fn examine(chain: &[Vec<u8>], now: OffsetDateTime) -> Examined {
    let mut examined = Examined::default();
    let parsed: Option<Vec<_>> = chain.iter().map(|der| parse(der)).collect();
    let Some((leaf, issuers)) = parsed.as_deref().and_then(<[_]>::split_first) else {
        let found = "there is something else than certificates".to_owned();
        examined.broken.push(finding(&CERTIFICATE_FORM, found));
        return examined;
    };
    check_form(leaf, &mut examined);
    check_name(leaf, &mut examined);
    check_key(leaf, &mut examined);
    check_time(leaf, now, &mut examined);
    check_usage(leaf, &mut examined);
    check_purposes(leaf, &mut examined);
    check_identifiers(leaf, &mut examined);
    examined.broken(issuers.len() >= MOST_CERTIFICATES, &CHAIN_LONG, || {
        format!("there are {} certificates", chain.len())
    });
    let mut certificate = leaf;
    for issuer in issuers.iter().take(MOST_CERTIFICATES) {
        check_link(certificate, issuer, now, &mut examined);
        certificate = issuer;
    }
    examined
}

/// How a certificate is called in findings.
fn called(certificate: &X509Certificate<'_>) -> String {
    format!("the certificate of {}", certificate.subject())
}

fn check_form(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    examined.broken(
        leaf.version() != X509Version::V3,
        &CERTIFICATE_VERSION,
        || format!("{} is of version {}", called(leaf), leaf.version().0 + 1),
    );
    let named = leaf.issuer_uid.is_some() || leaf.subject_uid.is_some();
    examined.broken(named, &CERTIFICATE_UNIQUE_ID, || {
        format!("{} has unique identifiers", called(leaf))
    });
    for extension in leaf.extensions() {
        let unknown = matches!(
            extension.parsed_extension(),
            ParsedExtension::UnsupportedExtension { .. }
                | ParsedExtension::ParseError { .. }
                | ParsedExtension::Unparsed
        );
        examined.broken(extension.critical && unknown, &CERTIFICATE_CRITICAL, || {
            format!(
                "{} has the critical extension {}, which validators do not know",
                called(leaf),
                extension.oid
            )
        });
    }
    examined.broken(leaf.is_ca(), &LEAF_AUTHORITY, || {
        format!("{} is that of an authority (CA:TRUE)", called(leaf))
    });
    examined.broken(leaf.issuer() == leaf.subject(), &LEAF_SELF_SIGNED, || {
        format!("{} is signed by itself", called(leaf))
    });
}

fn check_name(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    let told = Certificate::of(leaf);
    let subject = leaf.subject();
    examined.broken(told.organization.is_none(), &NAME_ORGANIZATION, || {
        format!("the subject {subject} has no O (organization)")
    });
    examined.broken(told.common_name.is_empty(), &NAME_COMMON, || {
        format!("the subject {subject} has no CN (common name)")
    });
    examined.warned(
        subject.iter_country().next().is_none(),
        &NAME_COUNTRY,
        || format!("the subject {subject} has no C (country)"),
    );
}

fn check_key(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    let key = leaf.public_key();
    examined.broken(algorithm(key).is_none(), &KEY_KIND, || {
        format!("the key of {} is of another kind", called(leaf))
    });
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        let bits = rsa.key_size();
        examined.broken(bits < FEWEST_RSA_BITS, &KEY_SHORT, || {
            format!("the key of {} has {bits} bits", called(leaf))
        });
    }
}

fn check_time(leaf: &X509Certificate<'_>, now: OffsetDateTime, examined: &mut Examined) {
    let told = Certificate::of(leaf);
    let (begins, ends) = (told.not_before, told.not_after);
    examined.broken(now > ends, &TIME_ENDED, || {
        format!("{} ended on {}", called(leaf), ends.date())
    });
    examined.broken(now < begins, &TIME_FUTURE, || {
        format!("{} begins on {}", called(leaf), begins.date())
    });
    examined.warned(ends - begins > POLICY_LIFE, &TIME_LONG, || {
        format!(
            "{} lasts {} days",
            called(leaf),
            (ends - begins).whole_days()
        )
    });
    let soon = now <= ends && ends - now < SOON;
    examined.warned(soon, &TIME_SOON, || {
        format!("{} ends on {}", called(leaf), ends.date())
    });
}

fn check_usage(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    let usage = leaf.key_usage().ok().flatten();
    let signs = usage
        .as_ref()
        .is_some_and(|usage| usage.value.digital_signature());
    examined.broken(!signs, &USAGE_MISSING, || {
        format!("{} has no keyUsage digitalSignature", called(leaf))
    });
    let certifies = usage.is_some_and(|usage| usage.value.key_cert_sign());
    examined.broken(certifies && !leaf.is_ca(), &USAGE_CERTIFICATES, || {
        format!(
            "{} has the keyUsage keyCertSign and is no authority",
            called(leaf)
        )
    });
}

/// `documentSigning` (RFC 9336), `c2pa-kp-claimSigning`.
const SIGNING_PURPOSES: [&str; 2] = ["1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1"];

fn check_purposes(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    let Ok(Some(purposes)) = leaf.extended_key_usage() else {
        examined.broken(true, &PURPOSE_MISSING, || {
            format!("{} has no extendedKeyUsage", called(leaf))
        });
        return;
    };
    let purposes = purposes.value;
    examined.broken(purposes.any, &PURPOSE_ANY, || {
        format!("{} has the purpose anyExtendedKeyUsage", called(leaf))
    });
    let others: Vec<String> = purposes.other.iter().map(ToString::to_string).collect();
    let signs = purposes.email_protection
        || others
            .iter()
            .any(|other| SIGNING_PURPOSES.contains(&other.as_str()));
    examined.broken(!signs && !purposes.any, &PURPOSE_MISSING, || {
        format!(
            "{} has none of the purposes emailProtection, documentSigning and claimSigning",
            called(leaf)
        )
    });
    let stamps = purposes.time_stamping || purposes.ocsp_signing;
    examined.broken(stamps, &PURPOSE_OTHER, || {
        format!(
            "{} has the purpose timeStamping or OCSPSigning",
            called(leaf)
        )
    });
}

fn check_identifiers(leaf: &X509Certificate<'_>, examined: &mut Examined) {
    let has = |wanted: fn(&ParsedExtension<'_>) -> bool| {
        let mut extensions = leaf.extensions().iter();
        extensions.any(|extension| wanted(extension.parsed_extension()))
    };
    let authority = has(|read| matches!(read, ParsedExtension::AuthorityKeyIdentifier(_)));
    // A self-signed one is refused as such.
    let missing = !authority && leaf.issuer() != leaf.subject();
    examined.broken(missing, &AUTHORITY_KEY_ID, || {
        format!("{} has no authorityKeyIdentifier", called(leaf))
    });
    let subject = has(|read| matches!(read, ParsedExtension::SubjectKeyIdentifier(_)));
    examined.warned(!subject, &SUBJECT_KEY_ID, || {
        format!("{} has no subjectKeyIdentifier", called(leaf))
    });
}

/// Checks that a certificate was issued by the one behind it in the chain.
fn check_link(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    now: OffsetDateTime,
    examined: &mut Examined,
) {
    let told = Certificate::of(issuer);
    examined.broken(!told.is_valid_at(now), &CHAIN_TIME, || {
        let (begins, ends) = (told.not_before.date(), told.not_after.date());
        format!("{} lasts from {begins} to {ends}", called(issuer))
    });
    let usage = issuer.key_usage().ok().flatten();
    let certifies = usage.is_none_or(|usage| usage.value.key_cert_sign());
    examined.broken(!issuer.is_ca() || !certifies, &CHAIN_AUTHORITY, || {
        format!("{} is not that of an authority", called(issuer))
    });
    if certificate.issuer() != issuer.subject() {
        examined.broken(true, &CHAIN_ORDER, || {
            format!(
                "{} was issued by {}, and {} follows",
                called(certificate),
                certificate.issuer(),
                issuer.subject()
            )
        });
        return;
    }
    match certificate_signature::check(certificate, issuer) {
        Signature::Good => {}
        Signature::Bad => examined.broken(true, &CHAIN_SIGNATURE, || {
            format!(
                "{} was not signed by the key of the one behind it",
                called(certificate)
            )
        }),
        Signature::NotAllowed => examined.broken(true, &CHAIN_ALGORITHM, || {
            format!(
                "{} is signed with an algorithm that is not allowed",
                called(certificate)
            )
        }),
    }
}

/// Reads the certificates of a PEM file, without a root at its end.
fn read_chain(text: &str) -> Result<Vec<Vec<u8>>, Finding> {
    let wrong = |found: String| finding(&CERTIFICATE_FORM, found);
    let blocks = pem::decode(text)
        .map_err(|error| wrong(format!("the file of certificates is not PEM: {error}")))?;
    // A file may hold the key, too.
    let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
    let mut chain: Vec<Vec<u8>> = certificates.map(|block| block.der.to_vec()).collect();
    if chain.is_empty() {
        return Err(wrong("the file holds no certificate".to_owned()));
    }
    if let Some(at) = chain.iter().position(|der| parse(der).is_none()) {
        return Err(wrong(format!("certificate {} cannot be read", at + 1)));
    }
    let is_root = |der: &Vec<u8>| {
        parse(der).is_some_and(|last| last.is_ca() && last.issuer() == last.subject())
    };
    chain.pop_if(|last| is_root(last));
    if chain.is_empty() {
        let found = "the file holds a root alone".to_owned();
        return Err(finding(&LEAF_AUTHORITY, found));
    }
    Ok(chain)
}

/// Reads a private key in PEM, of PKCS#8, PKCS#1 (RFC 8017) or SEC 1 (RFC 5915), and returns it in
/// PKCS#8.
fn read_key(text: &str) -> Result<Zeroizing<Vec<u8>>, Finding> {
    // Of the old form, a header says so (RFC 1421), and the rest is not base64.
    if text.contains("ENCRYPTED") {
        return Err(finding(&KEY_ENCRYPTED, "the key is encrypted".to_owned()));
    }
    let blocks = pem::decode(text).map_err(|error| {
        finding(
            &KEY_FORM,
            format!("the file of the key is not PEM: {error}"),
        )
    })?;
    let key = blocks
        .iter()
        .find(|block| block.label.ends_with("PRIVATE KEY"))
        .ok_or_else(|| finding(&KEY_FORM, "the file holds no private key".to_owned()))?;
    let pkcs8 = pkcs8(key).filter(|pkcs8| PrivateKey::from_pkcs8(pkcs8).is_some());
    pkcs8.ok_or_else(|| finding(&KEY_KIND, SigningError::Key.to_string()))
}

fn pkcs8(key: &Block) -> Option<Zeroizing<Vec<u8>>> {
    match key.label.as_str() {
        "PRIVATE KEY" => Some(key.der.clone()),
        "RSA PRIVATE KEY" => {
            let pkcs8 = RsaKeyPair::from_der(&key.der).ok()?.as_der().ok()?;
            Some(Zeroizing::new(pkcs8.as_ref().to_vec()))
        }
        "EC PRIVATE KEY" => {
            let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_private_key_der(curve, &key.der).ok()?;
            let pkcs8 = pair.to_pkcs8v1().ok()?;
            Some(Zeroizing::new(pkcs8.as_ref().to_vec()))
        }
        _ => None,
    }
}
