//! The command line. What creates or lists something prints JSON on stdout, one object or one a line; logs and errors go to
//! stderr; a refusal is one sentence and exit code 1.

mod audit;
mod credential;
mod operator;
mod serve;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    app::{StartError, Store},
    config::Config,
    telemetry,
};

/// Protects photographs with an invisible watermark and later proves what they are
#[derive(Debug, Parser)]
#[command(version = env!("LUMATRACE_VERSION"))]
struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, then serve (the default)
    Serve,
    /// Apply migrations and exit
    Migrate,
    /// The operator's work on tenants
    #[command(subcommand)]
    Tenant(operator::TenantCommand),
    /// Service accounts of a tenant
    #[command(subcommand)]
    Account(operator::AccountCommand),
    /// API keys of a tenant
    #[command(subcommand)]
    ApiKey(credential::ApiKeyCommand),
    /// Applications of a tenant
    #[command(subcommand)]
    App(credential::AppCommand),
    /// Keys that sign tokens
    #[command(subcommand)]
    Key(credential::KeyCommand),
    /// The audit logs of tenants
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Exit 0 if the server answers; for containers
    Healthcheck,
    /// Print completions for a shell: source <(lumatrace completions bash)
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Completions { shell }) = cli.command {
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

fn dispatch(Cli { config, command }: Cli) -> Result<(), StartError> {
    telemetry::init(&config.log, config.log_format)
        .map_err(|error| StartError::Setting(format!("LUMATRACE_LOG: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Io("the async runtime".to_owned(), error))?;
    if matches!(command, Some(Command::Healthcheck)) {
        return runtime.block_on(serve::healthcheck(&config));
    }
    serve::check_settings(&config)?;
    let store = Store::open(&config)?;
    let done = runtime.block_on(async {
        match command.unwrap_or(Command::Serve) {
            Command::Serve | Command::Healthcheck | Command::Completions { .. } => {
                serve::serve(&config, &store).await
            }
            Command::Migrate => serve::migrate(&config, &store).await,
            Command::Tenant(command) => operator::tenant(&config, &store, command).await,
            Command::Account(command) => operator::account(&store, command).await,
            Command::ApiKey(command) => credential::api_key(&config, &store, command).await,
            Command::App(command) => credential::app(&config, &store, command).await,
            Command::Key(command) => credential::key(&config, &store, &command).await,
            Command::Audit(command) => audit::run(&store, command).await,
        }
    });
    // Connections end before the database that they lead to.
    drop(runtime);
    drop(store);
    done
}

/// Prints one line on stdout, at once.
fn print_line(line: &str) -> Result<(), StartError> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| StartError::Io("stdout".to_owned(), error))
}
