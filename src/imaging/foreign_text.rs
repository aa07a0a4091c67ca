//! Names text that came in place of a photo: documents, photos that were written as text, and
//! photos that some program took for text.

/// A file's kind, as a noun phrase, and the remedy, as a request.
pub(super) type Name = (&'static str, &'static str);

/// Bytes of a text that are examined: an SVG may begin with a long comment.
const LOOKED_AT_BYTES: usize = 16 * 1024;

const BYTES: &str = "send the bytes of the photo as they are, not as text";
const BINARY: &str =
    "send the file as it was at first, and read and write it as bytes (binary) on its way";
const PHOTO: &str = "send the photo itself";

const BASE64: Name = ("base64 text", BYTES);
const NUMBERS: Name = (
    "text in which the bytes of a photo are written as numbers",
    BYTES,
);
const XML: Name = ("an XML document", PHOTO);
const SVG: Name = (
    "an SVG drawing",
    "export it as JPEG, PNG or WebP and send that",
);
const WEB_PAGE: Name = (
    "a web page (HTML), often the error page or the sign-in page of the place that the photo was downloaded from",
    "open the address in a browser, get the photo itself and send that",
);
const AS_UTF8: Name = (
    "a photo whose bytes were treated as text and written again as UTF-8, which destroys it",
    BINARY,
);
const AS_UTF16: Name = (
    "text in UTF-16, as Windows PowerShell writes what it takes for text, and a photo is destroyed by that",
    BINARY,
);
const AS_ASCII: Name = (
    "a photo whose bytes were treated as text, with question marks for those that are no ASCII, which destroys it",
    BINARY,
);

/// Beginnings of text, after white space and quotes.
const STARTS: [(&str, Name); 26] = [
    ("data:", ("a data URI with the photo as base64 text", BYTES)),
    ("base64,", BASE64),
    ("/9j/", BASE64),
    ("_9j_", BASE64),
    ("iVBORw0KGgo", BASE64),
    ("UklGR", BASE64),
    ("ffd8ff", NUMBERS),
    ("FFD8FF", NUMBERS),
    ("0xffd8", NUMBERS),
    ("89504e47", NUMBERS),
    ("89504E47", NUMBERS),
    ("b'\\x", NUMBERS),
    ("\\xff\\xd8", NUMBERS),
    ("\\xffd8", NUMBERS),
    ("%FF%D8", NUMBERS),
    ("%89PNG", NUMBERS),
    ("255,216,255", NUMBERS),
    ("[255,216,255", NUMBERS),
    ("[255, 216, 255", NUMBERS),
    ("[137,80,78", NUMBERS),
    ("[137, 80, 78", NUMBERS),
    (
        "[object ",
        (
            "the name that JavaScript gives an object",
            "send the bytes of the File or Blob, not the object as text",
        ),
    ),
    (
        "[B@",
        (
            "the name that Java gives an array of bytes",
            "send the bytes of the array, not the array as text",
        ),
    ),
    (
        "version https://git-lfs",
        (
            "a Git LFS pointer, which stands for the photo in a repository",
            "get the photo with \"git lfs pull\" and send that",
        ),
    ),
    ("{", ("a JSON text", PHOTO)),
    ("[", ("a JSON text", PHOTO)),
];

/// Beginnings of addresses that were sent in place of a photo.
const ADDRESSES: [&str; 5] = ["http://", "https://", "file://", "blob:", "s3://"];

/// File name extensions of photos.
const EXTENSIONS: [&str; 7] = [".jpg", ".jpeg", ".png", ".webp", ".heic", ".tif", ".tiff"];

