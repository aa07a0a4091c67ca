//! XMP: properties cut out of an RDF/XML packet (ISO 16684-1).
//!
//! A property is an attribute or an element, recognised by namespace and name; some are recognised
//! by their value, such as a picture in base64. A cut is a range of the packet's text, so
//! everything else stays byte for byte. A packet that cannot be followed (bad nesting, a DOCTYPE,
//! bytes that are not UTF-8) is reported, and the caller decides.

use std::{borrow::Cow, ops::Range};

use quick_xml::{
    events::{BytesStart, Event},
    name::{QName, ResolveResult},
    reader::NsReader,
};

use super::{dropped::Reason, picture, place};

const BOM: char = '\u{feff}';
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const META: &str = "adobe:ns:meta/";
/// Namespaces of containers and their items, which describe what follows the picture and is gone.
const CONTAINERS: [&str; 5] = [
    "http://ns.google.com/photos/1.0/container/",
    // Dynamic Depth 1.0, whose images and depth maps are items of the container.
    "http://ns.google.com/photos/dd/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/item/",
    "http://ns.google.com/photos/dd/1.0/image/",
    "http://ns.google.com/photos/dd/1.0/depthmap/",
];
const GAIN_MAPS: [&str; 2] = [
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
];
/// Namespaces of phone cameras, which say that a film follows: Google, OPPO, Xiaomi, vivo, Honor.
const CAMERAS: [&str; 5] = [
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.oplus.com/photos/1.0/camera/",
    "http://ns.xiaomi.com/photos/1.0/camera/",
    "http://ns.vivo.com/photos/1.0/camera/",
    "http://ns.honor.com/photos/1.0/camera/",
];
/// Beginnings of names in [`CAMERAS`] that are about that film.
const FILMS: [&str; 5] = [
    "MotionPhoto",
    "MicroVideo",
    "OLivePhoto",
    "LivePhoto",
    "VideoLength",
];
/// Namespace of the photo before it was blurred or reframed.
const ORIGINAL_IMAGE: &str = "http://ns.google.com/photos/1.0/image/";
/// Namespace of depth maps: pictures that show no more than distances.
const DEPTH_MAP: &str = "http://ns.google.com/photos/1.0/depthmap/";
/// Namespace of `provenance`, which points at content credentials.
const TERMS: &str = "http://purl.org/dc/terms/";
/// Namespace of `HasExtendedXMP`, the digest of the extended part.
const NOTE: &str = "http://ns.adobe.com/xmp/note/";

/// Most declared namespaces of a packet: real ones have about ten, and each costs time at every
/// name.
const MOST_NAMESPACES: usize = 200;
/// Most nested elements of a packet: real ones have about ten.
const MOST_DEPTH: usize = 100;

/// The properties to remove.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removal {
    /// Whether to remove places and all pictures; otherwise only stale properties and pictures that
    /// could stand for the photo go.
    pub(super) strip: bool,
    /// Whether to remove the pointer to the extended part.
    pub(super) extended: bool,
    /// Size of the photo, in pixels.
    pub(super) photo: picture::Size,
}

/// A packet after removal.
pub(super) struct Edited {
    pub(super) bytes: Vec<u8>,
    /// Names of what was removed, with reasons.
    pub(super) names: Vec<(&'static str, Reason)>,
    /// Whether no property is left.
    pub(super) is_empty: bool,
}

/// Returns whether bytes begin as a packet does: with a tag, perhaps after a byte order mark and
/// white space.
pub(super) fn is_packet(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|text| text.trim_start_matches(BOM).trim_start().starts_with('<'))
}

/// Returns the text of a packet, which may be in UTF-16 (ISO 16684-1, 7.2; `ExifTool` reads that in
/// a JPEG, too).
fn text(packet: &[u8]) -> Option<Cow<'_, str>> {
    let is_big = match packet {
        [0, b'<', ..] | [0xfe, 0xff, ..] => true,
        [b'<', 0, ..] | [0xff, 0xfe, ..] => false,
        _ => return std::str::from_utf8(packet).ok().map(Cow::Borrowed),
    };
    let unit = if is_big {
        u16::from_be_bytes
    } else {
        u16::from_le_bytes
    };
    let units = packet.as_chunks().0.iter().map(|&pair| unit(pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.ok().map(Cow::Owned)
}

/// Removes properties; `None` if the packet cannot be followed. One in UTF-16 comes back in UTF-8,
/// if it changes.
///
/// A packet never gets longer, so it fits where it was: one that would in UTF-8 cannot be followed
/// either.
pub(super) fn edit(packet: &[u8], removal: Removal) -> Option<Edited> {
    let text = &*text(packet)?;
    let mut walk = PacketWalk {
        text,
        removal,
        open: Vec::new(),
        cuts: Vec::new(),
        names: Vec::new(),
        namespaces: 0,
        kept: 0,
    };
    walk.run()?;
    let bytes = if walk.cuts.is_empty() {
        packet.to_vec()
    } else {
        without(text, &walk.cuts).into_bytes()
    };
    (bytes.len() <= packet.len()).then_some(Edited {
        bytes,
        names: walk.names,
        is_empty: walk.kept == 0,
    })
}

/// Returns a text without cuts, which are ascending and do not touch.
fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut position = 0;
    for cut in cuts {
        edited.push_str(&text[position..cut.start]);
        position = cut.end;
    }
    edited.push_str(&text[position..]);
    edited
}

