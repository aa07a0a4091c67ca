//! What a client can find out about the Soft Binding Resolution API by itself.

use axum::{extract::State, response::Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::BASE;
use crate::{
    http::{
        error::ApiError,
        openapi::{Answer, Operation, Tag},
        wire::{self, Time},
    },
    service::Context,
};

/// The version of the specification that is followed.
const VERSION: &str = "2.4.0";

/// Where the API is (C2PA 2.4, "Decoupled").
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SoftBindingResolution {
    /// The address that its paths follow.
    api_endpoint: String,
    /// The version of the specification.
    c2pa_specification_version: &'static str,
    /// Where its capabilities are told.
    capabilities_endpoint: String,
    /// Where its state is told.
    status_endpoint: String,
}

impl SoftBindingResolution {
    fn at(url: &str) -> Self {
        let api_endpoint = format!("{url}{BASE}");
        Self {
            capabilities_endpoint: format!("{api_endpoint}/services/capabilities"),
            status_endpoint: format!("{api_endpoint}/services/status"),
            api_endpoint,
            c2pa_specification_version: VERSION,
        }
    }
}

/// What the API can do.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ResolutionCapabilities {
    /// The address that its paths follow.
    api_endpoint: String,
    /// The version of the specification.
    c2pa_specification_version: &'static str,
    #[serde(rename = "supportedCapabilities")]
    supported: Vec<Capability>,
}

impl ResolutionCapabilities {
    fn at(url: &str) -> Self {
        Self {
            api_endpoint: format!("{url}{BASE}"),
            c2pa_specification_version: VERSION,
            supported: vec![
                Capability::QueryByBinding,
                Capability::QueryByContent,
                Capability::StoreManifests,
                Capability::StoreBindings,
                Capability::Receipts,
            ],
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
enum Capability {
    QueryByBinding,
    QueryByContent,
    StoreManifests,
    StoreBindings,
    Receipts,
}

/// The algorithms whose soft bindings lead to manifests.
#[derive(Serialize, JsonSchema)]
struct SupportedAlgorithms {
    watermarks: Vec<Algorithm>,
    fingerprints: Vec<Algorithm>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Algorithm {
    /// Its name in soft bindings.
    alg: String,
}

impl SupportedAlgorithms {
    fn new(watermark: &str) -> Self {
        Self {
            watermarks: vec![Algorithm {
                alg: watermark.to_owned(),
            }],
            fingerprints: Vec::new(),
        }
    }
}

/// Whether the API works at this moment.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResolutionStatus")]
struct StatusJson {
    status: Condition,
    /// The server's clock, in UTC.
    timestamp: Time,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Condition {
    Ok,
    Degraded,
    Down,
}

const EXAMPLE_URL: &str = "https://photos.example.com";

pub(in crate::http) fn describe_discovery() -> Operation {
    Operation::new(
        "getSoftBindingResolution",
        Tag::SoftBindings,
        "Where the Soft Binding Resolution API is",
    )
    .answers(Answer::json(
        200,
        "There.",
        &SoftBindingResolution::at(EXAMPLE_URL),
    ))
}

pub(in crate::http) fn describe_capabilities() -> Operation {
    Operation::new(
        "getResolutionCapabilities",
        Tag::SoftBindings,
        "What the Soft Binding Resolution API can do here",
    )
    .answers(Answer::json(
        200,
        "This.",
        &ResolutionCapabilities::at(EXAMPLE_URL),
    ))
}

pub(in crate::http) fn describe_algorithms() -> Operation {
    Operation::new(
        "getSupportedAlgorithms",
        Tag::SoftBindings,
        "The algorithms whose soft bindings lead to manifests",
    )
    .answers(Answer::json(
        200,
        "Their names.",
        &SupportedAlgorithms::new("com.example.lumatrace.wm.1"),
    ))
}

pub(in crate::http) fn describe_status() -> Operation {
    Operation::new(
        "getResolutionStatus",
        Tag::SoftBindings,
        "Whether the Soft Binding Resolution API works",
    )
    .about("`degraded`: the server lacks something that this API does not need; what, `/readyz` tells.")
    .answers(Answer::json(
        200,
        "Its state.",
        &StatusJson {
            status: Condition::Ok,
            timestamp: Time::EXAMPLE,
        },
    ))
}

pub(in crate::http) async fn discovery(State(ctx): State<Context>) -> Result<Response, ApiError> {
    wire::json(&SoftBindingResolution::at(&ctx.settings.public_url))
}

pub(in crate::http) async fn capabilities(
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    wire::json(&ResolutionCapabilities::at(&ctx.settings.public_url))
}

pub(in crate::http) async fn algorithms(State(ctx): State<Context>) -> Result<Response, ApiError> {
    wire::json(&SupportedAlgorithms::new(&ctx.settings.soft_binding))
}

/// From the look that readiness takes: nothing is asked for the sake of this, and a stop waits for
/// no stranger.
pub(in crate::http) async fn status(State(ctx): State<Context>) -> Result<Response, ApiError> {
    let reasons = ctx.readiness.reasons();
    let status = if reasons.iter().any(|reason| reason.part() == "database") {
        Condition::Down
    } else if reasons.is_empty() {
        Condition::Ok
    } else {
        Condition::Degraded
    };
    wire::json(&StatusJson {
        status,
        timestamp: Time(ctx.clock.now()),
    })
}
