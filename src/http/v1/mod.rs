//! The endpoints, one file each: the wire's shape, the handler, the way to domain values and back.

pub(super) mod admin;
pub(super) mod anchors;
pub(super) mod audit;
pub(super) mod audit_export;
mod c2pa;
pub(super) mod check;
pub(super) mod errors;
pub(super) mod health;
pub(super) mod identify;
pub(super) mod jwks;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod manifest;
pub(super) mod me;
mod message;
pub(super) mod own_account;
pub(super) mod page;
mod photo_filter;
pub(super) mod photos;
pub(super) mod protect;
pub(super) mod register;
pub(super) mod tenant_policy;
pub(super) mod usage;
mod verification;
pub(super) mod verify;
