//! OAuth 2.0 for applications: tokens (RFC 6749 section 4.4), revocation (RFC 7009), introspection (RFC 7662).

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{answer, challenge};
use crate::{
    domain::{CredentialId, Scopes},
    http::{
        error::ApiError,
        extract::{Form, Repeated},
    },
    service::{Context, Error, introspect, login, login::Client},
};

/// Why a request of OAuth 2.0 is refused (RFC 6749 section 5.2).
pub(in crate::http) enum Refusal {
    /// `invalid_request`, with what is wrong.
    Request(&'static str),
    /// `invalid_client`.
    Client,
    /// `unsupported_grant_type`.
    GrantType,
    /// `invalid_scope`.
    Scope,
    /// Not OAuth 2.0's.
    Other(Error),
}

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        Self::Request("a parameter is given twice")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Credentials => Self::Client,
            Error::Scope => Self::Scope,
            other => Self::Other(other),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, description) = match self {
            Self::Request(what) => ("invalid_request", what),
            Self::Client => {
                let body = error("invalid_client", "the client id or secret is not right");
                return challenge(&body, r#"Basic realm="lumatrace", charset="UTF-8""#);
            }
            Self::GrantType => (
                "unsupported_grant_type",
                "the grant type is client_credentials",
            ),
            Self::Scope => (
                "invalid_scope",
                "a scope is unknown or was not granted to the client",
            ),
            Self::Other(error) => return ApiError::from(error).into_response(),
        };
        answer(StatusCode::BAD_REQUEST, &error(code, description))
    }
}

fn error(code: &str, description: &str) -> Value {
    json!({ "error": code, "error_description": description })
}

/// `POST /oauth2/token`.
pub(in crate::http) async fn token(
    State(ctx): State<Context>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let client = client(&ctx, &headers, &form).await?;
    match form.get("grant_type")? {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::GrantType),
        None => return Err(Refusal::Request("grant_type is required")),
    }
    let wanted = form
        .get("scope")?
        .map(|scope| Scopes::parse(scope).ok_or(Refusal::Scope))
        .transpose()?;
    let session = login::client_credentials(&ctx, client, wanted).await?;
    Ok(answer(
        StatusCode::OK,
        &json!({
            "access_token": session.token.expose_secret(),
            "token_type": "Bearer",
            "expires_in": session.expires_in_seconds,
            "scope": session.scopes.to_string(),
        }),
    ))
}

/// `POST /oauth2/revoke`: a client ends a token of its own. Any other token is none of its business, and no error.
pub(in crate::http) async fn revoke(
    State(ctx): State<Context>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let client = client(&ctx, &headers, &form).await?;
    let token = form
        .get("token")?
        .ok_or(Refusal::Request("token is required"))?;
    introspect::revoke(&ctx, &client, token).await?;
    Ok(answer(StatusCode::OK, &json!({})))
}

/// `POST /oauth2/introspect`: what a token of the client's tenant says, while it is good.
pub(in crate::http) async fn introspect(
    State(ctx): State<Context>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let client = client(&ctx, &headers, &form).await?;
    let token = form
        .get("token")?
        .ok_or(Refusal::Request("token is required"))?;
    let body = match introspect::introspect(&ctx, &client, token).await? {
        None => json!({ "active": false }),
        Some(claims) => json!({
            "active": true,
            "scope": claims.scopes.to_string(),
            "client_id": claims.origin.credential().map(CredentialId::as_application),
            "username": claims.username.as_str(),
            "token_type": "Bearer",
            "exp": claims.expires_at,
            "iat": claims.issued_at,
            "nbf": claims.issued_at,
            "sub": claims.username.as_str(),
            "jti": claims.token.as_uuid().to_string(),
            "tenant_id": claims.tenant.as_str(),
        }),
    };
    Ok(answer(StatusCode::OK, &body))
}

/// Who the client is: by HTTP Basic, or in the form, but not both (RFC 6749 section 2.3.1). Other schemes, such as the token that
/// many HTTP clients put on every call, name no client.
async fn client(ctx: &Context, headers: &HeaderMap, form: &Form) -> Result<Client, Refusal> {
    let basic = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let (id_in_form, secret_in_form) = (form.get("client_id")?, form.get("client_secret")?);
    let (id, secret) = match (basic, secret_in_form) {
        (Some(_), Some(_)) => {
            return Err(Refusal::Request(
                "the client authenticates by Basic or in the form, not both",
            ));
        }
        (Some((_, encoded)), None) => {
            let (id, secret) = read_basic(encoded).ok_or(Refusal::Client)?;
            if id_in_form.is_some_and(|named| named != id) {
                return Err(Refusal::Request("client_id is another in the form"));
            }
            (id, secret)
        }
        (None, Some(secret)) => (id_in_form.unwrap_or_default().to_owned(), secret.into()),
        (None, None) => return Err(Refusal::Client),
    };
    Ok(login::oauth_client(ctx, &id, &secret).await?)
}

/// Reads `base64(id:secret)`, both of them form-encoded.
fn read_basic(encoded: &str) -> Option<(String, SecretString)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        form_urlencoded::parse(format!("x={text}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    Some((plain(id)?, plain(secret)?.into()))
}