/// Returns whether a packet that cannot be followed may speak of media that are gone. Never falsely
/// no.
pub(super) fn may_be_stale(packet: &[u8]) -> bool {
    let text = String::from_utf8_lossy(packet);
    let namespaces = CONTAINERS.iter().chain(&GAIN_MAPS).chain(&CAMERAS);
    namespaces
        .chain([&ORIGINAL_IMAGE])
        .any(|namespace| text.contains(namespace))
        || picture::in_base64(packet).is_some()
}

/// An element whose end has not come yet.
struct Open {
    start: usize,
    /// Position where its content begins.
    content: usize,
    /// Whether it is `rdf:RDF`, `rdf:Description`, `rdf:li` or the like, or the packet's own
    /// wrapper.
    is_frame: bool,
    namespace: String,
    has_children: bool,
    is_cut: bool,
}

struct PacketWalk<'a> {
    text: &'a str,
    removal: Removal,
    open: Vec<Open>,
    /// Ranges to cut, ascending; they do not touch.
    cuts: Vec<Range<usize>>,
    names: Vec<(&'static str, Reason)>,
    namespaces: usize,
    /// Number of properties that stay.
    kept: usize,
}

impl<'a> PacketWalk<'a> {
    fn run(&mut self) -> Option<()> {
        let mut reader = NsReader::from_str(self.text);
        let mut root_end = None;
        loop {
            let start = usize::try_from(reader.buffer_position()).ok()?;
            let Ok(event) = reader.read_event() else {
                return self.ends_with_junk(root_end?);
            };
            let end = usize::try_from(reader.buffer_position()).ok()?;
            match event {
                Event::Eof => return self.open.is_empty().then_some(()),
                Event::DocType(_) => return None,
                Event::Start(tag) => self.start(&reader, &tag, start..end, false)?,
                Event::Empty(tag) => self.start(&reader, &tag, start..end, true)?,
                Event::End(_) => self.end(start..end)?,
                _ => continue,
            }
            root_end = Some(end);
        }
    }

    /// Accepts what cannot be followed after the end of the packet, where writers leave remains of
    /// longer ones.
    fn ends_with_junk(&mut self, root_end: usize) -> Option<()> {
        if self.removal.strip {
            self.cuts.push(root_end..self.text.len());
            self.names.push(("xmp-remains", Reason::NotUnderstood));
        }
        self.open.is_empty().then_some(())
    }

    fn is_cutting(&self) -> bool {
        self.open.iter().any(|open| open.is_cut)
    }

    /// Takes a start tag or an empty element.
    fn start(
        &mut self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'a>,
        range: Range<usize>,
        is_empty: bool,
    ) -> Option<()> {
        if self.open.len() == MOST_DEPTH {
            return None;
        }
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        let (namespace, name) = resolve(reader, tag.name(), true);
        let is_frame = namespace == RDF || namespace == META;
        let mut is_cut = false;
        if self.is_cutting() {
            // The property around it goes already.
        } else if let Some(unwanted) = self.unwanted(&namespace, &name) {
            self.names.push(unwanted);
            is_cut = true;
        } else if !self.attributes(reader, tag, &range)? {
            self.kept += usize::from(!is_frame);
        }
        if is_empty {
            if is_cut {
                self.cuts.push(range);
            }
            return Some(());
        }
        self.open.push(Open {
            start: range.start,
            content: range.end,
            is_frame,
            namespace,
            has_children: false,
            is_cut,
        });
        Some(())
    }

