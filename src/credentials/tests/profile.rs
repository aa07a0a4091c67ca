//! Each clause of the profile, against certificates that break it.

use std::{fs, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519,
};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::super::{
    pem,
    profile::{Finding, examine, import},
    signing::Algorithm,
};

const NOW: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

fn name(organization: &str, common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "NL");
    name.push(DnType::OrganizationName, organization);
    name.push(DnType::CommonName, common_name);
    name
}

fn lasting(mut params: CertificateParams) -> CertificateParams {
    params.not_before = NOW - Duration::days(1);
    params.not_after = NOW + Duration::days(300);
    params
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = lasting(CertificateParams::default());
    params.distinguished_name = name("Test house", common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf_params() -> CertificateParams {
    let mut params = lasting(CertificateParams::default());
    params.distinguished_name = name("Test house", "Press desk");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    params.use_authority_key_identifier_extension = true;
    params
}

/// An authority, and a key for leaves.
struct House {
    authority: CertificateParams,
    authority_key: KeyPair,
    authority_pem: String,
    key: KeyPair,
}

impl House {
    fn new() -> Self {
        let authority = authority_params("Test issuing CA");
        let authority_key = KeyPair::generate().unwrap();
        let root = authority_params("Test root");
        let root_key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&root, &root_key);
        Self {
            authority_pem: authority.signed_by(&authority_key, &issuer).unwrap().pem(),
            authority,
            authority_key,
            key: KeyPair::generate().unwrap(),
        }
    }

    /// The chain of a leaf.
    fn issue(&self, leaf: &CertificateParams) -> String {
        self.issue_to(leaf, &self.key)
    }

    fn issue_to(&self, leaf: &CertificateParams, key: &KeyPair) -> String {
        let issuer = Issuer::from_params(&self.authority, &self.authority_key);
        leaf.signed_by(key, &issuer).unwrap().pem() + &self.authority_pem
    }

    fn broken(&self, chain: &str) -> Vec<&'static str> {
        match import(chain, &self.key.serialize_pem(), NOW) {
            Ok(_) => Vec::new(),
            Err(findings) => names(&findings),
        }
    }
}

fn names(findings: &[Finding]) -> Vec<&'static str> {
    for finding in findings {
        assert!(!finding.found.is_empty() && finding.clause.cure.len() > 20);
    }
    findings.iter().map(|finding| finding.clause.name).collect()
}

#[test]
fn each_clause_of_a_leaf_is_named_when_it_is_broken() {
    type Break = fn(&mut CertificateParams);
    let breaks: [(&[&str], Break); 18] = [
        (&[], |_| {}),
        (&[], |leaf| {
            let claims = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 62558, 2, 1]);
            leaf.extended_key_usages = vec![claims];
        }),
        (&[], |leaf| {
            let documents = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 36]);
            leaf.extended_key_usages = vec![documents];
        }),
        (&["time.ended"], |leaf| {
            leaf.not_after = NOW - Duration::hours(1);
        }),
        (&["time.future"], |leaf| {
            leaf.not_before = NOW + Duration::days(1);
        }),
        (&["purpose.missing"], |leaf| {
            leaf.extended_key_usages.clear();
        }),
        (&["purpose.missing"], |leaf| {
            leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }),
        (&["purpose.any"], |leaf| {
            leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        }),
        (&["purpose.other"], |leaf| {
            leaf.extended_key_usages
                .push(ExtendedKeyUsagePurpose::TimeStamping);
        }),
        (&["usage.missing"], |leaf| leaf.key_usages.clear()),
        (&["usage.missing"], |leaf| {
            leaf.key_usages = vec![KeyUsagePurpose::ContentCommitment];
        }),
        (&["usage.certificates"], |leaf| {
            leaf.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }),
        (&["leaf.authority"], |leaf| {
            leaf.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }),
        (&["key-id.authority"], |leaf| {
            leaf.use_authority_key_identifier_extension = false;
        }),
        (&["name.organization"], |leaf| {
            leaf.distinguished_name.remove(DnType::OrganizationName);
        }),
        (&["name.common"], |leaf| {
            leaf.distinguished_name.remove(DnType::CommonName);
        }),
        (&["certificate.critical"], |leaf| {
            let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 9], vec![5, 0]);
            unknown.set_criticality(true);
            leaf.custom_extensions = vec![unknown];
        }),
        (
            &[
                "name.organization",
                "time.ended",
                "usage.missing",
                "purpose.missing",
            ],
            |leaf| {
                leaf.distinguished_name.remove(DnType::OrganizationName);
                leaf.not_after = NOW - Duration::hours(1);
                leaf.key_usages.clear();
                leaf.extended_key_usages.clear();
            },
        ),
    ];
    let house = House::new();
    let mut tried = 0;
    for (clauses, break_it) in breaks {
        let mut leaf = leaf_params();
        break_it(&mut leaf);
        assert_eq!(house.broken(&house.issue(&leaf)), clauses);
        tried += 1;
    }
    assert_eq!(tried, 18);
}

