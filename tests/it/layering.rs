//! Modules use only what ARCHITECTURE.md lets them: its table is read and compared with every `crate::` path under `src`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The table between the markers: module, and the modules that it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let (_, rest) = text
        .split_once("<!-- layers:begin -->")
        .expect("the table's begin");
    let (table, _) = rest
        .split_once("<!-- layers:end -->")
        .expect("the table's end");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    table
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').skip(1);
            let module = names(cells.next()?).pop_first()?;
            Some((module, names(cells.next()?)))
        })
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The top-level modules that a source names as `crate::module` or inside `use crate::{…}`.
fn used(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &source[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => drop(found.insert(std::mem::take(&mut name))),
                    c if depth == 0 && !c.is_whitespace() => name.push(c),
                    _ => {}
                }
            }
            found.insert(name);
        } else {
            found.insert(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    found
        .into_iter()
        .filter_map(|path| path.split("::").next().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_use_only_what_the_architecture_lets_them() {
    let table = table();
    let source = Path::new(ROOT).join("src");
    let (mut files, mut uses) = (0, 0);
    let mut forbidden = Vec::new();
    for file in sources(&source) {
        let inside = file.strip_prefix(&source).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        files += 1;
        let allowed = table
            .get(module)
            .unwrap_or_else(|| panic!("{module} is not in the table"));
        for other in used(&fs::read_to_string(&file).unwrap()) {
            uses += 1;
            if other != module && !allowed.contains(&other) {
                forbidden.push(format!("{} uses {other}", inside.display()));
            }
        }
    }
    println!("{files} files name {uses} modules");
    assert!(files > 50 && uses > 50, "the walk found the sources");
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}

#[test]
fn the_engine_knows_no_server() {
    let mut read = 0;
    for module in ["imaging", "watermark"] {
        for file in sources(&Path::new(ROOT).join("src").join(module)) {
            let source = fs::read_to_string(&file).unwrap();
            for foreign in ["tokio", "axum", "sqlx", "hyper", "tracing", "uuid", "serde"] {
                assert!(
                    !source.contains(&format!("{foreign}::")),
                    "{} uses {foreign}",
                    file.display()
                );
            }
            read += 1;
        }
    }
    assert!(read > 20);
}
