//! `/c2pa/v1/manifests/{manifestId}/receipts`: signed statements of what was stored, and when.

use axum::{
    extract::{Path, State},
    response::Response,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{BASE, asker};
use crate::{
    domain::ManifestId,
    http::{
        error::{ApiError, ErrorCode},
        extract::{Call, Fields, Json, PossibleCaller},
        openapi::{Answer, Operation, Tag, example, schema::without_null},
        wire,
    },
    service::{
        Context,
        soft_bindings::receipts::{self, Shown},
    },
};

/// A receipt for a stored manifest.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ManifestReceipt", transform = without_null)]
pub(super) struct ReceiptJson {
    #[serde(rename = "@context")]
    context: Vocabulary,
    #[serde(rename = "@type")]
    #[schemars(extend("const" = RECEIPT))]
    kind: &'static str,
    /// Where the manifest is kept.
    repository: Repository,
    /// What vouches for it.
    anchor: Anchor,
    /// Whether the proof is right for the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// The type of a receipt.
const RECEIPT: &str = "org.c2pa.manifest-receipt";
/// The one algorithm of proofs: that of the server's tokens.
const ALGORITHM: &str = "RS256";

/// What the names are of.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Vocabulary {
    c2pa: &'static str,
    receipt: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct Repository {
    /// The API that gives it.
    uri: String,
    manifest_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Anchor {
    /// The public keys that check the proof.
    uri: String,
    proof: Proof,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Proof {
    /// That of the server's tokens, `RS256`, in receipts of this server.
    alg: String,
    /// A compact JWS, whose claims are the issuer, the manifest, the SHA-256 of its bytes and the
    /// time of storing.
    value: String,
}

impl ReceiptJson {
    /// The receipt of a server at `url` with that proof.
    pub(super) fn new(url: &str, manifest_id: &str, proof: String) -> Self {
        Self {
            context: Vocabulary {
                c2pa: "https://c2pa.org/",
                receipt: "https://c2pa.org/receipt/",
            },
            kind: RECEIPT,
            repository: Repository {
                uri: format!("{url}{BASE}"),
                manifest_id: manifest_id.to_owned(),
            },
            anchor: Anchor {
                uri: format!("{url}/.well-known/jwks.json"),
                proof: Proof {
                    alg: ALGORITHM.to_owned(),
                    value: proof,
                },
            },
            verified: None,
            error: None,
        }
    }

    /// The same, of which it is known whether it is right.
    fn checked(self, error: Option<&'static str>) -> Self {
        Self {
            verified: Some(error.is_none()),
            error,
            ..self
        }
    }

    pub(super) fn example() -> Self {
        Self::new(example::URL, example::MANIFEST, example::TOKEN.to_owned())
    }
}

/// The receipt in a body, as far as it is looked at.
struct ReceivedReceipt<'a> {
    manifest_id: &'a str,
    alg: &'a str,
    proof: &'a str,
}

impl<'a> ReceivedReceipt<'a> {
    /// Reads a receipt. `verified` and `error` of an earlier answer are passed over.
    fn read(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let kind = fields.required_text("@type");
        if !kind.is_empty() && kind != RECEIPT {
            fields.refuse("@type", "must be org.c2pa.manifest-receipt");
        }
        fields.required_object("@context");
        let repository = fields.required_object("repository");
        let anchor = fields.required_object("anchor");
        fields.choice("verified");
        fields.text("error");
        let manifest_id = repository.and_then(|of| of.get("manifestId")?.as_str());
        if repository.is_some() && manifest_id.is_none() {
            fields.refuse("repository", "must have a manifestId");
        }
        let proof = anchor.and_then(|of| of.get("proof")?.as_object());
        let part = |name: &str| proof.and_then(|proof| proof.get(name)?.as_str());
        let (alg, value) = (part("alg"), part("value"));
        if anchor.is_some() && (alg.is_none() || value.is_none()) {
            fields.refuse("anchor", "must have a proof with alg and value");
        }
        fields.finish()?;
        Ok(Self {
            manifest_id: manifest_id.unwrap_or_default(),
            alg: alg.unwrap_or_default(),
            proof: value.unwrap_or_default(),
        })
    }
}

fn described(operation: Operation) -> Operation {
    operation.path::<String>("manifestId", "The id of the manifest.", example::MANIFEST)
}

pub(in crate::http) fn describe_issue() -> Operation {
    described(
        Operation::new(
            "getManifestReceipt",
            Tag::SoftBindings,
            "A receipt for a stored manifest",
        )
        .about(
            "Signed anew by a key of `/.well-known/jwks.json`, with which anybody checks it without this server. Of manifests that were \
             stored here; those of protected photos are signed and stamped themselves.",
        ),
    )
    .answers(Answer::json(
        200,
        "The receipt.",
        &ReceiptJson::example().checked(None),
    ))
}

pub(in crate::http) fn describe_check() -> Operation {
    described(Operation::new(
        "checkManifestReceipt",
        Tag::SoftBindings,
        "Whether a receipt is right for a stored manifest",
    ))
    .takes_json::<ReceiptJson>(&json!(ReceiptJson::example()))
    .answers(Answer::json(
        200,
        "The receipt with `verified`, and with `error` where it is not.",
        &ReceiptJson::example().checked(Some("the proof is not a signature of this server")),
    ))
}

/// Reads an id; one that can be nobody's is not found.
pub(super) fn id(text: &str) -> Result<ManifestId, ApiError> {
    ManifestId::parse(text).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
}

pub(in crate::http) async fn issue(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    Path(manifest): Path<String>,
) -> Result<Response, ApiError> {
    let manifest = id(&manifest)?;
    let proof = receipts::issue(&ctx, &asker(caller, call), &manifest).await?;
    let receipt = ReceiptJson::new(&ctx.settings.public_url, manifest.as_str(), proof);
    wire::json(&receipt.checked(None))
}

pub(in crate::http) async fn check(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    Path(manifest): Path<String>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let sent = ReceivedReceipt::read(&body)?;
    let manifest = id(&manifest)?;
    let shown = Shown {
        manifest_id: sent.manifest_id,
        alg: sent.alg,
        proof: sent.proof,
    };
    let wrong = receipts::check(&ctx, &asker(caller, call), &manifest, shown).await?;
    let url = &ctx.settings.public_url;
    let mut receipt = ReceiptJson::new(url, sent.manifest_id, sent.proof.to_owned());
    sent.alg.clone_into(&mut receipt.anchor.proof.alg);
    wire::json(&receipt.checked(wrong))
}
