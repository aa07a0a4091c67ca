//! The command line. Commands that create or list something print JSON on stdout, one object or one
//! a line; logs and errors go to stderr. A command that is refused prints one sentence and exits
//! with code 1; a wrong command line exits with 2.

mod audit;
mod credential;
mod operator;
mod serve;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    app::{self, StartError, Store},
    config::{Config, InstallationSettings, ListenSetting, ServeSettings},
    telemetry,
};

/// Protects photographs with an invisible watermark and later proves what they are
#[derive(Debug, Parser)]
#[command(
    version = env!("LUMATRACE_VERSION"),
    override_usage = "lumatrace [OPTIONS] [COMMAND]",
    after_help = "Without a command it serves: lumatrace serve --help lists the settings of a server."
)]
struct Cli {
    #[command(flatten)]
    installation: InstallationSettings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, then serve (the default)
    Serve(Box<ServeSettings>),
    /// Apply migrations and exit
    Migrate,
    /// Create, list, suspend, resume, delete and set up tenants
    #[command(subcommand)]
    Tenant(operator::TenantCommand),
    /// Manage the service accounts of a tenant
    #[command(subcommand)]
    Account(operator::AccountCommand),
    /// Manage the API keys of a tenant
    #[command(subcommand)]
    ApiKey(credential::ApiKeyCommand),
    /// Manage the applications of a tenant
    #[command(subcommand)]
    App(credential::AppCommand),
    /// List and rotate the keys that sign tokens
    #[command(subcommand)]
    Key(credential::KeyCommand),
    /// Check and seal the audit logs of tenants
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Exit 0 if the server answers; for containers
    Healthcheck(ListenSetting),
    /// Print completions for a shell: source <(lumatrace completions bash)
    Completions {
        /// Shell to print completions for
        shell: Shell,
    },
}

/// Reads the command line of this process and does what it says; the exit code is 0, 1 or 2.
pub fn run() -> ExitCode {
    let cli = Cli::parse_from(with_command(std::env::args_os().collect()));
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(
            shell,
            &mut Cli::command(),
            "lumatrace",
            &mut std::io::stdout(),
        );
        return ExitCode::SUCCESS;
    }
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "lumatrace: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Adds `serve` to a command line that names no command, and lets the flags of `serve` stand before
/// its name too. Every flag that may stand before a command takes a value, but for help and
/// version.
fn with_command(mut line: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(flag) = line.get(at).and_then(|word| word.to_str()) {
        match flag {
            "--help" | "--version" => return line,
            flag if !flag.starts_with("--") => break,
            flag if flag.contains('=') => at += 1,
            _ => at += 2,
        }
    }
    let serve = match line.get(at) {
        None => OsString::from("serve"),
        Some(command) if command == "serve" => line.remove(at),
        Some(_) => return line,
    };
    line.insert(line.len().min(1), serve);
    line
}

fn dispatch(cli: Cli) -> Result<(), StartError> {
    let Cli {
        installation,
        command,
    } = cli;
    telemetry::init(&installation.log, installation.log_format)
        .map_err(|error| StartError::Setting(format!("LUMATRACE_LOG: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Io("the async runtime".to_owned(), error))?;
    if let Command::Healthcheck(address) = &command {
        return runtime.block_on(serve::healthcheck(address.listen));
    }
    // Wrong settings are refused before anything is started or made.
    if installation.master_key.is_some() {
        app::master_key(&installation)?;
    }
    if let Command::Serve(settings) = &command {
        serve::check_settings(settings)?;
    }
    let store = Store::open(&installation)?;
    let done = runtime.block_on(run_command(installation, &store, command));
    // Connections end before the database that they lead to.
    drop(runtime);
    drop(store);
    done
}

async fn run_command(
    installation: InstallationSettings,
    store: &Store,
    command: Command,
) -> Result<(), StartError> {
    match command {
        Command::Serve(settings) => {
            let serve = *settings;
            let config = Config {
                installation,
                serve,
            };
            serve::serve(&config, store).await
        }
        Command::Migrate => serve::migrate(&installation, store).await,
        Command::Tenant(command) => operator::tenant(&installation, store, command).await,
        Command::Account(command) => operator::account(&installation, store, command).await,
        Command::ApiKey(command) => credential::api_key(&installation, store, command).await,
        Command::App(command) => credential::app(&installation, store, command).await,
        Command::Key(command) => credential::key(&installation, store, &command).await,
        Command::Audit(command) => audit::run(&installation, store, command).await,
        // These two need no data, and are done by now.
        Command::Healthcheck(_) | Command::Completions { .. } => Ok(()),
    }
}

/// Prints one line on stdout and flushes it, since scripts wait for it.
fn print_line(line: &str) -> Result<(), StartError> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| StartError::Io("stdout".to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_command_is_that_of_serve() {
        let mut tried = 0;
        for (given, read) in [
            ("", "serve"),
            ("--listen x", "serve --listen x"),
            ("--listen=x --data-dir y", "serve --listen=x --data-dir y"),
            ("--listen x serve --queue 3", "serve --listen x --queue 3"),
            ("serve --listen x", "serve --listen x"),
            ("--data-dir y tenant list", "--data-dir y tenant list"),
            (
                "--data-dir serve tenant list",
                "--data-dir serve tenant list",
            ),
            ("--data-dir", "serve --data-dir"),
            ("tenant create serve", "tenant create serve"),
            ("--data-dir y --version", "--data-dir y --version"),
            ("--help", "--help"),
            ("-V", "-V"),
        ] {
            let words = |text: &str| -> Vec<OsString> {
                let words = text.split_whitespace().map(OsString::from);
                std::iter::once("lumatrace".into()).chain(words).collect()
            };
            assert_eq!(with_command(words(given)), words(read), "{given}");
            tried += 1;
        }
        assert_eq!(tried, 12);
    }

    #[test]
    fn the_command_line_is_sound_and_its_flags_before_a_command_take_values() {
        let command = Cli::command();
        command.clone().debug_assert();
        let mut flags = 0;
        let serve = command.find_subcommand("serve").unwrap();
        for argument in command.get_arguments().chain(serve.get_arguments()) {
            assert!(argument.get_action().takes_values(), "{argument}");
            flags += 1;
        }
        assert!(flags > 20);
    }
}
