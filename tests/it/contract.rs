//! Documents and code agree, and errors have one shape wherever they come from.

use std::{collections::BTreeSet, fs, path::Path};

use axum::http::Method;
use clap::{Args, Command};
use lumatrace::{config::Config, http::ErrorCode};

use crate::support::App;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_error_catalogue_is_documented_row_by_row() {
    let documented: Vec<String> = read("docs/errors.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned)
        .collect();
    let rows: Vec<String> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let row = code.row();
            format!(
                "| `{}` | {} | {} | {} |",
                row.code,
                row.status.as_u16(),
                row.title,
                row.action
            )
        })
        .collect();
    assert!(rows.len() > 15);
    assert_eq!(documented, rows);
}

#[test]
fn every_setting_is_in_the_example_and_in_the_documentation() {
    let command = Config::augment_args(Command::new("lumatrace"));
    let settings: BTreeSet<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .collect();
    assert!(settings.len() > 10);
    let names = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
            .filter(|word| word.starts_with("LUMATRACE_") || *word == "DATABASE_URL")
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(names(&read(".env.example")), settings, ".env.example");
    let documented = names(&read("docs/configuration.md"));
    assert!(
        settings.is_subset(&documented),
        "{:?}",
        settings.difference(&documented)
    );
}

#[tokio::test]
async fn errors_of_the_router_have_the_shape_of_all_errors() {
    let app = App::spawn().await;
    app.anonymous()
        .get("/nowhere")
        .await
        .problem(ErrorCode::NotFound);
    let wrong = app
        .anonymous()
        .call(&Method::PUT, "/api/v1/auth/login")
        .await;
    wrong.problem(ErrorCode::MethodNotAllowed);
    assert_eq!(wrong.header("allow"), "POST");
    for code in ErrorCode::ALL {
        let path = format!("/errors/{}", code.row().code);
        let meaning = app.anonymous().get(&path).await;
        assert_eq!(
            meaning.status, 200,
            "the type of an error leads somewhere: {path}"
        );
    }
    app.anonymous()
        .get("/errors/NO_SUCH_CODE")
        .await
        .problem(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_request_id_is_taken_over_only_when_it_is_well_formed() {
    let app = App::spawn().await;
    let longest = "a".repeat(128);
    let too_long = "a".repeat(129);
    let mut tried = 0;
    for (id, kept) in [
        ("abc-1.2:3_X", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        ("{\"a\":1}", false),
        ("../x", false),
        ("a b", false),
        ("é", false),
    ] {
        let request = axum::http::Request::get("/livez")
            .header(
                "x-request-id",
                axum::http::HeaderValue::from_bytes(id.as_bytes()).unwrap(),
            )
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = app.anonymous().send(request).await;
        assert_eq!(answer.header("x-request-id") == id, kept, "{id}");
        tried += 1;
    }
    assert_eq!(tried, 8);
}
