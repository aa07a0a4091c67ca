//! What the product talks about, as types that cannot hold a wrong value: *parse, don't validate*.
//!
//! May use nothing of ours; knows neither wire formats nor SQL. Start reading at [`ids`], then [`verdict`].

mod account;
mod content_hash;
pub mod ids;
mod limits;
mod policy;
mod registration;
mod usage;
pub mod verdict;

pub use account::Role;
pub use content_hash::ContentHash;
pub use ids::{PhotoId, TenantId, TokenId, Username};
pub use limits::{Decision, Quota, RateOverrides, Rates, Tally};
pub use policy::{Privacy, TenantPolicy};
pub use registration::{Place, Registration};
pub use usage::{DayUse, Operation};
