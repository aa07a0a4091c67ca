//! Names the variables of the environment that look like settings and are none: a setting that was
//! spelt wrong would else be ignored without a word.

use std::collections::BTreeSet;

use clap::Command;

/// What the names of our variables begin with.
const PREFIX: &str = "LUMATRACE_";

/// Most letters in which a name may differ from one that is known to be taken for it.
const CLOSE: usize = 3;

/// The variables of this process that begin like a setting of `command` or one of its subcommands,
/// and are none; each with the one that may be meant.
pub(super) fn find(command: &Command) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    unknown(&known(command), names)
}

/// Warns of them.
pub(super) fn warn(command: &Command) {
    let unknown = find(command);
    if !unknown.is_empty() {
        tracing::warn!(
            "unknown settings in the environment, which change nothing: {}",
            unknown.join(", ")
        );
    }
}

/// The variables that a command and its subcommands read.
fn known(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| {
        let name = argument.get_env()?.to_str()?;
        Some(name.to_owned())
    });
    let below = command.get_subcommands().flat_map(known);
    own.chain(below).collect()
}

/// The unknown ones among `names`, in order, each with the known name that is close to it.
fn unknown(known: &BTreeSet<String>, names: impl Iterator<Item = String>) -> Vec<String> {
    let unknown: BTreeSet<String> = names
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .collect();
    let suggest = |name: String| match nearest(known, &name) {
        Some(meant) => format!("{name} (is {meant} meant?)"),
        None => name,
    };
    unknown.into_iter().map(suggest).collect()
}

fn nearest<'a>(known: &'a BTreeSet<String>, name: &str) -> Option<&'a String> {
    // DATABASE_URL has no prefix of ours.
    let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let name = bare(name);
    let distances = known
        .iter()
        .map(|meant| (distance(&bare(meant), &name), meant));
    let (distance, meant) = distances.min()?;
    (distance <= CLOSE && distance < name.len()).then_some(meant)
}

/// How many letters have to be put in, left out or changed to make one text of another
/// (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_was_spelt_wrong_is_named_with_what_was_meant() {
        let known = known(&crate::cli::Cli::command());
        assert!(known.len() > 25);
        let named = unknown(
            &known,
            [
                "LUMATRACE_WORKER",
                "LUMATRACE_PUBLIC_ULR",
                "LUMATRACE_DATABASE_URL",
                "LUMATRACE_QQ",
                "LUMATRACE_FRESH_COFFEE",
                "LUMATRACE_WORKERS",
                "DATABASE_URL",
                "LUMA_TRACE",
                "PATH",
            ]
            .into_iter()
            .map(str::to_owned),
        );
        assert_eq!(
            named,
            [
                "LUMATRACE_DATABASE_URL (is DATABASE_URL meant?)",
                "LUMATRACE_FRESH_COFFEE",
                "LUMATRACE_PUBLIC_ULR (is LUMATRACE_PUBLIC_URL meant?)",
                "LUMATRACE_QQ",
                "LUMATRACE_WORKER (is LUMATRACE_WORKERS meant?)",
            ]
        );
        assert_eq!((distance("kitten", "sitting"), distance("", "abc")), (3, 3));
    }
}
