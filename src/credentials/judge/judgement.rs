//! The words of a judgement.

use std::time::Duration;

use time::OffsetDateTime;

use crate::domain::verdict::C2paStatus;

/// Codes of our own, beside those of the specification (C2PA 2.4, 15.2).
pub mod code {
    /// A carrier that no reader finds a manifest in.
    pub const CARRIER_DAMAGED: &str = "lumatrace.carrier.damaged";
    /// More than one manifest store.
    pub const CARRIER_MULTIPLE: &str = "lumatrace.carrier.multiple";
    /// More bytes than are read.
    pub const CARRIER_TOO_LARGE: &str = "lumatrace.carrier.tooLarge";
    /// A manifest store that cannot be read.
    pub const MANIFEST_UNREADABLE: &str = "lumatrace.manifest.unreadable";
    /// A file without a carrier whose container cannot be read.
    pub const CONTAINER_UNREADABLE: &str = "lumatrace.container.unreadable";
    /// Nothing failed, but what must have been checked was not.
    pub const UNCHECKED: &str = "lumatrace.manifest.unchecked";
    /// Reading took too long.
    pub const TIMEOUT: &str = "lumatrace.judging.timeout";
    /// Too many readings that took too long have not ended yet.
    pub const OVERLOADED: &str = "lumatrace.judging.overloaded";
    /// The reader could not cope with it.
    pub const FAILED: &str = "lumatrace.judging.failed";
    /// The specification's code for a manifest that the file only names an address of.
    pub const INACCESSIBLE: &str = "manifest.inaccessible";
}

/// Whether a chain leads from the signer of a valid manifest to an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// One does.
    Trusted,
    /// None does.
    Untrusted,
    /// The reader did not say.
    Unknown,
}

impl Trust {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "TRUSTED",
            Self::Untrusted => "UNTRUSTED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The holder of the certificate with which a manifest was signed, by its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Common name of the subject.
    pub common_name: Option<String>,
    /// Organization of the subject.
    pub organization: Option<String>,
    /// End of the certificate.
    pub not_after: OffsetDateTime,
    /// SHA-256 of the certificate.
    pub certificate_sha256: [u8; 32],
}

/// An ingredient of the active manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    /// Its title, by the words of the signer.
    pub title: Option<String>,
    /// What the signer found its manifest to be, made worse by what is found now; `Missing`
    /// without a manifest.
    pub status: C2paStatus,
    /// Codes of what was found, then and now.
    pub codes: Vec<String>,
}

/// What a manifest is worth. Texts from the manifest are short, few and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Integrity.
    pub status: C2paStatus,
    /// Trust in the signer; only of a manifest that is valid.
    pub trust: Option<Trust>,
    /// The signer; only if the signature is good.
    pub signer: Option<Signer>,
    /// Time of signing by a time stamp, trusted or not; only if the signature is good.
    pub signed_at: Option<OffsetDateTime>,
    /// Whether that time stamp is good, and by an authority that an anchor vouches for.
    pub time_stamped: bool,
    /// Name of the active manifest.
    pub manifest_id: Option<String>,
    /// Photo that the active manifest names in [`PHOTO_ASSERTION`](super::super::PHOTO_ASSERTION),
    /// if it has exactly one such assertion.
    pub photo: Option<String>,
    /// What failed, and what is worth knowing besides.
    pub codes: Vec<String>,
    /// Ingredients of the active manifest.
    pub ingredients: Vec<Ingredient>,
    /// CPU time that reading took. For what is before a file's last 16 MiB the crate makes further
    /// threads to hash it, which are not counted: 10 ms of a file of 25 MiB.
    pub cpu: Duration,
}

impl Judgement {
    /// A judgement of something that was not read.
    fn unread(status: C2paStatus, codes: &[&str]) -> Self {
        Self {
            status,
            trust: None,
            signer: None,
            signed_at: None,
            time_stamped: false,
            manifest_id: None,
            photo: None,
            codes: codes.iter().map(|&code| code.to_owned()).collect(),
            ingredients: Vec::new(),
            cpu: Duration::ZERO,
        }
    }

    /// Invalid, for one reason.
    pub(super) fn invalid(code: &str) -> Self {
        Self::unread(C2paStatus::Invalid, &[code])
    }

    /// Missing; with a code, if there is something to say.
    pub(crate) fn missing(codes: &[&str]) -> Self {
        Self::unread(C2paStatus::Missing, codes)
    }
}
