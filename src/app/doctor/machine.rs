//! Checks of what this machine lets a server have: open files and memory.

use rustix::process::{Resource, getrlimit};

use super::{
    super::{body_budget, metrics_listener},
    Code, Finding, SetUp, memory,
};
use crate::{config::ServeSettings, disk::megabytes};

/// Files that a server has open beside connections: its log, its sockets, certificates, and what it
/// reads for a moment. An idle one has about 30.
const OTHER_FILES: u64 = 64;

/// Memory of an idle server, in bytes.
const IDLE_BYTES: u64 = 100 << 20;

/// Memory that an image takes while it is worked on, in bytes: 16 megapixels of 16-bit RGBA, the
/// worst case that was measured (docs/operations.md, "Memory and capacity").
const WORKER_BYTES: u64 = 400 << 20;

/// Whether as many files may be open as connections are allowed.
pub(super) fn descriptors(set_up: &SetUp<'_>) -> Vec<Finding> {
    let serve = &set_up.config.serve;
    let needed = files_needed(serve);
    let Some(most) = getrlimit(Resource::Nofile).current else {
        return vec![Finding::good(
            Code::Descriptors,
            "any number of files may be open",
        )];
    };
    let message =
        format!("{most} files may be open, and a server with these settings needs {needed}");
    vec![if most < needed {
        let cure = format!(
            "set LimitNOFILE={needed} in its unit (or `ulimit -n {needed}` before it starts), or lower LUMATRACE_CONNECTIONS"
        );
        Finding::bad(Code::DescriptorsLow, message, cure)
    } else {
        Finding::good(Code::Descriptors, message)
    }]
}

fn files_needed(serve: &ServeSettings) -> u64 {
    let clients = serve.connections.get();
    let collectors = serve
        .metrics_listen
        .map_or(0, |_| metrics_listener::MAX_CONNECTIONS);
    (clients + collectors) as u64 + u64::from(serve.database_connections) + OTHER_FILES
}

/// Whether there is as much memory as workers and bodies may take at most.
pub(super) fn memory(set_up: &SetUp<'_>) -> Vec<Finding> {
    let Some(most) = memory::most() else {
        return Vec::new();
    };
    let needed = memory_needed(&set_up.config.serve);
    let message = format!(
        "{} MB of memory may be used, and a server with these settings takes up to {}",
        megabytes(most),
        megabytes(needed)
    );
    vec![if most < needed {
        Finding::bad(
            Code::MemoryLow,
            message,
            "lower LUMATRACE_QUEUE, then LUMATRACE_WORKERS, or give it more memory",
        )
    } else {
        Finding::good(Code::Memory, message)
    }]
}

fn memory_needed(serve: &ServeSettings) -> u64 {
    let workers = (serve.worker_count() as u64).saturating_mul(WORKER_BYTES);
    workers.saturating_add(body_budget(serve) as u64) + IDLE_BYTES
}
