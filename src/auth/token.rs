//! The token service: issues and verifies RS256 access tokens (RFC 7519, profile of RFC 9068 where
//! it applies).
//!
//! The algorithm is pinned: nothing in a token's header chooses how it is checked, except `kid`,
//! which is looked up among our own keys. `jwk`, `jku` and `x5u` are never read. `typ` keeps tokens
//! and receipts apart (RFC 8725 section 3.11), and what `crit` asks for is refused, since nothing
//! that it may name is understood here (RFC 7515 section 4.1.11).

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{KeyRing, SecretHash, SigningKeyError};
use crate::{
    clock::Clock,
    domain::{CredentialId, Role, Scopes, TenantId, TokenId, Username},
};

/// Longest token that is parsed, in bytes; ours have about 1000.
const LONGEST_TOKEN_BYTES: usize = 8 * 1024;

/// `typ` of tokens (RFC 9068 section 2.1).
const TOKEN_TYPE: &str = "at+jwt";

/// `typ` of tokens of before, some of which last for years. No receipt ever had it.
const OLD_TOKEN_TYPE: &str = "JWT";

/// Clock difference between two servers that is tolerated, in seconds.
const CLOCK_SKEW_SECONDS: i64 = 30;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Malformed, or with a wrong signature or claim.
    #[error("the token is not valid")]
    Invalid,
    /// Names a key that this server does not have: nobody's, or one that is too new.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// Valid once, but past its expiry.
    #[error("the token has expired")]
    Expired,
}

/// How a token was obtained, and what it is bound to.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A login with an account's password.
    Account {
        /// The account's generation at the login; a later one ends the token.
        generation: i64,
    },
    /// A sign-in at the console: the token must be sent in the session's cookie, and nowhere else.
    Console {
        /// The account's generation at the sign-in; a later one ends the token.
        generation: i64,
        /// The session (`sid`), which renewed tokens have in common: a logout ends all of them.
        session: TokenId,
        /// When the password was given (`auth_time`), in seconds since 1970.
        signed_in_at: i64,
    },
    /// A login together with an API key, which must be sent with the token.
    ApiKey {
        /// The account's generation at the login; a later one ends the token.
        generation: i64,
        /// The API key's id.
        credential: CredentialId,
        /// Hash of the key, to compare with the key that comes with a request.
        key: SecretHash,
    },
    /// An application's token and secret; its id must be sent with the token.
    Application {
        /// The application's id, as the claim `client_id` carries it.
        credential: CredentialId,
    },
    /// The client credentials grant of OAuth 2.0: a plain bearer token.
    Client {
        /// The application's id, as the claim `client_id` carries it.
        credential: CredentialId,
    },
}

impl Origin {
    /// Its name in the claim `flow`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Account { .. } => "login",
            Self::Console { .. } => "console",
            Self::ApiKey { .. } => "api_key",
            Self::Application { .. } => "application",
            Self::Client { .. } => "client_credentials",
        }
    }
}

/// The claims of a verified token.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The tenant that it was issued for (`tenant_id`).
    pub tenant: TenantId,
    /// The account, or the application's user name (`sub`).
    pub username: Username,
    /// The role of that account (`auth`).
    pub role: Role,
    /// The token's own id (`jti`), by which a logout ends it.
    pub token: TokenId,
    /// The scopes that it grants (`scope`).
    pub scopes: Scopes,
    /// How it was obtained (`flow`), and what it is bound to.
    pub origin: Origin,
    /// Issued at (`iat`), in seconds since 1970.
    pub issued_at: i64,
    /// Expires at (`exp`), in seconds since 1970.
    pub expires_at: i64,
}

/// How long a session of the console lasts at most, in seconds: 12 hours. Then the password is due.
pub const CONSOLE_SESSION_SECONDS: i64 = 12 * 3600;

