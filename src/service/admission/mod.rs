//! Admission: rate limits of tenants, the throttle on password guessing, the memory budget of
//! bodies, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod bodies;
pub mod limits;
pub mod throttle;
