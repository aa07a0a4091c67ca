//! What the product talks about, as types that cannot hold a wrong value: *parse, don't validate*.
//!
//! May use nothing of ours; knows neither wire formats nor SQL. Start reading at [`ids`], then [`verdict`]; [`audit`] says how
//! the audit log is chained.

mod account;
pub mod audit;
mod content_hash;
pub mod ids;
mod policy;
mod registration;
pub mod verdict;

pub use account::Role;
pub use content_hash::ContentHash;
pub use ids::{PhotoId, TenantId, TokenId, Username};
pub use policy::{Privacy, TenantPolicy};
pub use registration::{Place, Registration};
