//! The content credentials of a received file, on the wire.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    credentials::{Ingredient, Judgement, Signer, Trust},
    domain::{PhotoId, verdict::C2paStatus},
    http::{openapi::example, wire::Time},
    service::Verification,
};

/// The content credentials (C2PA) of the file: whether they are whole, and whose they are. Trust
/// never changes `authentic`; integrity does.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ContentCredentials")]
pub(super) struct CredentialsJson {
    status: C2paStatus,
    trust: Option<Trust>,
    signer: Option<SignerJson>,
    /// When it was signed, by a time stamp.
    signed_at: Option<Time>,
    /// That time is vouched for by an authority that this server trusts.
    time_stamped: bool,
    /// The name of the manifest.
    manifest_id: Option<String>,
    /// The photo that a soundly signed manifest names, if it is the tenant's.
    photo_id: Option<PhotoId>,
    /// What failed and what is worth knowing, in the words of C2PA or in ours (`lumatrace.`).
    codes: Vec<String>,
    /// What the manifest says it was made of. A fault in there is its signer's to explain, and does
    /// not change `status`.
    ingredients: Vec<IngredientJson>,
    /// The kept manifest of the photo that the pixels lead to, where the file carries none. It says
    /// what was signed, and does not vouch for these bytes.
    recovered: Option<RecoveredJson>,
}

/// Who signed, by the certificate.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct SignerJson {
    common_name: Option<String>,
    organization: Option<String>,
    /// When the certificate ends.
    not_after: Time,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct IngredientJson {
    title: Option<String>,
    /// What its own credentials were found to be when this manifest was signed, or worse.
    status: C2paStatus,
    codes: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct RecoveredJson {
    manifest_id: String,
    /// Where it is to be had, with the scope `manifests:read`.
    url: String,
}

impl CredentialsJson {
    /// The credentials of the file that was compared with `photo`.
    pub(super) fn new(photo: PhotoId, found: &Verification) -> Self {
        let judgement: &Judgement = &found.credentials.judgement;
        Self {
            status: found.evidence.c2pa,
            trust: judgement.trust,
            signer: judgement.signer.as_ref().map(SignerJson::new),
            signed_at: judgement.signed_at.map(Time),
            time_stamped: judgement.time_stamped,
            manifest_id: judgement.manifest_id.clone(),
            photo_id: found.credentials.photo,
            codes: judgement.codes.clone(),
            ingredients: judgement
                .ingredients
                .iter()
                .map(IngredientJson::new)
                .collect(),
            recovered: found.recovered.as_ref().map(|manifest_id| RecoveredJson {
                manifest_id: manifest_id.clone(),
                url: format!("/api/v1/photos/{photo}/manifest"),
            }),
        }
    }

    /// Those of a file from which the manifest was stripped.
    pub(super) fn example() -> Self {
        Self {
            status: C2paStatus::Missing,
            trust: None,
            signer: None,
            signed_at: None,
            time_stamped: false,
            manifest_id: None,
            photo_id: None,
            codes: Vec::new(),
            ingredients: Vec::new(),
            recovered: Some(RecoveredJson {
                manifest_id: example::MANIFEST.to_owned(),
                url: format!("/api/v1/photos/{}/manifest", example::PHOTO),
            }),
        }
    }
}

impl SignerJson {
    fn new(signer: &Signer) -> Self {
        Self {
            common_name: signer.common_name.clone(),
            organization: signer.organization.clone(),
            not_after: Time(signer.not_after),
        }
    }
}

impl IngredientJson {
    fn new(ingredient: &Ingredient) -> Self {
        Self {
            title: ingredient.title.clone(),
            status: ingredient.status,
            codes: ingredient.codes.clone(),
        }
    }
}
