//! From requests to domain values; all refusing of malformed requests happens here.

mod body;
mod caller;
mod fields;
mod form;
mod idempotency;
mod intake;
mod json;
mod names;
mod photo_form;
mod plain_image;
mod source;
mod standing;

pub(super) use body::{check_content_type, content_length, read_bounded};
pub(super) use caller::{Anonymous, PossibleCaller, VerifiedCaller};
pub(super) use fields::Fields;
pub(super) use form::{Form, Repeated};
pub(super) use idempotency::Idempotency;
pub(super) use json::{Json, parse_object};
pub(super) use photo_form::PhotoForm;
pub(super) use plain_image::PlainImage;
pub(super) use source::Call;
pub use source::Peer;
pub(super) use standing::Standing;

/// Header with an API key.
pub(super) const API_KEY: &str = "x-api-key";
/// Header with the id of an application.
pub(super) const APPLICATION: &str = "appidv3";
