//! Texts of strangers: short, few, and without characters that act.

/// Most characters of a code.
const CODE_CHARS: usize = 100;
/// Most characters of a title or a name.
const NAME_CHARS: usize = 200;
/// Most codes in one list.
const MAX_CODES: usize = 32;

/// Returns a name or title as it may be shown, if anything is left of it.
pub(super) fn name(text: &str) -> Option<String> {
    let clean = clean(text, NAME_CHARS);
    (!clean.is_empty()).then_some(clean)
}

/// Returns codes as they may be shown, each once, in their order.
pub(super) fn codes<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for code in codes {
        if list.len() == MAX_CODES {
            break;
        }
        let code = clean(code, CODE_CHARS);
        if !code.is_empty() && !list.contains(&code) {
            list.push(code);
        }
    }
    list
}

/// Shortens a text and takes out control characters and those that turn the direction of writing.
pub(super) fn clean(text: &str, max: usize) -> String {
    let shown = text.chars().filter(|&c| !c.is_control() && !is_format(c));
    shown.take(max).collect::<String>().trim().to_owned()
}

/// Returns whether a character is invisible and changes how others are shown (Unicode 16, bidi
/// controls, zero width and tag characters).
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_have_no_characters_that_act() {
        assert_eq!(
            name(" a\u{202e}b\n\u{1b}[1mc\u{0} ").as_deref(),
            Some("ab[1mc")
        );
        assert_eq!(name("\u{200b}\t"), None);
        let long = name(&"ä".repeat(1_000)).unwrap();
        assert_eq!(long.chars().count(), NAME_CHARS);
    }

    #[test]
    fn codes_are_few_and_each_is_told_once() {
        let many: Vec<String> = (0..1_000)
            .map(|number| format!("code.{}", number / 2))
            .collect();
        let told = codes(many.iter().map(String::as_str));
        assert_eq!(told.len(), MAX_CODES);
        assert_eq!(told[..2], ["code.0", "code.1"]);
        assert_eq!(codes([""; 3].into_iter()), Vec::<String>::new());
    }
}
