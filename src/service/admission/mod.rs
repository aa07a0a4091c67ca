//! Admission: rate limits of tenants, sign-ins of one holder, the throttle on password guessing,
//! the memory budget of uploads, and ended tokens. Machinery beneath the use cases.

pub mod access;
pub mod limits;
pub mod sign_ins;
pub mod throttle;
pub mod uploads;
