//! `POST`, `GET` and `DELETE /console/session`: the session of a person at the console.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderName, HeaderValue, StatusCode, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use time::OffsetDateTime;

use super::{cookie::SessionCookie, same_origin::Sender};
use crate::{
    auth::Claims,
    domain::{Role, Scope, Scopes},
    http::{
        ErrorCode,
        error::ApiError,
        extract::{Call, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag},
        v1::login::Login,
        wire::{self, Time},
    },
    service::{
        self, Context,
        authenticate::{Presented, authenticate},
        console::SessionTimes,
        login, logout,
    },
};

/// What of this origin a browser forgets at the end of a session (Clear Site Data section 3.1). Not
/// `"cookies"`, which would take those of the whole domain along.
const FORGOTTEN: HeaderValue = HeaderValue::from_static(r#""cache", "storage""#);

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Who is signed in at the console, and for how long.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ConsoleSession")]
struct SessionJson<'a> {
    /// The tenant.
    tenant_id: &'a str,
    /// The account.
    username: &'a str,
    /// Its role.
    role: Role,
    /// What it may do.
    scopes: Vec<Scope>,
    /// When the password was given.
    signed_in_at: Time,
    /// When the session ends if nothing is done. What is done puts it off.
    expires_at: Time,
    /// When it ends whatever is done.
    ends_at: Time,
    /// From when on changes of administration are refused with `AUTH_REAUTHENTICATE`.
    password_needed_at: Time,
}

impl<'a> SessionJson<'a> {
    fn new(claims: &'a Claims) -> Result<Self, ApiError> {
        let times = SessionTimes::of(claims).ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
        let time = |seconds| {
            let moment = OffsetDateTime::from_unix_timestamp(seconds);
            moment.map(Time).map_err(service::Error::internal)
        };
        Ok(Self {
            tenant_id: claims.tenant.as_str(),
            username: claims.username.as_str(),
            role: claims.role,
            scopes: claims.scopes.iter().collect(),
            signed_in_at: time(times.signed_in_at)?,
            expires_at: time(times.expires_at)?,
            ends_at: time(times.ends_at)?,
            password_needed_at: time(times.password_needed_at)?,
        })
    }

    fn example() -> Self {
        Self {
            tenant_id: "demo",
            username: "demo",
            role: Role::User,
            scopes: Scopes::PHOTOS.iter().collect(),
            signed_in_at: Time::EXAMPLE,
            expires_at: Time::EXAMPLE,
            ends_at: Time::EXAMPLE,
            password_needed_at: Time::EXAMPLE,
        }
    }
}

pub(in crate::http) fn describe_begin() -> Operation {
    Operation::new("beginConsoleSession", Tag::Console, "Account and password for a session of the console")
        .about(
            "The token is in a cookie that no script can read, good for calls of this server's own pages and for nothing else. A session \
             that the browser had ends.",
        )
        .takes_json::<Login<'_>>(&Login::example())
        .answers(Answer::json(200, "The session.", &SessionJson::example()).headers(&["Set-Cookie"]))
        .refuses(&[
            ErrorCode::AuthFailed,
            ErrorCode::OriginRefused,
            ErrorCode::RateLimitExceeded,
            ErrorCode::ServerBusy,
            ErrorCode::DatabaseUnavailable,
        ])
}

pub(in crate::http) fn describe_get() -> Operation {
    Operation::new(
        "getConsoleSession",
        Tag::Console,
        "Who is signed in at the console",
    )
    .in_console()
    .answers(Answer::json(200, "The session.", &SessionJson::example()))
    .refuses(&[ErrorCode::NotFound])
}

pub(in crate::http) fn describe_end() -> Operation {
    Operation::new(
        "endConsoleSession",
        Tag::Console,
        "The end of the session at the console",
    )
    .about("Of all its tokens. Counts as a call, and is never refused for a limit.")
    .in_console()
    .never_limited()
    .answers(
        Answer::empty(204, "The browser forgets what this server gave it.")
            .headers(&["Set-Cookie", "Clear-Site-Data"]),
    )
    .refuses(&[ErrorCode::NotFound])
}

/// A page of this server that may sign somebody in: what comes from no other goes no further.
pub(in crate::http) struct SigningInPage {
    /// The cookie that is safe where the page is.
    cookie: SessionCookie,
    /// The token of the session that the browser has already.
    replaced: Option<SecretString>,
}

impl FromRequestParts<Context> for SigningInPage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, ctx: &Context) -> Result<Self, ApiError> {
        let sender = Sender::new(&parts.uri, &parts.headers, &ctx.settings.public_url);
        if !sender.is_same_origin() {
            return Err(ApiError::new(ErrorCode::OriginRefused));
        }
        let cookie = SessionCookie::of(sender.transport()).ok_or_else(|| {
            ApiError::with_message(ErrorCode::OriginRefused, "the page did not come over HTTPS")
        })?;
        let sent = SessionCookie::sent(&parts.headers, sender);
        Ok(Self {
            cookie,
            replaced: sent.map(|(_, token)| token.into()),
        })
    }
}

/// Signs an account in at the console.
pub(in crate::http) async fn begin(
    page: SigningInPage,
    State(ctx): State<Context>,
    Call(call): Call,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let Login {
        tenant_id,
        username,
        password,
    } = Login::read(&body)?;
    let session = login::console(&ctx, tenant_id, username, password, &call).await?;
    if let Some(token) = page.replaced {
        // One that is not good any more needs no end.
        if let Ok(claims) = authenticate(&ctx, Presented::in_cookie(token.expose_secret())).await {
            logout::logout(&ctx, &claims, &call).await?;
        }
    }
    let token = session.token.expose_secret();
    let claims = authenticate(&ctx, Presented::in_cookie(token)).await?;
    let mut response = wire::json(&SessionJson::new(&claims)?)?;
    response.headers_mut().extend(page.cookie.set(token));
    Ok(response)
}

/// Says who is signed in at the console.
pub(in crate::http) async fn get(caller: VerifiedCaller) -> Result<Response, ApiError> {
    wire::json(&SessionJson::new(caller.claims())?)
}

/// Ends the session at the console.
pub(in crate::http) async fn end(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    // A program's token is no session here: it ends at the API.
    if SessionTimes::of(caller.claims()).is_none() {
        return Err(ApiError::new(ErrorCode::NotFound));
    }
    logout::logout(&ctx, caller.claims(), &caller.call).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for cookie in [SessionCookie::Host, SessionCookie::Loopback] {
        headers.append(SET_COOKIE, cookie.clear());
    }
    headers.insert(CLEAR_SITE_DATA, FORGOTTEN);
    Ok(response)
}
