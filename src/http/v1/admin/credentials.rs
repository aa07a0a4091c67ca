//! `/api/v1/admin/api-keys` and `/api/v1/admin/applications`: the credentials of the caller's
//! tenant. Secrets are shown once.

use std::borrow::Cow;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    db::credentials::{Credential, CredentialCursor},
    domain::{CredentialId, CredentialKind, Scope, Scopes},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example, schema::ONE_LINE},
        v1::page,
        wire::{self, PageJson, Time},
    },
    service::{
        Context, admin,
        credentials::{APPLICATION_TOKEN_TTL_SECONDS, ApiKeyRequest, ApplicationRequest},
    },
};

/// An API key, without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
struct ApiKeyJson {
    /// The key's id, with which it is revoked.
    id: CredentialId,
    #[serde(flatten)]
    common: CredentialJson,
}

/// An application, without its secret.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Application")]
struct ApplicationJson {
    /// The id that it signs in with.
    app_id: ApplicationId,
    #[serde(flatten)]
    common: CredentialJson,
}

/// The members of both.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CredentialJson {
    /// For people. 1 to 128 characters, no control characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = ONE_LINE))]
    name: String,
    /// Scopes between single spaces.
    scope: Scopes,
    /// When it was made.
    created_at: Time,
    /// When it was revoked; null if it was not.
    revoked_at: Option<Time>,
    /// When it ends by itself, and its tokens with it, or has ended; null: never.
    expires_at: Option<Time>,
    /// A sign-in with it, at most an hour before the latest; null if there was none.
    last_used_at: Option<Time>,
}

impl CredentialJson {
    fn example() -> Self {
        Self {
            name: "desk".to_owned(),
            scope: verify_and_read(),
            created_at: Time::EXAMPLE,
            revoked_at: None,
            expires_at: None,
            last_used_at: Some(Time::EXAMPLE),
        }
    }
}

impl From<Credential> for CredentialJson {
    fn from(credential: Credential) -> Self {
        Self {
            name: credential.name,
            scope: credential.scopes,
            created_at: Time(credential.created_at),
            revoked_at: credential.revoked_at.map(Time),
            expires_at: credential.expires_at.map(Time),
            last_used_at: credential.last_used_at.map(Time),
        }
    }
}

/// An application's id, as its clients send it.
#[derive(Serialize)]
struct ApplicationId(String);

impl From<CredentialId> for ApplicationId {
    fn from(id: CredentialId) -> Self {
        Self(id.as_application())
    }
}

impl JsonSchema for ApplicationId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ApplicationId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^LCUID-LAP-[0-9a-fA-F-]{36}$" })
    }
}

/// A new API key.
#[derive(JsonSchema)]
#[schemars(rename = "NewApiKey")]
struct ApiKeyBody<'a> {
    /// For people. 1 to 128 characters, no control characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = ONE_LINE))]
    name: &'a str,
    /// Scopes between single spaces; all about photos without it.
    #[schemars(with = "Option<String>", regex(pattern = scopes_pattern()))]
    scope: Scopes,
    /// Days until it ends, and its tokens with it; without it, it ends when it is revoked.
    #[schemars(range(min = 1, max = 3650))]
    days: Option<u32>,
}

/// The application that is to be made.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewApplication")]
struct ApplicationBody<'a> {
    #[serde(flatten)]
    credential: ApiKeyBody<'a>,
    /// Days that its tokens last; 365 without it.
    #[schemars(range(min = 1, max = 3650))]
    token_days: Option<u32>,
}

fn scopes_pattern() -> String {
    let names = Scope::ALL.map(Scope::as_str);
    let one = format!("({})", names.join("|"));
    format!("^{one}( {one})*$")
}

impl<'a> ApiKeyBody<'a> {
    fn read(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let request = Self::read_fields(body, &mut fields);
        fields.finish()?;
        Ok(request)
    }