/// Names a file that is text; `None` if it is not.
pub(super) fn name(bytes: &[u8]) -> Option<Name> {
    let start = &bytes[..bytes.len().min(LOOKED_AT_BYTES)];
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = start[2..].as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let text: String = char::decode_utf16(units).map_while(Result::ok).collect();
        document(&text).unwrap_or(AS_UTF16)
    };
    match bytes {
        [0xff, 0xfe, ..] => return Some(utf16(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => return Some(utf16(u16::from_be_bytes)),
        _ => {}
    }
    // A photo that lost its eighth bits, or has question marks in place of everything outside
    // ASCII, has no letters outside it.
    if bytes.starts_with(b"?PNG") || bytes.starts_with(b"????\0\x10JFIF") || is_exif_ascii(bytes) {
        return Some(AS_ASCII);
    }
    let text = utf8(start)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_reencoded(text) {
        return Some(AS_UTF8);
    }
    let shown = |letter: char| !letter.is_control() || "\t\n\r\u{c}".contains(letter);
    text.chars()
        .all(shown)
        .then(|| document(text).unwrap_or(("plain text", PHOTO)))
}

/// Returns whether a WebP was written again as text. It begins in ASCII and so still looks like a
/// WebP, but then all of it is UTF-8, which the data of a picture never is.
pub(super) fn is_reencoded_webp(bytes: &[u8]) -> bool {
    bytes.len() > 64 && !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok()
}

/// Name of a photo that was written again as text.
pub(super) const REENCODED: Name = AS_UTF8;

fn is_exif_ascii(bytes: &[u8]) -> bool {
    bytes.starts_with(b"????") && bytes.get(6..10) == Some(b"Exif")
}

/// Reads UTF-8, of which the last letter may be cut off.
fn utf8(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Returns whether a text begins as a photo does whose bytes were taken for letters: of Latin-1 or
/// Windows-1252, of the code pages 437 and 850, of Mac OS, or for none that can be read.
fn is_reencoded(text: &str) -> bool {
    let mut letters = text.chars();
    let [first, second, third] = std::array::from_fn(|_| letters.next().unwrap_or(' '));
    let opens_jpeg = |letter| ['ÿ', '\u{a0}', 'ˇ', '\u{fffd}'].contains(&letter);
    let follows_in_jpeg = |letter| ['Ø', '╪', 'Ï', 'ÿ', '\u{fffd}'].contains(&letter);
    let opens_png = |letter| ['\u{89}', '‰', 'ë', 'â', '\u{fffd}'].contains(&letter);
    let jpeg = opens_jpeg(first) && follows_in_jpeg(second) && opens_jpeg(third);
    let png = opens_png(first) && text[first.len_utf8()..].starts_with("PNG");
    let webp =
        text.starts_with("RIFF") && text.chars().take(24).collect::<String>().contains("WEBP");
    jpeg || png || webp
}

/// Names a text by its beginning.
fn document(text: &str) -> Option<Name> {
    let text = text.trim_start();
    if let Some(name) = markup(text) {
        return Some(name);
    }
    let inner = text.trim_start_matches(['"', '\'']).trim_start();
    let known = STARTS.iter().find(|(start, _)| inner.starts_with(start));
    if let Some((_, name)) = known {
        return Some(*name);
    }
    let line = inner.trim_end().trim_end_matches(['"', '\'']);
    if line.lines().count() == 1 {
        if ADDRESSES.iter().any(|start| line.starts_with(start)) {
            return Some(("the address of a photo (URL)", PHOTO));
        }
        let lower = line.to_lowercase();
        if EXTENSIONS.iter().any(|end| lower.ends_with(end)) {
            return Some(("the name of a photo", PHOTO));
        }
    }
    looks_like_base64(inner).then_some(BASE64)
}

/// Returns whether a text is base64 (RFC 4648, 4 and 5), whatever it encodes: long, in that
/// alphabet alone, and not of one kind of letter.
fn looks_like_base64(text: &str) -> bool {
    let letters: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .take(64)
        .collect();
    let has = |kind: fn(&u8) -> bool| letters.iter().any(kind);
    letters.len() == 64
        && letters
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b))
        && !text.get(..60).is_some_and(|start| start.contains(' '))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Names a text that begins with a tag, by its first element; what may precede it is skipped (XML
/// 1.0, 2.8).
fn markup(mut text: &str) -> Option<Name> {
    if !text.starts_with('<') {
        return None;
    }
    loop {
        text = text.trim_start();
        let skipped = if text.starts_with("<?") {
            text.split_once("?>")
        } else if text.starts_with("<!--") {
            text.split_once("-->")
        } else if let Some(declared) = text.strip_prefix("<!") {
            let declared = declared.to_lowercase();
            let kind = declared.split_whitespace().nth(1).unwrap_or_default();
            if kind.starts_with("html") {
                return Some(WEB_PAGE);
            }
            if kind.starts_with("svg") {
                return Some(SVG);
            }
            // Entities declared inside have ends of their own.
            let behind = match text.find(['[', '>']).map(|at| text.split_at(at)) {
                Some((_, inside)) if inside.starts_with('[') => inside.split_once(']'),
                _ => Some(("", text)),
            };
            behind.and_then(|(_, text)| text.split_once('>'))
        } else {
            break;
        };
        let Some((_, rest)) = skipped else {
            return Some(XML);
        };
        text = rest;
    }
    let tag = text.trim_start_matches('<');
    let end = tag
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(tag.len());
    let name = tag[..end]
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    Some(match name.as_str() {
        "svg" => SVG,
        "html" | "head" | "title" | "meta" | "body" | "script" | "div" | "center" | "h1" | "p" => {
            WEB_PAGE
        }
        _ => XML,
    })
}
