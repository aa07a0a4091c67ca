//! `lumatrace doctor`: looks at a whole set-up, changes nothing, and says what is wrong and what
//! cures it.
//!
//! A check is a small function from what is set or was read to findings, and a line in
//! [`OF_SETTINGS`], [`OF_MACHINE`] or `database::OF_INSTALLATION`; what it may say has a code in
//! `codes`. No check waits without end, and one that fails keeps none from being made that does not
//! depend on it. Start reading at [`examine`].

mod codes;
mod credentials;
mod database;
mod engine;
mod files;
mod listeners;
mod machine;
mod memory;
mod settings;
mod signing_keys;

use tokio::runtime::Runtime;

pub use self::codes::Code;
use super::StartError;
use crate::{clock::Clock, config::Config};

/// How good or bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and may not be meant so, or not for long.
    Warning,
    /// It does not work.
    Error,
}

impl Level {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Warning, Self::Error];

    /// Its name in what is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How good or bad it is.
    pub level: Level,
    /// Its name, which stays the same: that of a [`Code`], of a weak set-up, or of a clause of the
    /// profile of signing certificates.
    pub code: &'static str,
    /// What was found, as one sentence without its full stop.
    pub message: String,
    /// What to do about it; `None` where nothing is to be done.
    pub cure: Option<String>,
}

impl Finding {
    /// Names in certificates are those of strangers: a line stays one line, and moves no cursor.
    fn of(level: Level, code: &'static str, message: &str, cure: Option<&str>) -> Self {
        let printable = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.join(" ").replace(char::is_control, "\u{fffd}")
        };
        Self {
            level,
            code,
            message: printable(message),
            cure: cure.map(printable),
        }
    }

    fn good(code: Code, message: impl AsRef<str>) -> Self {
        Self::of(code.level(), code.as_str(), message.as_ref(), None)
    }

    fn bad(code: Code, message: impl AsRef<str>, cure: impl AsRef<str>) -> Self {
        let cure = Some(cure.as_ref());
        Self::of(code.level(), code.as_str(), message.as_ref(), cure)
    }
}

/// What is to be examined.
#[derive(Debug)]
pub struct SetUp<'a> {
    /// Waits for what does not answer at once.
    pub runtime: &'a Runtime,
    /// The settings of the server.
    pub config: &'a Config,
    /// The flags with secrets that stand on the command line.
    pub in_flags: &'a [&'static str],
    /// The variables that look like settings and are none, each with the one that may be meant.
    pub unknown: &'a [String],
    /// What tells the time.
    pub clock: &'a Clock,
}

/// A check of what is set, of the files that settings name, or of this machine.
type Check = fn(&SetUp<'_>) -> Vec<Finding>;

/// An error among these keeps every command from starting, and the database from being examined.
const OF_SETTINGS: [Check; 5] = [
    settings::weak_set_ups,
    settings::unknown,
    settings::outgoing,
    settings::credentials_off,
    settings::soft_binding,
];

const OF_MACHINE: [Check; 8] = [
    files::modes,
    files::rekey,
    files::disks,
    machine::descriptors,
    machine::memory,
    listeners::listeners,
    listeners::collector,
    engine::engine,
];

/// Examines the set-up. What depends on something that failed is not examined, and that is said.
///
/// Starts the private PostgreSQL if it does not run, and makes nothing: no folder, key or schema.
pub fn examine(set_up: &SetUp<'_>) -> Vec<Finding> {
    let run = |checks: &[Check]| -> Vec<Finding> {
        checks.iter().flat_map(|check| check(set_up)).collect()
    };
    let mut findings = run(&OF_SETTINGS);
    let is_sound = !has_errors(&findings);
    findings.extend(run(&OF_MACHINE));
    // No command starts a database in a set-up that is refused, and neither does this one.
    let is_whole = is_sound && database::examine(set_up, &mut findings);
    if !is_whole {
        findings.push(unfinished());
    }
    findings
}

/// What there is to say when a setting cannot be read at all.
pub fn unreadable(error: &StartError) -> Vec<Finding> {
    vec![settings::wrong(error), unfinished()]
}

/// Whether something does not work.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|found| found.level == Level::Error)
}

fn unfinished() -> Finding {
    Finding::bad(
        Code::NotExamined,
        "what depends on the errors above was not examined",
        "cure them, and run `lumatrace doctor` again",
    )
}