    fn read_fields(body: &'a Map<String, Value>, fields: &mut Fields<'a>) -> Self {
        let name = fields.required_text("name");
        let scope = match body.get("scope").filter(|scope| !scope.is_null()) {
            None => Some(Scopes::PHOTOS),
            Some(scope) => scope.as_str().and_then(Scopes::parse),
        };
        if scope.is_none() {
            fields.refuse("scope", "must be names of scopes between single spaces");
        }
        Self {
            name,
            scope: scope.unwrap_or_default(),
            days: fields.whole("days", 1..=3650),
        }
    }
}

impl<'a> ApplicationBody<'a> {
    fn read(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let request = Self {
            token_days: fields.whole("tokenDays", 1..=3650),
            credential: ApiKeyBody::read_fields(body, &mut fields),
        };
        fields.finish()?;
        Ok(request)
    }
}

/// The API key that was made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedApiKey")]
struct ApiKeyResponse<'a> {
    /// The key's id, with which it is revoked.
    id: CredentialId,
    /// The secret, for the header `x-api-key`. Shown this once.
    #[schemars(length(min = 1))]
    api_key: &'a str,
    /// For people. 1 to 128 characters, no control characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = ONE_LINE))]
    name: &'a str,
    /// Scopes between single spaces.
    scope: Scopes,
    /// When it ends by itself, and its tokens with it; null: never.
    expires_at: Option<Time>,
}

/// The application that was made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedApplication")]
struct ApplicationResponse<'a> {
    /// The id that it signs in with.
    app_id: ApplicationId,
    /// The secret, for `POST /api/v3/auth` and OAuth 2.0. Shown this once.
    #[schemars(length(min = 1))]
    token: &'a str,
    /// For `POST /api/v3/auth`, and the `client_secret` of OAuth 2.0.
    #[schemars(length(min = 1))]
    secret: &'a str,
    /// For people. 1 to 128 characters, no control characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = ONE_LINE))]
    name: &'a str,
    /// Scopes between single spaces.
    scope: Scopes,
    /// When it ends by itself, and its tokens with it; null: never.
    expires_at: Option<Time>,
}

/// The scopes in examples.
fn verify_and_read() -> Scopes {
    Scopes::of(Scope::Verify).or(Scopes::of(Scope::Read))
}

pub(in crate::http) fn describe_list_api_keys() -> Operation {
    let key = ApiKeyJson {
        id: example::credential(),
        common: CredentialJson::example(),
    };
    Operation::new(
        "listApiKeys",
        Tag::Administration,
        "The tenant's API keys, newest first",
    )
    .paged(CURSOR)
    .answers(Answer::json(
        200,
        "A page of API keys.",
        &PageJson::whole(vec![key]),
    ))
}

pub(in crate::http) fn describe_create_api_key() -> Operation {
    Operation::new("createApiKey", Tag::Administration, "A new API key")
        .takes_json::<ApiKeyBody<'_>>(
            &json!({ "name": "desk", "scope": "photos:verify photos:read" }),
        )
        .answers(Answer::json(
            201,
            "The key, shown in this answer alone.",
            &ApiKeyResponse {
                id: example::credential(),
                api_key: example::SECRET,
                name: "desk",
                scope: verify_and_read(),
                expires_at: None,
            },
        ))
}

pub(in crate::http) fn describe_revoke_api_key() -> Operation {
    Operation::new(
        "revokeApiKey",
        Tag::Administration,
        "The end of an API key and its tokens",
    )
    .path::<CredentialId>("id", "The API key.", example::KEY)
    .answers(Answer::empty(
        204,
        "It and its tokens are refused from now on.",
    ))
}

pub(in crate::http) fn describe_list_applications() -> Operation {
    let application = ApplicationJson {
        app_id: example::credential().into(),
        common: CredentialJson::example(),
    };
    Operation::new(
        "listApplications",
        Tag::Administration,
        "The tenant's applications, newest first",
    )
    .paged(CURSOR)
    .answers(Answer::json(
        200,
        "A page of applications.",
        &PageJson::whole(vec![application]),
    ))
}

