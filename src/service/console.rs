//! Sessions at the console: a token that lives in a cookie and is renewed while it is used.

use super::{Context, Error, keys};
use crate::{
    auth::{CONSOLE_SESSION_SECONDS, Claims, Grant, Origin},
    domain::TokenId,
};

/// A token of this age, in seconds, is replaced by the next answer: five minutes.
const RENEWED_AFTER: i64 = 300;

/// How long a password that was given allows changes of administration, in seconds: 15 minutes.
pub const PASSWORD_SECONDS: i64 = 15 * 60;

/// The moments of a session at the console, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// When the password was given.
    pub signed_in_at: i64,
    /// When the session ends if nothing renews it.
    pub expires_at: i64,
    /// When it ends whatever is done.
    pub ends_at: i64,
    /// From when on changes of administration ask for the password.
    pub password_needed_at: i64,
}

impl SessionTimes {
    /// Those of a token of the console; `None` for any other.
    pub fn of(claims: &Claims) -> Option<Self> {
        let Origin::Console { signed_in_at, .. } = claims.origin else {
            return None;
        };
        Some(Self {
            signed_in_at,
            expires_at: claims.expires_at,
            ends_at: claims.ends_at(),
            password_needed_at: signed_in_at + PASSWORD_SECONDS,
        })
    }
}

/// The origin of the first token of a session that begins now.
pub(super) fn begin(ctx: &Context, generation: i64) -> Origin {
    Origin::Console {
        generation,
        session: TokenId::random(),
        signed_in_at: ctx.clock.now().unix_timestamp(),
    }
}

/// How long that token lasts, in seconds.
pub(super) fn ttl_seconds(ctx: &Context) -> u32 {
    let longest = u32::try_from(CONSOLE_SESSION_SECONDS).unwrap_or(u32::MAX);
    ctx.settings.token_ttl_seconds.min(longest)
}

/// Whether the password behind a token was given too long ago for changes of administration. Only
/// people are asked again: a program's token is no older for what it is used for.
pub fn needs_password(ctx: &Context, claims: &Claims) -> bool {
    SessionTimes::of(claims)
        .is_some_and(|times| times.password_needed_at <= ctx.clock.now().unix_timestamp())
}

/// A token in place of one of the console that is some minutes old, for the same session and no
/// longer than that may last; `None` where none is due.
///
/// # Errors
///
/// The database has to be told how long the signing key is needed, and does not answer.
pub async fn renew(ctx: &Context, claims: &Claims) -> Result<Option<String>, Error> {
    let Some(times) = SessionTimes::of(claims) else {
        return Ok(None);
    };
    let now = ctx.clock.now().unix_timestamp();
    let ttl_seconds = u32::try_from(times.ends_at - now)
        .unwrap_or_default()
        .min(ctx.settings.token_ttl_seconds);
    let gained = now + i64::from(ttl_seconds) - claims.expires_at;
    if now - claims.issued_at < RENEWED_AFTER || gained <= 0 {
        return Ok(None);
    }
    let grant = Grant {
        tenant: claims.tenant.clone(),
        username: claims.username.clone(),
        role: claims.role,
        scopes: claims.scopes,
        origin: claims.origin.clone(),
        ttl_seconds,
    };
    keys::sign(ctx, &grant).await.map(Some)
}
