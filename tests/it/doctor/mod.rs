//! `lumatrace doctor`: each fault is found, named and cured by what is said; nothing is changed.

mod broken;

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use lumatrace::{
    app::doctor::Code,
    auth::MasterKey,
    clock::Clock,
    credentials::{
        authority::Authority,
        signing::Algorithm,
        trust::{TrustKind, TrustList, to_pem},
    },
    db::Operator,
    domain::TenantId,
    service::{signers, trust},
};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    process::{DataDir, Server, lumatrace},
    signers::pem_of,
    support::{MASTER_KEY, TestDatabase},
};

const DAY: i64 = 86_400;
/// Another key than that of the tests: the bytes 32 to 63.
const OTHER_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// What `doctor` said.
struct Said {
    exit: i32,
    text: String,
    findings: Vec<Value>,
}

impl Said {
    /// Codes at a level, in order.
    fn codes(&self, level: &str) -> Vec<&str> {
        let of_level = self.findings.iter().filter(|found| found["level"] == level);
        of_level.map(|it| it["code"].as_str().unwrap()).collect()
    }

    /// The one finding of a code, its message and its cure.
    fn one(&self, code: &str) -> (&str, &str) {
        let mut of_code = self.findings.iter().filter(|found| found["code"] == code);
        let found = of_code
            .next()
            .unwrap_or_else(|| panic!("{code}: {}", self.text));
        assert!(of_code.next().is_none(), "{code} twice: {}", self.text);
        let cure = found["cure"].as_str().unwrap_or_default();
        (found["message"].as_str().unwrap(), cure)
    }

    /// Asserts that this was found at that level, with a cure that has these words, and that the
    /// exit code agrees.
    fn finds(&self, level: &str, code: &str, cure: &str) {
        let mut of_code = self.findings.iter().filter(|found| found["code"] == code);
        let found = of_code
            .next()
            .unwrap_or_else(|| panic!("{code} is missing: {}", self.text));
        assert_eq!(found["level"], level, "{}", self.text);
        let said = found["cure"].as_str().unwrap();
        assert!(!cure.is_empty() && said.contains(cure), "{code}: {said}");
        if level == "error" {
            assert_eq!(self.exit, 1, "{}", self.text);
        } else {
            assert_eq!(self.codes("error"), [""; 0], "{}", self.text);
            assert_eq!(self.exit, 0, "{}", self.text);
        }
    }

    fn is_well(&self) {
        let bad = (self.codes("error"), self.codes("warning"));
        assert_eq!((bad, self.exit), ((vec![], vec![]), 0), "{}", self.text);
    }
}

fn output(command: &mut Command) -> (i32, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!error.contains("lumatrace: "), "{error}");
    (output.status.code().unwrap(), text)
}

fn doctor(mut command: Command) -> Said {
    // As few as any machine has the memory for.
    if !command
        .get_envs()
        .any(|(name, _)| name == "LUMATRACE_WORKERS")
    {
        command.env("LUMATRACE_WORKERS", "1");
    }
    let (exit, text) = output(command.args(["doctor", "--json"]));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let findings: Vec<Value> = lines.collect();
    for found in &findings {
        let members: Vec<_> = found.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["level", "code", "message", "cure"]);
        assert_eq!(found["level"] == "ok", found["cure"].is_null(), "{found}");
    }
    let errors = findings.iter().any(|found| found["level"] == "error");
    assert_eq!(exit, i32::from(errors), "{text}");
    Said {
        exit,
        text,
        findings,
    }
}

/// A database of a server, and an empty folder.
struct Place {
    database: TestDatabase,
    folder: DataDir,
    operator: Operator,
    owner: PgConnection,
}

impl Place {
    async fn new() -> Self {
        let (database, folder) = (TestDatabase::create().await, DataDir::new());
        fs::create_dir(&folder.0).unwrap();
        set_mode(&folder, 0o700);
        Self {
            operator: Operator::connect(database.owner()).await.unwrap(),
            owner: PgConnection::connect_with(&database.owner()).await.unwrap(),
            database,
            folder,
        }
    }

    fn command(&self) -> Command {
        let mut command = lumatrace(&self.folder.0);
        command.env("DATABASE_URL", self.database.url());
        command.env("LUMATRACE_MASTER_KEY", MASTER_KEY);
        command
    }

    fn doctor(&self) -> Said {
        doctor(self.command())
    }

    fn doctor_with(&self, setting: &str, value: &str) -> Said {
        let mut command = self.command();
        command.env(setting, value);
        doctor(command)
    }

