//! The console calls the API and nothing else, and what the API can do, the console shows: or
//! `docs/console.md` says why not.

use std::{collections::BTreeMap, fs, path::Path};

use lumatrace::http::openapi;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ASSETS: &str = "src/http/console/assets/js";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|_| panic!("{path}"))
}

/// The rows of the table: operation, function of `api.js`, screens or the reason why there is none.
fn table() -> BTreeMap<String, (String, String)> {
    let text = read("docs/console.md");
    let (_, rest) = text.split_once("<!-- operations:begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- operations:end -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = |cell: &str| cell.trim_matches('`').to_owned();
        (name(cells[0]), (name(cells[1]), cells[2].to_owned()))
    })
    .collect()
}

#[test]
fn every_operation_has_a_screen_or_a_reason() {
    let document = openapi::document("http://lumatrace.test");
    let operations: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .map(str::to_owned)
        .collect();
    let table = table();
    let mut unlisted: Vec<_> = operations
        .iter()
        .filter(|id| !table.contains_key(*id))
        .collect();
    unlisted.sort();
    assert!(unlisted.is_empty(), "not in docs/console.md: {unlisted:?}");
    let gone: Vec<_> = table.keys().filter(|id| !operations.contains(id)).collect();
    assert!(
        gone.is_empty(),
        "in docs/console.md, and no operation: {gone:?}"
    );
    let api = read(&format!("{ASSETS}/api.js"));
    let (mut with_screen, mut with_reason) = (0, 0);
    for (operation, (call, where_or_why)) in &table {
        if call.is_empty() {
            assert!(where_or_why.len() > 20, "{operation}: no reason");
            with_reason += 1;
            continue;
        }
        let defined = [
            format!("export const {call} ="),
            format!("export async function {call}("),
        ];
        assert!(
            defined.iter().any(|text| api.contains(text)),
            "{operation}: {call}"
        );
        for screen in where_or_why
            .split(',')
            .map(|name| name.trim().trim_matches('`'))
        {
            let source = read(&format!("{ASSETS}/{screen}.js"));
            assert!(
                source.contains(&format!("{call}(")) || source.contains(&format!("{call},")),
                "{operation}: {screen} does not call {call}"
            );
        }
        with_screen += 1;
    }
    println!(
        "operations {}, with a screen {with_screen}, with a reason {with_reason}",
        operations.len()
    );
    assert!(with_screen > 25, "{with_screen}");
}

#[test]
fn the_pages_speak_to_the_api_in_one_place_and_to_no_other_host() {
    let mut checked = 0;
    for path in crate::layering::files(
        Path::new(ROOT).join("src/http/console/assets").as_path(),
        "js",
    ) {
        let name = path.to_string_lossy().into_owned();
        if name.contains("/vendor/") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        if !name.ends_with("/api.js") {
            for call in [
                "fetch(",
                "XMLHttpRequest",
                "sendBeacon",
                "WebSocket",
                "EventSource",
            ] {
                assert!(!source.contains(call), "{name}: {call}");
            }
        }
        for kept in [
            "innerHTML",
            "document.write",
            "eval(",
            "indexedDB",
            "caches.",
            "document.cookie",
        ] {
            assert!(!source.contains(kept), "{name}: {kept}");
        }
        let names = source.split("://").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
            rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
        });
        let foreign: Vec<_> = names
            .filter(|host| !["", "localhost", "www.w3.org"].contains(host))
            .collect();
        assert!(foreign.is_empty(), "{name} names another host: {foreign:?}");
        checked += 1;
    }
    println!("{checked} modules");
    assert!(checked > 15, "{checked}");
}
