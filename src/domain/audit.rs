//! The events of the audit log, and how its chain is hashed.
//!
//! The hash of an event is the SHA-256 of its canonical JSON (RFC 8785), which contains the hash of
//! the event before it:
//!
//! ```text
//! {"action":…,"actor":…,"at":…,"detail":{…},"eventId":…,"previousHash":…,"sequence":…,"subject":…,"tenantId":…}
//! ```
//!
//! All members are text except `sequence`, a whole number, and `detail`, an object of text.
//! Changing, removing, adding or moving an event breaks the chain at that place. `docs/audit.md`
//! explains the same to people who check it without this program.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use serde::Serialize;
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::{ContentHash, CredentialId, CredentialKind, ManifestId, PhotoId, TenantId, Username};

/// Details of an event: text by name. No secret, token, place or image belongs here.
pub type Detail = BTreeMap<String, String>;

/// Whoever acted, as the log names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The operator of the server, on its command line.
    Operator,
    /// A service account of the tenant.
    Account(Username),
    /// An application of the tenant.
    Application(CredentialId),
    /// The server, which sums up what nobody in particular did.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Application(id) => write!(f, "application:{id}"),
            Self::Server => f.write_str("server"),
        }
    }
}

/// The call by which somebody acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTrace {
    /// The address that it came from, as far as proxies may be believed.
    pub source: IpAddr,
    /// Its id: `X-Request-Id` of the answer, `traceId` of errors and of the server's log. At most
    /// 128 letters, digits and `._:-`.
    pub id: Arc<str>,
}

/// Whoever acts, and by which call: none for the operator, who works on the command line, and for
/// the server.
#[derive(Debug, Clone)]
pub struct By {
    actor: Actor,
    call: Option<CallTrace>,
}

impl By {
    /// Somebody who acts by a call.
    pub fn call(actor: Actor, call: CallTrace) -> Self {
        Self {
            actor,
            call: Some(call),
        }
    }

    /// The operator.
    pub const OPERATOR: Self = Self {
        actor: Actor::Operator,
        call: None,
    };

    /// The server.
    pub const SERVER: Self = Self {
        actor: Actor::Server,
        call: None,
    };
}

