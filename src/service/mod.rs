//! The use cases: one file each, the story in order, one line per step.
//!
//! May use `domain`, `clock`, `cpu`, `disk`, `auth`, `db`, `credentials`, `outbound` and the engine
//! (`imaging`, `watermark`); never `http`. A use case takes the [`Context`] and domain values,
//! opens its transactions in plain sight, and holds none of them while the CPU works. One that
//! changes something ends in [`journal`].

pub mod accounts;
pub mod admin;
pub mod admission;
pub mod audit;
pub mod audit_export;
pub mod authenticate;
pub mod backup;
mod caller;
pub mod check;
pub mod console;
mod context;
pub mod copies;
pub mod credentials;
mod engine;
pub mod engine_test;
mod error;
pub mod idempotency;
pub mod identify;
pub mod images;
pub mod introspect;
mod journal;
pub mod keys;
pub mod login;
pub mod logout;
pub mod manifests;
mod marking;
pub mod operator;
pub mod own_account;
mod page;
mod password;
pub mod photos;
pub mod protect;
pub mod readiness;
mod recognition;
pub mod register;
pub mod rekey;
pub mod resolution;
pub mod signers;
pub mod soft_bindings;
pub mod standby;
mod stated;
pub mod tenant_cache;
pub mod tenant_policy;
pub mod time_stamps;
pub mod trust;
pub mod usage;
mod verification;
pub mod verify;

pub use caller::Caller;
pub use context::{Context, Inner, Settings, TenantGate};
pub use error::{Error, FieldError};
pub use page::Page;
pub use verification::Verification;

pub use crate::cpu::{Bound, Busy};
