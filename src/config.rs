//! Every setting: a flag, an environment variable, a default, and the line that `--help` prints.
//! Nothing else is read.
//!
//! [`InstallationSettings`] belong to every command, since all of them work on the same data;
//! [`ServeSettings`] to `serve` alone.

use std::{
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Largest number of calls that a limit can name.
pub const MOST_CALLS: u64 = 1_000_000_000;

/// Most images that can be worked on at once; no machine has so many cores.
const MOST_WORKERS: u64 = 1024;

/// Most images that may wait: 26 GB of bodies.
const MOST_QUEUED: u64 = 100_000;

/// Most connections of clients: as many as Linux lets one process have files, unless it is told
/// otherwise (`fs.nr_open`).
const MOST_CONNECTIONS: u64 = 1_048_576;

/// The settings of a server.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where its data is, and how it logs.
    #[command(flatten)]
    pub installation: InstallationSettings,
    /// The settings that only `serve` reads.
    #[command(flatten)]
    pub serve: ServeSettings,
}

/// Where the data is, and how to log: the same for a server and for the commands beside it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings of the installation, the same for all commands")]
pub struct InstallationSettings {
    /// Folder for keys and the private PostgreSQL; made with mode 0700
    #[arg(
        long,
        global = true,
        env = "LUMATRACE_DATA_DIR",
        default_value = "./data"
    )]
    pub data_dir: PathBuf,

    /// PostgreSQL to use; without it a private one is started under the data folder
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// File that holds `DATABASE_URL`, in place of it
    #[arg(long, global = true, env = "DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,

    /// Key that seals secrets in the database, 32 bytes in base64; without it `master.key` in the
    /// data folder is used, or made
    #[arg(
        long,
        global = true,
        env = "LUMATRACE_MASTER_KEY",
        hide_env_values = true
    )]
    pub master_key: Option<SecretString>,

    /// File that holds `LUMATRACE_MASTER_KEY`, in place of it
    #[arg(long, global = true, env = "LUMATRACE_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,

    /// Second key that opens what is sealed, while `LUMATRACE_MASTER_KEY` takes its place or is
    /// about to give its own up
    #[arg(
        long,
        global = true,
        env = "LUMATRACE_MASTER_KEY_OTHER",
        hide_env_values = true
    )]
    pub master_key_other: Option<SecretString>,

    /// File that holds `LUMATRACE_MASTER_KEY_OTHER`, in place of it
    #[arg(long, global = true, env = "LUMATRACE_MASTER_KEY_OTHER_FILE")]
    pub master_key_other_file: Option<PathBuf>,

    /// Levels and modules to log, in the syntax of `RUST_LOG`
    #[arg(
        long,
        global = true,
        env = "LUMATRACE_LOG",
        default_value = "warn,lumatrace=info"
    )]
    pub log: String,

    /// How logs are written to stderr: text or json
    #[arg(
        long,
        global = true,
        env = "LUMATRACE_LOG_FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
}

/// Where the API is served: `serve` listens there, and `healthcheck` asks there.
#[derive(Debug, Clone, Args)]
pub struct ListenSetting {
    /// Address and port of the API; with port 0 `serve` takes a free one, which it prints
    #[arg(long, env = "LUMATRACE_LISTEN", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
}

/// The settings that only `serve` reads.
#[derive(Debug, Clone, Args)]
pub struct ServeSettings {
    /// Where the API is served.
    #[command(flatten)]
    pub address: ListenSetting,

    /// Address and port of a second listener for `/metrics`; without it there is none
    #[arg(long, env = "LUMATRACE_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,

    /// Collector of traces, which is sent OTLP over HTTP; without it there are no traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = parse_collector)]
    pub otlp_endpoint: Option<String>,

