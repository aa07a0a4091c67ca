//! What happens around handlers, one file a layer.

mod authenticate;
mod body;
mod framing;
mod limit;
mod options;
mod trace;

pub(super) use authenticate::{authenticate, authorise};
pub(super) use body::body;
pub(super) use framing::framing;
pub(super) use limit::{limit, tell};
pub(super) use options::{cors, options};
pub(super) use trace::{RequestId, trace};
