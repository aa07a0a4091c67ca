//! From requests to domain values; all refusing of malformed requests happens here.

mod caller;
mod fields;
mod json;
mod photo_form;
mod standing;

pub(super) use caller::Caller;
pub(super) use fields::Fields;
pub(super) use json::{Json, parse_object};
pub(super) use photo_form::PhotoForm;
pub(super) use standing::Standing;
