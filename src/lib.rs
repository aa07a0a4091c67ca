//! LumaTrace protects photographs with an invisible watermark and later proves what they are.
//!
//! The map, outside in (ARCHITECTURE.md has the picture and the rules):
//!
//! * [`cli`] parses the command line, [`config`] holds every setting, [`app`] puts the parts
//!   together and serves.
//! * [`http`] is the API: route table, error catalogue, one file an endpoint.
//! * [`service`] holds the use cases, each telling its steps in order.
//! * [`db`] is PostgreSQL, [`auth`] is secrets and tokens, [`imaging`] is bytes and pixels,
//!   [`watermark`] is the engine.
//! * [`credentials`] is C2PA: the manifest in a file, its signer, and the judgement of others'.
//! * [`archive`] is the file that a backup is.
//! * [`domain`], [`clock`], [`cpu`], [`disk`], [`fault`], [`metrics`], [`request_scope`] and
//!   [`trace_context`] are leaves; [`private_postgres`] runs the database when none is configured.
//!
//! Start reading at [`http::endpoints`] and follow one request down.

pub mod app;
pub mod archive;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
mod connection;
pub mod cpu;
pub mod credentials;
pub mod db;
pub mod disk;
pub mod domain;
pub mod fault;
#[cfg(test)]
mod fuzz_seeds;
pub mod http;
pub mod imaging;
pub mod metrics;
pub mod outbound;
pub mod private_postgres;
pub mod request_scope;
pub mod service;
mod simd;
pub mod telemetry;
pub mod trace_context;
pub mod watermark;
