//! Alerts, runbook and dashboard agree with each other and with the metrics that a server has.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use lumatrace::metrics::{Metrics, Snapshot};
use serde_json::Value;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The metrics that a server has once each has a value, without the suffixes of histograms' series.
fn served() -> BTreeSet<String> {
    let (metrics, second) = (Metrics::new(), Duration::from_secs(1));
    let request = metrics.begin_request("GET", "/livez".to_owned());
    request.answered(200, second);
    metrics.count_refusal("NOT_FOUND");
    metrics.image_job("verify", "png", second);
    metrics.count_verdict("AUTHENTIC");
    metrics.count_protected("FULL");
    metrics.count_votes(true);
    let text = metrics
        .render(Snapshot {
            signer_ends: vec![("server".to_owned(), 1)],
            read_database_up: Some(true),
            ..Snapshot::default()
        })
        .unwrap();
    let served = text.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        let counter = kind == "counter" && !name.ends_with("_total");
        Some(format!("{name}{}", if counter { "_total" } else { "" }))
    });
    served.collect()
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("lumatrace_") || word.starts_with("process_"))
        .map(|word| {
            let histogram = ["_bucket", "_sum", "_count"];
            let bare = histogram.iter().find_map(|end| word.strip_suffix(end));
            bare.unwrap_or(word).to_owned()
        })
        .collect()
}

/// What a YAML file says under a key, line by line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let key = format!("{key}: ");
    text.lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(&key))
        .collect()
}

#[test]
fn each_alert_has_its_paragraph_in_the_runbook_and_no_paragraph_is_left_over() {
    let alerts = read("deploy/prometheus/alerts.yml");
    let names = values(&alerts, "alert");
    assert!(names.len() >= 10);
    let runbook = read("docs/runbook.md");
    let paragraphs: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(names, paragraphs);
    let anchors: Vec<String> = names
        .iter()
        .map(|name| format!("docs/runbook.md#{}", name.to_lowercase()))
        .collect();
    assert_eq!(values(&alerts, "runbook_url"), anchors);
    for paragraph in runbook.split("### ").skip(1) {
        assert!(paragraph.len() > 150, "{paragraph}");
    }
}

#[test]
fn alerts_dashboard_and_documents_name_metrics_that_a_server_has() {
    let served = served();
    assert!(served.len() > 18, "{served:?}");
    let mut files = 0;
    for file in [
        "deploy/prometheus/alerts.yml",
        "deploy/prometheus/alerts.test.yml",
        "deploy/grafana/lumatrace.json",
        "docs/runbook.md",
    ] {
        let named = named(&read(file));
        let unknown: Vec<_> = named.difference(&served).collect();
        assert!(
            !named.is_empty() && unknown.is_empty(),
            "{file}: {unknown:?}"
        );
        files += 1;
    }
    assert_eq!(files, 4);
    let documented = named(&read("docs/operations.md"));
    let missing: Vec<_> = served.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/operations.md: {missing:?}");
}

#[test]
fn the_dashboard_is_one_that_grafana_loads() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/lumatrace.json")).unwrap();
    for member in ["uid", "title", "schemaVersion", "templating", "time"] {
        assert!(!dashboard[member].is_null(), "{member}");
    }
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["datasource", "instance"]);
    let (mut ids, mut queries, mut taken) = (BTreeSet::new(), 0, BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(
            panel["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        let place = |member: &str| panel["gridPos"][member].as_u64().unwrap();
        for row in place("y")..place("y") + place("h") {
            for column in place("x")..place("x") + place("w") {
                assert!(
                    column < 24 && taken.insert((row, column)),
                    "{panel} overlaps"
                );
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains(r#"instance=~"$instance""#), "{query}");
            let balance = |open: char, close: char| {
                query.matches(open).count() == query.matches(close).count()
            };
            assert!(balance('(', ')') && balance('{', '}'), "{query}");
            queries += 1;
        }
    }
    assert!(queries > 20);
}