    /// Where clients find this server [default: `http://` and the address]
    #[arg(long, env = "LUMATRACE_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Most connections of clients; more wait until others end
    #[arg(long, env = "LUMATRACE_CONNECTIONS", default_value = "512",
        value_parser = at_least_one(MOST_CONNECTIONS))]
    pub connections: NonZeroUsize,

    /// Most connections to the database
    #[arg(long, env = "LUMATRACE_DATABASE_CONNECTIONS", default_value_t = 16,
        value_parser = whole_number::<u32>(1, 1000))]
    pub database_connections: u32,

    /// Hot standby that gives the votes of `identify`; without it the database does
    #[arg(long, env = "LUMATRACE_READ_DATABASE_URL", hide_env_values = true)]
    pub read_database_url: Option<SecretString>,

    /// File that holds `LUMATRACE_READ_DATABASE_URL`, in place of it
    #[arg(long, env = "LUMATRACE_READ_DATABASE_URL_FILE")]
    pub read_database_url_file: Option<PathBuf>,

    /// How long a server that is told to stop goes on taking connections while `/readyz` says so,
    /// if anybody has asked there within a minute, in seconds
    #[arg(long, env = "LUMATRACE_STOP_DELAY_SECONDS", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(0..=300))]
    pub stop_delay_seconds: u32,

    /// Tenant to create at start if it is absent
    #[arg(long, env = "LUMATRACE_BOOTSTRAP_TENANT")]
    pub bootstrap_tenant: Option<String>,

    /// Account to create in that tenant if it is absent
    #[arg(long, env = "LUMATRACE_BOOTSTRAP_USERNAME")]
    pub bootstrap_username: Option<String>,

    /// Password of that account when it is created
    #[arg(long, env = "LUMATRACE_BOOTSTRAP_PASSWORD", hide_env_values = true)]
    pub bootstrap_password: Option<SecretString>,

    /// File that holds that password, in place of the setting
    #[arg(long, env = "LUMATRACE_BOOTSTRAP_PASSWORD_FILE")]
    pub bootstrap_password_file: Option<PathBuf>,

    /// How long a photo API login lasts, in seconds
    #[arg(long, env = "LUMATRACE_TOKEN_TTL_SECONDS", default_value_t = 3600,
        value_parser = whole_number::<u32>(1, 31_536_000))]
    pub token_ttl_seconds: u32,

    /// Name of the watermark's algorithm in content credentials: a reversed domain of one's own,
    /// and parts separated by dots
    #[arg(long, env = "LUMATRACE_SOFT_BINDING_ALG", default_value = "com.example.lumatrace.wm.1",
        value_parser = parse_soft_binding)]
    pub soft_binding: String,

    /// Address of a time-stamp authority (RFC 3161) for signatures of content credentials; without
    /// it they are not stamped
    #[arg(long, env = "LUMATRACE_TSA_URL")]
    pub tsa_url: Option<String>,

    /// How long a time stamp is waited for, in seconds
    #[arg(long, env = "LUMATRACE_TSA_TIMEOUT_SECONDS", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=30))]
    pub tsa_timeout_seconds: u32,

    /// Private networks that the server's own requests may go to, separated by commas, as
    /// 10.1.0.0/16
    #[arg(long, env = "LUMATRACE_OUTBOUND_NETWORKS", value_delimiter = ',')]
    pub outbound_networks: Vec<IpNet>,

    /// Issuer of tokens, their `iss`
    #[arg(
        long,
        env = "LUMATRACE_ISSUER",
        default_value = "LumaTrace-Enterprise-CA"
    )]
    pub issuer: String,

    /// Audience of tokens, their `aud`
    #[arg(
        long,
        env = "LUMATRACE_AUDIENCE",
        default_value = "LumaTrace-Cloud-API"
    )]
    pub audience: String,

    /// Whether the console is served under /console/: on or off
    #[arg(
        long,
        env = "LUMATRACE_CONSOLE",
        default_value = "on",
        hide_possible_values = true
    )]
    pub console: Switch,

    /// Whether protected files are signed (content credentials): on or off
    #[arg(
        long,
        env = "LUMATRACE_CREDENTIALS",
        default_value = "on",
        hide_possible_values = true
    )]
    pub credentials: Switch,

    /// Failed logins of an account from one source that are allowed at once, then one each 6
    /// seconds; 0 is no limit
    #[arg(long, env = "LUMATRACE_LOGIN_BURST", default_value_t = 10,
        value_parser = whole_number::<u32>(0, u64::from(u32::MAX)))]
    pub login_burst: u32,

    /// Calls that a tenant may make a second, on average, unless set for the tenant; 0 is no limit
    #[arg(long, env = "LUMATRACE_RATE_PER_SECOND", default_value_t = 50,
        value_parser = whole_number::<u32>(0, MOST_CALLS))]
    pub rate_per_second: u32,

    /// Calls that a tenant may make at once, unless set for the tenant; 0 is no limit
    #[arg(long, env = "LUMATRACE_RATE_BURST", default_value_t = 100,
        value_parser = whole_number::<u32>(0, MOST_CALLS))]
    pub rate_burst: u32,

    /// Calls that a tenant may make in an hour, unless set for the tenant; 0 is no limit
    #[arg(long, env = "LUMATRACE_RATE_PER_HOUR", default_value_t = 50_000,
        value_parser = whole_number::<u32>(0, MOST_CALLS))]
    pub rate_per_hour: u32,

    /// Networks of proxies whose X-Forwarded-For is believed, separated by commas, as 10.0.0.0/8
    #[arg(long, env = "LUMATRACE_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// Web pages that may call the API from a browser: exact origins with scheme and host,
    /// separated by commas
    #[arg(
        long,
        env = "LUMATRACE_CORS_ORIGINS",
        value_delimiter = ',',
        value_parser = parse_origin
    )]
    pub cors_origins: Vec<String>,

    /// Images worked on at once [default: number of cores]
    #[arg(long, env = "LUMATRACE_WORKERS", value_parser = at_least_one(MOST_WORKERS))]
    pub workers: Option<NonZeroUsize>,

    /// Images that may wait; more are refused with 503 [default: 16 for each worker]
    #[arg(long, env = "LUMATRACE_QUEUE", value_parser = whole_number::<usize>(0, MOST_QUEUED))]
    pub queue: Option<usize>,
}

