//! The system calls that std has no safe form of. All of this module's `unsafe` is here.

#![expect(
    unsafe_code,
    reason = "fork hooks, signals and the user id have no safe form in std"
)]

use std::{fs::File, io, os::fd::AsRawFd, os::unix::process::CommandExt, process::Command};

/// A request to a PostgreSQL program, as the signal that carries it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// Ends all sessions, writes everything to disk and stops ("fast shutdown").
    FastShutdown,
    /// Stops without writing anything to disk; the next start recovers from the log.
    ImmediateShutdown,
    /// Goes on after a pause.
    Resume,
}

/// The effective user id of this process; 0 is root.
pub(super) fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends a request to a process. It is no error if the process is gone already.
pub(super) fn send(process: u32, signal: Signal) {
    let number = match signal {
        Signal::FastShutdown => libc::SIGINT,
        Signal::ImmediateShutdown => libc::SIGQUIT,
        Signal::Resume => libc::SIGCONT,
    };
    match libc::pid_t::try_from(process) {
        // 0 and below would address whole groups of processes, and 1 is never PostgreSQL's.
        Ok(process) if process > 1 => {
            // SAFETY: kill touches no memory of ours; the target is one single process.
            unsafe { libc::kill(process, number) };
        }
        _ => {}
    }
}

/// Makes a command's process hold `lock` for as long as it or any child of it lives, stop when this
/// *thread* ends, and be out of reach of the terminal's Ctrl-C, which is meant for this process
/// alone.
pub(super) fn tie(command: &mut Command, lock: &File) {
    let lock = lock.as_raw_fd();
    let parent = std::process::id();
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are
    // allowed: it makes nothing but plain system calls on numbers copied into it, and allocates
    // nothing. `lock` is open there because the caller's `File` outlives the spawn, and fork copies
    // the table of open files.
    unsafe { command.pre_exec(move || tie_this_process(lock, parent)) };
}

fn tie_this_process(lock: libc::c_int, parent: u32) -> io::Result<()> {
    // SAFETY: no memory is touched; a descriptor that were not open would be an error, not
    // undefined behaviour.
    if unsafe { libc::fcntl(lock, libc::F_SETFD, 0) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: no memory is touched.
    if unsafe { libc::setsid() } == -1 {
        return Err(io::Error::last_os_error());
    }
    follow_parent_to_death(parent)
}

/// Asks for a signal when the parent dies: here and not before the fork, because a change of user
/// clears it. Systems other than Linux have no such signal; there the next supervisor that finds
/// the abandoned cluster stops it.
fn follow_parent_to_death(parent: u32) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let signal = libc::c_ulong::from(libc::SIGINT.unsigned_abs());
        // SAFETY: this option reads one number and touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    // The parent may have died before the line above; then no signal would ever come.
    if std::os::unix::process::parent_id() != parent {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}
