//! The command line as people meet it: short help, settings where they belong, errors that name the
//! flag.

use std::process::Stdio;

use clap::{Args, Command};
use lumatrace::config::{InstallationSettings, ServeSettings};
use serde_json::Value;

use crate::{
    process::{DataDir, lumatrace},
    support::{MASTER_KEY, TestDatabase},
};

/// Exit code, stdout and stderr of a run without any setting in the environment.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = DataDir::new();
    let output = lumatrace(&folder.0)
        .env_remove("LUMATRACE_DATA_DIR")
        .env_remove("LUMATRACE_LISTEN")
        .current_dir(std::env::temp_dir())
        .args(arguments)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn flags<S: Args>() -> Vec<String> {
    let command = S::augment_args(Command::new("settings"));
    let flags: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| Some(format!("--{} ", argument.get_long()?)))
        .collect();
    assert!(flags.len() > 4);
    flags
}

#[test]
fn help_of_a_command_shows_its_own_options_and_few_others() {
    let (serve, installation) = (flags::<ServeSettings>(), flags::<InstallationSettings>());
    let mut commands = 0;
    for (command, own) in [
        ("tenant create", "<NAME>"),
        ("tenant set", "--max-megapixels "),
        ("account create", "--password-stdin"),
        ("api-key create", "--days "),
        ("api-key renew", "--overlap-hours "),
        ("app create", "--token-days "),
        ("app renew", "--overlap-hours "),
        ("key rotate", ""),
        ("audit verify", "--kept "),
        ("backup", "--recipient "),
        ("restore", "--identity-file "),
        ("rekey", "--new-master-key-file "),
        ("migrate", ""),
    ] {
        let line: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (code, help, _) = run(&line);
        assert_eq!(code, Some(0), "{command}");
        assert!(help.contains(own), "{command}: {help}");
        assert!(help.lines().count() < 60, "{command}: {help}");
        for flag in &serve {
            assert!(!help.contains(flag), "{command} shows {flag}");
        }
        let (_, shared) = help.split_once("\nSettings of the installation").unwrap();
        for flag in &installation {
            assert!(shared.contains(flag), "{command} hides {flag}");
        }
        commands += 1;
    }
    assert_eq!(commands, 13);

    let (_, help, _) = run(&["serve", "--help"]);
    let (_, examined, _) = run(&["doctor", "--help"]);
    for flag in serve.iter().chain(&installation) {
        assert!(help.contains(flag), "serve hides {flag}");
        assert!(examined.contains(flag), "doctor does not take {flag}");
    }
    let (_, help, _) = run(&["--help"]);
    assert!(help.contains("lumatrace serve --help"), "{help}");
}

#[test]
fn settings_of_the_installation_may_stand_before_the_command() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let (url, folder) = (database.url(), DataDir::new());
    let folder = folder.0.to_str().unwrap();
    let settings = [
        "--data-dir",
        folder,
        "--database-url",
        &url,
        "--master-key",
        MASTER_KEY,
        "--log",
        "error",
    ];
    let create = ["tenant", "create", "acme"];
    let (code, text, error) = run(&[&settings[..], &create[..]].concat());
    assert_eq!(code, Some(0), "{error}");
    assert!(text.contains("\"tenantId\":\"acme\""), "{text}");
    let (code, text, error) = run(&[&["tenant", "list"], &settings[..]].concat());
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn keys_and_applications_are_renewed_and_listed_with_their_end_and_last_use() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let (url, folder) = (database.url(), DataDir::new());
    let settings = [
        "--data-dir",
        folder.0.to_str().unwrap(),
        "--database-url",
        &url,
        "--master-key",
        MASTER_KEY,
        "--log",
        "error",
    ];
    let tried = |line: &str| run(&[&line.split(' ').collect::<Vec<_>>()[..], &settings].concat());
    let told = |line: &str| -> Vec<Value> {
        let (code, text, error) = tried(line);
        assert_eq!(code, Some(0), "{line}: {error}");
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    };
    for tenant in ["acme", "bolt"] {
        told(&format!("tenant create {tenant}"));
    }
    let mut renewed = 0;
    for (command, member, secret) in [("api-key", "id", "apiKey"), ("app", "appId", "secret")] {
        let create = format!("{command} create --tenant acme --name desk --days 30");
        let old = told(&create).remove(0);
        let id = old[member].as_str().unwrap();
        let new = told(&format!(
            "{command} renew --tenant acme --overlap-hours 1 {id}"
        ));
        let new = &new[0];
        assert_ne!((&new[member], &new[secret]), (&old[member], &old[secret]));
        assert_eq!((&new["name"], &new["scope"]), (&old["name"], &old["scope"]));
        assert!(old["expiresAt"].is_string() && new["expiresAt"].is_string());
        let ended = &new["renewed"];
        assert_eq!(ended[member], old[member]);
        let listed = told(&format!("{command} list --tenant acme"));
        let ends: Vec<&Value> = listed.iter().map(|one| &one["expiresAt"]).collect();
        assert_eq!(ends, [&new["expiresAt"], &ended["expiresAt"]]);
        for one in &listed {
            assert_eq!(one.get("lastUsedAt"), Some(&Value::Null));
        }
        let (code, _, error) = tried(&format!("{command} renew --tenant bolt {id}"));
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains("there is no "), "{error}");
        renewed += 1;
    }
    assert_eq!(renewed, 2);
}

#[test]
fn a_wrong_command_line_ends_with_2_and_names_what_is_wrong() {
    let mut refused = 0;
    for (line, named) in [
        ("--listen nowhere", "--listen"),
        ("serve --listen nowhere", "--listen"),
        ("--metrics-listen 9464", "--metrics-listen"),
        ("--lisen 127.0.0.1:0", "--lisen"),
        ("--rate-burst many serve", "--rate-burst"),
        ("tenant create", "<NAME>"),
        ("tenant create acme --listen 127.0.0.1:0", "--listen"),
        ("--listen 127.0.0.1:0 tenant list", "--listen"),
        ("tenant set acme --max-copies 0", "--max-copies"),
        ("account list", "--tenant"),
        (
            "api-key create --tenant acme --name x --days 3651",
            "--days",
        ),
        (
            "api-key renew --tenant acme --overlap-hours 721 00000000-0000-4000-8000-000000000000",
            "--overlap-hours",
        ),
        ("app renew --tenant acme x", "UUID"),
        ("healthcheck --listen nowhere", "--listen"),
        ("tenat list", "tenat"),
        ("--log-format xml migrate", "--log-format"),
    ] {
        let (code, said, error) = run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(code, Some(2), "{line}: {error}");
        assert!(said.is_empty(), "{line}: {said}");
        assert!(error.contains(named), "{line}: {error}");
        refused += 1;
    }
    assert_eq!(refused, 16);
}