/// Takes a whole number in a range, and says in plain words which one that is.
fn whole_number<T>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: TryFrom<u64>,
{
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("it is a whole number from {least} to {most}"))
    }
}

/// The same for numbers of which there is at least one.
fn at_least_one(most: u64) -> impl Fn(&str) -> Result<NonZeroUsize, String> + Clone + Send + Sync {
    let number = whole_number::<usize>(1, most);
    move |text| number(text).map(|number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN))
}

/// Takes the address of a collector, below which traces go to `/v1/traces`.
fn parse_collector(text: &str) -> Result<String, &'static str> {
    let authority = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['))
        .ok_or("it is http://host:port or https://host:port, as http://127.0.0.1:4318")?;
    if authority.contains(['@', '?', '#']) {
        return Err(
            "it holds no password and no parameters: OTEL_EXPORTER_OTLP_HEADERS is for secrets",
        );
    }
    Ok(text.to_owned())
}

/// Takes an origin as browsers send it: scheme, host, and a port if it is not the usual one
/// (RFC 6454 section 6.2).
fn parse_origin(text: &str) -> Result<String, &'static str> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let fits = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)
            })
    };
    host.filter(|host| fits(host))
        .map(|_| text.to_owned())
        .ok_or(
            "an origin is https://host or https://host:port, in lower case, with nothing behind it",
        )
}

/// Something that is done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is done.
    On,
    /// It is not.
    Off,
}

/// How logs are written to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines of text, for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl InstallationSettings {
    /// Reads the secrets whose files are named, into the settings that they stand for.
    ///
    /// # Errors
    ///
    /// One sentence that names the setting: its file cannot be read, or both are given.
    pub fn read_secret_files(&mut self) -> Result<(), String> {
        let file = self.database_url_file.as_deref();
        read_secret("DATABASE_URL", &mut self.database_url, file)?;
        let file = self.master_key_file.as_deref();
        read_secret("LUMATRACE_MASTER_KEY", &mut self.master_key, file)?;
        let file = self.master_key_other_file.as_deref();
        let other = &mut self.master_key_other;
        read_secret("LUMATRACE_MASTER_KEY_OTHER", other, file)
    }
}

/// Another vendor's name on the C2PA's list of soft bindings, which is ours in nothing but sound.
const FOREIGN_SOFT_BINDING: &str = "es.lumatrace";

fn parse_soft_binding(text: &str) -> Result<String, &'static str> {
    let is_part = |part: &str| {
        !part.is_empty()
            && (part.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.len() > 128 || text.split('.').count() < 3 || !text.split('.').all(is_part) {
        return Err(
            "it is three or more parts separated by dots, such as com.example.lumatrace.wm.1, 128 characters at most",
        );
    }
    if text == FOREIGN_SOFT_BINDING || text.starts_with("es.lumatrace.") {
        return Err("es.lumatrace is the name of another vendor's watermark");
    }
    Ok(text.to_owned())
}

/// Reads a secret from `file`, if one is named; a newline at its end is the editor's.
fn read_secret(
    setting: &str,
    value: &mut Option<SecretString>,
    file: Option<&Path>,
) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    if value.is_some() {
        return Err(format!(
            "{setting} and {setting}_FILE are both set: set one of them"
        ));
    }
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|error| format!("{setting}_FILE {}: {error}", file.display()))?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        return Err(format!("{setting}_FILE {} is empty", file.display()));
    }
    *value = Some(SecretString::from(secret));
    Ok(())
}

impl ServeSettings {
    /// The same for the settings of `serve`.
    ///
    /// # Errors
    ///
    /// As for those of the installation.
    pub fn read_secret_files(&mut self) -> Result<(), String> {
        let file = self.read_database_url_file.as_deref();
        let url = &mut self.read_database_url;
        read_secret("LUMATRACE_READ_DATABASE_URL", url, file)?;
        let file = self.bootstrap_password_file.as_deref();
        read_secret(
            "LUMATRACE_BOOTSTRAP_PASSWORD",
            &mut self.bootstrap_password,
            file,
        )
    }

    /// How many images are worked on at once: the setting, or the number of cores.
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.map_or_else(cores, NonZeroUsize::get)
    }

    /// How many images may wait: the setting, or 16 for each worker.
    pub fn queue_length(&self) -> usize {
        self.queue.unwrap_or(16 * self.worker_count())
    }
}