    /// Cuts attributes of a tag; true if the whole property around it goes because of one of them.
    fn attributes(
        &mut self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'a>,
        range: &Range<usize>,
    ) -> Option<bool> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            if attribute.key.as_namespace_binding().is_some() {
                self.namespaces += 1;
                if self.namespaces > MOST_NAMESPACES {
                    return None;
                }
                continue;
            }
            let (namespace, name) = resolve(reader, attribute.key, false);
            let value: &[u8] = &attribute.value;
            let by_value = self.unwanted_value(&namespace, value);
            let Some(unwanted) = self.unwanted(&namespace, &name).or(by_value) else {
                self.kept += usize::from(namespace != RDF && namespace != META);
                continue;
            };
            self.names.push(unwanted);
            if by_value.is_some() && self.cut_property() {
                return Some(true);
            }
            // From the white space before the name to the end of the closing quote.
            let key = self.offset(attribute.key.as_ref())?;
            let value = self.offset(value)? + value.len();
            let before = self.text[..key].trim_end().len();
            if !range.contains(&before) {
                return None;
            }
            self.cuts.push(before..value + 1);
        }
        Some(false)
    }

    /// Takes an end tag, which the reader has matched with its start.
    fn end(&mut self, range: Range<usize>) -> Option<()> {
        let open = self.open.pop()?;
        if open.is_cut {
            self.cut_element(open.start..range.end);
            return Some(());
        }
        if open.has_children || self.is_cutting() {
            return Some(());
        }
        let value = &self.text.as_bytes()[open.content..range.start];
        if let Some(unwanted) = self.unwanted_value(&open.namespace, value) {
            self.names.push(unwanted);
            if !self.cut_property() {
                self.cut_element(open.start..range.end);
            }
        }
        Some(())
    }

    /// Marks the outermost property around the current position; false if there is none.
    fn cut_property(&mut self) -> bool {
        let Some(property) = self.open.iter_mut().find(|open| !open.is_frame) else {
            return false;
        };
        property.is_cut = true;
        true
    }

    /// Cuts a whole element, and so what was cut out of it before.
    fn cut_element(&mut self, range: Range<usize>) {
        self.cuts.retain(|cut| cut.start < range.start);
        self.cuts.push(range);
    }

    /// Returns the position where a part of the text begins.
    fn offset(&self, part: &[u8]) -> Option<usize> {
        let offset = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (offset + part.len() < self.text.len()).then_some(offset)
    }

    /// Returns the name and reason under which a property goes, if its own name calls for it.
    fn unwanted(&self, namespace: &str, name: &str) -> Option<(&'static str, Reason)> {
        if namespace == NOTE && name == "HasExtendedXMP" {
            return self
                .removal
                .extended
                .then_some(("xmp-extended", Reason::Stale));
        }
        if CONTAINERS.iter().any(|start| namespace.starts_with(start)) {
            return Some(("xmp-container", Reason::Stale));
        }
        if GAIN_MAPS.contains(&namespace) {
            return Some(("xmp-gain-map", Reason::Stale));
        }
        let is_film = FILMS.iter().any(|start| name.starts_with(start));
        if CAMERAS.contains(&namespace) && is_film {
            return Some(("xmp-motion-photo", Reason::Stale));
        }
        if namespace == TERMS && name == "provenance" {
            return Some(("xmp-provenance", Reason::Stale));
        }
        if namespace == ORIGINAL_IMAGE {
            return Some(("xmp-original-image", Reason::UnmarkedCopy));
        }
        if self.removal.strip && namespace == DEPTH_MAP {
            return Some(("xmp-picture", Reason::Asked));
        }
        let is_place = self.removal.strip && namespace != RDF && place::is_name(name);
        is_place.then_some(("xmp-place", Reason::Asked))
    }

    /// Returns the name and reason under which a property goes, if its value calls for it.
    fn unwanted_value(&self, namespace: &str, value: &[u8]) -> Option<(&'static str, Reason)> {
        if let Some(picture) = picture::in_base64(value) {
            if self.removal.strip {
                return Some(("xmp-picture", Reason::Asked));
            }
            let size = picture::size(&picture);
            let is_copy = size.is_none_or(|size| picture::is_copy(size, self.removal.photo));
            let is_copy = is_copy && namespace != DEPTH_MAP;
            return is_copy.then_some(("xmp-picture", Reason::UnmarkedCopy));
        }
        let tells_a_place = self.removal.strip && place::is_in_text(value);
        tells_a_place.then_some(("xmp-place", Reason::Asked))
    }
}

/// Returns namespace and local name; the namespace is empty for a prefix that was not declared.
fn resolve(reader: &NsReader<&[u8]>, name: QName<'_>, is_element: bool) -> (String, String) {
    let resolver = reader.resolver();
    let (namespace, local) = if is_element {
        resolver.resolve_element(name)
    } else {
        resolver.resolve_attribute(name)
    };
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => String::from_utf8_lossy(namespace.as_ref()).into_owned(),
        _ => String::new(),
    };
    (
        namespace,
        String::from_utf8_lossy(local.as_ref()).into_owned(),
    )
}