#[test]
fn keys_are_checked_and_read_in_each_of_their_forms() {
    let house = House::new();
    let chain = house.issue(&leaf_params());
    let own = house.key.serialize_pem();
    let refused = |key: &str| names(&import(&chain, key, NOW).unwrap_err());
    assert_eq!(
        refused(&KeyPair::generate().unwrap().serialize_pem()),
        ["key.other"]
    );
    let edwards = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    assert_eq!(refused(&edwards.serialize_pem()), ["key.other"]);
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(refused(&p384.serialize_pem()), ["key.kind"]);
    let of_p384 = house.issue_to(&leaf_params(), &p384);
    let broken = import(&of_p384, &p384.serialize_pem(), NOW).unwrap_err();
    assert_eq!(names(&broken), ["key.kind", "key.kind"]);
    assert_eq!(refused("no key"), ["key.form"]);
    assert_eq!(refused(&own.replace('M', "!")), ["key.form"]);
    assert_eq!(
        refused(&own.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        ["key.encrypted"]
    );
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    assert_eq!(refused(old), ["key.encrypted"]);

    // SEC 1, as `openssl ecparam -genkey` writes it, with the curve in a block of its own.
    let pkcs8 = house.key.serialize_der();
    let sec1 = pem::encode("EC PRIVATE KEY", &pkcs8[sec1_at(&pkcs8)..]);
    let with_curve = pem::encode("EC PARAMETERS", &[6, 1, 1]) + &sec1;
    let imported = import(&(chain.clone() + &own), &with_curve, NOW).unwrap();
    assert_eq!(imported.identity.algorithm(), Algorithm::Es256);
    assert_eq!(imported.identity.chain().len(), 2);
}

/// Where the `ECPrivateKey` (RFC 5915) begins in a PKCS#8: a sequence whose first member is the
/// version 1.
fn sec1_at(pkcs8: &[u8]) -> usize {
    let version = [0x02, 0x01, 0x01];
    pkcs8.windows(3).position(|bytes| bytes == version).unwrap() - 2
}

#[test]
fn a_chain_is_in_order_and_each_link_signed() {
    let house = House::new();
    let leaf = leaf_params();
    let chain = house.issue(&leaf);
    let alone = chain
        .split_inclusive("-----END CERTIFICATE-----\n")
        .next()
        .unwrap();
    assert_eq!(
        house.broken(alone),
        Vec::<&str>::new(),
        "the issuer may be an anchor"
    );
    let reversed = house.authority_pem.clone() + alone;
    let broken = house.broken(&reversed);
    assert!(
        broken.contains(&"leaf.authority") && broken.contains(&"chain.order"),
        "{broken:?}"
    );
    let stranger = House {
        authority: authority_params("Stranger"),
        ..House::new()
    };
    assert_eq!(
        house.broken(&(alone.to_owned() + &stranger.authority_pem)),
        ["chain.signature"]
    );
    let issuer = Issuer::from_params(&stranger.authority, &stranger.authority_key);
    let elsewhere = leaf.signed_by(&house.key, &issuer).unwrap().pem();
    assert_eq!(
        house.broken(&(elsewhere + &house.authority_pem)),
        ["chain.order"]
    );
    let itself = leaf.self_signed(&house.key).unwrap().pem();
    assert_eq!(house.broken(&itself), ["leaf.self-signed"]);
    let no_authority = alone.to_owned() + alone;
    let broken = house.broken(&no_authority);
    assert!(broken.contains(&"chain.authority"), "{broken:?}");
    assert_eq!(
        house
            .broken(&(chain.clone() + &house.authority_pem.repeat(8)))
            .first(),
        Some(&"chain.long")
    );
    assert_eq!(house.broken("nothing"), ["certificate.form"]);
    assert_eq!(
        house.broken(&pem::encode("CERTIFICATE", b"x")),
        ["certificate.form"]
    );
    let root = authority_params("Root")
        .self_signed(&house.key)
        .unwrap()
        .pem();
    assert_eq!(house.broken(&root), ["leaf.authority"]);
    // A root at the end is left out.
    let imported = import(&(chain + &root), &house.key.serialize_pem(), NOW).unwrap();
    assert_eq!(imported.identity.chain().len(), 2);
}

#[test]
fn what_only_the_policy_asks_for_is_a_warning() {
    let house = House::new();
    let mut leaf = leaf_params();
    leaf.not_after = NOW + Duration::days(3000);
    leaf.distinguished_name.remove(DnType::CountryName);
    let warned = |leaf: &CertificateParams| {
        let imported = import(&house.issue(leaf), &house.key.serialize_pem(), NOW).unwrap();
        names(&imported.warnings)
    };
    assert_eq!(warned(&leaf), ["name.country", "time.long"]);
    leaf = leaf_params();
    leaf.not_after = NOW + Duration::days(7);
    assert_eq!(warned(&leaf), ["time.soon"]);
}

/// Certificates that were made elsewhere, with what is wrong about each.
#[test]
fn the_certificates_of_the_vectors_are_judged_as_they_are_called() {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured as CONTRIBUTING.md says"
    )]
    let folder = std::env::var("LUMATRACE_C2PA_VECTORS");
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/c2pa/vectors");
    let folder = Path::new(folder.as_deref().unwrap_or(beside)).join("certs");
    if !folder.exists() {
        println!(
            "SKIPPED: no folder {}; set LUMATRACE_C2PA_VECTORS",
            folder.display()
        );
        return;
    }
    let expected: [(&str, &[&str]); 22] = [
        ("aia", &[]),
        ("direct", &[]),
        ("ed25519", &[]),
        ("eku_c2pa", &[]),
        ("eku_doc", &[]),
        ("eku_email", &[]),
        ("es256", &[]),
        ("foreign", &[]),
        ("ps256", &[]),
        ("bad_long", &[]),
        ("bad_anyeku", &["purpose.any"]),
        ("bad_ca", &["leaf.authority"]),
        ("bad_expired", &["time.ended"]),
        ("bad_future", &["time.future"]),
        ("bad_impostor", &["chain.signature"]),
        ("bad_noaki", &["key-id.authority"]),
        ("bad_noeku", &["purpose.missing"]),
        ("bad_noku", &["usage.missing"]),
        ("bad_rsa1024", &["key.short"]),
        ("bad_self", &["leaf.self-signed"]),
        ("bad_serverauth", &["purpose.missing"]),
        ("issuing", &["usage.missing", "leaf.authority", "key.kind"]),
    ];
    let mut judged = 0;
    for (file, clauses) in expected {
        let text = fs::read_to_string(folder.join(file).with_extension("pem")).unwrap();
        let blocks = pem::decode(&text).unwrap();
        let chain: Vec<_> = blocks.iter().map(|block| block.der.to_vec()).collect();
        let mut found = names(&examine(&chain, datetime!(2026-12-01 12:00 UTC)).broken);
        let mut clauses = clauses.to_vec();
        found.sort_unstable();
        clauses.sort_unstable();
        assert_eq!(found, clauses, "{file}");
        judged += 1;
    }
    println!("{judged} of {judged} certificates judged as they are called");
    assert_eq!(judged, 22);
}
