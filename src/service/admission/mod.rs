//! Admission: rate limits of tenants, the throttle on password guessing, the memory budget of
//! uploads, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod limits;
pub mod throttle;
pub mod uploads;
