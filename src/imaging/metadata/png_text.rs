//! Texts of a PNG: tEXt, zTXt and iTXt (PNG, third edition, 11.3.3), plain or compressed.
//!
//! Some are not meant for reading: XMP, and EXIF, IPTC and Photoshop resources in hexadecimal as
//! `ImageMagick` writes them ("Raw profile type ..."). They are opened, edited and closed again in
//! the same way.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use super::{
    dropped::Reason,
    editor::Editor,
    exif,
    kind::{EXIF_HEADER, XMP_HEADER},
    photoshop, picture, place, xmp,
};

const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp";
const PROFILE_KEYWORD: &[u8] = b"Raw profile type ";
struct Text<'a> {
    keyword: &'a [u8],
    /// Everything before the text itself.
    head: &'a [u8],
    stored: &'a [u8],
    is_compressed: bool,
}

impl<'a> Text<'a> {
    fn parse(tag: [u8; 4], payload: &'a [u8]) -> Option<Self> {
        let zero = |from: usize| {
            let rest = payload.get(from..)?;
            Some(from + rest.iter().position(|&byte| byte == 0)?)
        };
        let end = zero(0)?;
        let (start, is_compressed) = match &tag {
            b"tEXt" => (end + 1, false),
            // A compression method follows, of which there is one: zlib.
            b"zTXt" => (end + 2, true),
            // Whether compressed, method, language and translated keyword follow.
            _ => (zero(zero(end + 3)? + 1)? + 1, *payload.get(end + 1)? != 0),
        };
        let (head, stored) = payload.split_at_checked(start)?;
        Some(Self {
            keyword: &payload[..end],
            head,
            stored,
            is_compressed,
        })
    }

    /// Returns the text, inflated if need be; `None` if it is damaged or longer than the budget,
    /// which it uses up.
    fn open(&self, budget: &mut usize) -> Option<Vec<u8>> {
        if !self.is_compressed {
            return Some(self.stored.to_vec());
        }
        let mut text = Vec::new();
        let limit = u64::try_from(*budget).unwrap_or(u64::MAX);
        let read = ZlibDecoder::new(self.stored)
            .take(limit + 1)
            .read_to_end(&mut text);
        let fits = text.len() <= *budget;
        *budget = budget.saturating_sub(text.len());
        (read.is_ok() && fits).then_some(text)
    }

    /// Returns the chunk's payload with another text.
    fn close(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut payload = self.head.to_vec();
        if self.is_compressed {
            let mut encoder = ZlibEncoder::new(payload, Compression::default());
            encoder.write_all(text).ok()?;
            return encoder.finish().ok();
        }
        payload.extend_from_slice(text);
        Some(payload)
    }
}

/// Outcome of editing a chunk.
pub(super) enum Fate {
    /// It stays as it was.
    Stays,
    /// It stays with another payload.
    Changed(Vec<u8>),
    /// It goes; the reason is recorded already.
    Goes,
}

/// Edits a text chunk.
pub(super) fn edit(tag: [u8; 4], payload: &[u8], editor: &mut Editor<'_>) -> Fate {
    let parsed = Text::parse(tag, payload);
    let opened = parsed
        .as_ref()
        .and_then(|text| text.open(&mut editor.inflated_bytes));
    let (Some(parsed), Some(text)) = (parsed, opened) else {
        if !editor.strip {
            return Fate::Stays;
        }
        return goes(editor, "png-text", Reason::NotUnderstood);
    };
    if parsed.keyword.eq_ignore_ascii_case(XMP_KEYWORD) {
        return changed(&parsed, &text, editor.xmp(&text), editor);
    }
    let profile = PROFILE_KEYWORD.len();
    if let Some(start) = parsed.keyword.get(..profile)
        && start.eq_ignore_ascii_case(PROFILE_KEYWORD)
    {
        let edited = edit_profile(&text, editor);
        return changed(&parsed, &text, edited, editor);
    }
    // The keyword of an iTXt may be translated; both count.
    let keyword = String::from_utf8_lossy(parsed.head);
    let names_a_place = keyword.split('\0').any(place::is_name);
    if editor.strip && (names_a_place || place::is_in_text(&text)) {
        return goes(editor, "png-text-place", Reason::Asked);
    }
    let size = match picture::in_base64(&text) {
        Some(picture) => picture::size(&picture),
        None => match picture::find(&text) {
            Some(at) => picture::size(&text[at..]),
            None => return Fate::Stays,
        },
    };
    if editor.strip {
        return goes(editor, "png-text-picture", Reason::Asked);
    }
    if size.is_none_or(|size| picture::is_copy(size, editor.photo)) {
        return goes(editor, "png-text-picture", Reason::UnmarkedCopy);
    }
    Fate::Stays
}

