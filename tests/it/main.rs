//! All integration tests in one binary: one link, one place for helpers, one shared database
//! cluster.
//!
//! `support` runs the real router on a real PostgreSQL with a database per test. Files are named
//! after an endpoint, a promise or an agreement.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests fail by panicking, say how many cases ran, hold tables of cases, and measure small pictures"
)]

mod support;

mod access_feed;
mod admin;
mod alerts;
mod audit;
mod authentic;
mod authentication;
mod backup;
mod capacity;
mod check;
mod command_line;
mod comments;
mod console;
mod contract;
mod credentials;
mod doctor;
mod ended_tokens;
mod false_positives;
#[cfg(debug_assertions)]
mod fault_points;
mod faults;
mod framing;
mod guessing;
mod idempotency;
mod identify;
mod isolation;
mod large_pictures;
mod layering;
mod leases;
mod limits;
mod limits_cost;
mod login;
mod logs;
mod messages;
mod metrics;
mod no_image;
mod openapi;
mod photo_lists;
mod photographs;
mod photos;
mod pooler;
mod process;
mod protect;
mod protocol;
mod readiness;
mod refused;
mod register;
mod rekey;
mod renewal;
mod round_trips;
mod signers;
mod signin;
mod soft_bindings;
mod standby;
mod stop;
mod stored_manifests;
mod tenant_policy;
mod time_stamps;
mod traces;
mod trouble;
mod uploads;
mod usage;
mod verify;
mod weak_setups;