    /// Runs the command that stands between backquotes in a cure.
    fn cure_by(&self, cure: &str) {
        let line = cure.split('`').nth(1).unwrap();
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("lumatrace"), "{cure}");
        let (exit, _) = output(self.command().args(words));
        assert_eq!(exit, 0, "{line}");
    }

    async fn run(&mut self, statement: &'static str) {
        self.owner.execute(statement).await.unwrap();
    }

    async fn count(&mut self, statement: &'static str) -> i64 {
        let counted = sqlx::query_scalar(statement);
        counted.fetch_one(&mut self.owner).await.unwrap()
    }

    /// Imports a signer of another authority, as if it were `days` from now; its id and its root.
    async fn import(&self, tenant: Option<&str>, days: i64) -> (String, String) {
        let then = Clock::fixed(Clock::system().now().unix_timestamp() + days * DAY);
        let house = Authority::make(then.now(), "Press house", Algorithm::Es256).unwrap();
        let (chain, pkcs8) = house.issue_leaf(Algorithm::Es256, then.now()).unwrap();
        let key = pem_of("PRIVATE KEY", &pkcs8);
        let chain = to_pem(&chain);
        let tenant = tenant.map(|name| TenantId::parse(name).unwrap());
        let master = MasterKey::from_base64(MASTER_KEY).unwrap();
        let files = (chain.as_str(), key.as_str());
        let imported =
            signers::import(&self.operator, &master, &then, tenant.as_ref(), files).await;
        (imported.unwrap().id.to_string(), house.root_pem())
    }
}

fn set_mode(folder: &DataDir, mode: u32) {
    fs::set_permissions(&folder.0, Permissions::from_mode(mode)).unwrap();
}

/// The names of what is in a folder.
fn names(folder: &DataDir) -> BTreeSet<String> {
    let entries = fs::read_dir(&folder.0).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

#[test]
fn the_demo_is_well_beside_its_server_and_without_it() {
    let folder = DataDir::new();
    let server = Server::start(lumatrace(&folder.0));
    let before = names(&folder);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let examine = || {
        let mut command = lumatrace(&folder.0);
        command.env("LUMATRACE_LISTEN", &address);
        command.env("LUMATRACE_WORKERS", "1");
        command
    };
    let beside = doctor(examine());
    beside.is_well();
    let said = [
        "set-up",
        "soft-binding",
        "files",
        "disk",
        "disk",
        "descriptors",
        "memory",
        "listener",
        "engine",
        "database",
        "clock",
        "signing-key",
        "authority",
        "signer",
        "trust-list-none",
        "self-test",
    ];
    assert_eq!(beside.codes("ok"), said);
    let answers = beside.one("listener").0;
    assert!(answers.contains("the server answers at"), "{answers}");
    server.signal("-TERM");
    assert_eq!(server.wait(), 0);
    let (exit, text) = output(examine().arg("doctor"));
    assert_eq!(
        (exit, text.lines().last()),
        (0, Some("16 ok, 0 warnings, 0 errors")),
        "{text}"
    );
    println!("{text}");
    // Text and JSON say the same.
    let in_text = text.lines().take(said.len()).map(|line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), words.next().unwrap())
    });
    let in_json = said.iter().map(|code| ("ok", *code));
    assert!(in_text.eq(in_json), "{text}");
    assert!(text.contains("is free"), "nobody listens any more: {text}");
    assert_eq!(names(&folder), before);
    let secret = |name: &str| fs::read_to_string(folder.0.join(name)).unwrap();
    let demo: Value = serde_json::from_str(&secret("demo-credentials.json")).unwrap();
    for secret in [
        secret("master.key").trim(),
        demo["password"].as_str().unwrap(),
    ] {
        assert!(!text.contains(secret) && !beside.text.contains(secret));
    }
}

#[tokio::test]
async fn where_nothing_is_it_says_so_and_makes_nothing() {
    let nowhere = DataDir::new();
    let said = doctor(lumatrace(&nowhere.0));
    assert_eq!(said.codes("error"), ["installation-missing"]);
    assert_eq!(said.codes("warning"), ["not-examined"]);
    let (message, cure) = said.one("installation-missing");
    assert!(
        message.contains("there is no installation here"),
        "{message}"
    );
    assert!(
        cure.contains("LUMATRACE_DATA_DIR") && cure.contains("DATABASE_URL"),
        "{cure}"
    );
    assert!(!nowhere.0.exists());

    let mut place = Place::new().await;
    let mut keyless = place.command();
    keyless.env_remove("LUMATRACE_MASTER_KEY");
    let said = doctor(keyless);
    assert_eq!(said.codes("error"), ["master-key-missing"]);
    assert_eq!(names(&place.folder), BTreeSet::new());

    place.run("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)").await;
    let said = place.doctor();
    assert_eq!(said.codes("error"), ["schema-other"]);
    assert!(said.one("schema-other").1.contains("lumatrace migrate"));
    place.run("drop view schema_versions").await;
    assert_eq!(place.doctor().codes("error"), ["installation-missing"]);
    assert_eq!(
        place
            .count("select count(*) from pg_views where viewname = 'schema_versions'")
            .await,
        0
    );

    let said = place.doctor_with("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/none");
    assert_eq!(said.codes("error"), ["database-down"]);
    assert!(!said.text.contains("secret"), "{}", said.text);
}