fn goes(editor: &mut Editor<'_>, name: &str, reason: Reason) -> Fate {
    editor.leave_out(name, reason);
    Fate::Goes
}

fn changed(parsed: &Text<'_>, old: &[u8], new: Option<Vec<u8>>, editor: &mut Editor<'_>) -> Fate {
    match new {
        Some(new) if new == old => Fate::Stays,
        Some(new) => match parsed.close(&new) {
            Some(payload) => Fate::Changed(payload),
            None => Fate::Goes,
        },
        None => goes(editor, "png-text-profile", Reason::NotUnderstood),
    }
}

/// Edits a profile in hexadecimal: a line end, a name, a line end, a length in decimal, a line end,
/// and digits in lines of 72. `None` if it must go.
fn edit_profile(text: &[u8], editor: &mut Editor<'_>) -> Option<Vec<u8>> {
    let keep_as_it_is = |editor: &Editor<'_>| (!editor.strip).then(|| text.to_vec());
    let Some((name, old)) = read_profile(text) else {
        return keep_as_it_is(editor);
    };
    let new = if let Some(tiff) = old.strip_prefix(EXIF_HEADER) {
        let mut tiff = tiff.to_vec();
        exif::edit(&mut tiff, editor).then(|| [EXIF_HEADER, &tiff].concat())
    } else if old.starts_with(b"II*\0") || old.starts_with(b"MM\0*") {
        let mut tiff = old.clone();
        exif::edit(&mut tiff, editor).then_some(tiff)
    } else if let Some(packet) = old.strip_prefix(XMP_HEADER) {
        let packet = editor.xmp(packet);
        packet.map(|packet| [XMP_HEADER, &packet].concat())
    } else if xmp::is_packet(&old) {
        editor.xmp(&old)
    } else if let Some(resources) = old.strip_prefix(b"Photoshop 3.0\0".as_slice()) {
        let resources = photoshop::edit(resources, editor);
        Some([b"Photoshop 3.0\0", resources.as_slice()].concat())
    } else if old.starts_with(b"8BIM") {
        Some(photoshop::edit(&old, editor))
    } else if old.starts_with(&[0x1c]) && editor.strip {
        Some(photoshop::edit_iptc(&old, editor))
    } else if old.get(36..40) == Some(b"acsp") {
        Some(old.clone()) // a colour profile
    } else {
        return keep_as_it_is(editor);
    }?;
    if new == old {
        return Some(text.to_vec());
    }
    let digits: Vec<u8> = new
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect();
    let mut written = format!("\n{name}\n{:8}", new.len()).into_bytes();
    for line in digits.chunks(72) {
        written.push(b'\n');
        written.extend_from_slice(line);
    }
    written.push(b'\n');
    Some(written)
}

/// Reads name and bytes of a profile.
fn read_profile(text: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let name = lines.next()?.to_owned();
    let length: usize = lines.next()?.parse().ok()?;
    let digits: Vec<u32> = lines
        .flat_map(str::chars)
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs
        .iter()
        .map(|[high, low]| u8::try_from(high << 4 | low));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().ok()?;
    (bytes.len() == length).then_some((name, bytes))
}
