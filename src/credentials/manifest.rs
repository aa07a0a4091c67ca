//! The definition of the manifest that `protect` signs: C2PA 2.4, claim version 2.

use c2pa::Builder;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::PHOTO_ASSERTION;
use crate::{
    domain::{ContentHash, PhotoId, Registration},
    imaging::Format,
};

/// Version of the specification that the manifest is made by, as C2PA's asset rubric compares it.
const SPECIFICATION: &str = "2.4";
/// Label by which the action `c2pa.opened` names its one ingredient.
const PARENT: &str = "parent";

/// What a manifest says about a protected photo.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Drawn for this manifest: its URN is made of it.
    pub manifest: Uuid,
    /// The photo, whose mark is in the pixels.
    pub photo: PhotoId,
    /// The container of the upload and of the protected file.
    pub format: Format,
    /// SHA-256 of the upload.
    pub content_hash: ContentHash,
    /// What the client told of the photo. Its place is published only if the client wants that.
    pub registration: Registration,
    /// The address of the service that knows the photo.
    pub service: String,
    /// The name of the watermark's algorithm in the soft binding.
    pub soft_binding: String,
}

/// Bytes that become a CBOR byte string; a plain vector would become a list of numbers.
struct ByteString<'a>(&'a [u8]);

impl Serialize for ByteString<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The assertion `c2pa.soft-binding` (C2PA 2.4, 18.10; its schema is CDDL).
#[derive(Serialize)]
struct SoftBinding<'a> {
    alg: &'a str,
    blocks: [SoftBindingBlock<'a>; 1],
    pad: ByteString<'a>,
}

#[derive(Serialize)]
struct SoftBindingBlock<'a> {
    scope: WholePicture,
    value: ByteString<'a>,
}

/// A scope without a region or a time span.
#[derive(Serialize)]
struct WholePicture {}

impl Statement {
    /// Adds all that is stated to `builder`, except the upload: that is an ingredient, which the
    /// action `c2pa.opened` names.
    ///
    /// # Errors
    ///
    /// The crate refuses the definition.
    pub(super) fn define(&self, builder: Builder, redactions: &[String]) -> c2pa::Result<Builder> {
        let mut actions = vec![
            json!({ "action": "c2pa.opened", "parameters": { "ingredientIds": [PARENT] } }),
            json!({ "action": "c2pa.watermarked.bound", "softwareAgent": agent() }),
        ];
        actions.extend(redactions.iter().map(|assertion| {
            json!({
                "action": "c2pa.redacted",
                "reason": "c2pa.PII.present",
                "parameters": { "redacted": assertion },
            })
        }));
        let mut generator = agent();
        generator["specVersion"] = SPECIFICATION.into();
        let mut definition = json!({
            "claim_version": 2,
            "claim_generator_info": [generator],
            "label": self.manifest_id(),
            "title": format!("protected_{}.{}", self.photo, self.format.extension()),
            "format": self.format.content_type(),
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "created": true,
                    "data": { "actions": actions, "allActionsIncluded": true },
                },
                { "label": PHOTO_ASSERTION, "kind": "Json", "created": true, "data": self.photo() },
            ],
        });
        if !redactions.is_empty() {
            definition["redactions"] = json!(redactions);
        }
        let mut builder = builder.with_definition(definition.to_string())?;
        builder.add_assertion(
            "c2pa.soft-binding",
            &SoftBinding {
                alg: &self.soft_binding,
                blocks: [SoftBindingBlock {
                    scope: WholePicture {},
                    value: ByteString(self.photo.as_uuid().as_bytes()),
                }],
                // The schema asks for one; nothing here is padded.
                pad: ByteString(&[0]),
            },
        )?;
        Ok(builder)
    }

    /// The URN of the manifest (C2PA 2.4, 8.2).
    pub(super) fn manifest_id(&self) -> String {
        format!("urn:c2pa:{}", self.manifest)
    }

    /// Our own assertion: the photo, and what its client told.
    fn photo(&self) -> Value {
        let mut told = Map::new();
        told.insert("photoId".to_owned(), self.photo.to_string().into());
        told.insert(
            "contentHash".to_owned(),
            self.content_hash.to_string().into(),
        );
        told.insert("service".to_owned(), self.service.as_str().into());
        if let Some(model) = &self.registration.device_model {
            told.insert("deviceModel".to_owned(), model.as_str().into());
        }
        if let (Some(place), true) = (self.registration.place, self.registration.publish_location) {
            told.insert("latitude".to_owned(), place.latitude().into());
            told.insert("longitude".to_owned(), place.longitude().into());
        }
        Value::Object(told)
    }

    /// The upload as an ingredient, without its file: for one that carries no manifest.
    ///
    /// Its id is drawn anew, so that none of the upload's metadata comes along.
    pub(super) fn parent(&self, description: Option<&str>) -> Value {
        let mut parent = json!({
            "title": format!("original.{}", self.format.extension()),
            "format": self.format.content_type(),
            "relationship": "parentOf",
            "label": PARENT,
            "instance_id": format!("xmp:iid:{}", Uuid::new_v4()),
        });
        if let Some(description) = description {
            parent["description"] = description.into();
        }
        parent
    }
}

fn agent() -> Value {
    json!({ "name": "LumaTrace", "version": env!("CARGO_PKG_VERSION") })
}
