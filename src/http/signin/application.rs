//! `POST /api/v3/auth`: an application's id, token and secret for a long-lived token that is good beside the id.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{answer, challenge};
use crate::{
    http::{
        error::ApiError,
        extract::{APPLICATION, Fields, Json},
    },
    service::{
        Context,
        login::{self, ApplicationRefusal},
    },
};

/// Logs an application in.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let token = SecretString::from(fields.required_text("token"));
    let secret = SecretString::from(fields.required_text("secret"));
    fields.finish()?;
    let id = headers
        .get(APPLICATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(match login::application(&ctx, id, &token, &secret).await {
        Ok((session, application)) => answer(
            StatusCode::OK,
            &json!({
                "ok": true,
                "token": session.token.expose_secret(),
                "user_lcuid": application.as_user(),
            }),
        ),
        Err(ApplicationRefusal::Application) => refusal(
            "unauthorized",
            "The application is not authorized.",
            &json!({
                "auth_error_code": "app_is_invalid",
                "auth_error_details": "The application id in AppIdV3 is missing, unknown or revoked.",
            }),
        ),
        Err(ApplicationRefusal::Token) => refusal(
            "token_invalid_or_unauthorized",
            "The token is invalid or not authorized.",
            &json!([]),
        ),
        Err(ApplicationRefusal::Secret) => {
            refusal("secret_invalid", "The secret is invalid.", &json!([]))
        }
        Err(ApplicationRefusal::Other(error)) => ApiError::from(error).into_response(),
    })
}

fn refusal(code: &str, message: &str, data: &Value) -> Response {
    let body = json!({
        "ok": false,
        "http_code": 401,
        "code": code,
        "message": message,
        "data": data,
        "lucore_error_response": true,
    });
    challenge(&body, "Bearer")
}
