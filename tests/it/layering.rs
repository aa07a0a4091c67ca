//! Modules use only what ARCHITECTURE.md lets them: its table is read and compared with every
//! `crate::` path under `src`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The table between two markers: a module, and the modules that it may use.
fn table(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let marked = |side: &str| format!("<!-- {name}:{side} -->");
    let (_, rest) = text
        .split_once(&marked("begin"))
        .expect("the table's begin");
    let (table, _) = rest.split_once(&marked("end")).expect("the table's end");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    table
        .lines()
        .filter(|line| !line.starts_with("| Wing"))
        .filter_map(|line| {
            let mut cells = line.split('|').skip(1);
            let module = names(cells.next()?).pop_first()?;
            Some((module, names(cells.next()?)))
        })
        .collect()
}

pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// The files below a folder whose names end so.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
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
    let table = table("layers");
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

/// The paths of a `use` declaration's tree, each as its names.
fn leaves(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let (mut depth, mut start) = (0, 0);
    let ends = tree.char_indices().chain([(tree.len(), ',')]);
    for (at, c) in ends {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = tree[start..at].trim();
                start = at + 1;
                let (path, group) = item.split_once('{').unwrap_or((item, ""));
                let names = path
                    .split("::")
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                let path: Vec<String> = before
                    .iter()
                    .cloned()
                    .chain(names.map(str::to_owned))
                    .collect();
                if group.is_empty() {
                    found.push(path);
                } else {
                    leaves(group.strip_suffix('}').unwrap_or(group), &path, found);
                }
            }
            _ => {}
        }
    }
}

/// The wings that a file of the engine names outside of its tests, in `use` declarations or by
/// whole paths. `depth` is how many `super` lead from it to the engine's root.
fn wings_used(source: &str, depth: usize) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join(" ");
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        if code[..at].ends_with([' ', '(']) || at == 0 || code[..at].ends_with(')') {
            let tree = code[at + 4..].split(';').next().unwrap_or_default();
            leaves(tree, &[], &mut paths);
        }
    }
    let whole = code.match_indices("crate::watermark::").map(|(at, root)| {
        let rest = &code[at + root.len()..];
        let name = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_');
        ["crate".to_owned(), "watermark".to_owned(), name.collect()].to_vec()
    });
    paths.extend(whole);
    paths
        .into_iter()
        .filter_map(|path| {
            let supers = path.iter().take_while(|name| *name == "super").count();
            match path.first()?.as_str() {
                "crate" if path.get(1)? == "watermark" => path.get(2).cloned(),
                "super" if supers == depth => path.get(supers).cloned(),
                _ => None,
            }
        })
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

#[test]
fn wings_of_the_engine_use_only_what_the_architecture_lets_them() {
    let table = table("wings");
    let root = Path::new(ROOT).join("src/watermark");
    let (mut files, mut uses) = (0, 0);
    let mut wrong = Vec::new();
    for file in sources(&root) {
        let inside = file.strip_prefix(&root).unwrap();
        let names: Vec<&str> = inside.iter().map(|name| name.to_str().unwrap()).collect();
        let wing = names[0].trim_end_matches(".rs");
        if ["tests", "mod"].contains(&wing) {
            continue;
        }
        let depth = names.len() - usize::from(names.ends_with(&["mod.rs"]));
        let allowed = table
            .get(wing)
            .unwrap_or_else(|| panic!("{wing} is not in the table"));
        files += 1;
        for other in wings_used(&fs::read_to_string(&file).unwrap(), depth) {
            uses += 1;
            if other != wing && !allowed.contains(&other) {
                wrong.push(format!("{} uses {other}", inside.display()));
            }
        }
    }
    println!("{files} files name {uses} wings");
    assert!(
        files > 60 && uses > 120,
        "the walk found {files} sources, {uses} uses"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");

    // The order has no circle: wings whose uses are all gone can be taken away, until none is left.
    let mut left = table;
    while !left.is_empty() {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, uses| uses.iter().any(|name| names.contains(name)));
        assert!(left.len() < before, "a circle in {left:#?}");
    }
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

#[test]
fn only_the_journal_appends_to_the_audit_log() {
    let source = Path::new(ROOT).join("src");
    let (mut read, mut callers) = (0, Vec::new());
    for file in sources(&source) {
        let code = fs::read_to_string(&file).unwrap();
        if code.contains("audit::append") || code.contains("audit::{append") {
            callers.push(file.strip_prefix(&source).unwrap().to_owned());
        }
        read += 1;
    }
    assert!(read > 200, "the walk found {read} sources");
    assert_eq!(callers, [Path::new("service/journal.rs")]);
}

/// A statement outside of a transaction would run as the role of the connection, which may be the
/// owner of the tables.
#[test]
fn no_query_of_a_server_runs_outside_of_a_transaction() {
    let db = Path::new(ROOT).join("src/db");
    let mut walked = 0;
    for file in sources(&db) {
        // These are where transactions begin.
        let begins = ["mod.rs", "pool.rs", "standby.rs"];
        if !begins.iter().any(|name| file.ends_with(name)) {
            let source = fs::read_to_string(&file).unwrap();
            assert!(!source.contains("self.pool"), "{}", file.display());
            walked += 1;
        }
    }
    assert!(walked >= 10, "{walked}");
}
