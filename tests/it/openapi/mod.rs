//! The OpenAPI document: it says what the router does, and nothing else.
//!
//! `docs/openapi.json` is the contract as it was reviewed. After a change that is meant:
//! `UPDATE_DOCS=1 script/cargo test --test it`, and commit the file.

mod answers;
mod contract;

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use lumatrace::{
    domain::Scopes,
    http::{Access, ErrorCode, endpoints, openapi},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use self::contract::Contract;
use self::contract::operations;
use crate::support::App;

/// The address in the committed document: the server's own when nothing is set.
const URL: &str = "http://127.0.0.1:8081";

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = openapi::document(URL);
    let described: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(path, method, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    let routes: BTreeSet<String> = endpoints()
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    assert!(routes.len() > 30);
    assert_eq!(described, routes);
    let ids: BTreeSet<&str> = operations(&document)
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), routes.len(), "names of operations are unique");
}

#[test]
fn every_schema_is_one() {
    fn walk(value: &Value, at: &str, checked: &mut usize) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let at = format!("{at}/{name}");
                    if name == "schema" || at.starts_with("/components/schemas/") {
                        let sound = jsonschema::meta::validate(value);
                        assert!(sound.is_ok(), "{at}: {:?} in {value}", sound.err());
                        *checked += 1;
                    } else if name != "example" && name != "examples" {
                        walk(value, &at, checked);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, at, checked)),
            _ => {}
        }
    }
    let mut checked = 0;
    walk(&openapi::document(URL), "", &mut checked);
    println!("{checked} schemas");
    assert!(checked > 200);
}

#[test]
fn each_operation_says_who_may_call_and_how_it_refuses() {
    let document = openapi::document(URL);
    let mut checked = 0;
    for endpoint in endpoints() {
        let method = endpoint.method.as_str().to_lowercase();
        let operation = &document["paths"][endpoint.path][method];
        let what = format!("{} {}", endpoint.method, endpoint.path);
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{what}");
        let in_path: Vec<String> = endpoint
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        let parameters: Vec<String> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(parameters, in_path, "{what}");
        let responses = &operation["responses"];
        let (Access::Token(scopes) | Access::Optional(scopes)) = endpoint.access else {
            let by_origin = operation["operationId"] == "beginConsoleSession";
            assert_eq!(responses["403"].is_object(), by_origin, "{what}");
            continue;
        };
        let asked: Vec<String> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
        let is_optional = matches!(endpoint.access, Access::Optional(_));
        let ways = operation["security"].as_array().unwrap();
        assert_eq!(ways.contains(&json!({})), is_optional, "{what}");
        for way in ways.iter().filter(|way| **way != json!({})) {
            let ways = ["bearer", "oauth2", "console"];
            let shown = ways.iter().find_map(|name| way.get(name)).unwrap();
            assert_eq!(*shown, json!(asked), "{what}");
        }
        assert_eq!(
            responses["403"].is_object(),
            scopes != Scopes::NONE,
            "{what}"
        );
        let ends_a_session = ["logout", "endConsoleSession"];
        let limited = !ends_a_session.contains(&operation["operationId"].as_str().unwrap());
        assert_eq!(responses["429"].is_object(), limited, "{what}");
        for status in ["401", "500", "503"] {
            assert!(responses[status].is_object(), "{what} {status}");
        }
        checked += 1;
    }
    assert!(checked > 18);
}

#[test]
fn every_body_has_an_example_and_every_example_is_right() {
    let contract = Contract::new();
    let components = &contract.document["components"];
    let mut checked = 0;
    for (path, method, operation) in operations(&contract.document) {
        let request = operation.get("requestBody").into_iter();
        let answers = operation["responses"].as_object().unwrap().values();
        for (kind, content) in request
            .chain(answers)
            .filter_map(|body| body["content"].as_object())
            .flatten()
            .filter(|(kind, _)| !kind.starts_with("image/"))
        {
            let mut examples: Vec<&Value> = content.get("example").into_iter().collect();
            for example in content["examples"].as_object().into_iter().flatten() {
                let name = example.1["$ref"].as_str();
                let name = name.and_then(|path| path.strip_prefix("#/components/examples/"));
                examples.push(name.map_or(&example.1["value"], |name| {
                    &components["examples"][name]["value"]
                }));
            }
            let what = format!("{method} {path} {kind}");
            assert!(!examples.is_empty(), "{what}");
            for example in examples {
                contract.valid(&content["schema"], example, &what);
                checked += 1;
            }
        }
    }
    let rows = ErrorCode::ALL.len();
    assert_eq!(components["examples"].as_object().unwrap().len(), rows);
    let unused = |code: &ErrorCode| {
        let component = format!("#/components/examples/{code:?}");
        !contract.document["paths"].to_string().contains(&component)
    };
    let unused: Vec<_> = ErrorCode::ALL.iter().filter(|code| unused(code)).collect();
    // What is answered where there is no operation.
    assert_eq!(unused, [&ErrorCode::MethodNotAllowed]);
    println!("{checked} examples");
    assert!(checked > 200);
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let document = openapi::document(URL);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        fs::write(&path, text).unwrap();
    }
    let committed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(
        committed == document,
        "the API's contract changed; if that is meant: UPDATE_DOCS=1 script/cargo test --test it"
    );
}

#[tokio::test]
async fn the_document_and_its_page_need_nothing_but_the_server() {
    let app = App::spawn().await;
    let mut contract = Contract::new();
    let served = app.anonymous().get("/openapi.json").await;
    contract.holds("getOpenapi", &served);
    assert_eq!(served.json(), openapi::document("http://lumatrace.test"));
    let page = app.anonymous().get("/docs").await;
    contract.holds("getDocs", &page);
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
        let inside = html.split_once(&format!("<{tag}>")).unwrap().1;
        let inside = inside.split_once(&format!("</{tag}>")).unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(inside));
        let allowed = format!("{directive} 'sha256-{hash}'");
        assert!(policy.contains(&allowed), "{tag}: {policy}");
    }
    for foreign in ["http://", "https://", "@import", "src=", "innerHTML"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}
