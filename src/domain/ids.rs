//! Names and identifiers. Each is parsed, or drawn at random; none can be mistaken for another.

use std::fmt;

use precis_profiles::{UsernameCasePreserved, precis_core::profile::PrecisFastInvocation};
use uuid::Uuid;

use super::credential::USER_PREFIX;

/// The name that the operator gave a tenant: `^[a-z0-9][a-z0-9_-]{1,62}$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TenantId(String);

impl TenantId {
    /// Accepts 2 to 63 lowercase letters, digits, `_` and `-`, the first of them a letter or digit.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (2..=63).contains(&text.len())
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| word(byte) || (at > 0 && (byte == b'_' || byte == b'-')));
        fits.then(|| Self(text.to_owned()))
    }

    /// In whose name those who are no tenant take shares of connections, memory and workers. No
    /// tenant can have it.
    pub fn anybody() -> Self {
        Self("*".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a service account inside its tenant: 1 to 256 characters, none of them control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Accepts any text of 1 to 256 characters without control characters; nothing is folded or
    /// normalised.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// Accepts the name of an account that is to be made: as [`Username::parse`], and as the
    /// profile `UsernameCasePreserved` of RFC 8265 writes it, in words between single spaces. So
    /// there are no invisible and no bidirectional characters in it, and no second way to write
    /// it. A name that could be an application's is none. Accounts of before keep their names.
    pub fn parse_new(text: &str) -> Option<Self> {
        let is_application = (text.get(..USER_PREFIX.len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(USER_PREFIX));
        let is_written_so = |word: &str| {
            UsernameCasePreserved::enforce(word).is_ok_and(|enforced| enforced == word)
        };
        let fits = !is_application && text.split(' ').all(is_written_so);
        fits.then(|| Self::parse(text)).flatten()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a photo of one tenant; its watermark key is derived under this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhotoId(Uuid);

impl PhotoId {
    /// Draws a new random id (UUID version 4).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Accepts the hyphenated form only, in either case: the form that the API returns.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok().map(Self))
            .flatten()
    }

    /// Reads 16 bytes, as a soft binding has them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }

    /// The id as the database and the key derivation take it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for PhotoId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for PhotoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a token: its claim `jti`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(Uuid);

impl TokenId {
    /// Draws a new random id (UUID version 4).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id as the database takes it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for TokenId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_names_are_what_the_contract_says() {
        let longest = "a".repeat(63);
        for good in ["demo", "a1", "0_-", longest.as_str()] {
            assert!(TenantId::parse(good).is_some(), "{good}");
        }
        let too_long = "a".repeat(64);
        for bad in [
            "",
            "a",
            "-a",
            "_a",
            "A1",
            "a b",
            "é1",
            "a.b",
            "a\n",
            too_long.as_str(),
        ] {
            assert!(TenantId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn user_names_hold_no_control_characters() {
        assert!(Username::parse("Zoë 🦊").is_some());
        for bad in ["", "a\0b", "a\r\nb"] {
            assert!(Username::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_new_name_is_written_in_one_way_and_seen_whole() {
        for good in [
            "press",
            "Zoë",
            "press@acme.example",
            "Front Desk",
            "editor_2-b",
            "محمد",
            "田中",
        ] {
            assert!(Username::parse_new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            " press",
            "press ",
            "front  desk",
            "pre\u{200b}ss",
            "pre\u{ad}ss",
            "\u{202e}sserp",
            "pre\u{2066}ss",
            "press\u{feff}",
            "Zoe\u{308}",
            "\u{ff50}ress",
            "a\tb",
            "🦊",
            "LCUID-LU-7",
            "lcuid-lu-00000000-0000-4000-8000-000000000000",
        ] {
            assert!(Username::parse_new(bad).is_none(), "{bad:?}");
        }
        let longest = "a".repeat(256);
        assert!(Username::parse_new(&longest).is_some());
        assert!(Username::parse_new(&format!("{longest}a")).is_none());
    }

    #[test]
    fn photo_ids_have_one_spelling() {
        let id = PhotoId::random();
        assert_eq!(PhotoId::parse(&id.to_string()), Some(id));
        let bare = id.to_string().replace('-', "");
        for bad in [
            bare.as_str(),
            "",
            "urn:uuid:x",
            "{00000000-0000-0000-0000-000000000000}",
        ] {
            assert_eq!(PhotoId::parse(bad), None, "{bad}");
        }
    }
}
