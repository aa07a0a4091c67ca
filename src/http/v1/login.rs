//! `POST /api/v1/auth/login`: account and password for a token.

use axum::{extract::State, response};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    http::{
        ErrorCode,
        error::ApiError,
        extract::{Call, Fields, Json},
        openapi::{Answer, Operation, Tag, example},
        wire,
    },
    service::{Context, login},
};

/// Tenant, account and password.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Login<'a> {
    /// The tenant's name.
    #[schemars(length(min = 1))]
    pub(in crate::http) tenant_id: &'a str,
    /// The account's name.
    #[schemars(length(min = 1))]
    pub(in crate::http) username: &'a str,
    /// The account's password.
    #[schemars(with = "String", length(min = 1))]
    pub(in crate::http) password: SecretString,
}

impl<'a> Login<'a> {
    /// Reads a body, and names all that is wrong with it.
    pub(in crate::http) fn read(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let request = Self {
            tenant_id: fields.required_text("tenantId"),
            username: fields.required_text("username"),
            password: fields.required_text("password").into(),
        };
        fields.finish()?;
        Ok(request)
    }

    /// An example of a body.
    pub(in crate::http) fn example() -> Value {
        json!({ "tenantId": "demo", "username": "demo", "password": "correct horse battery staple" })
    }
}

/// A token, under its own name and under that of OAuth 2.0.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct SessionJson<'a> {
    /// The token, a JWT.
    #[schemars(length(min = 1))]
    token: &'a str,
    /// Seconds that it lasts.
    expires_in: u32,
    #[schemars(extend("const" = "Bearer"))]
    token_type: &'static str,
    /// `access_token` under the name that OAuth clients look for.
    #[schemars(length(min = 1))]
    access_token: &'a str,
}

impl<'a> SessionJson<'a> {
    /// A token that lasts so many seconds.
    pub(super) fn new(token: &'a str, expires_in: u32) -> Self {
        Self {
            token,
            expires_in,
            token_type: "Bearer",
            access_token: token,
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new("login", Tag::SigningIn, "Account and password for a token")
        .about("Unknown tenants, unknown accounts, wrong passwords, disabled accounts and suspended tenants are answered alike.")
        .takes_json::<Login<'_>>(&Login::example())
        .answers(Answer::json(
            200,
            "The token, twice: under its own name, and under that of OAuth 2.0.",
            &SessionJson::new(example::TOKEN, 3600),
        ))
        .refuses(&[
            ErrorCode::AuthFailed,
            ErrorCode::RateLimitExceeded,
            ErrorCode::ServerBusy,
            ErrorCode::DatabaseUnavailable,
        ])
}

/// Logs an account in.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Call(call): Call,
    Json(body): Json,
) -> Result<response::Response, ApiError> {
    let Login {
        tenant_id,
        username,
        password,
    } = Login::read(&body)?;
    let session = login::account(&ctx, tenant_id, username, password, &call).await?;
    wire::json(&SessionJson::new(
        session.token.expose_secret(),
        session.expires_in_seconds,
    ))
}