/// The thing that was acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A photo of the tenant, by its id.
    Photo(PhotoId),
    /// A service account of the tenant, by its user name.
    Account(Username),
    /// An API key or application.
    Credential(CredentialKind, CredentialId),
    /// A manifest that the tenant stored, or bound a value to.
    Manifest(ManifestId),
    /// The tenant, for the operator's changes of it.
    Tenant(TenantId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Photo(photo) => write!(f, "photo:{photo}"),
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Credential(kind, id) => write!(f, "{}:{id}", kind.as_str()),
            Self::Manifest(id) => write!(f, "manifest:{id}"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

macro_rules! actions {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// The kind of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = $meaning] $variant,)*
        }

        impl Action {
            /// All kinds, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the log; it never changes.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Reads a name; `None` for any other text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == text)
            }

            /// An English sentence that explains it.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

actions! {
    PhotoRegistered "photo.registered" "A photo got an id and a receipt.";
    PhotoProtected "photo.protected" "A photo was marked and sent back.";
    PhotoLabelled "photo.labelled" "A photo got another label, or lost it.";
    ManifestPublished "manifest.published" "The manifest of a photo was published: anybody may find it by the photo.";
    ManifestWithdrawn "manifest.withdrawn" "The manifest of a photo is no longer public.";
    PhotoDeleted "photo.deleted" "What was kept of a photo was deleted.";
    ManifestStored "manifest.stored" "A manifest that was made elsewhere was stored.";
    ManifestDeleted "manifest.deleted" "A stored manifest was deleted, and its bindings with it.";
    BindingStored "binding.stored" "A value was bound to a manifest.";
    BindingChanged "binding.changed" "A value was bound to another manifest.";
    SessionStarted "session.started" "An account or application got a token.";
    SessionEnded "session.ended" "A token was ended by who held it.";
    SessionRefused "session.refused" "Sign-ins were refused: one event sums up an hour of an account or credential.";
    AccountCreated "account.created" "An account was made.";
    AccountDisabled "account.disabled" "An account was disabled, and its tokens ended.";
    AccountEnabled "account.enabled" "An account was enabled.";
    AccountPasswordChanged "account.password_changed" "An account got a new password, and its tokens ended.";
    AccountRoleChanged "account.role_changed" "An account got another role, and its tokens ended.";
    AccountDeleted "account.deleted" "An account was deleted, and its tokens ended.";
    AccountSessionsEnded "account.sessions_ended" "The tokens of an account were ended.";
    CredentialCreated "credential.created" "An API key or application was made.";
    CredentialRenewed "credential.renewed" "Another took the place of an API key or application, which ends after an overlap.";
    CredentialRevoked "credential.revoked" "An API key or application was revoked, and its tokens ended.";
    TenantCreated "tenant.created" "The operator made the tenant.";
    TenantSuspended "tenant.suspended" "The operator suspended the tenant.";
    TenantResumed "tenant.resumed" "The operator ended the suspension.";
    AuditExported "audit.exported" "The log was sent as a file.";
    AuditSealed "audit.sealed" "The operator vouched for the log as it was, and sealed it.";
    TenantPolicyChanged "tenant.policy_changed" "The operator changed what holds for the tenant's photos.";
    SignerImported "signer.imported" "The operator imported a certificate that signs the tenant's files.";
    SignerRemoved "signer.removed" "The operator removed a certificate that signed the tenant's files.";
}

/// An event that is yet to be appended, which gives it its time, its place in the chain and its
/// hash.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// The account, application or operator that acted.
    pub actor: Actor,
    /// The kind of the event.
    pub action: Action,
    /// The thing that was acted on.
    pub subject: Subject,
    /// Details by name; may be empty.
    pub detail: Detail,
}

impl AuditEntry {
    /// An entry without detail but for where the call came from: `source` and `traceId`.
    pub fn new(by: By, action: Action, subject: Subject) -> Self {
        let By { actor, call } = by;
        let entry = Self {
            actor,
            action,
            subject,
            detail: Detail::new(),
        };
        match call {
            Some(call) => entry
                .with("source", call.source.to_canonical())
                .with("traceId", call.id),
            None => entry,
        }
    }

    /// Adds a detail; `name` is ASCII, since names are hashed in the order of their bytes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.detail.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A link of the chain: SHA-256 of an event, or zeros before the first one. Written as 64 lowercase
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The previous hash of the first event.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps a stored hash; `None` unless it has exactly 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Accepts exactly 64 lowercase hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        ContentHash::parse(text).map(|hash| Self(*hash.as_bytes()))
    }

    /// The 32 bytes, as the database stores them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ContentHash::from_digest(self.0).fmt(f)
    }
}

/// The last event of a chain, by number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of the last event; 0 when there is none.
    pub sequence: i64,
    /// The hash of that event; [`ChainHash::ZERO`] when there is none.
    pub hash: ChainHash,
}

/// HMAC-SHA256 of a tenant and the head of its chain, under a key of the master key.
pub type HeadSeal = [u8; 32];

/// An event of the log, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The tenant whose chain it is part of.
    pub tenant: TenantId,
    /// Its place in the chain, from 1, without gap.
    pub sequence: i64,
    /// A random id (UUID version 4).
    pub id: Uuid,
    /// When it was appended, to the microsecond.
    pub at: OffsetDateTime,
    /// The account, application or operator that acted.
    pub actor: String,
    /// The kind of the event, by its name.
    pub action: String,
    /// The thing that was acted on, by its kind and name.
    pub subject: String,
    /// Details by name; may be empty.
    pub detail: Detail,
    /// The hash of the event before it.
    pub previous_hash: ChainHash,
    /// SHA-256 of the canonical JSON of all other members.
    pub hash: ChainHash,
}

/// Which events are asked for: those that agree with everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Exactly this [`Event::actor`].
    pub actor: Option<String>,
    /// Of this kind.
    pub action: Option<Action>,
    /// Exactly this [`Event::subject`].
    pub subject: Option<String>,
    /// At this moment or later.
    pub from: Option<OffsetDateTime>,
    /// Before this moment.
    pub to: Option<OffsetDateTime>,
}

