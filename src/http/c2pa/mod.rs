//! The Soft Binding Resolution API (C2PA 2.4, "Decoupled"): from a picture, or from what a manifest
//! binds, to the manifest. Its answers and names are its own, also where ours would be others.

pub(super) mod bindings;
pub(super) mod manifests;
pub(super) mod matches;
pub(super) mod receipts;
pub(super) mod services;

use crate::{
    http::extract::{Call, PossibleCaller},
    service::resolution::Asker,
};

/// The path that all of it begins with.
const BASE: &str = "/c2pa/v1";

/// Whether a path belongs to this API.
pub(super) fn is_ours(path: &str) -> bool {
    let rest = path.strip_prefix(BASE);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

fn asker(PossibleCaller(caller): PossibleCaller, Call(call): Call) -> Asker {
    Asker {
        tenant: caller.map(|caller| caller.tenant.clone()),
        source: call.source,
    }
}
