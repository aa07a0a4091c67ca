//! The product's terms, as types that cannot hold a wrong value: *parse, don't validate*.
//!
//! May use no other module; knows neither wire formats nor SQL. Start reading at [`ids`], then
//! [`verdict`]; [`audit`] says how the audit log is chained.

mod access;
mod account;
pub mod audit;
pub mod check;
mod content_hash;
mod credential;
mod idempotency;
pub mod ids;
mod limits;
mod photo_filter;
mod policy;
mod protected;
mod rate_lease;
mod registration;
mod scope;
mod soft_binding;
mod source;
mod tenant;
mod usage;
pub mod verdict;

pub use access::{AccessKey, AccessState, SeenTransactions, access_key};
pub use account::{AccountStatus, Role};
pub use content_hash::ContentHash;
pub use credential::{CredentialId, CredentialKind};
pub use idempotency::{IdempotencyKey, Once, RequestHash};
pub use ids::{PhotoId, TenantId, TokenId, Username};
pub use limits::{Decision, Quota, RateOverrides, Rates, Tally, TokenBucket};
pub use photo_filter::PhotoFilter;
pub use policy::{
    CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
    TenantPolicy,
};
pub use protected::{FileFormat, MarkStrength};
pub use rate_lease::{GiveBack, RateLease};
pub use registration::{Place, Registration, without_case};
pub use scope::{Scope, Scopes};
pub use soft_binding::{BindingAlgorithm, BindingValue, KeepLimit, ManifestId};
pub use source::{SourceHash, SourceNetwork};
pub use tenant::TenantStatus;
pub use usage::{DayUse, MeteredOperation};