#[tokio::test]
async fn a_missing_authority_is_named_and_not_made() {
    let mut place = Place::new().await;
    place.doctor().is_well();
    place
        .run("delete from certificate_authority; delete from signers")
        .await;
    let said = place.doctor();
    assert_eq!(
        said.codes("error"),
        ["authority-missing", "signer-missing", "self-test-failed"]
    );
    let all =
        "select (select count(*) from certificate_authority) + (select count(*) from signers)";
    assert_eq!(place.count(all).await, 0);
    place.cure_by(said.one("authority-missing").1);
    place.doctor().is_well();
}

#[tokio::test]
async fn an_authority_that_ends_is_warned_of_and_one_that_has_ended_is_an_error() {
    let mut place = Place::new().await;
    place
        .run("delete from certificate_authority; delete from signers")
        .await;
    // The root ends after ten years, in ten days; the issuing CA after five.
    let then = Clock::fixed(Clock::system().now().unix_timestamp() - 3640 * DAY);
    let master = MasterKey::from_base64(MASTER_KEY).unwrap();
    let kind = Some(Algorithm::Es256);
    signers::init(&place.operator, &master, &then, kind)
        .await
        .unwrap();
    let said = place.doctor();
    assert_eq!(said.codes("warning"), ["authority-ends"], "{}", said.text);
    assert!(said.one("authority-ends").0.contains("the root, LumaTrace"));
    let errors = [
        "authority-ended",
        "time.ended",
        "chain.time",
        "self-test-failed",
    ];
    assert_eq!(said.codes("error"), errors, "{}", said.text);
    assert_eq!(said.one("time.ended").1, "run `lumatrace ca init`");
    place.cure_by(said.one("authority-ended").1);
    place.doctor().is_well();
}

#[tokio::test]
async fn a_signer_that_has_ended_is_an_error_until_another_one_signs() {
    let place = Place::new().await;
    output(place.command().args(["tenant", "create", "acme"]));
    let (ended, _) = place.import(Some("acme"), -400).await;
    let said = place.doctor();
    assert_eq!(
        said.codes("error"),
        ["time.ended", "self-test-failed"],
        "{}",
        said.text
    );
    let (message, cure) = said.one("time.ended");
    assert!(
        message.contains(&ended) && message.contains("of tenant acme"),
        "{message}"
    );
    assert!(
        cure.contains("`lumatrace signer import --cert CHAIN.pem --key KEY.pem --tenant acme`"),
        "{cure}"
    );

    let (_, root) = place.import(Some("acme"), 0).await;
    let said = place.doctor();
    assert_eq!(said.codes("error"), [""; 0], "{}", said.text);
    // It has been replaced, and stands in the list for nothing.
    place.cure_by(said.one("time.ended").1);
    let said = place.doctor();
    assert_eq!(
        said.codes("warning"),
        ["self-test-untrusted"],
        "{}",
        said.text
    );
    let file = place.folder.0.join("root.pem");
    fs::write(&file, root).unwrap();
    let cure = said.one("self-test-untrusted").1;
    place.cure_by(&cure.replace("ROOT.pem", file.to_str().unwrap()));
    let said = place.doctor();
    said.is_well();
    let tested = said
        .codes("ok")
        .into_iter()
        .filter(|code| *code == "self-test");
    assert_eq!(tested.count(), 2, "the server's and the tenant's");
}

#[tokio::test]
async fn a_signer_that_ends_soon_is_warned_of_and_one_of_the_future_tells_of_the_clock() {
    let place = Place::new().await;
    let (soon, _) = place.import(None, -340).await;
    let said = place.doctor();
    let (message, cure) = said.one("time.soon");
    assert!(
        message.contains(&soon) && message.contains("of the server"),
        "{message}"
    );
    assert!(cure.contains("`lumatrace signer import"), "{cure}");
    assert_eq!(said.exit, 0);

    let place = Place::new().await;
    place.import(None, 3).await;
    let said = place.doctor();
    let named = said.codes("error");
    assert!(
        named.contains(&"clock-behind") && named.contains(&"time.future"),
        "{named:?}"
    );
    for code in ["clock-behind", "time.future"] {
        assert!(said.one(code).1.contains("clock"), "{}", said.text);
    }
}

#[tokio::test]
async fn keys_that_do_not_open_are_named_one_by_one() {
    let place = Place::new().await;
    let said = place.doctor_with("LUMATRACE_MASTER_KEY", OTHER_KEY);
    assert_eq!(
        said.codes("error"),
        [
            "signing-key-unusable",
            "signing-key-unusable",
            "authority-unusable",
            "signer-key",
            "self-test-failed"
        ]
    );
    assert!(said.one("signer-key").1.contains("LUMATRACE_MASTER_KEY"));
    assert!(!said.text.contains(OTHER_KEY) && !said.text.contains(MASTER_KEY));
}

