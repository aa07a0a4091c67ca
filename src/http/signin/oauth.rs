//! OAuth 2.0 for applications: tokens (RFC 6749 section 4.4), revocation (RFC 7009), introspection
//! (RFC 7662).

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use super::{answer, challenge, refusal};
use crate::{
    auth::Claims,
    domain::{CredentialId, Scope, Scopes, audit::CallTrace},
    http::{
        ErrorCode,
        error::ApiError,
        extract::{Call, Form, Repeated},
        openapi::{Answer, Operation, Tag, example, schema::without_null},
    },
    service::{Context, Error, introspect, login, login::Client},
};

/// The form of the token endpoint.
#[derive(JsonSchema)]
#[schemars(rename = "OauthTokenRequest", transform = without_null)]
struct TokenRequest<'a> {
    #[schemars(with = "String", extend("const" = "client_credentials"))]
    grant_type: Result<Option<&'a str>, Repeated>,
    /// Scopes between single spaces; without it, all that the application has.
    #[schemars(with = "Option<String>")]
    scope: Result<Option<&'a str>, Repeated>,
    #[serde(flatten)]
    client: ClientInForm<'a>,
}

/// The form of revocation and introspection.
#[derive(JsonSchema)]
#[schemars(rename = "OauthTokenQuestion", transform = without_null)]
struct TokenQuestion<'a> {
    /// The token that is asked about.
    #[schemars(with = "String", length(min = 1))]
    token: Result<Option<&'a str>, Repeated>,
    #[serde(flatten)]
    client: ClientInForm<'a>,
}

/// A client that authenticates in the form.
#[derive(JsonSchema)]
struct ClientInForm<'a> {
    /// The application's id, when it is not sent by HTTP Basic.
    client_id: Option<&'a str>,
    /// The application's secret, when it is not sent by HTTP Basic.
    client_secret: Option<&'a str>,
}

/// A token (RFC 6749 section 5.1).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OauthToken")]
struct TokenResponse<'a> {
    /// The token, a JWT.
    #[schemars(length(min = 1))]
    access_token: &'a str,
    token_type: Bearer,
    /// Seconds that it lasts.
    expires_in: u32,
    /// The scopes that it has.
    scope: Scopes,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum Bearer {
    Bearer,
}

/// An empty object: clients ignore it (RFC 7009 section 2.2).
#[derive(Serialize, JsonSchema)]
struct Nothing {}

/// What a token says (RFC 7662 section 2.2); of one that is not live, that alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OauthTokenAnswer")]
struct Introspection {
    /// The token is good.
    active: bool,
    #[serde(flatten)]
    live: Option<LiveToken>,
}

#[derive(Serialize, JsonSchema)]
struct LiveToken {
    /// The scopes of the token, between single spaces.
    scope: Scopes,
    /// The application or API key that it was minted with; null for an account.
    client_id: Option<String>,
    /// The account or application that signed in.
    username: String,
    token_type: Bearer,
    /// When it ends, in seconds since 1970.
    #[schemars(range(min = 0))]
    exp: i64,
    /// When it was made.
    #[schemars(range(min = 0))]
    iat: i64,
    /// From when it is good.
    #[schemars(range(min = 0))]
    nbf: i64,
    /// The same as `username` (RFC 7519 section 4.1.2).
    sub: String,
    /// The id of the token, a UUID.
    jti: String,
    /// The tenant that the token is for.
    tenant_id: String,
}

impl From<Claims> for LiveToken {
    fn from(claims: Claims) -> Self {
        Self {
            scope: claims.scopes,
            client_id: claims.origin.credential().map(CredentialId::as_application),
            username: claims.username.to_string(),
            token_type: Bearer::Bearer,
            exp: claims.expires_at,
            iat: claims.issued_at,
            nbf: claims.issued_at,
            sub: claims.username.to_string(),
            jti: claims.token.as_uuid().to_string(),
            tenant_id: claims.tenant.to_string(),
        }
    }
}

/// A refusal (RFC 6749 section 5.2).
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct OauthRefusal {
    error: OauthErrorCode,
    /// One sentence for a person.
    error_description: &'static str,
}

/// What is wrong (RFC 6749 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum OauthErrorCode {
    InvalidRequest,
    InvalidClient,
    UnsupportedGrantType,
    InvalidScope,
}

impl OauthErrorCode {
    /// The code, for the log.
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

pub(in crate::http) fn describe_token() -> Operation {
    oauth("oauthToken", "OAuth 2.0 client credentials for a token")
        .about("RFC 6749 section 4.4. The client is an application. It authenticates by HTTP Basic or in the form, not both.")
        .takes_form::<TokenRequest<'_>>(
            &json!({ "grant_type": "client_credentials", "scope": "photos:verify" }),
        )
        .answers(Answer::json(
            200,
            "The token.",
            &TokenResponse {
                access_token: example::TOKEN,
                token_type: Bearer::Bearer,
                expires_in: 3600,
                scope: Scopes::of(Scope::Verify),
            },
        ))
        .answers(refused(&NOT_GRANTED))
        .refuses(&[ErrorCode::RateLimitExceeded])
}

