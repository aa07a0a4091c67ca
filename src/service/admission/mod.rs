//! Admission: rate limits of tenants, the throttle on password guessing and what it
//! knows of accounts, the memory budget of
//! uploads, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod limits;
pub mod refusals;
pub mod sources;
pub mod throttle;
pub mod uploads;
