//! `/api/v1/admin/accounts`: the accounts of the caller's tenant.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    auth::generate_password,
    domain::{Role, Username},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        v1::wire,
    },
    service::{
        Context,
        admin::{self, AccountRequest},
    },
};

/// Lists accounts by name.
pub(in crate::http) async fn list(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    let items: Vec<Value> = admin::list_accounts(&ctx, &caller)
        .await?
        .into_iter()
        .map(|account| {
            Ok(json!({
                "username": account.username,
                "role": account.role.as_str(),
                "status": account.status.as_str(),
                "createdAt": wire::time(account.created_at)?,
            }))
        })
        .collect::<Result<_, ApiError>>()?;
    wire::json(&json!({ "items": items, "next": null }))
}

/// Adds an account; a password that was not sent is generated and shown once.
pub(in crate::http) async fn create(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let name = fields.required_text("username");
    let username = Username::parse(name);
    if username.is_none() && !name.is_empty() {
        fields.refuse(
            "username",
            "must have 1 to 256 bytes and no control characters",
        );
    }
    let role = fields.text("role").map_or(Some(Role::User), Role::parse);
    if role.is_none() {
        fields.refuse("role", "must be ROLE_USER or ROLE_ADMIN");
    }
    let sent = fields.text("password").map(SecretString::from);
    fields.finish()?;
    let (Some(username), Some(role)) = (username, role) else {
        return Err(ApiError::new(ErrorCode::ValidationFailed));
    };
    let generated = sent.is_none().then(generate_password);
    let password = sent.or_else(|| generated.clone());
    let password = password.ok_or_else(|| ApiError::new(ErrorCode::ValidationFailed))?;
    admin::create_account(&ctx, &caller, &username, role, password).await?;
    let mut answer = json!({
        "username": username.as_str(), "role": role.as_str(), "status": "enabled",
    });
    if let Some(generated) = generated {
        answer["password"] = generated.expose_secret().into();
    }
    wire::created(&answer)
}

/// Changes the status or the password of an account.
pub(in crate::http) async fn change(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(name): Path<String>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let username = parse(&name)?;
    let mut fields = Fields::new(&body);
    let status = fields.text("status");
    let password = fields.text("password").map(SecretString::from);
    let request = match (status, password) {
        (Some("enabled"), None) => Some(AccountRequest::Enable),
        (Some("disabled"), None) => Some(AccountRequest::Disable),
        (None, Some(password)) => Some(AccountRequest::SetPassword(password)),
        _ => {
            fields.refuse(
                "status",
                "send either status, enabled or disabled, or password",
            );
            None
        }
    };
    fields.finish()?;
    let request = request.ok_or_else(|| ApiError::new(ErrorCode::ValidationFailed))?;
    admin::change_account(&ctx, &caller, &username, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all tokens of an account.
pub(in crate::http) async fn end_sessions(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let username = parse(&name)?;
    admin::change_account(&ctx, &caller, &username, AccountRequest::EndSessions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no name names no account.
fn parse(name: &str) -> Result<Username, ApiError> {
    Username::parse(name).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
}
