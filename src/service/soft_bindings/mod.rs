//! What clients store for others to find (C2PA 2.4, "Decoupled"): manifests that were made
//! elsewhere, and values that lead to manifests. How they are found, [`super::resolution`] says.

pub mod bindings;
pub mod manifests;
pub mod receipts;
