//! `/c2pa/v1/bindings`: values that lead to manifests.

use axum::{extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde_json::json;

use crate::{
    domain::{BindingAlgorithm, BindingValue, ManifestId},
    http::{
        error::{ApiError, ErrorCode, Limit},
        extract::{Fields, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example},
    },
    service::{
        Context,
        soft_bindings::bindings::{self, Binding},
    },
};

/// A value, and the manifest that it is to lead to.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BindingRequest<'a> {
    /// Any text, of which every byte counts.
    #[schemars(length(min = 1, max = 4096))]
    binding_value: &'a str,
    /// A manifest that the tenant stored, or that of a photo of its.
    #[schemars(length(min = 1))]
    manifest_id: &'a str,
    /// The algorithm that the value is of; a value without one is found under any.
    #[schemars(length(max = 128), pattern(r"^[!-~]*$"))]
    alg: Option<&'a str>,
}

impl<'a> BindingRequest<'a> {
    fn read(body: &'a Json) -> Result<Self, ApiError> {
        let mut fields = Fields::new(&body.0);
        let request = Self {
            binding_value: fields.required_text("bindingValue"),
            manifest_id: fields.required_text("manifestId"),
            alg: fields.text("alg").filter(|alg| !alg.is_empty()),
        };
        let alg = request.alg.map(BindingAlgorithm::parse);
        if alg.is_some_and(|alg| alg.is_none()) {
            fields.refuse("alg", "must have at most 128 printable characters of ASCII");
        }
        fields.finish()?;
        Ok(request)
    }

    /// A value that is too long is 413, and an id that can be nobody's is 404.
    fn binding(&self) -> Result<Binding, ApiError> {
        let (longest, length) = (BindingValue::LONGEST_BYTES, self.binding_value.len());
        let too_large = || {
            let (max, actual) = (longest as u64, length as u64);
            ApiError::too_large("bindingValue", Limit::Bytes, max, actual)
        };
        let nobodys = || ApiError::new(ErrorCode::NotFound);
        Ok(Binding {
            value: BindingValue::new(self.binding_value).ok_or_else(too_large)?,
            alg: self.alg.and_then(BindingAlgorithm::parse),
            manifest: ManifestId::parse(self.manifest_id).ok_or_else(nobodys)?,
        })
    }
}

fn described(operation: Operation) -> Operation {
    operation
        .takes_json::<BindingRequest<'_>>(
            &json!({ "bindingValue": "fw0VvI82TQuLBRJfrC2Zig==", "manifestId": example::MANIFEST }),
        )
        .refuses(&[ErrorCode::NotFound, ErrorCode::QuotaExceeded])
        .answers(Answer::empty(204, "It leads there."))
}

pub(in crate::http) fn describe_bind() -> Operation {
    described(
        Operation::new(
            "storeBinding",
            Tag::SoftBindings,
            "Bind a value to a manifest of the tenant",
        )
        .about(
            "Beside the manifests that the value leads to; up to 100 of a manifest, 100 of a value, and 100,000 of a tenant. \
             Sent again, nothing changes.",
        ),
    )
}

pub(in crate::http) fn describe_rebind() -> Operation {
    described(
        Operation::new(
            "changeBinding",
            Tag::SoftBindings,
            "Bind a value to another manifest",
        )
        .about("Instead of those that it leads to by the same `alg`, or without one. A value that is not bound is 404."),
    )
}

pub(in crate::http) async fn bind(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    body: Json,
) -> Result<StatusCode, ApiError> {
    let binding = BindingRequest::read(&body)?.binding()?;
    bindings::bind(&ctx, &caller, &binding).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(in crate::http) async fn rebind(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    body: Json,
) -> Result<StatusCode, ApiError> {
    let binding = BindingRequest::read(&body)?.binding()?;
    bindings::rebind(&ctx, &caller, &binding).await?;
    Ok(StatusCode::NO_CONTENT)
}
