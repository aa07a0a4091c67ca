//! `doctor`: says what is wrong with a set-up and what cures it, as text or as JSON.

use std::{error::Error, ffi::OsString, process::ExitCode};

use clap::{
    Args, Command, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{Cli, operator::print_json, print_line, serve, unknown_settings};
use crate::{
    app::{
        StartError,
        doctor::{self, Finding, Level, SetUp},
    },
    clock::Clock,
    config::{Config, InstallationSettings, ServeSettings},
};

/// The options of `lumatrace doctor`. It reads the settings of a server as that would.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object a line: level, code, message and cure
    #[arg(long)]
    json: bool,
    #[command(
        flatten,
        next_help_heading = "Settings of the server to examine, as of serve"
    )]
    serve: ServeSettings,
}

/// Examines the set-up and prints what was found; exit code 1 if something does not work.
pub(super) fn run(
    runtime: &Runtime,
    mut installation: InstallationSettings,
    DoctorArgs { json, mut serve }: DoctorArgs,
    in_flags: &[&'static str],
) -> Result<ExitCode, StartError> {
    let readable = read_settings(&mut installation, &mut serve);
    let config = Config {
        installation,
        serve,
    };
    let findings = match readable {
        Ok(()) => doctor::examine(&SetUp {
            runtime,
            config: &config,
            in_flags,
            unknown: &unknown_settings::find(&Cli::command()),
            clock: &Clock::system(),
        }),
        Err(error) => doctor::unreadable(&error),
    };
    print(&findings, json)
}

/// The same for settings that the command line's parser refuses, which a server would end with:
/// `None` if `line` does not ask for `doctor`, or something else is wrong with it.
pub(super) fn refused(
    line: &[OsString],
    error: &clap::Error,
) -> Option<Result<ExitCode, StartError>> {
    let has = |word: &str| line.iter().any(|one| one == word);
    let is_value = matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::InvalidUtf8
    );
    if !has("doctor") || !is_value {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "a value",
    };
    let flag = text(ContextKind::InvalidArg);
    let mut command = Cli::command();
    command.build();
    let setting = setting_of(&command, flag).unwrap_or_else(|| flag.to_owned());
    let why = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(cause), _) => Some(format!(": {cause}")),
        (None, Some(ContextValue::Strings(values))) => {
            Some(format!(": it is {}", values.join(" or ")))
        }
        _ => None,
    };
    let message = format!(
        "{setting} cannot be {:?}{}",
        text(ContextKind::InvalidValue),
        why.unwrap_or_default()
    );
    let findings = doctor::unreadable(&StartError::Setting(message));
    Some(print(&findings, has("--json")))
}

/// The variable behind a flag as the parser calls it, `--workers <WORKERS>`.
fn setting_of(command: &Command, flag: &str) -> Option<String> {
    let mut arguments = command.get_arguments();
    let own = arguments.find(|argument| argument.to_string() == flag);
    let own = own.and_then(|argument| argument.get_env()?.to_str().map(str::to_owned));
    let mut below = command.get_subcommands();
    own.or_else(|| below.find_map(|command| setting_of(command, flag)))
}

fn print(findings: &[Finding], json: bool) -> Result<ExitCode, StartError> {
    if json {
        findings.iter().try_for_each(print_object)?;
    } else {
        print_text(findings)?;
    }
    Ok(if doctor::has_errors(findings) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn read_settings(
    installation: &mut InstallationSettings,
    serve: &mut ServeSettings,
) -> Result<(), StartError> {
    installation
        .read_secret_files()
        .and_then(|()| serve.read_secret_files())
        .map_err(StartError::Setting)?;
    serve::check_settings(serve)
}

fn print_object(finding: &Finding) -> Result<(), StartError> {
    print_json(&json!({
        "level": finding.level.as_str(),
        "code": finding.code,
        "message": finding.message,
        "cure": finding.cure,
    }))
}

/// Two columns and a sentence; the cure stands under it. The last line counts.
fn print_text(findings: &[Finding]) -> Result<(), StartError> {
    let codes = findings.iter().map(|finding| finding.code.len());
    let width = codes.max().unwrap_or_default();
    for finding in findings {
        let (level, code) = (finding.level.as_str(), finding.code);
        print_line(&format!("{level:7}  {code:width$}  {}", finding.message))?;
        if let Some(cure) = &finding.cure {
            print_line(&format!("{:7}  {:width$}  -> {cure}", "", ""))?;
        }
    }
    let counts = Level::ALL.map(|level| {
        let of_level = findings.iter().filter(|finding| finding.level == level);
        let (count, name) = (of_level.count(), level.as_str());
        let plural = if count == 1 || level == Level::Ok {
            ""
        } else {
            "s"
        };
        format!("{count} {name}{plural}")
    });
    print_line(&counts.join(", "))
}
