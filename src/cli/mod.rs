//! The command line. Commands that create or list something print JSON on stdout, one object or one
//! a line; logs and errors go to stderr. A command that is refused prints one sentence and exits
//! with code 1; a wrong command line exits with 2, a server that was told to stop twice with 3.
//! `doctor` prints text unless it is asked for JSON.

mod audit;
mod backup;
mod credential;
mod credentials;
mod doctor;
mod operator;
mod rekey;
mod serve;
mod unknown_settings;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, parser::ValueSource};
use clap_complete::Shell;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    app::{self, Severity, StartError, Store},
    config::{Config, InstallationSettings, ListenSetting, ServeSettings},
    telemetry,
};

use self::serve::End;

/// The exit code of a server that was told to stop twice, and broke off what was running.
const BROKEN_OFF: u8 = 3;

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
    /// Make the server's certificate authority, and print its root
    #[command(subcommand)]
    Ca(credentials::CaCommand),
    /// List, import and remove who signs protected files
    #[command(subcommand)]
    Signer(credentials::SignerCommand),
    /// List, import and remove whose signatures are trusted
    #[command(subcommand)]
    Trust(credentials::TrustCommand),
    /// Say what is wrong with this set-up, and what cures it; changes nothing
    Doctor(Box<doctor::DoctorArgs>),
    /// Write everything that a new machine needs into one encrypted file, while servers run
    Backup(backup::BackupArgs),
    /// Restore a backup into a new data folder, or into an empty database
    Restore(backup::RestoreArgs),
    /// Seal everything under a new master key, while servers run
    Rekey(rekey::RekeyArgs),
    /// Exit 0 if the server answers; for containers
    Healthcheck(ListenSetting),
    /// Print completions for a shell: source <(lumatrace completions bash)
    Completions {
        /// Shell to print completions for
        shell: Shell,
    },
}

/// Reads the command line of this process and does what it says; the exit code is 0, 1, 2 or 3.
pub fn run() -> ExitCode {
    if let Err(error) = forbid_dumps() {
        writeln!(std::io::stderr(), "lumatrace: core dumps: {error}").ok();
        return ExitCode::FAILURE;
    }
    let line = with_command(std::env::args_os().collect());
    let matches = match Cli::command().try_get_matches_from(&line) {
        Ok(matches) => matches,
        Err(error) => match doctor::refused(&line, &error) {
            Some(told) => return exit_code(told),
            None => error.exit(),
        },
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(
            shell,
            &mut Cli::command(),
            "lumatrace",
            &mut std::io::stdout(),
        );
        return ExitCode::SUCCESS;
    }
    exit_code(dispatch(cli, &secrets_in_flags(&matches)))
}

fn exit_code(done: Result<ExitCode, StartError>) -> ExitCode {
    done.unwrap_or_else(|error| {
        writeln!(std::io::stderr(), "lumatrace: {error}").ok();
        ExitCode::FAILURE
    })
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

/// Keeps the secrets in memory out of files and away from other processes of the same user: no core
/// dump of this process, nor of the PostgreSQL that it starts, and on Linux no reading of its
/// memory or its environment (`PR_SET_DUMPABLE`, proc(5)).
fn forbid_dumps() -> rustix::io::Result<()> {
    let nothing = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, nothing)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// The flags of the command line whose values are secrets. A `DATABASE_URL` without a password is
/// none.
fn secrets_in_flags(matches: &ArgMatches) -> Vec<&'static str> {
    const SECRETS: [(&str, &str); 5] = [
        ("database_url", "--database-url"),
        ("read_database_url", "--read-database-url"),
        ("master_key", "--master-key"),
        ("master_key_other", "--master-key-other"),
        ("bootstrap_password", "--bootstrap-password"),
    ];
    let is_secret = |matches: &ArgMatches, id: &str| {
        matches.ids().any(|known| known == id)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
            && matches.get_one::<SecretString>(id).is_some_and(|value| {
                !id.ends_with("database_url") || has_password(value.expose_secret())
            })
    };
    let levels = || {
        std::iter::successors(Some(matches), |level| {
            level.subcommand().map(|(_, inner)| inner)
        })
    };
    SECRETS
        .into_iter()
        .filter(|(id, _)| levels().any(|level| is_secret(level, id)))
        .map(|(_, flag)| flag)
        .collect()
}

