//! `POST /api/v1/me/password` and `DELETE /api/v1/me/sessions`: what an account does with itself.

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::login::SessionJson;
use crate::{
    http::{
        console::SessionCookie,
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example},
        wire,
    },
    service::{Context, own_account},
};

/// The present password and the next.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PasswordChange")]
struct Request {
    /// The account's password.
    #[schemars(with = "String", length(min = 1))]
    current_password: SecretString,
    /// 8 to 1024 characters, no line break; none of the commonest, and more than the account's or
    /// tenant's name.
    #[schemars(
        with = "String",
        length(min = 8, max = 1024),
        regex(pattern = r"^[^\r\n]*$")
    )]
    new_password: SecretString,
}

impl Request {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let request = Self {
            current_password: fields.required_text("currentPassword").into(),
            new_password: fields.required_text("newPassword").into(),
        };
        fields.finish()?;
        Ok(request)
    }
}

pub(in crate::http) fn describe_set_password() -> Operation {
    Operation::new("changeOwnPassword", Tag::Tenant, "A new password for the account that calls")
        .about(
            "Ends all tokens of the account; the answer has the one to go on with, of the console in its cookie. Wrong present passwords are counted as at a \
             login. Applications have no password.",
        )
        .takes_json::<Request>(&json!({
            "currentPassword": "correct horse battery staple", "newPassword": "one that nobody has guessed",
        }))
        .answers(Answer::json(
            200,
            "Changed; a token in place of the one that called.",
            &SessionJson::new(example::TOKEN, 3600),
        ))
        .answers(
            Answer::empty(204, "Changed; the session at the console goes on.")
                .headers(&["Set-Cookie"]),
        )
        .refuses(&[ErrorCode::Conflict, ErrorCode::ServerBusy])
}

pub(in crate::http) fn describe_end_sessions() -> Operation {
    Operation::new(
        "endOwnSessions",
        Tag::Tenant,
        "The end of all tokens of the account that calls",
    )
    .about("That of the call among them. Applications have no account.")
    .answers(Answer::empty(204, "All of them are refused from now on."))
    .refuses(&[ErrorCode::Conflict])
}

/// Changes the caller's password.
pub(in crate::http) async fn set_password(
    caller: VerifiedCaller,
    cookie: Option<Extension<SessionCookie>>,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let Request {
        current_password,
        new_password,
    } = Request::read(&body)?;
    let claims = caller.claims();
    let session =
        own_account::set_password(&ctx, claims, &caller.call, current_password, new_password)
            .await?;
    let token = session.token.expose_secret();
    match cookie {
        // No script is to hold the token of the console.
        Some(Extension(cookie)) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            response.headers_mut().extend(cookie.set(token));
            Ok(response)
        }
        None => wire::json(&SessionJson::new(token, session.expires_in_seconds)),
    }
}

/// Ends the caller's sessions.
pub(in crate::http) async fn end_sessions(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    own_account::end_sessions(&ctx, caller.claims(), &caller.call).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
