//! `GET /api/v1/me`: who the caller is, what it may send and how often, and who answers.

use axum::{extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{Role, Scope, Scopes},
    http::{
        error::ApiError,
        extract::{Standing, VerifiedCaller},
        openapi::{Answer, Operation, Tag},
        wire,
    },
    service::{Context, images},
};

/// The caller, and what holds for it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Me")]
struct Response<'a> {
    /// The tenant that the token is for.
    tenant_id: &'a str,
    /// The account, or the name under which an application acts.
    username: &'a str,
    /// The role that the token carries.
    role: Role,
    /// What the token may do.
    scopes: Vec<Scope>,
    limits: CallerLimits,
    server: ServerJson,
}

/// The server that answers.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ServerJson {
    /// Its version, as in 1.2.3.
    version: &'static str,
}

/// This server.
const SERVER: ServerJson = ServerJson {
    version: env!("CARGO_PKG_VERSION"),
};

/// How large its images may be, and how often it may call.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct CallerLimits {
    /// Bytes of an image, at most.
    image_bytes: usize,
    /// Pixels of an image, at most; the operator may set it for a tenant.
    image_pixels: u64,
    /// Of the tenant, on average; null for any number.
    calls_per_second: Option<u32>,
    /// Of the tenant, at once; null for any number.
    calls_at_once: Option<u32>,
    /// Of the tenant; null for any number.
    calls_per_hour: Option<u32>,
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "getMe",
        Tag::Tenant,
        "Who calls, what it may do, and how often",
    )
    .answers(Answer::json(
        200,
        "The caller.",
        &Response {
            tenant_id: "demo",
            username: "demo",
            role: Role::User,
            scopes: Scopes::PHOTOS.iter().collect(),
            limits: CallerLimits {
                image_bytes: 26_214_400,
                image_pixels: 16_000_000,
                calls_per_second: Some(50),
                calls_at_once: Some(100),
                calls_per_hour: Some(50_000),
            },
            server: SERVER,
        },
    ))
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    standing: Standing,
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    let image = images::limits(&ctx, standing.max_megapixels());
    let rates = standing.rates();
    let bucket = rates.bucket();
    wire::json(&Response {
        tenant_id: caller.tenant.as_str(),
        username: caller.claims().username.as_str(),
        role: caller.claims().role,
        scopes: caller.claims().scopes.iter().collect(),
        limits: CallerLimits {
            image_bytes: image.max_bytes,
            image_pixels: image.max_pixels,
            calls_per_second: bucket.map(|bucket| bucket.per_second),
            calls_at_once: bucket.map(|bucket| bucket.burst),
            calls_per_hour: rates.hourly(),
        },
        server: SERVER,
    })
}
