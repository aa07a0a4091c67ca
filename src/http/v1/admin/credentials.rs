//! `/api/v1/admin/api-keys` and `/api/v1/admin/applications`: the credentials of the caller's tenant. Secrets are shown once.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::{
    db::credentials::Credential,
    domain::{CredentialId, CredentialKind, Scopes},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        v1::wire,
    },
    service::{
        Context, admin,
        credentials::{APPLICATION_TOKEN_TTL_SECONDS, ApiKeyRequest, ApplicationRequest},
    },
};

/// Lists API keys, newest first.
pub(in crate::http) async fn list_api_keys(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    let found = admin::list_credentials(&ctx, &caller, CredentialKind::ApiKey).await?;
    list(&found, |key| ("id", key.id.to_string()))
}

/// Lists applications, newest first.
pub(in crate::http) async fn list_applications(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    let found = admin::list_credentials(&ctx, &caller, CredentialKind::Application).await?;
    list(&found, |application| {
        ("appId", application.id.as_application())
    })
}

fn list(
    found: &[Credential],
    id: impl Fn(&Credential) -> (&'static str, String),
) -> Result<Response, ApiError> {
    let items: Vec<Value> = found
        .iter()
        .map(|credential| {
            let mut item = json!({
                "name": credential.name,
                "scope": credential.scopes.to_string(),
                "createdAt": wire::time(credential.created_at)?,
                "revokedAt": credential.revoked_at.map(wire::time).transpose()?,
            });
            let (name, id) = id(credential);
            item[name] = id.into();
            Ok(item)
        })
        .collect::<Result<_, ApiError>>()?;
    wire::json(&json!({ "items": items, "next": null }))
}

/// Adds an API key.
pub(in crate::http) async fn create_api_key(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let (name, scopes) = wanted(&body, Fields::new(&body))?;
    let made = admin::create_api_key(&ctx, &caller, ApiKeyRequest { name, scopes }).await?;
    wire::created(&json!({
        "id": made.id.to_string(),
        "apiKey": made.key.expose_secret(),
        "name": name,
        "scope": scopes.to_string(),
    }))
}

/// Adds an application.
pub(in crate::http) async fn create_application(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let days = fields.whole("tokenDays", 1..=3650);
    let (name, scopes) = wanted(&body, fields)?;
    let token_ttl_seconds = days.map_or(APPLICATION_TOKEN_TTL_SECONDS, |days| days * 86_400);
    let request = ApplicationRequest {
        name,
        scopes,
        token_ttl_seconds,
    };
    let made = admin::create_application(&ctx, &caller, request).await?;
    wire::created(&json!({
        "appId": made.id.as_application(),
        "token": made.token.expose_secret(),
        "secret": made.secret.expose_secret(),
        "name": name,
        "scope": scopes.to_string(),
    }))
}

/// `name` and `scope` of a new credential; all about photos unless it is said.
fn wanted<'a>(
    body: &'a Map<String, Value>,
    mut fields: Fields<'a>,
) -> Result<(&'a str, Scopes), ApiError> {
    let name = fields.required_text("name");
    let scopes = match body.get("scope").filter(|scope| !scope.is_null()) {
        None => Some(Scopes::PHOTOS),
        Some(scope) => scope.as_str().and_then(Scopes::parse),
    };
    if scopes.is_none() {
        fields.refuse("scope", "must be names of scopes between single spaces");
    }
    fields.finish()?;
    Ok((name, scopes.unwrap_or_default()))
}

/// Revokes an API key.
pub(in crate::http) async fn revoke_api_key(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    revoke(
        &ctx,
        &caller,
        CredentialKind::ApiKey,
        CredentialId::parse(&id),
    )
    .await
}

/// Revokes an application.
pub(in crate::http) async fn revoke_application(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = CredentialId::parse_application(&id);
    revoke(&ctx, &caller, CredentialKind::Application, id).await
}

/// What is no id names no credential.
async fn revoke(
    ctx: &Context,
    caller: &VerifiedCaller,
    kind: CredentialKind,
    id: Option<CredentialId>,
) -> Result<Response, ApiError> {
    let id = id.ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
    admin::revoke_credential(ctx, caller, kind, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