pub(in crate::http) fn describe_revoke() -> Operation {
    oauth("oauthRevoke", "The end of a token of the client")
        .about("RFC 7009. A token that is not the client's, or none at all, is 200 without effect.")
        .takes_form::<TokenQuestion<'_>>(&json!({ "token": example::TOKEN }))
        .answers(Answer::json(200, "Done, or nothing to do.", &Nothing {}))
        .answers(refused(&NO_TOKEN))
}

pub(in crate::http) fn describe_introspect() -> Operation {
    let live = LiveToken {
        scope: Scopes::of(Scope::Verify),
        client_id: Some(example::APPLICATION.to_owned()),
        username: example::APPLICATION_USER.to_owned(),
        token_type: Bearer::Bearer,
        exp: 1_800_003_600,
        iat: 1_800_000_000,
        nbf: 1_800_000_000,
        sub: example::APPLICATION_USER.to_owned(),
        jti: "2b9f6f0e-52a4-4a3c-8d4e-7c1f0a9b8d6e".to_owned(),
        tenant_id: "demo".to_owned(),
    };
    oauth(
        "oauthIntrospect",
        "What a token of the client's tenant says",
    )
    .about("RFC 7662.")
    .takes_form::<TokenQuestion<'_>>(&json!({ "token": example::TOKEN }))
    .answers(Answer::json(
        200,
        "What a live token says; `active` alone for any other.",
        &Introspection {
            active: true,
            live: Some(live),
        },
    ))
    .answers(refused(&NO_TOKEN))
    .refuses(&[ErrorCode::RateLimitExceeded])
}

fn oauth(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, Tag::SigningIn, summary)
        .old_caches_too()
        .guarded(json!([{ "client": [] }, {}]))
        .answers(
            Answer::json(
                401,
                "The client is not known by that secret.",
                &UNKNOWN_CLIENT,
            )
            .headers(&["WWW-Authenticate"]),
        )
        .refuses(&[ErrorCode::DatabaseUnavailable])
}

fn refused(refusal: &OauthRefusal) -> Answer {
    Answer::json(
        400,
        "The request is not right, in the words of OAuth 2.0.",
        refusal,
    )
}

/// Why a request of OAuth 2.0 gets no answer.
pub(in crate::http) enum OauthError {
    /// For a reason of OAuth 2.0's.
    Refused(OauthRefusal),
    /// Any other failure, which the protocol has no word for.
    Other(Error),
}

const UNKNOWN_CLIENT: OauthRefusal = OauthRefusal {
    error: OauthErrorCode::InvalidClient,
    error_description: "the client id or secret is not right",
};
const OTHER_GRANT_TYPE: OauthRefusal = OauthRefusal {
    error: OauthErrorCode::UnsupportedGrantType,
    error_description: "the grant type is client_credentials",
};
const NOT_GRANTED: OauthRefusal = OauthRefusal {
    error: OauthErrorCode::InvalidScope,
    error_description: "a scope is unknown or was not granted to the client",
};
const NO_TOKEN: OauthRefusal = OauthRefusal::of_request("token is required");

impl OauthRefusal {
    const fn of_request(error_description: &'static str) -> Self {
        Self {
            error: OauthErrorCode::InvalidRequest,
            error_description,
        }
    }
}

