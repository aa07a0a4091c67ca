//! The token service: issues and verifies RS256 access tokens (RFC 7519, profile of RFC 9068 where it applies).
//!
//! The algorithm is pinned: nothing in a token's header chooses how it is checked, except `kid`, which is looked up among our
//! own keys. `jwk`, `jku` and `x5u` are never read.

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KeyRing, SigningKeyError};
use crate::{
    clock::Clock,
    domain::{Role, TenantId, TokenId, Username},
};

/// Longest token that is looked at, in bytes; ours have about 1000.
const LONGEST_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of two machines may differ, in seconds.
const CLOCK_SKEW_SECONDS: i64 = 30;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, or not any more: bad form, key, signature or claim.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, but its time is over.
    #[error("the token has expired")]
    Expired,
}

/// What a verified token says.
#[derive(Debug, Clone)]
pub struct Claims {
    /// `tenant_id`.
    pub tenant: TenantId,
    /// `sub`.
    pub username: Username,
    /// `auth`.
    pub role: Role,
    /// `jti`.
    pub token: TokenId,
    /// `scope`: space-separated.
    pub scope: String,
    /// `iat`, seconds since 1970.
    pub issued_at: i64,
    /// `exp`, seconds since 1970.
    pub expires_at: i64,
}

/// The claims as they travel. Whole numbers only: `exp` as text, fraction or 1e300 does not parse.
#[derive(Serialize, Deserialize)]
struct WireClaims {
    sub: String,
    auth: String,
    tenant_id: String,
    iss: String,
    aud: serde_json::Value,
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
    scope: String,
}

/// Issues and verifies tokens under one issuer and audience.
#[derive(Debug)]
pub struct TokenService {
    keys: KeyRing,
    clock: Clock,
    issuer: String,
    audience: String,
    validation: Validation,
}

impl TokenService {
    /// A service that signs with the newest key of `keys`.
    pub fn new(keys: KeyRing, clock: Clock, issuer: String, audience: String) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared with our own clock, which tests can move.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            keys,
            clock,
            issuer,
            audience,
            validation,
        }
    }

    /// The keys, for the JWKS and for receipts.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Signs a token for an account, good from now for `ttl_seconds`.
    pub fn issue(
        &self,
        tenant: &TenantId,
        username: &Username,
        role: Role,
        ttl_seconds: u32,
    ) -> Result<String, SigningKeyError> {
        let now = self.clock.now().unix_timestamp();
        let claims = WireClaims {
            sub: username.as_str().to_owned(),
            auth: role.as_str().to_owned(),
            tenant_id: tenant.as_str().to_owned(),
            iss: self.issuer.clone(),
            aud: serde_json::json!([self.audience]),
            jti: TokenId::random().as_uuid(),
            iat: now,
            nbf: now,
            exp: now + i64::from(ttl_seconds),
            scope: role.scope().to_owned(),
        };
        let key = self.keys.newest();
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key.id().to_owned());
        jsonwebtoken::encode(&header, &claims, key.encoding()).map_err(|_| SigningKeyError::Key)
    }

    /// Checks form, key, signature, every claim and the times of a token. Whether it was revoked is the database's to say.
    ///
    /// # Errors
    ///
    /// [`TokenError`]; a token that is both bad and expired is bad.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key = header.kid.as_deref().and_then(|id| self.keys.decoding(id));
        let key = key.ok_or(TokenError::Invalid)?;
        let wire: WireClaims = jsonwebtoken::decode(token, key, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let claims = Claims {
            tenant: TenantId::parse(&wire.tenant_id).ok_or(TokenError::Invalid)?,
            username: Username::parse(&wire.sub).ok_or(TokenError::Invalid)?,
            role: Role::parse(&wire.auth).ok_or(TokenError::Invalid)?,
            token: wire.jti.into(),
            scope: wire.scope,
            issued_at: wire.iat,
            expires_at: wire.exp,
        };
        let latest = self
            .clock
            .now()
            .unix_timestamp()
            .saturating_add(CLOCK_SKEW_SECONDS);
        if wire.iat > latest || wire.nbf > latest {
            return Err(TokenError::Invalid);
        }
        if wire.exp.saturating_add(CLOCK_SKEW_SECONDS) < self.clock.now().unix_timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::auth::{MasterKey, SigningKey};

    /// Sealed once, opened per test: making an RSA key is slow.
    static KEY: LazyLock<(String, Vec<u8>)> = LazyLock::new(|| {
        let key = SigningKey::generate().unwrap();
        (key.id().to_owned(), key.seal(&master()).unwrap())
    });

    fn master() -> MasterKey {
        MasterKey::from_bytes(&[3; 32]).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::open(&master(), &KEY.0, &KEY.1).unwrap()
    }

    fn service(clock: &Clock) -> TokenService {
        let ring = KeyRing::new(key(), Vec::new());
        TokenService::new(
            ring,
            clock.clone(),
            "issuer".to_owned(),
            "audience".to_owned(),
        )
    }

    fn names() -> (TenantId, Username) {
        (
            TenantId::parse("acme").unwrap(),
            Username::parse("press").unwrap(),
        )
    }

    #[test]
    fn a_token_says_who_it_is_for_until_it_expires() {
        let clock = Clock::fixed(1_800_000_000);
        let tokens = service(&clock);
        let (tenant, username) = names();
        let token = tokens.issue(&tenant, &username, Role::Admin, 3600).unwrap();
        let claims = tokens.verify(&token).unwrap();
        assert_eq!((&claims.tenant, &claims.username), (&tenant, &username));
        assert_eq!(
            (claims.role, claims.expires_at - claims.issued_at),
            (Role::Admin, 3600)
        );

        clock.advance(3600 + CLOCK_SKEW_SECONDS);
        assert!(tokens.verify(&token).is_ok());
        clock.advance(1);
        assert_eq!(tokens.verify(&token).unwrap_err(), TokenError::Expired);
        clock.advance(-2 * 3600);
        assert_eq!(
            tokens.verify(&token).unwrap_err(),
            TokenError::Invalid,
            "not yet valid"
        );
    }

    #[test]
    fn every_single_bit_of_a_token_counts() {
        let clock = Clock::fixed(1_800_000_000);
        let tokens = service(&clock);
        let (tenant, username) = names();
        let token = tokens.issue(&tenant, &username, Role::User, 3600).unwrap();
        let mut refused = 0;
        for at in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            // The last character of a base64url part may hold unused bits; the decoder insists on zeros there.
            assert_eq!(
                tokens.verify(&forged).unwrap_err(),
                TokenError::Invalid,
                "byte {at}"
            );
            refused += 1;
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn issuer_and_audience_are_checked() {
        let clock = Clock::fixed(1_800_000_000);
        let (tenant, username) = names();
        let token = service(&clock)
            .issue(&tenant, &username, Role::User, 60)
            .unwrap();
        for (issuer, audience) in [("other", "audience"), ("issuer", "other")] {
            let ring = KeyRing::new(key(), Vec::new());
            let other =
                TokenService::new(ring, clock.clone(), issuer.to_owned(), audience.to_owned());
            assert_eq!(other.verify(&token).unwrap_err(), TokenError::Invalid);
        }
    }
}
