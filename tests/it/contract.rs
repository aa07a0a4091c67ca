//! Documents and code agree, and errors have one shape wherever they come from.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use axum::http::Method;
use clap::{Args, Command};
use lumatrace::{config::Config, http::ErrorCode};
use serde_json::Value;

use crate::support::App;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap()
}

#[test]
fn the_error_catalogue_is_documented_row_by_row() {
    let rows = ErrorCode::ALL.iter().map(|code| {
        let row = code.row();
        let status = row.status.as_u16();
        format!(
            "| `{}` | {status} | {} | {} |\n",
            row.code, row.title, row.action
        )
    });
    let rows: String = rows.collect();
    let page = read("docs/errors.md");
    let start = page.find("| `").unwrap();
    let end = start + page[start..].find("\n\n").unwrap() + 1;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = [&page[..start], &rows, &page[end..]].concat();
        return fs::write(path("docs/errors.md"), page).unwrap();
    }
    assert!(rows.lines().count() > 15);
    assert_eq!(
        page[start..end],
        rows,
        "if that is meant: UPDATE_DOCS=1 script/cargo test --test it"
    );
}

#[test]
fn the_postman_collection_calls_every_operation() {
    let json = |file| serde_json::from_str::<Value>(&read(file)).unwrap();
    let collection = json("postman/lumatrace.postman_collection.json");
    let folders = collection["item"].as_array().unwrap();
    let requests = folders
        .iter()
        .flat_map(|folder| folder["item"].as_array().unwrap());
    let called: Vec<(&str, &str)> = requests
        .map(|item| {
            let script = &item["event"].as_array().unwrap().last().unwrap()["script"]["exec"];
            let script = script.to_string();
            assert!(script.contains("pm.test("), "no assertion: {item}");
            let request = &item["request"];
            let url = request["url"]["raw"].as_str().unwrap();
            let path = url.strip_prefix("{{baseUrl}}").unwrap();
            (
                request["method"].as_str().unwrap(),
                path.split('?').next().unwrap(),
            )
        })
        .collect();
    let mut operations = 0;
    for (path, methods) in json("docs/openapi.json")["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys();
        for method in methods.filter(|key| *key != "parameters") {
            let fits = |(verb, called): &(&str, &str)| {
                let (wanted, given) = (path.split('/'), called.split('/'));
                verb.eq_ignore_ascii_case(method)
                    && wanted.clone().count() == given.clone().count()
                    && wanted.zip(given).all(|(a, b)| a == b || a.starts_with('{'))
            };
            assert!(called.iter().any(fits), "{method} {path} is not called");
            operations += 1;
        }
    }
    println!("{operations} operations, {} requests", called.len());
    assert!(operations > 30);
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
            .filter(|word| {
                ["LUMATRACE_", "DATABASE_URL", "OTEL_"]
                    .iter()
                    .any(|start| word.starts_with(start))
            })
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
