//! `GET /api/v1/tenant/policy`: what the operator has set for the tenant.

use std::num::NonZeroU32;

use axum::{extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{
        CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
    },
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag},
        wire,
    },
    service::{Context, tenant_policy},
};

/// Pixels of a megapixel.
const MEGAPIXEL: u64 = 1_000_000;

/// What the operator has set for the tenant, or the server's default.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TenantPolicy")]
struct Response<'a> {
    /// The tenant that the token is for.
    tenant_id: &'a str,
    /// What the records of its photos show: `full` or, with less evidence, `strict`.
    privacy: Privacy,
    /// Whether a declared `contentHash` must be the image's own (`strict`) or look like one
    /// (`format`).
    content_hash: ContentHashPolicy,
    /// Whether the manifests of its photos are kept.
    manifests: ManifestPolicy,
    /// Whether anybody may check a picture against its photos, without a token.
    check: CheckPolicy,
    /// Whether the manifests of what it protects are published, unless the client says otherwise.
    publish_manifests: PublicationPolicy,
    /// How many photos may show the same picture; null for any number.
    max_copies: Option<NonZeroU32>,
    /// Million pixels of an image, at most.
    #[schemars(range(min = 1))]
    max_megapixels: u64,
    limits: CallLimits,
}

/// How often the tenant may call.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct CallLimits {
    /// On average; null for any number.
    #[serde(rename = "callsPerSecond")]
    per_second: Option<u32>,
    /// At once; null for any number.
    #[serde(rename = "callsAtOnce")]
    at_once: Option<u32>,
    /// In an hour of UTC; null for any number.
    #[serde(rename = "callsPerHour")]
    per_hour: Option<u32>,
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "getTenantPolicy",
        Tag::Tenant,
        "What the operator has set for the tenant",
    )
    .about("By `lumatrace tenant set`, and nowhere else.")
    .answers(Answer::json(
        200,
        "What holds now.",
        &Response {
            tenant_id: "demo",
            privacy: Privacy::Full,
            content_hash: ContentHashPolicy::Strict,
            manifests: ManifestPolicy::Keep,
            check: CheckPolicy::Off,
            publish_manifests: PublicationPolicy::Off,
            max_copies: NonZeroU32::new(4),
            max_megapixels: 16,
            limits: CallLimits {
                per_second: Some(50),
                at_once: Some(100),
                per_hour: Some(50_000),
            },
        },
    ))
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    let policy = tenant_policy::read(&ctx, &caller.tenant).await?;
    let rates = ctx.limiter.rates(policy.rates);
    let bucket = rates.bucket();
    let default = ctx.settings.limits.max_pixels / MEGAPIXEL;
    wire::json(&Response {
        tenant_id: caller.tenant.as_str(),
        privacy: policy.privacy,
        content_hash: policy.content_hash,
        manifests: policy.manifests,
        check: policy.check,
        publish_manifests: policy.publication,
        max_copies: policy.max_copies,
        max_megapixels: (policy.max_megapixels).map_or(default, |max| Megapixels::get(max).into()),
        limits: CallLimits {
            per_second: bucket.map(|bucket| bucket.per_second),
            at_once: bucket.map(|bucket| bucket.burst),
            per_hour: rates.hourly(),
        },
    })
}