impl Claims {
    /// The id by which a logout ends the token: its own, or that of its session at the console.
    pub fn ended_by(&self) -> TokenId {
        match self.origin {
            Origin::Console { session, .. } => session,
            _ => self.token,
        }
    }

    /// When nothing is left of what [`Claims::ended_by`] names, in seconds since 1970.
    pub fn ends_at(&self) -> i64 {
        match self.origin {
            Origin::Console { signed_in_at, .. } => signed_in_at + CONSOLE_SESSION_SECONDS,
            _ => self.expires_at,
        }
    }
}

/// The claims of a token to be issued.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The tenant that its holder belongs to.
    pub tenant: TenantId,
    /// The account, or an application's user name.
    pub username: Username,
    /// The role that goes into the claim `auth`.
    pub role: Role,
    /// The scopes that it grants: at most those of the holder's role or credential.
    pub scopes: Scopes,
    /// How it is obtained, and what it is bound to.
    pub origin: Origin,
    /// Lifetime in seconds, from now on.
    pub ttl_seconds: u32,
}

/// The claims in a token's JSON. Times are whole numbers only: `exp` as text, as a fraction or as
/// 1e300 does not parse.
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
    /// How the token was obtained: `login`, `console`, `api_key`, `application` or
    /// `client_credentials`.
    flow: String,
    /// Generation of the account, for `login`, `console` and `api_key`.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    /// The credential (RFC 9068 section 2.2); absent for `login`.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// SHA-256 of the API key in base64url, for `api_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_sha256: Option<String>,
    /// The session, for `console` (`OpenID` Connect Front-Channel Logout 1.0 section 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// When the password was given, for `console` (`OpenID` Connect Core 1.0 section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

impl WireClaims {
    /// Reads `flow` and the claims that belong to it; `None` if one is missing or wrong.
    fn origin(&self) -> Option<Origin> {
        let credential = || CredentialId::parse(self.client_id.as_deref()?);
        Some(match self.flow.as_str() {
            "login" => Origin::Account {
                generation: self.generation?,
            },
            "console" => Origin::Console {
                generation: self.generation?,
                session: self.sid?.into(),
                signed_in_at: self.auth_time?,
            },
            "api_key" => Origin::ApiKey {
                generation: self.generation?,
                credential: credential()?,
                key: SecretHash::from_bytes(
                    &URL_SAFE_NO_PAD.decode(self.key_sha256.as_ref()?).ok()?,
                )?,
            },
            "application" => Origin::Application {
                credential: credential()?,
            },
            "client_credentials" => Origin::Client {
                credential: credential()?,
            },
            _ => return None,
        })
    }

    /// Sets the claims that [`WireClaims::origin`] reads.
    fn set_origin(&mut self, origin: &Origin) {
        origin.name().clone_into(&mut self.flow);
        self.generation = origin.generation();
        if let Origin::Console {
            session,
            signed_in_at,
            ..
        } = origin
        {
            self.sid = Some(session.as_uuid());
            self.auth_time = Some(*signed_in_at);
        }
        let key = match origin {
            Origin::ApiKey { key, .. } => Some(key),
            _ => None,
        };
        self.client_id = origin.credential().map(|id| id.to_string());
        self.key_sha256 = key.map(|key| URL_SAFE_NO_PAD.encode(key.as_bytes()));
    }
}

/// Issues and verifies tokens under one issuer and audience.
#[derive(Debug)]
pub struct TokenService {
    keys: RwLock<Arc<KeyRing>>,
    clock: Clock,
    issuer: String,
    audience: String,
    validation: Validation,
}

