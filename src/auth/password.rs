//! Passwords of service accounts: Argon2id with the parameters that OWASP's Password Storage Cheat
//! Sheet asks for (19 MiB of memory, 2 passes, 1 lane: also the crate's defaults).

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _,
    password_hash::phc::PasswordHash as PhcString,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::random_bytes;
use crate::domain::{TenantId, Username};

/// Shortest password that an operator may set, in characters.
const SHORTEST_CHARS: usize = 8;

/// Longest password that an operator may set, in characters; bounds what one login can make us
/// hash.
const LONGEST_CHARS: usize = 1024;

/// The passwords that are tried first by whoever guesses, in small letters, one a line. The first
/// lines say where they are from, and are no passwords.
const COMMON: &str = include_str!("common_passwords.txt");

/// Characters that a password must have beside the name of its account or tenant.
const LEAST_BESIDE_NAME_CHARS: usize = 5;

/// Shortest name that is looked for in a password, in characters: shorter ones stand in good
/// passwords by chance.
const SHORTEST_NAME_CHARS: usize = 3;

/// The hash of a password that nobody has, so that an unknown user costs the same work as a known
/// one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bHVtYXRyYWNlIG5vYm9keQ$\
    9S2pZyUXvAlZ3JWQWFNVJfqQqfCbX2wuPuBOVEoGqPM";

/// Why a password is refused when it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordPolicyError {
    /// Too short, too long, or not one line.
    #[error("a password has 8 to 1024 characters and no line break")]
    Shape,
    /// Among the commonest.
    #[error("this password is among the commonest, which are guessed first")]
    Common,
    /// Hardly more than the name of the account or of the tenant.
    #[error("a password is not the name of its account or tenant with little added")]
    Name,
    /// The hash function failed, whatever the password.
    #[error("the password could not be hashed")]
    Hash,
}

/// A stored password hash in PHC string format.
#[derive(Debug, Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that was read from the database.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// A decoy for accounts that do not exist: checking against it takes as long, and never
    /// succeeds.
    pub fn of_nobody() -> Self {
        Self(NOBODY.to_owned())
    }

    /// The PHC string for the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks a password. It takes about 20 ms of CPU and 19 MiB of memory, so call it through a
    /// gate.
    pub fn matches(&self, password: &SecretString) -> bool {
        PhcString::new(&self.0).is_ok_and(|stored| {
            Argon2::default()
                .verify_password(password.expose_secret().as_bytes(), &stored)
                .is_ok()
        })
    }
}

/// Hashes a password that is set for an account, under a fresh salt.
///
/// # Errors
///
/// As of [`hash_password`], and [`PasswordPolicyError::Name`].
pub fn hash_new_password(
    password: &SecretString,
    tenant: &TenantId,
    username: &Username,
) -> Result<PasswordHash, PasswordPolicyError> {
    let text = Zeroizing::new(password.expose_secret().to_lowercase());
    let names = [tenant.as_str(), username.as_str()];
    if names.iter().any(|name| is_hardly_more_than(name, &text)) {
        return Err(PasswordPolicyError::Name);
    }
    hash_password(password)
}

/// Whether little is left of a password, in small letters, without a name.
fn is_hardly_more_than(name: &str, text: &str) -> bool {
    let name = name.to_lowercase();
    if name.chars().count() < SHORTEST_NAME_CHARS || !text.contains(&name) {
        return false;
    }
    let pieces = text.split(&name).map(|piece| piece.chars().count());
    pieces.sum::<usize>() < LEAST_BESIDE_NAME_CHARS
}

/// Hashes a password under a fresh salt.
///
/// # Errors
///
/// [`PasswordPolicyError`] when it is too short, too long, has a line break or is among the
/// commonest.
pub fn hash_password(password: &SecretString) -> Result<PasswordHash, PasswordPolicyError> {
    let text = password.expose_secret();
    if !(SHORTEST_CHARS..=LONGEST_CHARS).contains(&text.chars().count())
        || text.contains(['\n', '\r'])
    {
        return Err(PasswordPolicyError::Shape);
    }
    let small = Zeroizing::new(text.to_lowercase());
    if COMMON.lines().any(|common| common == small.as_str()) {
        return Err(PasswordPolicyError::Common);
    }
    Argon2::default()
        .hash_password(text.as_bytes())
        .map(|hash| PasswordHash(hash.to_string()))
        .map_err(|_| PasswordPolicyError::Hash)
}

/// Draws a password of 192 random bits, 32 characters that need no quoting in a shell.
pub fn generate_password() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(random_bytes::<24>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches_and_nobody_has_one() {
        let password = SecretString::from("correct horse");
        let hash = hash_password(&password).unwrap();
        assert!(
            hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.as_str()
        );
        assert!(hash.matches(&password));
        assert!(!hash.matches(&SecretString::from("correct horsf")));
        assert!(
            PhcString::new(NOBODY).is_ok(),
            "the decoy is hashed in full, not refused early"
        );
        assert!(!PasswordHash::of_nobody().matches(&password));
    }

    #[test]
    fn passwords_have_a_shape() {
        for bad in ["", "short", "two\nlines and more"] {
            let refused = hash_password(&SecretString::from(bad));
            assert_eq!(refused.unwrap_err(), PasswordPolicyError::Shape);
        }
        assert_eq!(generate_password().expose_secret().len(), 32);
        for common in [
            "password",
            "PassWord",
            "qwertyuiop",
            "1234567890",
            "iloveyou",
        ] {
            let refused = hash_password(&SecretString::from(common));
            assert_eq!(refused.unwrap_err(), PasswordPolicyError::Common);
        }
        let listed = COMMON.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(listed.clone().count(), 5000);
        assert!(
            listed
                .clone()
                .all(|line| line.chars().count() >= SHORTEST_CHARS)
        );
        assert!(listed.is_sorted());
    }

    #[test]
    fn a_password_is_more_than_a_name() {
        let tenant = TenantId::parse("acme-photo").unwrap();
        let username = Username::parse("Front Desk").unwrap();
        let set = |text: &str| hash_new_password(&SecretString::from(text), &tenant, &username);
        for bad in [
            "front desk",
            "FRONT DESK2024",
            "acme-photo",
            "Acme-Photo!1",
            "acme-photoacme-photo",
        ] {
            assert_eq!(set(bad).unwrap_err(), PasswordPolicyError::Name, "{bad}");
        }
        assert!(set("front desk and lamp").is_ok());
    }
}
