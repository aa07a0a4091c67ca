//! What an administrator of a tenant may do over HTTP.

pub(in crate::http) mod accounts;
pub(in crate::http) mod credentials;
