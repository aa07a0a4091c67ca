//! Admission: rate limits of tenants and calls that are taken from them in advance, sign-ins of one
//! holder, the throttle on password guessing and what it knows of accounts, the memory budget of
//! bodies, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod bodies;
pub mod leases;
pub mod limits;
pub mod refusals;
pub mod sign_ins;
pub mod sources;
pub mod throttle;
