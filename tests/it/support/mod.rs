//! What tests stand on: databases, the application, a client, pictures.

mod app;
mod client;
mod cluster;
mod database;
pub(crate) mod pictures;
pub(crate) mod quality;
mod tap;

pub(crate) use app::{App, EACH_CALL_ASKS, MASTER_KEY, NOW, PASSWORD, Tenant};
pub(crate) use client::{Answer, Client, Part};
pub(crate) use cluster::Cluster;
pub(crate) use database::TestDatabase;
pub(crate) use tap::Tap;
