//! Who signs: made once, renewed, imported, per tenant; seen by every server; and whose signatures
//! are trusted.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lumatrace::{
    clock::Clock,
    credentials::{
        authority::Authority,
        signing::{Algorithm, SigningIdentity},
        trust::{TrustKind, TrustList},
    },
    db::Operator,
    domain::TenantId,
    service::{
        Error,
        operator::{self, TenantChange},
        signers::{self, ImportError, ListedSigner, SignerState, SignerUnavailable},
        trust,
    },
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    process::{DataDir, lumatrace_on},
    support::{App, TestDatabase},
};

const DAY: i64 = 86_400;

/// What makes a certificate a bad one.
type Break = fn(&mut CertificateParams);

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Who signs for a tenant on a server, by the fingerprint of the leaf.
fn signs(app: &App, name: &str) -> Result<String, SignerUnavailable> {
    let signer = app.ctx.signers.for_tenant(&tenant(name), app.clock.now())?;
    Ok(signer.leaf().fingerprint())
}

/// Waits until something is so on a server, for two seconds at most.
async fn soon(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(2), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

async fn owner(database: &TestDatabase) -> PgConnection {
    PgConnection::connect_with(&database.owner()).await.unwrap()
}

async fn count(owner: &mut PgConnection, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(owner).await.unwrap()
}

async fn listed(app: &App) -> Vec<ListedSigner> {
    signers::list(&app.operator, &app.clock).await.unwrap()
}

/// A house with an authority of its own, elsewhere.
struct House(Authority);

impl House {
    fn new(app: &App) -> Self {
        Self(Authority::make(app.clock.now(), "Press house", Algorithm::Es256).unwrap())
    }

    /// A chain and its key, as the files that an operator gets.
    fn issue(&self, clock: &Clock) -> (String, String) {
        let (chain, pkcs8) = self.0.issue_leaf(Algorithm::Es256, clock.now()).unwrap();
        let key = pem_of("PRIVATE KEY", &pkcs8);
        (lumatrace::credentials::trust::to_pem(&chain), key)
    }
}

/// PEM of a DER.
pub(crate) fn pem_of(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

async fn import(
    app: &App,
    name: Option<&str>,
    (chain, key): &(String, String),
) -> Result<ListedSigner, ImportError> {
    let name = name.map(tenant);
    let files = (chain.as_str(), key.as_str());
    signers::import(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        name.as_ref(),
        files,
    )
    .await
}

#[tokio::test]
async fn servers_that_start_at_once_make_one_authority_and_sign_alike() {
    let app = App::spawn().await;
    let mut owner = owner(&app.database).await;
    owner
        .execute("delete from signers; delete from certificate_authority")
        .await
        .unwrap();
    // Both have seen that there is none, and wait for a third that is starting.
    let third = app.operator.bootstrap().await.unwrap();
    let start = async || {
        let operator = Operator::connect(app.database.owner()).await.unwrap();
        signers::ensure(&operator, &app.ctx.master, &app.clock)
            .await
            .unwrap();
        operator.close().await;
    };
    let both_wait = async {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                       and database = (select oid from pg_database where datname = current_database())";
        while count(&mut owner, waiting).await < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        third.rollback().await.unwrap();
    };
    tokio::join!(start(), start(), both_wait);
    let (one, two) = tokio::join!(app.replica(), app.replica());
    assert_eq!(count(&mut owner, "select count(*) from signers").await, 1);
    assert_eq!(
        count(&mut owner, "select count(*) from certificate_authority").await,
        1
    );
    let signer = signs(&one, "acme").unwrap();
    assert_eq!(signs(&two, "bolt").unwrap(), signer);
    // The server that was there before follows.
    soon("the first server signs with it", || {
        signs(&app, "acme").as_ref() == Ok(&signer)
    })
    .await;
    assert_eq!(
        one.ctx.signers.anchors().manifest,
        two.ctx.signers.anchors().manifest
    );
    let [made] = &listed(&app).await[..] else {
        panic!("one signer");
    };
    assert_eq!(
        (made.origin.as_str(), made.algorithm.as_str()),
        ("self-made", "ps256")
    );
    assert_eq!(
        (made.state, made.tenant.clone()),
        (SignerState::Valid, None)
    );
}

#[tokio::test]
async fn a_new_leaf_is_seen_by_every_server_within_two_seconds() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let before = signs(&replica, "acme").unwrap();
    assert_eq!(signs(&app, "acme").unwrap(), before);
    let root = replica.ctx.signers.anchors();
    let made = signers::init(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        Some(Algorithm::Ed25519),
    )
    .await
    .unwrap();
    let new = Ok(made.leaf.fingerprint());
    let one = soon("this server", || signs(&app, "acme") == new).await;
    let two = soon("the other", || signs(&replica, "acme") == new).await;
    println!("seen after {one:?} and {two:?}");
    assert_eq!(
        replica
            .ctx
            .signers
            .of_server(app.clock.now())
            .unwrap()
            .algorithm(),
        Algorithm::Ed25519
    );
    // Under the same root, so that nothing is to be told to those who trust it.
    assert_eq!(replica.ctx.signers.anchors(), root);
    let all = listed(&app).await;
    let states: Vec<_> = all.iter().map(|signer| signer.state).collect();
    assert_eq!(states, [SignerState::Valid, SignerState::Removed]);
    let mut owner = owner(&app.database).await;
    let keys = "select count(*) from signers where sealed_key is not null";
    assert_eq!(count(&mut owner, keys).await, 1, "the key before is gone");
}

#[tokio::test]
async fn the_self_made_leaf_is_replaced_before_it_ends_and_no_sooner() {
    let app = App::spawn().await;
    let before = signs(&app, "acme").unwrap();
    let root = app.ctx.signers.own_root();
    let look = async || {
        let must = app.ctx.signers.must_renew(app.clock.now());
        signers::ensure(&app.operator, &app.ctx.master, &app.clock)
            .await
            .unwrap();
        must
    };
    // The leaf was made at the time of the tests, which is before that of the application.
    let signer = app.ctx.signers.of_server(app.clock.now()).unwrap();
    let left = (signer.leaf().not_after - app.clock.now()).whole_seconds();
    app.clock.advance(left - 31 * DAY);
    assert!(!look().await);
    assert_eq!(listed(&app).await.len(), 1);
    app.clock.advance(2 * DAY);
    assert!(look().await);
    assert!(!app.replica().await.ctx.signers.must_renew(app.clock.now()));
    soon("the new one signs", || {
        signs(&app, "acme") != Ok(before.clone())
    })
    .await;
    assert_eq!(app.ctx.signers.own_root(), root);
    // Five years on, when the issuing CA has to be replaced, too.
    for _ in 0..5 {
        app.clock.advance(340 * DAY);
        assert!(look().await);
        let now = app.clock.now();
        soon("a leaf of a year", || !app.ctx.signers.must_renew(now)).await;
        let leaf = app.ctx.signers.of_server(now).unwrap();
        assert_eq!((leaf.leaf().not_after - now).whole_days(), 364);
    }
    assert_eq!(app.ctx.signers.own_root(), root);
}

#[tokio::test]
async fn a_running_server_replaces_its_leaf_by_itself() {
    let app = App::spawn().await;
    // Of a kind whose keys are drawn at once.
    let kind = Some(Algorithm::Es256);
    let made = signers::init(&app.operator, &app.ctx.master, &app.clock, kind)
        .await
        .unwrap();
    let before = made.leaf.fingerprint();
    soon("the leaf", || signs(&app, "acme").as_ref() == Ok(&before)).await;
    let signer = app.ctx.signers.of_server(app.clock.now()).unwrap();
    let left = (signer.leaf().not_after - app.clock.now()).whole_seconds();
    app.clock.advance(left - 29 * DAY);
    // To the next look.
    tokio::time::pause();
    tokio::time::advance(Duration::from_hours(1)).await;
    tokio::time::resume();
    soon("a new leaf", || {
        signs(&app, "acme").is_ok_and(|signer| signer != before)
    })
    .await;
}

#[tokio::test]
async fn a_root_that_ends_is_replaced_and_stays_trusted() {
    let app = App::spawn().await;
    let root = app.ctx.signers.own_root().unwrap();
    app.clock.advance(3_500 * DAY);
    assert_eq!(
        signs(&app, "acme").map_err(|error| matches!(error, SignerUnavailable::Ended(_))),
        Err(true)
    );
    signers::ensure(&app.operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    soon("the new root", || {
        app.ctx.signers.own_root().as_ref() != Some(&root)
    })
    .await;
    assert!(app.ctx.signers.anchors().manifest.contains(&root));
    signs(&app, "acme").unwrap();
}

#[tokio::test]
async fn a_tenants_own_signer_goes_before_the_servers_and_nobody_stands_in_for_it() {
    let app = App::spawn().await;
    app.tenant("acme").await;
    app.tenant("bolt").await;
    let own = signs(&app, "acme").unwrap();
    let house = House::new(&app);
    let files = house.issue(&app.clock);
    let imported = import(&app, Some("acme"), &files).await.unwrap();
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let theirs = Ok(imported.leaf.fingerprint());
    soon("acme's signer", || signs(&app, "acme") == theirs).await;
    assert_eq!(signs(&app, "bolt").unwrap(), own);
    let signer = app
        .ctx
        .signers
        .for_tenant(&tenant("acme"), app.clock.now())
        .unwrap();
    assert_eq!(signer.leaf().organization.as_deref(), Some("Press house"));

    // One for all others, in place of the self-made one.
    let general = import(&app, None, &house.issue(&app.clock)).await.unwrap();
    soon("the server's", || {
        signs(&app, "bolt") == Ok(general.leaf.fingerprint())
    })
    .await;
    assert_eq!(signs(&app, "acme"), theirs);

    // Ended: no other signs in its place.
    app.clock.advance(366 * DAY);
    signers::ensure(&app.operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    let now = app.clock.now();
    soon("the self-made leaf", || !app.ctx.signers.must_renew(now)).await;
    for name in ["acme", "bolt"] {
        assert!(
            matches!(signs(&app, name), Err(SignerUnavailable::Ended(_))),
            "{name}"
        );
    }
    let remove = async |id| signers::remove(&app.operator, &app.ctx.master, &app.clock, id).await;
    remove(general.id).await.unwrap();
    soon("the self-made one", || signs(&app, "bolt").is_ok()).await;
    assert!(signs(&app, "acme").is_err());
    remove(imported.id).await.unwrap();
    soon("that of the server", || {
        signs(&app, "acme") == signs(&app, "bolt")
    })
    .await;
    assert!(matches!(remove(imported.id).await, Err(Error::NotFound)));
    let all = listed(&app).await;
    let self_made = all
        .iter()
        .find(|signer| signer.state == SignerState::Valid)
        .unwrap();
    assert!(matches!(
        remove(self_made.id).await,
        Err(Error::Conflict(_))
    ));
    let named = all
        .iter()
        .filter(|signer| signer.tenant.as_deref() == Some("acme"));
    assert_eq!(named.count(), 1, "the record stays, without its key");
}

#[tokio::test]
async fn a_tenants_signers_go_with_it_and_its_log_tells_of_them() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let house = House::new(&app);
    let imported = import(&app, Some("acme"), &house.issue(&app.clock))
        .await
        .unwrap();
    signers::remove(&app.operator, &app.ctx.master, &app.clock, imported.id)
        .await
        .unwrap();
    import(&app, Some("acme"), &house.issue(&app.clock))
        .await
        .unwrap();
    let log = chief.get("/api/v1/audit").await.json();
    let told: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"].as_str().unwrap().starts_with("signer."))
        .collect();
    assert_eq!(told.len(), 3, "{log}");
    assert_eq!(told[1]["action"], "signer.removed");
    assert_eq!(told[1]["detail"]["signer"], imported.id.to_string());
    assert_eq!(
        told[2]["detail"]["certificate"],
        imported.leaf.fingerprint()
    );
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &tenant("acme"),
        TenantChange::Delete,
    )
    .await
    .unwrap();
    assert_eq!(listed(&app).await.len(), 1, "the server's own");
    let nobody = import(&app, Some("acme"), &house.issue(&app.clock)).await;
    assert!(matches!(nobody, Err(ImportError::Service(Error::NotFound))));
}

#[tokio::test]
async fn without_a_signer_nobody_signs() {
    let app = App::spawn().await;
    let mut owner = owner(&app.database).await;
    owner.execute("delete from signers").await.unwrap();
    soon("nobody", || {
        signs(&app, "acme") == Err(SignerUnavailable::None)
    })
    .await;
    assert!(app.ctx.signers.must_renew(app.clock.now()));
    // A start makes one, under the root that there is.
    let root = app.ctx.signers.own_root();
    let replica = app.replica().await;
    signs(&replica, "acme").unwrap();
    assert_eq!(replica.ctx.signers.own_root(), root);
}

#[tokio::test]
async fn what_validators_would_refuse_is_not_imported() {
    let app = App::spawn().await;
    app.tenant("acme").await;
    let now = app.clock.now();
    let day = time::Duration::days(1);
    let breaks: [(&str, Break); 4] = [
        ("purpose.missing", |leaf| leaf.extended_key_usages.clear()),
        ("usage.missing", |leaf| leaf.key_usages.clear()),
        ("name.organization", |leaf| {
            leaf.distinguished_name.remove(DnType::OrganizationName);
        }),
        ("leaf.authority", |leaf| {
            leaf.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }),
    ];
    let key = KeyPair::generate().unwrap();
    let mut refused = 0;
    for (clause, break_it) in breaks {
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = DistinguishedName::new();
        for (kind, text) in [
            (DnType::CountryName, "NL"),
            (DnType::OrganizationName, "Press house"),
            (DnType::CommonName, "Desk"),
        ] {
            leaf.distinguished_name.push(kind, text);
        }
        (leaf.not_before, leaf.not_after) = (now - day, now + 100 * day);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        break_it(&mut leaf);
        let files = (leaf.self_signed(&key).unwrap().pem(), key.serialize_pem());
        for name in [None, Some("acme")] {
            let Err(ImportError::Profile(findings)) = import(&app, name, &files).await else {
                panic!("{clause} is imported");
            };
            let clauses: Vec<_> = findings.iter().map(|finding| finding.clause.name).collect();
            assert!(clauses.contains(&clause), "{clauses:?}");
        }
        refused += 1;
    }
    assert_eq!(refused, 4);
    let house = House::new(&app);
    let (chain, _) = house.issue(&app.clock);
    let (_, other_key) = house.issue(&app.clock);
    let Err(ImportError::Profile(findings)) = import(&app, None, &(chain, other_key)).await else {
        panic!("a key of another certificate is imported");
    };
    assert_eq!(findings[0].clause.name, "key.other");
    assert_eq!(listed(&app).await.len(), 1);
}

#[tokio::test]
async fn trust_lists_are_trusted_by_every_server_until_they_are_removed() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let before = replica.ctx.signers.anchors();
    assert_eq!((before.manifest.len(), before.tsa.len()), (1, 0));
    let (one, two) = (House::new(&app), House::new(&app));
    let read = |house: &House| TrustList::read(house.0.root_pem().as_bytes()).unwrap();
    let import = async |name: &str, kind, list| {
        trust::import(&app.operator, &app.clock, name, kind, list).await
    };
    let imported = import("houses", TrustKind::Manifest, read(&one))
        .await
        .unwrap();
    assert_eq!(
        (imported.anchors, imported.ended, imported.is_stale),
        (1, 0, false)
    );
    import("stamps", TrustKind::Tsa, read(&two)).await.unwrap();
    let anchors = || replica.ctx.signers.anchors();
    soon("both", || !anchors().tsa.is_empty()).await;
    assert_eq!(anchors().manifest[1], one.0.root_pem());
    assert_eq!(anchors().tsa, [two.0.root_pem()]);
    assert_ne!(anchors(), before);

    // In place of the one before, at the same moment of the clock.
    import("houses", TrustKind::Manifest, read(&two))
        .await
        .unwrap();
    soon("the other", || anchors().manifest[1] == two.0.root_pem()).await;
    // A new signer changes no anchor.
    let same = anchors();
    let made = signers::init(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        Some(Algorithm::Es256),
    )
    .await
    .unwrap();
    soon("the signer", || {
        signs(&replica, "acme") == Ok(made.leaf.fingerprint())
    })
    .await;
    assert_eq!(anchors(), same);

    let stale = TrustList {
        next_update: Some(app.clock.now() - time::Duration::days(1)),
        ..read(&one)
    };
    assert!(import("old", TrustKind::Tsa, stale).await.unwrap().is_stale);
    for name in ["", "a b", "é", &"a".repeat(65)] {
        let refused = import(name, TrustKind::Tsa, read(&one)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{name}");
    }
    for name in ["houses", "stamps", "old"] {
        trust::remove(&app.operator, name).await.unwrap();
    }
    soon("none", || {
        anchors().manifest.len() == 1 && anchors().tsa.is_empty()
    })
    .await;
    assert!(matches!(
        trust::remove(&app.operator, "old").await,
        Err(Error::NotFound)
    ));
}

#[tokio::test]
async fn the_root_is_public() {
    let app = App::spawn().await;
    let answer = app.anonymous().get("/.well-known/c2pa/anchors.pem").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/x-pem-file");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let pem = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(Some(&pem), app.ctx.signers.own_root().as_ref());
    assert_eq!(signers::root_pem(&app.operator).await.unwrap(), pem);
}

#[tokio::test]
async fn keys_are_sealed_for_their_row_and_never_printed() {
    let app = App::spawn().await;
    app.tenant("acme").await;
    let house = House::new(&app);
    let (chain, key) = house.issue(&app.clock);
    let imported = import(&app, Some("acme"), &(chain, key.clone()))
        .await
        .unwrap();
    soon("acme's signer", || {
        signs(&app, "acme") == Ok(imported.leaf.fingerprint())
    })
    .await;
    let secret = key.lines().nth(1).unwrap();
    let printed = format!("{:?} {imported:?}", app.ctx);
    assert!(!printed.contains(secret) && !printed.contains("PRIVATE KEY-----"));
    let mut owner = owner(&app.database).await;
    let sealed: Vec<Vec<u8>> = sqlx::query_scalar(
        "select sealed_key from signers where sealed_key is not null
         union all select sealed_root_key from certificate_authority
         union all select sealed_issuing_key from certificate_authority",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(sealed.len(), 4);
    let pkcs8 = STANDARD.decode(secret).unwrap();
    for bytes in &sealed {
        assert!(
            !bytes
                .windows(32)
                .any(|window| pkcs8[36..].starts_with(window))
        );
    }
    // The sealed key of one row is nothing in another.
    owner
        .execute(
            "update signers as one set sealed_key = other.sealed_key from signers as other
             where one.tenant_key is null and other.tenant_key is not null and one.sealed_key is not null",
        )
        .await
        .unwrap();
    let read = signers::load(&app.ctx.db, &app.ctx.master, None).await;
    assert!(matches!(read, Err(Error::Internal(_))));
}

/// The program on a database of its own, with a folder for files.
struct Program {
    database: TestDatabase,
    folder: DataDir,
}

impl Program {
    async fn new() -> Self {
        let (database, folder) = (TestDatabase::create().await, DataDir::new());
        fs::create_dir_all(&folder.0).unwrap();
        Self { database, folder }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Whether it succeeded, and what it printed on stdout and stderr.
    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = lumatrace_on(&self.database, &self.folder)
            .args(arguments)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    fn prints(&self, arguments: &[&str]) -> Vec<Value> {
        let (done, out, error) = self.run(arguments);
        assert!(done, "{arguments:?}: {error}");
        let lines = out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn the_commands_make_import_list_and_remove_in_json() {
    let program = Program::new().await;
    let made = &program.prints(&["ca", "init", "--alg", "es256"])[0];
    assert_eq!(made["signer"]["algorithm"], "es256");
    let (done, root, _) = program.run(&["ca", "export"]);
    assert!(done && root.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let list = TrustList::read(root.as_bytes()).unwrap();
    assert_eq!(list.anchors.len(), 1);

    let clock = Clock::system();
    let house = Authority::make(clock.now(), "Press house", Algorithm::Ps256).unwrap();
    let (chain, pkcs8) = house.issue_leaf(Algorithm::Ps256, clock.now()).unwrap();
    let identity = SigningIdentity::new(chain.clone(), &pkcs8).unwrap();
    let key = pem_of("PRIVATE KEY", &pkcs8);
    let secret = key.lines().nth(1).unwrap();
    let chain = program.write("chain.pem", &lumatrace::credentials::trust::to_pem(&chain));
    let key_file = program.write("leaf.key", &key);
    let import = ["signer", "import", "--cert", &chain, "--key", &key_file];
    let imported = &program.prints(&import)[0];
    assert_eq!(imported["leaf"]["sha256"], identity.leaf().fingerprint());
    assert_eq!(imported["warnings"], serde_json::json!([]));
    let open = Permissions::from_mode(0o644);
    fs::set_permissions(&key_file, open).unwrap();
    program.prints(&["tenant", "create", "acme"]);
    let (done, out, error) = program.run(&[&import[..], &["--tenant", "acme"]].concat());
    assert!(done && error.contains("chmod 600"), "{error}");
    assert!(out.contains(r#""tenantId":"acme""#), "{out}");
    let listed = program.prints(&["signer", "list"]);
    let states: Vec<_> = listed
        .iter()
        .map(|signer| signer["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["valid", "valid", "valid", "removed"]);
    for text in [&out, &error, &root, &Value::from(listed).to_string()] {
        assert!(!text.contains(secret) && !text.contains("PRIVATE KEY"));
    }
    let id = imported["id"].as_str().unwrap();
    assert_eq!(
        program.prints(&["signer", "remove", id])[0]["state"],
        "removed"
    );

    let wrong = program.write("wrong.pem", &house.root_pem());
    let refusals: [(&[&str], &str); 7] = [
        (
            &["signer", "import", "--cert", &wrong, "--key", &key_file],
            "leaf.authority: the file holds a root alone. Give",
        ),
        (
            &["signer", "import", "--cert", &chain, "--key", &chain],
            "key.form",
        ),
        (
            &["signer", "import", "--cert", &chain, "--key", "/nowhere"],
            "/nowhere",
        ),
        (
            &[
                "signer", "import", "--cert", &chain, "--key", &key_file, "--tenant", "bolt",
            ],
            "no such tenant",
        ),
        (&["signer", "remove", id], "there is no signer"),
        (&["trust", "import", &key_file], "PRIVATE KEY"),
        (&["trust", "remove", "none"], "there is no trust list none"),
    ];
    for (line, named) in refusals {
        let (done, out, error) = program.run(line);
        assert!(
            !done && out.is_empty() && error.contains(named),
            "{line:?}: {error}"
        );
        assert!(!error.contains(secret));
    }

    let imported = &program.prints(&["trust", "import", &wrong])[0];
    assert_eq!(
        (&imported["name"], &imported["kind"]),
        (&"wrong".into(), &"manifest".into())
    );
    let stamps = [
        "trust", "import", &wrong, "--kind", "tsa", "--name", "stamps",
    ];
    program.prints(&stamps);
    let lists = program.prints(&["trust", "list"]);
    assert_eq!(lists.len(), 2);
    assert_eq!(
        (&lists[0]["name"], &lists[0]["anchors"]),
        (&"stamps".into(), &1.into())
    );
    assert_eq!(lists[0]["stale"], false);
    program.prints(&["trust", "remove", "stamps"]);
    assert_eq!(program.prints(&["trust", "list"]).len(), 1);
}

#[tokio::test]
async fn a_database_without_rights_to_write_keeps_the_signer_that_it_has() {
    let app = App::spawn().await;
    let options = app.database.owner();
    let mut owner = owner(&app.database).await;
    let name: String = sqlx::query_scalar("select current_database()")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    owner.execute(sqlx::AssertSqlSafe(read_only)).await.unwrap();
    let before = signs(&app, "acme").unwrap();
    app.clock.advance(350 * DAY);
    let operator = Operator::connect(options).await.unwrap();
    signers::ensure(&operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    operator.close().await;
    assert_eq!(listed(&app).await.len(), 1);
    assert!(
        matches!(signs(&app, "acme"), Err(SignerUnavailable::Ended(_))),
        "{before}"
    );
}
