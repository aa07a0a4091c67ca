//! Admission: rate limits of tenants, sign-ins of one holder, the throttle on password guessing,
//! the memory budget of bodies, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod bodies;
pub mod limits;
pub mod sign_ins;
pub mod throttle;
