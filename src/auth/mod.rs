//! Secrets: the master key, tenants' secrets, signing keys, tokens, passwords.
//!
//! May use `domain` and `clock`; knows neither HTTP nor SQL. Nothing here can be printed: `Debug`
//! of every secret is redacted, and memory that held one is wiped. Start reading at [`token`].

mod access;
mod ended_tokens;
mod issued_secret;
mod master_key;
mod password;
mod signing;
mod tenant_secret;
mod token;

pub use access::{AccessStates, TokenStatus};
pub use issued_secret::{SecretHash, SecretUse, issue_secret};
pub use master_key::{HashUse, MasterKey, MasterKeyError, SealError, next_key_file};
pub use password::{
    PasswordHash, PasswordPolicyError, generate_password, hash_new_password, hash_password,
};
pub use signing::{Jwk, JwkSet, KeyRing, SigningKey, SigningKeyError};
pub use tenant_secret::TenantSecret;
pub use token::{CONSOLE_SESSION_SECONDS, Claims, Grant, Origin, TokenError, TokenService};

/// Draws bytes from the operating system's generator.
///
/// # Panics
///
/// Never in practice: the generator is checked when the process first uses it, and a machine
/// without one cannot go on.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret may be made"
    )]
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
