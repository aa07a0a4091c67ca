//! Editing of every block under one policy: the rules that do not depend on where a block stands.

use md5::{Digest, Md5};

use super::{
    dropped::{Dropped, Reason},
    picture, place, xmp,
};

/// Bytes before each part of extended XMP: a digest, the whole length, and the part's offset.
const PART_HEADER_BYTES: usize = DIGEST_BYTES + 4 + 4;
/// Length of an MD5 in hexadecimal capitals (XMP specification, part 3, 1.1.3.1).
const DIGEST_BYTES: usize = 32;
/// Bytes to which all PNG texts of one file together may be inflated; beyond that they are not
/// examined.
const INFLATED_BYTES: usize = 16 * 1024 * 1024;
/// Longest part, in bytes, that fits into a segment together with its headers.
const PART_BYTES: usize = 65_400;

/// A policy that is being applied to one file.
pub(super) struct Editor<'a> {
    /// Whether places and pictures go, and whatever may hold them.
    pub(super) strip: bool,
    /// Width and height of the photo in pixels.
    pub(super) photo: picture::Size,
    pub(super) dropped: &'a mut Dropped,
    /// Bytes to which compressed texts may still be inflated.
    pub(super) inflated_bytes: usize,
}

/// Change to what the main XMP packet says of the extended one.
pub(super) enum Extended {
    /// It stays the same.
    Same,
    /// The reference to the extended packet goes.
    Gone,
    /// The digest of the extended packet changes.
    Changed { old: String, new: String },
}

impl<'a> Editor<'a> {
    pub(super) fn new(strip: bool, photo: picture::Size, dropped: &'a mut Dropped) -> Self {
        Self {
            strip,
            photo,
            dropped,
            inflated_bytes: INFLATED_BYTES,
        }
    }

    /// Records that something goes. Returns false, as the answer to the question whether it stays.
    pub(super) fn leave_out(&mut self, name: &str, reason: Reason) -> bool {
        self.dropped.add(name, reason);
        false
    }

