//! The endpoints, one file each: the wire's shape, the handler, the way to domain values and back.

pub(super) mod errors;
pub(super) mod health;
pub(super) mod identify;
pub(super) mod jwks;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod me;
pub(super) mod photos;
pub(super) mod protect;
pub(super) mod register;
pub(super) mod usage;
pub(super) mod verify;
mod wire;
