//! What happens around handlers, one file a layer.

mod access_line;
mod answer;
mod authenticate;
mod body;
mod framing;
mod last_answers;
mod limit;
mod options;
mod pace;
mod shed;
mod trace;

pub use answer::Departures;
pub(super) use answer::answer;
pub(super) use authenticate::{authenticate, authenticate_if_shown, authorise};
pub(super) use body::body;
pub(super) use framing::framing;
pub(super) use last_answers::last_answers;
pub(super) use limit::{limit, tell};
pub(super) use options::{cors, options};
pub(super) use shed::shed;
pub(super) use trace::{RequestId, trace};
