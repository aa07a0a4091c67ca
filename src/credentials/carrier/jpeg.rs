//! JPEG: APP11 segments in front of the first scan.
//!
//! A box that is too long for one segment is spread over several of the same instance number, and
//! each after the first repeats its length and type (ISO 18477-3, B.2).

use std::ops::Range;

use super::Part;

const APP0: u8 = 0xe0;
const APP11: u8 = 0xeb;
const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;

/// What an APP11 segment of boxes begins with: the common identifier `JP`, the instance number, the
/// packet number.
const BOX_HEAD: usize = 8;
/// Length and type of a box.
const BOX_FRAME: usize = 8;
/// Instance number of the box that `c2pa::Builder` writes.
const INSTANCE: [u8; 2] = [0x02, 0x11];
/// Most bytes of a store that `c2pa::Builder` writes into one segment.
const SEGMENT_CONTENT: usize = 64_000;
/// Where the C2PA identifier begins in a whole segment: the crate's reader looks at nothing else.
const TYPE_AT: Range<usize> = 24..28;
/// Where the first box in a superbox begins, which describes it (ISO 19566-5, B.3).
const DESCRIPTION: usize = 16;
/// How far into it a C2PA store's type and label reach.
const DESCRIPTION_BYTES: usize = 48;

/// A marker segment in front of the first scan.
struct Segment {
    marker: u8,
    /// From its fill bytes and marker to the segment's end, or to the file's.
    range: Range<usize>,
    /// What follows the length.
    payload: Range<usize>,
}

/// Walks the segments from SOI to the first scan, as the crate's reader does: bytes between
/// segments are skipped.
fn segments(file: &[u8]) -> impl Iterator<Item = Segment> {
    let mut position = 2;
    std::iter::from_fn(move || {
        loop {
            let start = position + file.get(position..)?.iter().position(|&b| b == 0xff)?;
            let ones = file[start..].iter().take_while(|&&byte| byte == 0xff);
            let after = start + ones.count();
            let marker = *file.get(after)?;
            match marker {
                SOS | EOI => return None,
                0xc0..=0xcf | 0xdb..=0xfe => {
                    let length = length_at(file, after + 1).max(2);
                    position = (after + 1 + length).min(file.len());
                    return Some(Segment {
                        marker,
                        range: start..position,
                        payload: (after + 3).min(position)..position,
                    });
                }
                _ => position = after + 1, // stands alone, or is none
            }
        }
    })
}

/// Reads a segment's length; the end of the file is as far as any.
fn length_at(file: &[u8], at: usize) -> usize {
    let length = file.get(at..at + 2).and_then(<[u8]>::first_chunk);
    length.map_or(usize::from(u16::MAX), |&bytes| {
        usize::from(u16::from_be_bytes(bytes))
    })
}

pub(super) fn parts(file: &[u8]) -> Vec<Part> {
    let mut found = Vec::new();
    let mut instance = None;
    let mut packets = 0;
    for segment in segments(file).filter(|segment| segment.marker == APP11) {
        let payload = &file[segment.payload.clone()];
        let number = payload.get(2..4);
        let packet = payload.get(4..8).and_then(<[u8]>::first_chunk);
        let packet = packet.map_or(0, |&bytes| u32::from_be_bytes(bytes));
        let belongs = number.is_some() && number == instance;
        let continues = belongs && packet > packets;
        let begins = !continues && is_start(payload);
        let head = match (begins, continues, belongs) {
            (true, _, _) => BOX_HEAD,
            (_, true, _) => BOX_HEAD + BOX_FRAME,
            (_, _, true) => payload.len(), // out of order: no reader takes it for content
            _ => continue,
        };
        if begins {
            instance = number;
            packets = 0;
        }
        packets += u32::from(begins || continues);
        let end = segment.payload.end;
        found.push(Part {
            range: segment.range,
            content: (segment.payload.start + head).min(end)..end,
            begins,
        });
    }
    found
}

/// Returns whether the payload of an APP11 segment is, or once was, the beginning of a C2PA store.
fn is_start(payload: &[u8]) -> bool {
    if payload.get(TYPE_AT) == Some(b"c2pa") {
        return true;
    }
    if !payload.starts_with(b"JP") {
        return false;
    }
    let Some(box_type) = payload.get(12..16) else {
        return true; // cut too short to tell
    };
    if box_type != b"jumb" {
        // Boxes of other types are JPEG XT's; what is no type at all is damaged.
        return !box_type.iter().all(u8::is_ascii_alphanumeric);
    }
    let description = &payload[DESCRIPTION..];
    let description = &description[..description.len().min(DESCRIPTION_BYTES)];
    let is_first = payload[4..8] == [0, 0, 0, 1];
    description.windows(4).any(|name| name == b"c2pa") || is_first && !describes(description)
}

/// Returns whether a superbox is described as something else, by a label that can be read.
fn describes(description: &[u8]) -> bool {
    let label = description.get(25..).unwrap_or_default();
    let end = label.iter().position(|&byte| byte == 0);
    description.get(4..8) == Some(b"jumd")
        && end.is_none_or(|end| end > 0)
        && !label.is_empty()
        && label[..end.unwrap_or(label.len())]
            .iter()
            .all(u8::is_ascii_graphic)
}

/// Returns where a store is put in: after the last APP0 segment, or else after SOI.
pub(super) fn position(file: &[u8]) -> Option<usize> {
    let last = segments(file)
        .filter(|segment| segment.marker == APP0)
        .last();
    file.starts_with(&[0xff, 0xd8])
        .then(|| last.map_or(2, |segment| segment.range.end))
}

/// Wraps a store into segments.
pub(super) fn carrier(manifest: &[u8]) -> Vec<u8> {
    let frame = &manifest[..BOX_FRAME.min(manifest.len())];
    let mut segments = Vec::with_capacity(manifest.len() + 64);
    for (content, packet) in manifest.chunks(SEGMENT_CONTENT).zip(1_u32..) {
        let frame = if packet == 1 { &[] } else { frame };
        let length = 2 + BOX_HEAD + frame.len() + content.len();
        segments.extend([0xff, APP11]);
        segments.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        segments.extend(b"JP");
        segments.extend(INSTANCE);
        segments.extend(packet.to_be_bytes());
        segments.extend_from_slice(frame);
        segments.extend_from_slice(content);
    }
    segments
}
