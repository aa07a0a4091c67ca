//! The metadata that does not travel on to the protected file, by name and with the reason.

use std::{collections::BTreeSet, fmt};

/// Most names that are listed: a hostile file may have thousands of chunks of different names.
const MOST_NAMES: usize = 40;

/// Reason why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The owner asked for it: [`super::MetadataPolicy`].
    Asked,
    /// It holds the photo, or a picture that could stand for it, without the mark.
    UnmarkedCopy,
    /// It is no longer true: it speaks of media that are not in the new file or of samples that
    /// changed, or it vouches for the old picture.
    Stale,
    /// A request to remove something could not be honoured otherwise: its contents are unknown or
    /// damaged.
    NotUnderstood,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked",
            Self::UnmarkedCopy => "unmarked-copy",
            Self::Stale => "stale",
            Self::NotUnderstood => "not-understood",
        })
    }
}

/// The names of what was left out, each once for each reason.
///
/// It is shown as a list of structured fields (RFC 9651, section 3.1): `exif-gps;why=asked,
/// exif-thumbnail;why=asked`. A name is a token of that syntax, whatever bytes the file has in its
/// place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    names: BTreeSet<(String, Reason)>,
    more: bool,
}

impl Dropped {
    /// Returns whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Takes a name off the list: what it stands for travels on by another way.
    pub fn forget(&mut self, name: &str) {
        self.names.retain(|(dropped, _)| dropped != name);
    }

    /// Records that something was left out.
    pub(super) fn add(&mut self, name: &str, reason: Reason) {
        let entry = (token(name), reason);
        if self.names.len() < MOST_NAMES || self.names.contains(&entry) {
            self.names.insert(entry);
        } else {
            self.more = true;
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, reason)) in self.names.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name};why={reason}")?;
        }
        if self.more {
            f.write_str(", and-more;why=not-understood")?;
        }
        Ok(())
    }
}

/// Makes a token of a name: characters that the syntax does not allow become `_`.
fn token(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/*".contains(c);
    let mut token: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if !token.starts_with(|c: char| c.is_ascii_alphabetic()) {
        token.insert(0, 'x');
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_and_are_listed_once() {
        let mut dropped = Dropped::default();
        dropped.add("webp:A\"\r\n", Reason::NotUnderstood);
        dropped.add("exif-gps", Reason::Asked);
        dropped.add("exif-gps", Reason::Asked);
        dropped.add("7z", Reason::Stale);
        let shown = dropped.to_string();
        assert_eq!(
            shown,
            "exif-gps;why=asked, webp:A___;why=not-understood, x7z;why=stale"
        );
    }

    #[test]
    fn a_flood_of_names_is_cut() {
        let mut dropped = Dropped::default();
        for number in 0..10_000 {
            dropped.add(&format!("png:c{number}"), Reason::NotUnderstood);
        }
        assert!(dropped.to_string().len() < 2_000);
        assert!(dropped.to_string().ends_with("and-more;why=not-understood"));
    }
}
