//! Trust lists: whose certificates a signer or a time stamp is trusted under.
//!
//! Two forms are read: PEM, whose comments are skipped, and the JSON of the C2PA trust list, a list
//! of trusted entities by ETSI TS 119 602.

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    certificate::{Certificate, parse},
    pem::{self, PemError},
};

/// Largest list, in bytes. Those of the C2PA have 70 KB.
pub const MOST_BYTES: usize = 4 << 20;
/// Most certificates of a list. Each is parsed whenever the lists change.
pub const MOST_ANCHORS: usize = 1000;

/// `ServiceStatus` of a certificate that is trusted.
const TRUSTED: &str = "http://c2pa.org/conformance/trust-list/trusted";

/// What the certificates of a list are trusted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustKind {
    /// Signing manifests.
    Manifest,
    /// Stamping the time.
    Tsa,
}

impl TrustKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Manifest, Self::Tsa];

    /// Reads a name as [`TrustKind::as_str`] writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name on the command line, in the database, and in the settings of the c2pa crate.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Tsa => "tsa",
        }
    }
}

/// What a file of anchors holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustList {
    /// Certificates of authorities in DER, in the order of the file, each once.
    pub anchors: Vec<Vec<u8>>,
    /// How many the list names as not, or no longer, trusted.
    pub untrusted: usize,
    /// When its publisher will have replaced it; `None` for PEM.
    pub next_update: Option<OffsetDateTime>,
}

/// Why a file is no trust list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustListError {
    /// It is too large.
    #[error("the list has more than {MOST_BYTES} bytes")]
    Large,
    /// It is neither text nor one of the two forms.
    #[error("the list is neither PEM nor the JSON of a list of trusted entities: {0}")]
    Form(String),
    /// It is PEM in part.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A block of PEM is something else; of keys, the server keeps none.
    #[error("the list holds a block of {0}, and only CERTIFICATE belongs there")]
    Block(String),
    /// The n-th certificate, from 1, cannot be read.
    #[error("certificate {0} of the list cannot be read")]
    Certificate(usize),
    /// The n-th certificate, from 1, is not that of an authority.
    #[error("certificate {0} of the list, {1}, is not that of an authority (CA:TRUE)")]
    Leaf(usize, String),
    /// It holds too many.
    #[error("the list has more than {MOST_ANCHORS} certificates")]
    Many,
    /// It holds none that is trusted.
    #[error("the list holds no certificate that is trusted")]
    Empty,
}

impl TrustList {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`TrustListError`] with what is wrong; a list is taken whole or not at all.
    pub fn read(file: &[u8]) -> Result<Self, TrustListError> {
        if file.len() > MOST_BYTES {
            return Err(TrustListError::Large);
        }
        let text = std::str::from_utf8(file)
            .map_err(|_| TrustListError::Form("it is not text".to_owned()))?;
        let mut list = if text.trim_start().starts_with('{') {
            from_json(text)?
        } else {
            from_pem(text)?
        };
        if list.anchors.len() > MOST_ANCHORS {
            return Err(TrustListError::Many);
        }
        for (der, number) in list.anchors.iter().zip(1..) {
            let certificate = parse(der).ok_or(TrustListError::Certificate(number))?;
            if !certificate.is_ca() {
                let name = certificate.subject().to_string();
                return Err(TrustListError::Leaf(number, name));
            }
        }
        let all = std::mem::take(&mut list.anchors);
        for der in all {
            if !list.anchors.contains(&der) {
                list.anchors.push(der);
            }
        }
        if list.anchors.is_empty() {
            return Err(TrustListError::Empty);
        }
        Ok(list)
    }
}

/// How many certificates have ended.
pub fn ended(anchors: &[Vec<u8>], now: OffsetDateTime) -> usize {
    let has_ended = |der: &&Vec<u8>| {
        Certificate::from_der(der).is_some_and(|certificate| certificate.not_after < now)
    };
    anchors.iter().filter(has_ended).count()
}

/// How many of these are no certificates.
pub fn damaged(anchors: &[Vec<u8>]) -> usize {
    let is_damaged = |der: &&Vec<u8>| Certificate::from_der(der).is_none();
    anchors.iter().filter(is_damaged).count()
}

/// Writes certificates as PEM.
pub fn to_pem<'a>(anchors: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let anchors = anchors.into_iter();
    anchors.map(|der| pem::encode("CERTIFICATE", der)).collect()
}

fn from_pem(text: &str) -> Result<TrustList, TrustListError> {
    let mut anchors = Vec::new();
    for block in pem::decode(text)? {
        if block.label != "CERTIFICATE" {
            return Err(TrustListError::Block(block.label));
        }
        anchors.push(block.der.to_vec());
    }
    if anchors.is_empty() {
        let why = "there is no -----BEGIN CERTIFICATE-----".to_owned();
        return Err(TrustListError::Form(why));
    }
    Ok(TrustList {
        anchors,
        untrusted: 0,
        next_update: None,
    })
}

