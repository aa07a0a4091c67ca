//! What happens around handlers, one file a layer.

mod authenticate;
mod body;
mod trace;

pub(super) use authenticate::authenticate;
pub(super) use body::body;
pub(super) use trace::{RequestId, trace};