/// Whether a URL names a password: before the host, or among its parameters.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = authority.split_once('@').map_or("", |(user, _)| user);
    user.contains(':') || url.contains("password=")
}

/// Refuses what is certainly wrong about the set-up, and warns of what may be meant.
fn judge(
    installation: &InstallationSettings,
    command: &Command,
    in_flags: &[&'static str],
) -> Result<(), StartError> {
    let mut findings = app::of_installation(installation, in_flags)?;
    if let Command::Serve(settings) = command {
        findings.extend(app::of_server(settings)?);
    }
    for finding in &findings {
        if finding.weakness.severity() == Severity::Warned {
            tracing::warn!(
                weakness = finding.weakness.code(),
                cure = finding.cure(),
                "{}",
                finding.sentence()
            );
        }
    }
    let refused = |finding: &app::Finding| finding.weakness.severity() == Severity::Refused;
    match findings.into_iter().find(refused) {
        Some(finding) => Err(StartError::Weak(finding)),
        None => Ok(()),
    }
}

fn dispatch(cli: Cli, in_flags: &[&'static str]) -> Result<ExitCode, StartError> {
    let Cli {
        mut installation,
        mut command,
    } = cli;
    let collector = match &command {
        Command::Serve(settings) => settings.otlp_endpoint.as_deref(),
        _ => None,
    };
    let traces = telemetry::init(&installation.log, installation.log_format, collector)
        .map_err(|error| StartError::Setting(error.to_string()))?;
    if let Command::Serve(_) = command {
        unknown_settings::warn(&Cli::command());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Io("the async runtime".to_owned(), error))?;
    if let Command::Healthcheck(address) = &command {
        runtime.block_on(serve::healthcheck(address.listen))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Says itself what is wrong with settings.
    if let Command::Doctor(arguments) = command {
        return doctor::run(&runtime, installation, *arguments, in_flags);
    }
    // Wrong settings are refused before anything is started or made.
    installation
        .read_secret_files()
        .map_err(StartError::Setting)?;
    if let Command::Serve(settings) = &mut command {
        settings.read_secret_files().map_err(StartError::Setting)?;
        serve::check_settings(settings)?;
    }
    judge(&installation, &command, in_flags)?;
    if let Command::Restore(args) = &mut command {
        args.verify()?;
    }
    let store = Store::open(&installation)?;
    let done = runtime.block_on(run_command(installation, &store, command));
    if let Ok(End::BrokenOff) = done {
        // Neither waits: what was answered with 200 is committed.
        runtime.shutdown_background();
        store.abandon();
        return Ok(ExitCode::from(BROKEN_OFF));
    }
    // Connections end before the database that they lead to.
    drop(runtime);
    drop(store);
    traces.stop();
    done.map(|_| ExitCode::SUCCESS)
}

async fn run_command(
    installation: InstallationSettings,
    store: &Store,
    command: Command,
) -> Result<End, StartError> {
    match command {
        Command::Serve(settings) => {
            let serve = *settings;
            let config = Config {
                installation,
                serve,
            };
            return serve::serve(&config, store).await;
        }
        Command::Migrate => serve::migrate(&installation, store).await,
        Command::Tenant(command) => operator::tenant(&installation, store, command).await,
        Command::Account(command) => operator::account(&installation, store, command).await,
        Command::ApiKey(command) => credential::api_key(&installation, store, command).await,
        Command::App(command) => credential::app(&installation, store, command).await,
        Command::Key(command) => credential::key(&installation, store, &command).await,
        Command::Audit(command) => audit::run(&installation, store, command).await,
        Command::Ca(command) => credentials::ca(&installation, store, &command).await,
        Command::Signer(command) => credentials::signer(&installation, store, command).await,
        Command::Trust(command) => credentials::trust(store, command).await,
        Command::Backup(args) => backup::backup(&installation, store, &args).await,
        Command::Restore(args) => backup::restore(&installation, store, args).await,
        Command::Rekey(args) => rekey::run(&installation, store, &args).await,
        // These need no data, or open it themselves, and are done by now.
        Command::Doctor(_) | Command::Healthcheck(_) | Command::Completions { .. } => Ok(()),
    }?;
    Ok(End::Done)
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
