//! Who is let in, and to how much: the limits of tenants, the brake on guessing, the memory that uploads share, and the ends of
//! tokens. Machinery that the use cases stand on.

pub mod access;
pub mod limits;
pub mod throttle;
pub mod uploads;
