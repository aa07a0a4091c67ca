//! XMP: properties cut out of an XML packet.
//!
//! A property is an attribute or an element. The packet is scanned for tags, not parsed into a
//! tree: names are resolved through the packet's `xmlns` declarations, an element is removed up to
//! its end tag, and everything else stays byte for byte. What cannot be followed (bad nesting, a
//! DOCTYPE, bytes that are not UTF-8) is reported, and the caller drops the packet. Time is linear
//! in the packet's length.

use std::ops::Range;

/// Which properties to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// What the new file does not have: gain maps, motion photos and other media behind the
    /// picture, and the content credentials of the old picture.
    Stale,
    /// Coordinates.
    Place,
}

const CONTAINER: &str = "http://ns.google.com/photos/1.0/container/";
const CONTAINER_ITEM: &str = "http://ns.google.com/photos/1.0/container/item/";
const CAMERA: &str = "http://ns.google.com/photos/1.0/camera/";
const GAIN_MAP: &str = "http://ns.adobe.com/hdr-gain-map/1.0/";
const APPLE_GAIN_MAP: &str = "http://ns.apple.com/HDRGainMap/1.0/";
/// The namespace of `provenance`, which points at content credentials.
const TERMS: &str = "http://purl.org/dc/terms/";
/// The namespace of `HasExtendedXMP`, the digest of the extended part.
const NOTE: &str = "http://ns.adobe.com/xmp/note/";

impl Removal {
    /// Tells whether text may contain something to remove. Without a false "no".
    pub(super) fn may_concern(self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return true;
        };
        match self {
            Self::Stale => {
                let namespaces = [CONTAINER, CAMERA, GAIN_MAP, APPLE_GAIN_MAP, TERMS];
                namespaces.iter().any(|namespace| text.contains(namespace))
            }
            Self::Place => ["GPS", "Gps", "gps"].iter().any(|name| text.contains(name)),
        }
    }

    fn removes(self, namespace: &str, name: &str) -> bool {
        match self {
            Self::Stale => match namespace {
                CONTAINER | CONTAINER_ITEM | GAIN_MAP | APPLE_GAIN_MAP => true,
                CAMERA => name.starts_with("MotionPhoto") || name.starts_with("MicroVideo"),
                TERMS => name == "provenance",
                _ => false,
            },
            // In any namespace: drones and phones have their own beside `exif:GPSLatitude`.
            Self::Place => name
                .get(..3)
                .is_some_and(|start| start.eq_ignore_ascii_case("gps")),
        }
    }
}

/// Real packets are a few KB; what is longer than this is not edited.
const MAX_PACKET_BYTES: usize = 4 * 1024 * 1024;
/// Real packets declare about ten namespaces; each costs time at every name.
const MAX_NAMESPACES: usize = 100;

/// Returns the packet without what is to be removed; nothing if that cannot be done.
///
/// `without_extended` also removes the pointer to the extended part.
pub(super) fn edit(packet: &[u8], removal: Removal, without_extended: bool) -> Option<Vec<u8>> {
    if !without_extended && !removal.may_concern(packet) {
        return Some(packet.to_vec());
    }
    if packet.len() > MAX_PACKET_BYTES {
        return None;
    }
    let text = std::str::from_utf8(packet).ok()?;
    let mut edited = String::with_capacity(text.len());
    let mut position = 0;
    for cut in cuts(text, removal, without_extended)? {
        edited.push_str(&text[position..cut.start]);
        position = cut.end;
    }
    edited.push_str(&text[position..]);
    Some(edited.into_bytes())
}