pub(in crate::http) fn describe_create_application() -> Operation {
    Operation::new(
        "createApplication",
        Tag::Administration,
        "A new application",
    )
    .about("It signs in at `POST /api/v3/auth`, and is a client of OAuth 2.0.")
    .takes_json::<ApplicationBody<'_>>(
        &json!({ "name": "archive", "scope": "photos:verify photos:read", "tokenDays": 365 }),
    )
    .answers(Answer::json(
        201,
        "The application; its token and secret are shown in this answer alone.",
        &ApplicationResponse {
            app_id: example::credential().into(),
            token: example::SECRET,
            secret: example::SECRET,
            name: "archive",
            scope: verify_and_read(),
            expires_at: None,
        },
    ))
}

pub(in crate::http) fn describe_revoke_application() -> Operation {
    Operation::new(
        "revokeApplication",
        Tag::Administration,
        "The end of an application and its tokens",
    )
    .path::<ApplicationId>("id", "The application.", example::APPLICATION)
    .answers(Answer::empty(
        204,
        "It and its tokens are refused from now on.",
    ))
}

/// A cursor, as [`write_cursor`] makes it.
const CURSOR: &str = r"^[0-9]{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

/// A cursor is the time and id of the last credential seen; which tenant's, the token says.
fn write_cursor(cursor: CredentialCursor) -> String {
    format!("{}.{}", cursor.created_at_us, cursor.id)
}

fn read_cursor(text: &str) -> Option<CredentialCursor> {
    let (created_at_us, id) = text.split_once('.')?;
    Some(CredentialCursor {
        created_at_us: page::whole(created_at_us)?,
        id: CredentialId::parse(id)?,
    })
}

fn read_page(query: page::Received) -> Result<(Option<CredentialCursor>, u8), ApiError> {
    let (query, limit) = page::read(query)?;
    let cursor = query.get("cursor").map(|text| {
        read_cursor(text).ok_or_else(|| ApiError::field("cursor", "is not one of ours"))
    });
    Ok((cursor.transpose()?, limit))
}

/// Lists API keys, newest first.
pub(in crate::http) async fn list_api_keys(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (cursor, limit) = read_page(query)?;
    let kind = CredentialKind::ApiKey;
    let page = admin::list_credentials(&ctx, &caller, kind, cursor, limit).await?;
    let items = page.items.into_iter().map(|key| ApiKeyJson {
        id: key.id,
        common: key.into(),
    });
    wire::json(&PageJson {
        items: items.collect(),
        next: page.next.map(write_cursor),
    })
}

/// Lists applications, newest first.
pub(in crate::http) async fn list_applications(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (cursor, limit) = read_page(query)?;
    let kind = CredentialKind::Application;
    let page = admin::list_credentials(&ctx, &caller, kind, cursor, limit).await?;
    let items = page.items.into_iter().map(|application| ApplicationJson {
        app_id: application.id.into(),
        common: application.into(),
    });
    wire::json(&PageJson {
        items: items.collect(),
        next: page.next.map(write_cursor),
    })
}

/// Adds an API key.
pub(in crate::http) async fn create_api_key(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let ApiKeyBody { name, scope, days } = ApiKeyBody::read(&body)?;
    let request = ApiKeyRequest {
        name,
        scopes: scope,
        days,
    };
    let made = admin::create_api_key(&ctx, &caller, request).await?;
    wire::created(&ApiKeyResponse {
        id: made.id,
        api_key: made.key.expose_secret(),
        name,
        scope,
        expires_at: made.expires_at.map(Time),
    })
}

pub(in crate::http) async fn create_application(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let request = ApplicationBody::read(&body)?;
    let ApiKeyBody { name, scope, days } = request.credential;
    let token_days = request.token_days;
    let request = ApplicationRequest {
        name,
        scopes: scope,
        days,
        token_ttl_seconds: token_days.map_or(APPLICATION_TOKEN_TTL_SECONDS, |days| days * 86_400),
    };
    let made = admin::create_application(&ctx, &caller, request).await?;
    wire::created(&ApplicationResponse {
        app_id: made.id.into(),
        token: made.token.expose_secret(),
        secret: made.secret.expose_secret(),
        name,
        scope,
        expires_at: made.expires_at.map(Time),
    })
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
