//! Names that clients chose: how they are shown, and which known name one may be meant to be.

/// Longest name that is shown, in characters.
const LONGEST_SHOWN_CHARS: usize = 40;

/// A client's own word for a message: short, in quotes, and with everything escaped that is no
/// plain letter or sign.
pub(super) fn quoted(word: &str) -> String {
    let mut letters = word.chars();
    let start: String = letters.by_ref().take(LONGEST_SHOWN_CHARS).collect();
    let more = if letters.next().is_some() { "…" } else { "" };
    format!("\"{}{more}\"", start.escape_debug())
}

/// Whether two names differ in nothing but case and in signs between and around their words.
pub(super) fn is_spelt_alike(one: &str, other: &str) -> bool {
    let letters = |name: &str| {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<String>()
    };
    letters(one) == letters(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_clients_are_short_and_harmless() {
        for (word, shown) in [
            ("file", "\"file\""),
            ("", "\"\""),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\r\n\u{1b}[31m\u{202e}", r#""a\r\n\u{1b}[31m\u{202e}""#),
            ("föto", "\"föto\""),
        ] {
            assert_eq!(quoted(word), shown);
        }
        let long = "x".repeat(1_000);
        assert_eq!(quoted(&long), format!("\"{}…\"", "x".repeat(40)));
    }

    #[test]
    fn spellings_of_one_name_are_alike_and_other_names_are_not() {
        for spelling in [
            "photoId",
            "photo_id",
            "PHOTO-ID",
            "photoid",
            "Photo Id",
            "photoId[]",
        ] {
            assert!(is_spelt_alike(spelling, "photoId"), "{spelling}");
        }
        for other in ["photo", "id", "photoIds", ""] {
            assert!(!is_spelt_alike(other, "photoId"), "{other}");
        }
    }
}