/// The parts of the JSON that are read; names are those of ETSI TS 119 602.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(rename = "LoTE")]
    list: Lote,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lote {
    list_and_scheme_information: Scheme,
    trusted_entities_list: Vec<Entity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scheme {
    /// RFC 3339; null for a list that is closed.
    next_update: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entity {
    trusted_entity_services: Vec<Service>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    service_information: Information,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Information {
    service_digital_identity: Identity,
    service_status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Identity {
    #[serde(rename = "X509Certificates", default)]
    certificates: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Value {
    /// DER in base64.
    val: String,
}

fn from_json(text: &str) -> Result<TrustList, TrustListError> {
    let document: Document =
        serde_json::from_str(text).map_err(|error| TrustListError::Form(error.to_string()))?;
    let next_update = document.list.list_and_scheme_information.next_update;
    let next_update = next_update.map(|text| {
        let read = OffsetDateTime::parse(&text, &Rfc3339);
        read.map_err(|_| TrustListError::Form(format!("NextUpdate {text} is no time")))
    });
    let (mut anchors, mut untrusted, mut number) = (Vec::new(), 0, 0);
    let services = document.list.trusted_entities_list.into_iter();
    for service in services.flat_map(|entity| entity.trusted_entity_services) {
        let information = service.service_information;
        let is_trusted = information.service_status.as_deref() == Some(TRUSTED);
        for certificate in information.service_digital_identity.certificates {
            number += 1;
            let der = STANDARD.decode(certificate.val.trim());
            let der = der.map_err(|_| TrustListError::Certificate(number))?;
            if is_trusted {
                anchors.push(der);
            } else {
                untrusted += 1;
            }
        }
    }
    Ok(TrustList {
        anchors,
        untrusted,
        next_update: next_update.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::{super::authority::Authority, *};
    use crate::credentials::signing::Algorithm;

    const NOW: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

    fn authority() -> Authority {
        Authority::make(NOW, "Test house", Algorithm::Es256).unwrap()
    }

    fn lote(entries: &[(&[u8], &str)]) -> String {
        let entity = |(der, status): &(&[u8], &str)| {
            json!({ "TrustedEntityServices": [{ "ServiceInformation": {
                "ServiceName": [{ "lang": "en", "value": "one" }],
                "ServiceDigitalIdentity": { "X509Certificates": [{ "val": STANDARD.encode(der) }] },
                "ServiceStatus": status,
            } }] })
        };
        json!({ "LoTE": {
            "ListAndSchemeInformation": {
                "LoTESequenceNumber": 8, "NextUpdate": "2027-02-24T00:00:00Z",
            },
            "TrustedEntitiesList": entries.iter().map(entity).collect::<Vec<_>>(),
        } })
        .to_string()
    }

    #[test]
    fn pem_is_read_between_its_comments_and_each_anchor_once() {
        let (one, two) = (authority(), authority());
        let text = format!(
            "Subject\tCN=one\n{}\nSubject\tCN=two\n{}{}",
            one.root_pem(),
            two.root_pem(),
            one.root_pem()
        );
        let list = TrustList::read(text.as_bytes()).unwrap();
        assert_eq!(list.anchors, [one.root().to_vec(), two.root().to_vec()]);
        assert_eq!((list.next_update, list.untrusted), (None, 0));
        assert_eq!(ended(&list.anchors, NOW), 0);
        assert_eq!(ended(&list.anchors, NOW + time::Duration::days(4000)), 2);
        assert_eq!(
            TrustList::read(to_pem(&list.anchors).as_bytes()).unwrap(),
            list
        );
    }

    #[test]
    fn the_json_of_the_list_gives_what_it_calls_trusted_and_when_it_will_be_replaced() {
        let (one, two) = (authority(), authority());
        let text = lote(&[
            (one.root(), TRUSTED),
            (
                two.root(),
                "http://c2pa.org/conformance/trust-list/untrusted",
            ),
        ]);
        let list = TrustList::read(text.as_bytes()).unwrap();
        assert_eq!(list.anchors, [one.root().to_vec()]);
        assert_eq!(list.untrusted, 1);
        assert_eq!(list.next_update, Some(datetime!(2027-02-24 00:00 UTC)));
    }

    #[test]
    fn what_is_no_list_is_refused_and_what_is_wrong_is_named() {
        let authority = authority();
        let (chain, _) = authority.issue_leaf(Algorithm::Es256, NOW).unwrap();
        let leaf = to_pem(&chain[..1]);
        let key = pem::encode("PRIVATE KEY", b"x");
        let many = authority.root_pem().repeat(MOST_ANCHORS + 1);
        let large = " ".repeat(MOST_BYTES + 1);
        let mut tried = 0;
        for (text, named) in [
            ("", "no -----BEGIN CERTIFICATE-----"),
            ("{}", "LoTE"),
            ("{", "JSON"),
            (
                &leaf,
                "certificate 1 of the list, C=ZZ, O=Test house, CN=LumaTrace signer, is not",
            ),
            (&(authority.root_pem() + &key), "PRIVATE KEY"),
            (&pem::encode("CERTIFICATE", b"x"), "certificate 1"),
            (&lote(&[(b"x", TRUSTED)]), "certificate 1"),
            (
                &lote(&[(authority.root(), "")]),
                "no certificate that is trusted",
            ),
            (&many, "more than 1000"),
            (&large, "more than 4194304"),
            ("-----BEGIN CERTIFICATE-----\nx", "line 1"),
        ] {
            let error = TrustList::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{named}: {error}");
            tried += 1;
        }
        assert_eq!(tried, 11);
        assert!(TrustList::read(&[0xff, 0xfe]).is_err());
    }
}