/// Returns the ranges to remove, ascending and apart from each other.
fn cuts(text: &str, removal: Removal, without_extended: bool) -> Option<Vec<Range<usize>>> {
    let mut namespaces: Vec<(&str, &str)> = Vec::new();
    let mut cuts = Vec::new();
    // Names of open elements, and where the cut begins if the element is the one that is being
    // removed.
    let mut open: Vec<(&str, Option<usize>)> = Vec::new();
    let mut is_cutting = false;
    let mut scanner = Scanner { text, position: 0 };
    while let Some(tag) = scanner.next_tag()? {
        if tag.shape == Shape::End {
            let (name, cut) = open.pop()?;
            if name != tag.name {
                return None;
            }
            if let Some(start) = cut {
                cuts.push(start..tag.range.end);
                is_cutting = false;
            }
            continue;
        }
        declare(&tag, &mut namespaces)?;
        let is_unwanted = |name: &str| {
            let (prefix, local) = name.split_once(':').unwrap_or(("", name));
            let declared = namespaces
                .iter()
                .filter(|(declared, _)| *declared == prefix);
            declared.map(|&(_, uri)| uri).chain([""]).any(|uri| {
                removal.removes(uri, local)
                    || without_extended && (uri, local) == (NOTE, "HasExtendedXMP")
            })
        };
        let mut cut = None;
        if !is_cutting {
            if !is_unwanted(tag.name) {
                let attributes = tag.attributes.iter().filter(|a| is_unwanted(a.name));
                cuts.extend(attributes.map(|attribute| attribute.range.clone()));
            } else if tag.shape == Shape::Empty {
                cuts.push(tag.range.clone());
            } else {
                cut = Some(tag.range.start);
                is_cutting = true;
            }
        }
        if tag.shape == Shape::Start {
            open.push((tag.name, cut));
        }
    }
    open.is_empty().then_some(cuts)
}

/// Adds the namespaces that a tag declares. Scopes are not kept: a prefix means all that it ever
/// meant.
fn declare<'a>(tag: &Tag<'a>, namespaces: &mut Vec<(&'a str, &'a str)>) -> Option<()> {
    for attribute in &tag.attributes {
        let prefix = match attribute.name.split_once(':') {
            Some(("xmlns", prefix)) => prefix,
            None if attribute.name == "xmlns" => "",
            _ => continue,
        };
        let declaration = (prefix, attribute.value);
        if !namespaces.contains(&declaration) {
            namespaces.push(declaration);
        }
    }
    (namespaces.len() <= MAX_NAMESPACES).then_some(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Start,
    Empty,
    End,
}

struct Tag<'a> {
    name: &'a str,
    shape: Shape,
    attributes: Vec<Attribute<'a>>,
    /// From `<` to behind `>`.
    range: Range<usize>,
}

struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
    /// With the white space before it.
    range: Range<usize>,
}

/// Finds the tags of an XML text.
struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Scanner<'a> {
    /// Returns the next tag, `Some(None)` at the end, nothing if the text is malformed.
    #[expect(
        clippy::option_option,
        reason = "`?` ends at malformed text, and the end of the text is no error"
    )]
    fn next_tag(&mut self) -> Option<Option<Tag<'a>>> {
        loop {
            let rest = &self.text[self.position..];
            let Some(start) = rest.find('<') else {
                return Some(None);
            };
            self.position += start;
            let rest = &rest[start..];
            let ending = if rest.starts_with("<!--") {
                "-->"
            } else if rest.starts_with("<![CDATA[") {
                "]]>"
            } else if rest.starts_with("<?") {
                "?>"
            } else if rest.starts_with("<!") {
                return None; // a DOCTYPE could declare entities, and XMP has none
            } else {
                return self.tag().map(Some);
            };
            self.position += rest.find(ending)? + ending.len();
        }
    }

    /// Takes the tag that begins here.
    fn tag(&mut self) -> Option<Tag<'a>> {
        let start = self.position;
        self.take("<")?;
        let is_end = self.take("/").is_some();
        let name = self.name()?;
        let mut attributes = Vec::new();
        let shape = loop {
            let before = self.position;
            self.skip_white_space();
            if self.take(">").is_some() {
                break if is_end { Shape::End } else { Shape::Start };
            }
            if self.take("/>").is_some() {
                break Shape::Empty;
            }
            let name = self.name()?;
            self.skip_white_space();
            self.take("=")?;
            self.skip_white_space();
            let quote = ["\"", "'"]
                .into_iter()
                .find(|quote| self.take(quote).is_some())?;
            let length = self.text[self.position..].find(quote)?;
            let value = &self.text[self.position..self.position + length];
            self.position += length + 1;
            attributes.push(Attribute {
                name,
                value,
                range: before..self.position,
            });
        };
        Some(Tag {
            name,
            shape,
            attributes,
            range: start..self.position,
        })
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.position..];
        let length = rest.find(|c: char| c.is_ascii_whitespace() || "=/><\"'".contains(c))?;
        self.position += length;
        (length > 0).then_some(&rest[..length])
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        let found = self.text[self.position..].starts_with(expected);
        self.position += if found { expected.len() } else { 0 };
        found.then_some(())
    }

    fn skip_white_space(&mut self) {
        let rest = &self.text[self.position..];
        self.position += rest.len() - rest.trim_ascii_start().len();
    }
}
