//! The program `lumatrace`: everything is in the library.

use std::process::ExitCode;

/// Gives freed memory back to the system within 2 seconds (`.cargo/config.toml`), from a thread of
/// its own: glibc keeps the tops of its arenas for good, hundreds of megabytes after a burst of
/// large pictures. Until then buffers are used again, which saves page faults.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    lumatrace::cli::run()
}