impl From<OauthRefusal> for OauthError {
    fn from(refusal: OauthRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Repeated> for OauthError {
    fn from(_: Repeated) -> Self {
        OauthRefusal::of_request("a parameter is given twice").into()
    }
}

impl From<Error> for OauthError {
    fn from(error: Error) -> Self {
        match error {
            Error::Credentials => UNKNOWN_CLIENT.into(),
            Error::Scope => NOT_GRANTED.into(),
            other => Self::Other(other),
        }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        match self {
            Self::Other(error) => ApiError::from(error).into_response(),
            Self::Refused(body) if body.error == OauthErrorCode::InvalidClient => {
                let basic = r#"Basic realm="lumatrace", charset="UTF-8""#;
                challenge(&body, body.error.as_str(), basic)
            }
            Self::Refused(body) => refusal(StatusCode::BAD_REQUEST, &body, body.error.as_str()),
        }
    }
}

pub(in crate::http) async fn token(
    State(ctx): State<Context>,
    Call(call): Call,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OauthError> {
    let request = TokenRequest::read(&form)?;
    let client = request.client.authenticate(&ctx, &headers, &call).await?;
    match request.grant_type? {
        Some("client_credentials") => {}
        None => return Err(OauthRefusal::of_request("grant_type is required").into()),
        Some(_) => return Err(OTHER_GRANT_TYPE.into()),
    }
    let wanted = request
        .scope?
        .map(|scope| Scopes::parse(scope).ok_or(NOT_GRANTED))
        .transpose()?;
    let session = login::client_credentials(&ctx, client, wanted, &call).await?;
    Ok(answer(
        StatusCode::OK,
        &TokenResponse {
            access_token: session.token.expose_secret(),
            token_type: Bearer::Bearer,
            expires_in: session.expires_in_seconds,
            scope: session.scopes,
        },
    ))
}

/// `POST /oauth2/revoke`: a client ends a token of its own. Any other token is none of its
/// business, and no error.
pub(in crate::http) async fn revoke(
    State(ctx): State<Context>,
    Call(call): Call,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OauthError> {
    let TokenQuestion { token, client } = TokenQuestion::read(&form)?;
    let client = client.authenticate(&ctx, &headers, &call).await?;
    let token = token?.ok_or(NO_TOKEN)?;
    introspect::revoke(&ctx, &client, token, &call).await?;
    Ok(answer(StatusCode::OK, &Nothing {}))
}

/// `POST /oauth2/introspect`: what a token of the client's tenant says, while it is good.
pub(in crate::http) async fn introspect(
    State(ctx): State<Context>,
    Call(call): Call,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, OauthError> {
    let TokenQuestion { token, client } = TokenQuestion::read(&form)?;
    let client = client.authenticate(&ctx, &headers, &call).await?;
    let token = token?.ok_or(NO_TOKEN)?;
    let claims = introspect::introspect(&ctx, &client, token).await?;
    Ok(answer(
        StatusCode::OK,
        &Introspection {
            active: claims.is_some(),
            live: claims.map(LiveToken::from),
        },
    ))
}

impl<'a> TokenRequest<'a> {
    /// What is wrong with a member is said when the client is known.
    fn read(form: &'a Form) -> Result<Self, Repeated> {
        Ok(Self {
            grant_type: form.get("grant_type"),
            scope: form.get("scope"),
            client: ClientInForm::read(form)?,
        })
    }
}

impl<'a> TokenQuestion<'a> {
    /// What is wrong with the token is said when the client is known.
    fn read(form: &'a Form) -> Result<Self, Repeated> {
        Ok(Self {
            token: form.get("token"),
            client: ClientInForm::read(form)?,
        })
    }
}

impl<'a> ClientInForm<'a> {
    fn read(form: &'a Form) -> Result<Self, Repeated> {
        Ok(Self {
            client_id: form.get("client_id")?,
            client_secret: form.get("client_secret")?,
        })
    }

    /// Finds the client: by HTTP Basic, or in the form, but not both (RFC 6749 section 2.3.1).
    /// Other schemes, such as the token that many HTTP clients put on every call, name no client.
    async fn authenticate(
        self,
        ctx: &Context,
        headers: &HeaderMap,
        call: &CallTrace,
    ) -> Result<Client, OauthError> {
        let basic = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let (id, secret) = match (basic, self.client_secret) {
            (Some(_), Some(_)) => {
                let both = "the client authenticates by Basic or in the form, not both";
                return Err(OauthRefusal::of_request(both).into());
            }
            (Some((_, encoded)), None) => match read_basic(encoded) {
                Some((id, _)) if self.client_id.is_some_and(|named| named != id) => {
                    return Err(OauthRefusal::of_request("client_id is another in the form").into());
                }
                // What cannot be read names no client, which is refused, and noted, as any other.
                read => read.unwrap_or_default(),
            },
            (None, Some(secret)) => (self.client_id.unwrap_or_default().to_owned(), secret.into()),
            (None, None) => (
                self.client_id.unwrap_or_default().to_owned(),
                SecretString::default(),
            ),
        };
        Ok(login::oauth_client(ctx, &id, &secret, call).await?)
    }
}

/// Reads `base64(id:secret)`, both of them form-encoded (RFC 6749 section 2.3.1). The secret may
/// have colons; an `&` or `=` that its client did not encode is part of it.
fn read_basic(encoded: &str) -> Option<(String, SecretString)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let whole = format!("x={}", text.replace('&', "%26"));
        form_urlencoded::parse(whole.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    Some((plain(id)?, plain(secret)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_secret_are_decoded_whole() {
        for (sent, id, secret) in [
            ("id:secret", "id", "secret"),
            ("id:a:b::c", "id", "a:b::c"),
            ("id%3A7:a%3Ab", "id:7", "a:b"),
            ("id:a%26b%3Dc%2Bd+e", "id", "a&b=c+d e"),
            ("id:a&b=c", "id", "a&b=c"),
            ("id:%C3%A9", "id", "é"),
            ("id:", "id", ""),
        ] {
            let (read_id, read_secret) = read_basic(&STANDARD.encode(sent)).unwrap();
            assert_eq!(
                (read_id.as_str(), read_secret.expose_secret()),
                (id, secret)
            );
        }
        for wrong in ["", "!", "aWQ"] {
            assert!(read_basic(wrong).is_none(), "{wrong}");
        }
    }
}