impl TokenService {
    /// Makes a service that signs with the active key of `keys`.
    pub fn new(keys: KeyRing, clock: Clock, issuer: String, audience: String) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared with our own clock, which tests can move.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            keys: RwLock::new(Arc::new(keys)),
            clock,
            issuer,
            audience,
            validation,
        }
    }

    /// The keys in force now, for the JWKS and for receipts.
    pub fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys in force.
    pub fn set_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Signs a token with the active key of the ring; it is valid from now on.
    pub fn issue(&self, keys: &KeyRing, grant: &Grant) -> Result<String, SigningKeyError> {
        let now = self.clock.now().unix_timestamp();
        let mut claims = WireClaims {
            sub: grant.username.as_str().to_owned(),
            auth: grant.role.as_str().to_owned(),
            tenant_id: grant.tenant.as_str().to_owned(),
            iss: self.issuer.clone(),
            aud: serde_json::json!([self.audience]),
            jti: TokenId::random().as_uuid(),
            iat: now,
            nbf: now,
            exp: now + i64::from(grant.ttl_seconds),
            scope: grant.scopes.to_string(),
            flow: String::new(),
            generation: None,
            client_id: None,
            key_sha256: None,
            sid: None,
            auth_time: None,
        };
        claims.set_origin(&grant.origin);
        let key = keys.active();
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key.id().to_owned());
        header.typ = Some(TOKEN_TYPE.to_owned());
        jsonwebtoken::encode(&header, &claims, key.encoding()).map_err(|_| SigningKeyError::Key)
    }

    /// Checks form, key, signature, every claim and the times of a token. Whether it was revoked is
    /// not known here: [`super::AccessStates`] says so.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`] only if nothing else is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        if !is_token_type(header.typ.as_deref()) || header.crit.is_some() {
            return Err(TokenError::Invalid);
        }
        let keys = self.keys();
        let id = header.kid.ok_or(TokenError::Invalid)?;
        let key = keys.decoding(&id).ok_or(TokenError::UnknownKey)?;
        let wire: WireClaims = jsonwebtoken::decode(token, key, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let claims = Claims {
            tenant: TenantId::parse(&wire.tenant_id).ok_or(TokenError::Invalid)?,
            username: Username::parse(&wire.sub).ok_or(TokenError::Invalid)?,
            role: Role::parse(&wire.auth).ok_or(TokenError::Invalid)?,
            token: wire.jti.into(),
            scopes: Scopes::parse(&wire.scope).ok_or(TokenError::Invalid)?,
            origin: wire.origin().ok_or(TokenError::Invalid)?,
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

/// Whether `typ` names a token: a media type, whose `application/` may be left out and whose
/// letters may be of either case (RFC 7515 section 4.1.9).
fn is_token_type(typ: Option<&str>) -> bool {
    let Some(typ) = typ else { return false };
    let short = match typ.split_at_checked("application/".len()) {
        Some((kind, short)) if kind.eq_ignore_ascii_case("application/") => short,
        _ => typ,
    };
    [TOKEN_TYPE, OLD_TOKEN_TYPE]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(short))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::LazyLock};

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
        TokenService::new(
            KeyRing::new(key(), Vec::new()),
            clock.clone(),
            "issuer".to_owned(),
            "audience".to_owned(),
        )
    }

    fn issue(tokens: &TokenService, role: Role, origin: Origin) -> String {
        let grant = Grant {
            tenant: TenantId::parse("acme").unwrap(),
            username: Username::parse("press").unwrap(),
            role,
            scopes: role.scopes(),
            origin,
            ttl_seconds: 3600,
        };
        tokens.issue(&tokens.keys(), &grant).unwrap()
    }

    fn login() -> Origin {
        Origin::Account { generation: 7 }
    }

    #[test]
    fn a_token_says_who_it_is_for_until_it_expires() {
        let clock = Clock::fixed(1_800_000_000);
        let tokens = service(&clock);
        let token = issue(&tokens, Role::Admin, login());
        let claims = tokens.verify(&token).unwrap();
        assert_eq!(
            (claims.tenant.as_str(), claims.username.as_str()),
            ("acme", "press")
        );
        assert_eq!(claims.scopes, Scopes::ALL);
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
        let token = issue(&tokens, Role::User, login());
        let mut refused = 0;
        for at in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            // The last character of a base64url part may hold unused bits; the decoder insists on
            // zeros there.
            let error = tokens.verify(&forged).unwrap_err();
            assert_ne!(error, TokenError::Expired, "byte {at}");
            refused += 1;
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn issuer_and_audience_are_checked() {
        let clock = Clock::fixed(1_800_000_000);
        let token = issue(&service(&clock), Role::User, login());
        for (issuer, audience) in [("other", "audience"), ("issuer", "other")] {
            let ring = KeyRing::new(key(), Vec::new());
            let other =
                TokenService::new(ring, clock.clone(), issuer.to_owned(), audience.to_owned());
            assert_eq!(other.verify(&token).unwrap_err(), TokenError::Invalid);
        }
    }

    #[test]
    fn what_is_no_token_by_its_header_is_none_though_we_signed_it() {
        let tokens = service(&Clock::fixed(1_800_000_000));
        let token = issue(&tokens, Role::User, login());
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(&token);
        let claims = claims.unwrap().claims;
        let signed = |typ: Option<&str>, crit: Option<&str>| {
            let mut header = header.clone();
            header.typ = typ.map(str::to_owned);
            header.crit = crit.map(|name| vec![name.to_owned()]);
            let keys = tokens.keys();
            let key = keys.active().encoding();
            let token = jsonwebtoken::encode(&header, &claims, key).unwrap();
            tokens.verify(&token).is_ok()
        };
        for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "JWT"] {
            assert!(signed(Some(typ), None), "{typ}");
        }
        for typ in [
            None,
            Some("lumatrace-receipt+jws"),
            Some("c2pa-receipt+jwt"),
            Some("dpop+jwt"),
            Some(""),
        ] {
            assert!(!signed(typ, None), "{typ:?}");
        }
        assert!(!signed(Some("at+jwt"), Some("b64")));
    }

    #[test]
    fn no_token_is_a_receipt_and_no_receipt_a_token() {
        let tokens = service(&Clock::fixed(1_800_000_000));
        let token = issue(&tokens, Role::User, login());
        let keys = tokens.keys();
        let claims = BTreeMap::from([("iss", "issuer".to_owned()), ("manifestId", "x".to_owned())]);
        let receipt = keys.active().sign_manifest_receipt(&claims).unwrap();
        let read = keys.manifest_receipt(&receipt).unwrap();
        assert_eq!(read["manifestId"], "x");
        assert_eq!(tokens.verify(&receipt).unwrap_err(), TokenError::Invalid);
        assert_eq!(keys.manifest_receipt(&token), None);
        let detached = keys.active().sign_detached(&claims).unwrap();
        assert_eq!(keys.manifest_receipt(&detached), None);
        let payload = receipt.split('.').nth(1).unwrap();
        let filled = detached.replace("..", &format!(".{payload}."));
        assert_eq!(keys.manifest_receipt(&filled), None, "of another type");
        let other = KeyRing::new(SigningKey::generate().unwrap(), Vec::new());
        assert_eq!(other.manifest_receipt(&receipt), None, "of another key");
    }

    #[test]
    fn what_a_token_is_bound_to_comes_back_with_it() {
        let tokens = service(&Clock::fixed(1_800_000_000));
        let credential = CredentialId::random();
        let key = SecretHash::of("ltk_x");
        for origin in [
            login(),
            Origin::ApiKey {
                generation: 3,
                credential,
                key,
            },
            Origin::Application { credential },
            Origin::Client { credential },
        ] {
            let token = issue(&tokens, Role::User, origin.clone());
            let read = tokens.verify(&token).unwrap().origin;
            assert_eq!(format!("{read:?}"), format!("{origin:?}"));
            if let Origin::ApiKey { key: read, .. } = read {
                assert!(read.matches(key.as_bytes()));
            }
        }
    }
}
