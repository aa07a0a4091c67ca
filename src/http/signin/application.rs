//! `POST /api/v3/auth`: an application's id, token and secret for a long-lived token that is good
//! beside the id.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{self, IntoResponse},
};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{answer, challenge};
use crate::{
    http::{
        ErrorCode,
        error::ApiError,
        extract::{APPLICATION, Call, Fields, Json},
        openapi::{Answer, Operation, Tag, example},
    },
    service::{
        Context,
        login::{self, ApplicationRefusal},
    },
};

/// An application's token and secret.
#[derive(JsonSchema)]
#[schemars(rename = "ApplicationLogin")]
struct Request {
    /// The token that was shown when the application was made.
    #[schemars(with = "String", length(min = 1))]
    token: SecretString,
    /// The application's secret.
    #[schemars(with = "String", length(min = 1))]
    secret: SecretString,
}

impl Request {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let request = Self {
            token: fields.required_text("token").into(),
            secret: fields.required_text("secret").into(),
        };
        fields.finish()?;
        Ok(request)
    }
}

/// A token for the application.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApplicationSession")]
struct Response<'a> {
    #[schemars(extend("const" = true))]
    ok: bool,
    /// The token, a JWT.
    #[schemars(length(min = 1))]
    token: &'a str,
    /// The name under which the application acts.
    user_lcuid: String,
}

/// Why there is no token, in the words of this protocol.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApplicationRefusal")]
struct ApplicationRefusalJson {
    #[schemars(extend("const" = false))]
    ok: bool,
    #[schemars(extend("const" = 401))]
    http_code: u16,
    code: RefusalCode,
    /// One sentence for a person.
    message: &'static str,
    data: RefusalData,
    #[schemars(extend("const" = true))]
    lucore_error_response: bool,
}

/// What is wrong, by its name.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum RefusalCode {
    #[serde(rename = "unauthorized")]
    Application,
    #[serde(rename = "token_invalid_or_unauthorized")]
    Token,
    #[serde(rename = "secret_invalid")]
    Secret,
}

/// More about it, or an empty list.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum RefusalData {
    Detail {
        #[schemars(extend("const" = "app_is_invalid"))]
        auth_error_code: &'static str,
        /// One sentence for a person.
        auth_error_details: &'static str,
    },
    None([(); 0]),
}

impl From<RefusalCode> for ApplicationRefusalJson {
    fn from(code: RefusalCode) -> Self {
        let (message, data) = match code {
            RefusalCode::Application => (
                "The application is not authorized.",
                RefusalData::Detail {
                    auth_error_code: "app_is_invalid",
                    auth_error_details: "The application id in AppIdV3 is missing, unknown, revoked or past its end.",
                },
            ),
            RefusalCode::Token => (
                "The token is invalid or not authorized.",
                RefusalData::None([]),
            ),
            RefusalCode::Secret => ("The secret is invalid.", RefusalData::None([])),
        };
        Self {
            ok: false,
            http_code: 401,
            code,
            message,
            data,
            lucore_error_response: true,
        }
    }
}

impl IntoResponse for RefusalCode {
    fn into_response(self) -> response::Response {
        let code = match self {
            Self::Application => "app_is_invalid",
            Self::Token => "token_invalid_or_unauthorized",
            Self::Secret => "secret_invalid",
        };
        challenge(&ApplicationRefusalJson::from(self), code, "Bearer")
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "applicationLogin",
        Tag::SigningIn,
        "An application's token and secret for a long-lived token",
    )
    .old_caches_too()
    .about("The token is good beside the application's id only: send `AppIdV3` with every call.")
    .guarded(json!([{ "application": [] }]))
    .takes_json::<Request>(&json!({
        "token": "the token of the application", "secret": "the secret of the application",
    }))
    .answers(Answer::json(
        200,
        "The token.",
        &Response {
            ok: true,
            token: example::TOKEN,
            user_lcuid: example::APPLICATION_USER.to_owned(),
        },
    ))
    .answers(
        Answer::json(
            401,
            "The application, its token or its secret is not right.",
            &ApplicationRefusalJson::from(RefusalCode::Secret),
        )
        .headers(&["WWW-Authenticate"]),
    )
    .refuses(&[ErrorCode::RateLimitExceeded, ErrorCode::DatabaseUnavailable])
}

/// Logs an application in.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Call(call): Call,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<response::Response, ApiError> {
    let Request { token, secret } = Request::read(&body)?;
    let id = headers
        .get(APPLICATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Ok(
        match login::application(&ctx, id, &token, &secret, &call).await {
            Ok((session, application)) => answer(
                StatusCode::OK,
                &Response {
                    ok: true,
                    token: session.token.expose_secret(),
                    user_lcuid: application.as_user(),
                },
            ),
            Err(ApplicationRefusal::Application) => RefusalCode::Application.into_response(),
            Err(ApplicationRefusal::Token) => RefusalCode::Token.into_response(),
            Err(ApplicationRefusal::Secret) => RefusalCode::Secret.into_response(),
            Err(ApplicationRefusal::Other(error)) => ApiError::from(error).into_response(),
        },
    )
}