impl EventFilter {
    /// The names of what is given.
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("actor", self.actor.is_some()),
            ("action", self.action.is_some()),
            ("subject", self.subject.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        let given = all.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(name, _)| name).collect()
    }
}

/// The members in the order of their names, as RFC 8785 asks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Canonical<'a> {
    action: &'a str,
    actor: &'a str,
    at: String,
    detail: &'a Detail,
    event_id: String,
    previous_hash: String,
    sequence: i64,
    subject: &'a str,
    tenant_id: &'a str,
}

impl Event {
    /// Makes the event that follows `head`.
    pub fn after(
        head: &Head,
        tenant: &TenantId,
        at: OffsetDateTime,
        entry: &AuditEntry,
    ) -> Result<Self, serde_json::Error> {
        let mut event = Self {
            tenant: tenant.clone(),
            sequence: head.sequence + 1,
            id: Uuid::new_v4(),
            at,
            actor: entry.actor.to_string(),
            action: entry.action.as_str().to_owned(),
            subject: entry.subject.to_string(),
            detail: entry.detail.clone(),
            previous_hash: head.hash,
            hash: ChainHash::ZERO,
        };
        event.hash = event.computed_hash()?;
        Ok(event)
    }

    /// Computes the hash that it must have.
    pub fn computed_hash(&self) -> Result<ChainHash, serde_json::Error> {
        let json = self.canonical()?;
        Ok(ChainHash(Sha256::digest(json.as_bytes()).into()))
    }

    /// RFC 3339 in UTC, always with six digits of the second's fraction.
    pub fn time(&self) -> String {
        let at = self.at.to_offset(UtcOffset::UTC);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.microsecond()
        )
    }

    /// Canonical JSON. `serde_json` escapes text as RFC 8785 does; names of details are ASCII, so
    /// their order is that of bytes.
    fn canonical(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Canonical {
            action: &self.action,
            actor: &self.actor,
            at: self.time(),
            detail: &self.detail,
            event_id: self.id.to_string(),
            previous_hash: self.previous_hash.to_string(),
            sequence: self.sequence,
            subject: &self.subject,
            tenant_id: self.tenant.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let name = Username::parse("Zoë \"press\"").unwrap();
        let by = By {
            actor: Actor::Account(name),
            call: None,
        };
        let entry = AuditEntry::new(
            by,
            Action::PhotoProtected,
            Subject::Photo(Uuid::from_u128(7).into()),
        )
        .with("width", 640)
        .with("format", "jpg");
        let head = Head {
            sequence: 0,
            hash: ChainHash::ZERO,
        };
        let at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let mut event = Event::after(&head, &tenant, at, &entry).unwrap();
        event.id = Uuid::from_u128(1);
        event.hash = event.computed_hash().unwrap();
        event
    }

    #[test]
    fn the_golden_vector_of_the_documentation() {
        let event = event();
        let json = event.canonical().unwrap();
        let documented = include_str!("../../docs/audit.md");
        assert!(documented.contains(&json), "{json}");
        assert!(
            documented.contains(&event.hash.to_string()),
            "{}",
            event.hash
        );
    }

    #[test]
    fn every_member_counts() {
        let original = event();
        let hash = original.computed_hash().unwrap();
        let changes: [fn(&mut Event); 9] = [
            |event| event.tenant = TenantId::parse("bolt").unwrap(),
            |event| event.sequence += 1,
            |event| event.id = Uuid::from_u128(2),
            |event| event.at += time::Duration::microseconds(1),
            |event| event.actor.push('x'),
            |event| event.action.push('x'),
            |event| event.subject.push('x'),
            |event| drop(event.detail.insert("width".to_owned(), "641".to_owned())),
            |event| event.previous_hash = event.hash,
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut forged = original.clone();
            change(&mut forged);
            assert_ne!(forged.computed_hash().unwrap(), hash, "change {at}");
        }
    }

    #[test]
    fn the_documentation_lists_every_action_and_its_name_is_read_back() {
        let documented = include_str!("../../docs/audit.md");
        assert_eq!(Action::parse("photo"), None);
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
            let row = format!("| `{}` | {}", action.as_str(), action.meaning());
            assert!(documented.contains(&row), "{row}");
        }
    }
}
