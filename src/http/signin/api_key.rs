//! `POST /auth`: an API key, a user name and a password for a token that is good beside the key.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{answer, challenge};
use crate::{
    http::{
        error::ApiError,
        extract::{API_KEY, Form, Source},
    },
    service::{
        Context,
        login::{self, ApiKeyRefusal},
    },
};

/// Logs an account in beside an API key.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Source(source): Source,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let key = headers.get(API_KEY).and_then(|value| value.to_str().ok());
    let (Some(username), Some(password)) = (form.get("username")?, form.get("password")?) else {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "00001",
            "BadRequest",
            "username and password are required.",
        ));
    };
    let password = SecretString::from(password);
    let key = key.unwrap_or_default();
    Ok(
        match login::api_key(&ctx, key, username, password, source).await {
            Ok(session) => answer(
                StatusCode::OK,
                &json!({
                    "access_token": session.token.expose_secret(),
                    "expires_in": session.expires_in_seconds,
                }),
            ),
            Err(ApiKeyRefusal::ApiKey) => refusal(
                StatusCode::UNAUTHORIZED,
                "00018",
                "Unauthorized",
                "API key invalid or not provided.",
            ),
            Err(ApiKeyRefusal::Account) => refusal(
                StatusCode::UNAUTHORIZED,
                "00019",
                "Unauthorized",
                "Username or password invalid.",
            ),
            Err(ApiKeyRefusal::Other(error)) => return Err(error.into()),
        },
    )
}

fn refusal(status: StatusCode, code: &str, kind: &str, message: &str) -> Response {
    let body = json!({
        "error": {
            "errors": [{ "error_code": code, "error_type": kind, "message": message }],
            "code": status.as_u16(),
            "message": kind,
        }
    });
    if status == StatusCode::UNAUTHORIZED {
        challenge(&body, "Bearer")
    } else {
        answer(status, &body)
    }
}
