//! `POST /auth`: an API key, a user name and a password for a token that is good beside the key.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{self, IntoResponse},
};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use super::{answer, challenge, refusal};
use crate::{
    http::{
        ErrorCode,
        error::ApiError,
        extract::{API_KEY, Call, Form, Repeated},
        openapi::{Answer, Operation, Tag, example},
    },
    service::{
        Context,
        login::{self, ApiKeyRefusal},
    },
};

/// User name and password.
#[derive(JsonSchema)]
#[schemars(rename = "ApiKeyLogin")]
struct Request<'a> {
    /// The account's name; it is of the key's tenant.
    #[schemars(length(min = 1))]
    username: &'a str,
    /// The account's password.
    #[schemars(with = "String", length(min = 1))]
    password: SecretString,
}

impl<'a> Request<'a> {
    fn read(form: &'a Form) -> Result<Option<Self>, Repeated> {
        let (username, password) = (form.get("username")?, form.get("password")?);
        Ok(username.zip(password).map(|(username, password)| Self {
            username,
            password: password.into(),
        }))
    }
}

/// A token for the account.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiKeySession")]
struct Response<'a> {
    /// The token, a JWT.
    #[schemars(length(min = 1))]
    access_token: &'a str,
    /// Seconds that it lasts.
    expires_in: u32,
}

/// Why there is no token, in the words of this protocol.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiKeyRefusal")]
struct ApiKeyRefusalJson {
    error: RefusalError,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct RefusalError {
    errors: Vec<RefusalReason>,
    /// The HTTP status of the answer.
    code: u16,
    /// The kind of error.
    message: &'static str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct RefusalReason {
    error_code: ReasonCode,
    /// The kind of error.
    error_type: &'static str,
    /// One sentence for a person.
    message: &'static str,
}

/// What is wrong, as a number of five digits.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum ReasonCode {
    #[serde(rename = "00001")]
    Incomplete,
    #[serde(rename = "00018")]
    ApiKey,
    #[serde(rename = "00019")]
    Account,
    #[serde(rename = "00020")]
    Scope,
}

impl ReasonCode {
    /// The code in the log, where a number alone would say little.
    fn in_log(self) -> &'static str {
        match self {
            Self::Incomplete => "api_key_00001",
            Self::ApiKey => "api_key_00018",
            Self::Account => "api_key_00019",
            Self::Scope => "api_key_00020",
        }
    }
}

impl From<ReasonCode> for ApiKeyRefusalJson {
    fn from(error_code: ReasonCode) -> Self {
        let (status, kind, message) = match error_code {
            ReasonCode::Incomplete => (
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "username and password are required.",
            ),
            ReasonCode::ApiKey => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "API key invalid or not provided.",
            ),
            ReasonCode::Account => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "Username or password invalid.",
            ),
            ReasonCode::Scope => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "The account has none of the API key's scopes.",
            ),
        };
        Self {
            error: RefusalError {
                errors: vec![RefusalReason {
                    error_code,
                    error_type: kind,
                    message,
                }],
                code: status.as_u16(),
                message: kind,
            },
        }
    }
}

impl IntoResponse for ReasonCode {
    fn into_response(self) -> response::Response {
        let body = ApiKeyRefusalJson::from(self);
        match self {
            Self::Incomplete => refusal(StatusCode::BAD_REQUEST, &body, self.in_log()),
            Self::ApiKey | Self::Account | Self::Scope => challenge(&body, self.in_log(), "Bearer"),
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "apiKeyLogin",
        Tag::SigningIn,
        "API key, user name and password for a token",
    )
    .old_caches_too()
    .about("The token is good beside the key only: send `x-api-key` with every call.")
    .guarded(json!([{ "apiKey": [] }]))
    .takes_form::<Request<'_>>(
        &json!({ "username": "demo", "password": "correct horse battery staple" }),
    )
    .answers(Answer::json(
        200,
        "The token.",
        &Response {
            access_token: example::TOKEN,
            expires_in: 86_400,
        },
    ))
    .answers(Answer::json(
        400,
        "`00001`: `username` or `password` is missing.",
        &ApiKeyRefusalJson::from(ReasonCode::Incomplete),
    ))
    .answers(
        Answer::json(
            401,
            "`00018`: the API key is not right. `00019`: the user name or password is not. `00020`: the account has none of the key's scopes.",
            &ApiKeyRefusalJson::from(ReasonCode::ApiKey),
        )
        .headers(&["WWW-Authenticate"]),
    )
    .refuses(&[
        ErrorCode::RateLimitExceeded,
        ErrorCode::ServerBusy,
        ErrorCode::DatabaseUnavailable,
    ])
}

/// Logs an account in beside an API key.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Call(call): Call,
    headers: HeaderMap,
    form: Form,
) -> Result<response::Response, ApiError> {
    let key = headers.get(API_KEY).and_then(|value| value.to_str().ok());
    let Some(Request { username, password }) = Request::read(&form)? else {
        return Ok(ReasonCode::Incomplete.into_response());
    };
    let key = key.unwrap_or_default();
    match login::api_key(&ctx, key, username, password, &call).await {
        Ok(session) => Ok(answer(
            StatusCode::OK,
            &Response {
                access_token: session.token.expose_secret(),
                expires_in: session.expires_in_seconds,
            },
        )),
        Err(ApiKeyRefusal::ApiKey) => Ok(ReasonCode::ApiKey.into_response()),
        Err(ApiKeyRefusal::Account) => Ok(ReasonCode::Account.into_response()),
        Err(ApiKeyRefusal::Scope) => Ok(ReasonCode::Scope.into_response()),
        Err(ApiKeyRefusal::Other(error)) => Err(error.into()),
    }
}