    pub(super) fn drop_all(&mut self, names: Vec<(&'static str, Reason)>) {
        for (name, reason) in names {
            self.dropped.add(name, reason);
        }
    }

    /// Returns an XMP packet, edited; `None` if it must go.
    pub(super) fn xmp(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.main_xmp(packet, &Extended::Same)
    }

    /// Returns the main XMP packet, edited; `None` if it must go.
    pub(super) fn main_xmp(&mut self, packet: &[u8], extended: &Extended) -> Option<Vec<u8>> {
        let Some(edited) = xmp::edit(packet, self.removal(matches!(extended, Extended::Gone)))
        else {
            let stays = !self.strip && !xmp::may_be_stale(packet);
            return (stays && matches!(extended, Extended::Same)).then(|| packet.to_vec());
        };
        self.drop_all(edited.names);
        let mut bytes = edited.bytes;
        if let Extended::Changed { old, new } = extended {
            let text = String::from_utf8_lossy(&bytes).replace(old, new);
            bytes = text.into_bytes();
        }
        Some(bytes)
    }

    /// Edits extended XMP, given its parts with their headers. Returns the change to the main
    /// packet, and new parts unless they stay as they are.
    pub(super) fn extended_xmp(&mut self, parts: &[&[u8]]) -> (Extended, Option<Vec<Vec<u8>>>) {
        let whole = joined(parts);
        let edited = whole
            .as_ref()
            .and_then(|(_, packet)| xmp::edit(packet, self.removal(false)));
        let (Some((digest, packet)), Some(edited)) = (whole, edited) else {
            let text = parts.concat();
            if self.strip || xmp::may_be_stale(&text) {
                self.leave_out("xmp-extended", Reason::NotUnderstood);
                return (Extended::Gone, Some(Vec::new()));
            }
            return (Extended::Same, None);
        };
        self.drop_all(edited.names);
        if edited.bytes == packet {
            return (Extended::Same, None);
        }
        if edited.is_empty {
            return (Extended::Gone, Some(Vec::new()));
        }
        let (old, new) = (digest, hexadecimal(&Md5::digest(&edited.bytes)));
        let length = u32::try_from(edited.bytes.len()).unwrap_or(u32::MAX);
        let part = |(index, part): (usize, &[u8])| {
            let offset = u32::try_from(index * PART_BYTES).unwrap_or(u32::MAX);
            [
                new.as_bytes(),
                &length.to_be_bytes(),
                &offset.to_be_bytes(),
                part,
            ]
            .concat()
        };
        let parts = edited.bytes.chunks(PART_BYTES).enumerate().map(part);
        let parts = Some(parts.collect());
        (Extended::Changed { old, new }, parts)
    }

    fn removal(&self, without_extended: bool) -> xmp::Removal {
        xmp::Removal {
            strip: self.strip,
            extended: without_extended,
            photo: self.photo,
        }
    }

    /// Returns whether a thumbnail or preview stays, and records it if not.
    pub(super) fn keeps_picture(&mut self, payload: &[u8], name: &str) -> bool {
        let size = picture::find(payload).and_then(|at| picture::size(&payload[at..]));
        let is_copy = size.is_some_and(|size| picture::is_copy(size, self.photo));
        match (self.strip, is_copy) {
            (true, _) => self.leave_out(name, Reason::Asked),
            (false, true) => self.leave_out(name, Reason::UnmarkedCopy),
            (false, false) => true,
        }
    }

    /// Returns whether a segment stays that was not edited otherwise, and records it if not.
    pub(super) fn keeps_rest(&mut self, payload: &[u8], name: &str, is_text: bool) -> bool {
        let encoded = picture::in_base64(payload);
        if !self.strip {
            let is_copy = |picture: &[u8]| !picture::find_copies(picture, self.photo).is_empty();
            let has_copy = is_copy(payload) || encoded.is_some_and(|picture| is_copy(&picture));
            return !has_copy || self.leave_out(name, Reason::UnmarkedCopy);
        }
        if encoded.is_some() || picture::find(payload).is_some() {
            return self.leave_out(name, Reason::Asked);
        }
        if place::is_in_wide_text(payload) {
            return self.leave_out(name, Reason::Asked);
        }
        let is_sign = |byte: &u8| *byte == 0 || *byte >= b' ' || byte.is_ascii_whitespace();
        let is_binary = !payload.iter().all(is_sign);
        if is_text && is_binary && !payload.starts_with(b"Ducky") {
            return self.leave_out(name, Reason::NotUnderstood);
        }
        true
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    digest
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}

/// Joins the parts of one extended packet in the order of their offsets and returns its digest and
/// bytes; `None` unless they are whole and of one packet.
fn joined(parts: &[&[u8]]) -> Option<(String, Vec<u8>)> {
    let mut parts: Vec<(&[u8], usize, usize, &[u8])> = parts
        .iter()
        .map(|part| {
            let (head, text) = part.split_at_checked(PART_HEADER_BYTES)?;
            let number = |at: usize| {
                let bytes = *head.get(at..)?.first_chunk()?;
                usize::try_from(u32::from_be_bytes(bytes)).ok()
            };
            let digest = &head[..DIGEST_BYTES];
            Some((
                digest,
                number(DIGEST_BYTES)?,
                number(DIGEST_BYTES + 4)?,
                text,
            ))
        })
        .collect::<Option<_>>()?;
    parts.sort_by_key(|part| part.2);
    let &(digest, length, ..) = parts.first()?;
    let mut packet = Vec::new();
    for (of, whole, offset, text) in parts {
        if (of, whole, offset) != (digest, length, packet.len()) {
            return None;
        }
        packet.extend_from_slice(text);
    }
    let digest = std::str::from_utf8(digest).ok()?.to_owned();
    (packet.len() == length && digest.is_ascii()).then_some((digest, packet))
}
