//! From requests to domain values; all refusing of malformed requests happens here.

mod caller;
mod fields;
mod json;
mod photo_form;

pub(super) use caller::Caller;
pub(super) use fields::Fields;
pub(super) use json::{Json, parse_object};
pub(super) use photo_form::PhotoForm;