#[tokio::test]
async fn trust_lists_are_named_when_stale_or_ended() {
    let mut place = Place::new().await;
    let import = async |name: &str, kind, days: i64| {
        let then = Clock::fixed(Clock::system().now().unix_timestamp() + days * DAY);
        let house = Authority::make(then.now(), "Press house", Algorithm::Es256).unwrap();
        let list = TrustList::read(house.root_pem().as_bytes()).unwrap();
        trust::import(&place.operator, &then, name, kind, list)
            .await
            .unwrap();
    };
    import("current", TrustKind::Manifest, 0).await;
    import("monthly", TrustKind::Tsa, 0).await;
    import("old", TrustKind::Manifest, -4000).await;
    place
        .run("update trust_lists set next_update = now() - interval '1 day' where name = 'monthly'")
        .await;
    let said = place.doctor();
    assert_eq!(
        said.codes("warning"),
        ["trust-list-stale", "trust-list-ended"],
        "{}",
        said.text
    );
    let (message, cure) = said.one("trust-list-stale");
    assert!(message.contains("monthly (tsa)"), "{message}");
    assert!(
        cure.contains("`lumatrace trust import FILE --kind tsa --name monthly`"),
        "{cure}"
    );
    assert!(said.one("trust-list").0.contains("current (manifest)"));
    let (message, cure) = said.one("trust-list-ended");
    assert!(
        message.contains("of the 1 certificates") && cure.contains("trust remove old"),
        "{message}"
    );
}

#[tokio::test]
async fn a_weak_set_up_has_the_code_and_the_cure_that_the_start_gives() {
    let place = Place::new().await;
    set_mode(&place.folder, 0o770);
    let said = place.doctor();
    assert_eq!(
        (said.exit, said.codes("warning")),
        (0, vec!["data-folder-shared"])
    );
    assert!(said.one("data-folder-shared").1.contains("chmod 700"));
    set_mode(&place.folder, 0o777);
    let said = place.doctor();
    assert_eq!(said.codes("error"), ["data-folder-open"]);
    assert_eq!(said.codes("warning"), ["not-examined"]);
    set_mode(&place.folder, 0o700);

    let mut tried = 0;
    for (setting, value, level, code) in [
        (
            "LUMATRACE_LISTEN",
            "0.0.0.0:8081",
            "warning",
            "listener-unencrypted",
        ),
        (
            "LUMATRACE_METRICS_LISTEN",
            "0.0.0.0:9464",
            "warning",
            "metrics-open",
        ),
        (
            "LUMATRACE_PUBLIC_URL",
            "http://photos.example.com",
            "warning",
            "soft-binding-example",
        ),
        ("LUMATRACE_CREDENTIALS", "off", "warning", "credentials-off"),
        ("DATABASE_URL", "mysql://nowhere", "error", "setting-wrong"),
        ("DATABASE_URL_FILE", "/nowhere", "error", "setting-wrong"),
        (
            "LUMATRACE_BOOTSTRAP_TENANT",
            "acme",
            "error",
            "setting-wrong",
        ),
    ] {
        let said = place.doctor_with(setting, value);
        assert_eq!(said.codes(level), [code], "{setting}: {}", said.text);
        tried += 1;
    }
    assert_eq!(tried, 7);
    let mut named = place.command();
    named.env("LUMATRACE_PUBLIC_URL", "https://photos.example.com");
    named.env("LUMATRACE_TRUSTED_PROXIES", "127.0.0.1/32");
    named.env("LUMATRACE_SOFT_BINDING_ALG", "org.mydomain.wm.1");
    doctor(named).is_well();
    let off = place.doctor_with("LUMATRACE_CREDENTIALS", "off");
    assert!(!off.codes("ok").contains(&"self-test"), "{}", off.text);
}

#[test]
fn the_codes_are_documented() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, section) = docs.split_once("\n## Doctor\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<(&str, &str)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(code, rest)| Some((code, rest.split_once(" | ")?.0)))
        .collect();
    let listed: Vec<(&str, &str)> = Code::ALL
        .iter()
        .map(|code| (code.as_str(), code.level().as_str()))
        .collect();
    assert_eq!(rows, listed);
    let names: BTreeSet<_> = listed.iter().map(|(code, _)| code).collect();
    assert_eq!(names.len(), Code::ALL.len());
    // What is an error or a warning has a cure in the last column.
    let cured = section.lines().filter(|line| line.starts_with("| `"));
    for line in cured {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert_eq!(cells[1] == "ok", cells[3].trim().is_empty(), "{line}");
    }
}
