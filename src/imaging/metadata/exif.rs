//! EXIF: reading the orientation, and removing what a policy removes.
//!
//! Nothing is moved, so that offsets stay true, including those inside maker notes. To strip the
//! place, the block is not searched for what must go: it is walked for what may stay
//! ([`Retained`]), and every byte that nothing points at is overwritten. So the directory of GPS,
//! thumbnails, previews between the values, and leftovers of earlier edits are gone together.
//!
//! EXIF may hold Photoshop resources and they EXIF, so this module and `photoshop` call each other.

use std::{collections::HashSet, ops::Range};

use super::{
    super::orientation::Orientation,
    dropped::{Dropped, Reason},
    editor::Editor,
    maker_note::MakerNote,
    photoshop, picture, place,
    tiff::{ByteOrder, Directory, IfdEntry, kind},
};

const MAKE: u16 = 0x010f;
const ORIENTATION: u16 = 0x0112;
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const INTEROPERABILITY_DIRECTORY: u16 = 0xa005;
const MAKER_NOTE: u16 = 0x927c;
const XMP: u16 = 0x02bc;
const IPTC: u16 = 0x83bb;
const PHOTOSHOP: u16 = 0x8649;
/// Xiaomi's flag for a film after the picture.
const XIAOMI_MOTION_PHOTO: u16 = 0x8897;
/// Tags of a thumbnail: the offset of a JPEG, and width, height and first strip of an uncompressed
/// one.
const JPEG_OFFSET: u16 = 0x0201;
const WIDTH: u16 = 0x0100;
const HEIGHT: u16 = 0x0101;
const STRIPS: u16 = 0x0111;
const STRIP_LENGTHS: u16 = 0x0117;

/// Tags of `GeoTIFF` 1.1.
const GEO_TIFF: [u16; 6] = [0x830e, 0x8480, 0x8482, 0x85d8, 0x87af, 0x87b0];
const GEO_TIFF_TEXT: u16 = 0x87b1;
/// Tags under which TIFF stores pictures: strips, tiles, JPEG, and directories of further ones.
const PICTURES: [u16; 10] = [
    0x0111, 0x0117, 0x0144, 0x0145, 0x014a, 0x015b, 0x0201, 0x0202, 0x0200, 0x002e,
];
/// Tags of binary values that are understood: versions, components, comment, source, CFA, OECF,
/// spatial frequency response, device settings, composite exposures, print matching, padding, the
/// XP texts, the colour profile.
const BINARY: [u16; 22] = [
    0x9000, 0x9101, 0x9286, 0xa000, 0xa300, 0xa301, 0xa302, 0x8828, 0xa20c, 0xa40b, 0xa462, 0xc4a5,
    0xea1c, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f, 0x8773, 0x0001, 0x0002, 0x828d,
];
/// Longest binary value that is kept under other tags: longer ones may be anything.
const SHORT_BINARY_BYTES: usize = 32;
/// Levels of nested directories: the first, EXIF in it, and interoperability in EXIF.
const DEPTH: usize = 3;

/// Returns the orientation, if the block has a well-formed one.
pub(super) fn orientation(tiff: &[u8]) -> Option<Orientation> {
    let order = ByteOrder::of(tiff)?;
    let first = Directory::read(tiff, order, order.u32_at(tiff, 4)?)?;
    let entry = first.find(ORIENTATION)?;
    if (entry.kind, entry.count) != (kind::SHORT, 1) {
        return None;
    }
    Orientation::from_exif(order.u16_at(tiff, entry.position + 8)?)
}

/// Makes a block that holds nothing but the orientation.
pub(super) fn minimal(orientation: Orientation) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    tiff.extend(ORIENTATION.to_be_bytes());
    tiff.extend(kind::SHORT.to_be_bytes());
    tiff.extend(1_u32.to_be_bytes());
    tiff.extend(orientation.exif().to_be_bytes());
    tiff.extend([0; 6]); // the value's other half, and no next directory
    tiff
}

/// Removes what `editor` wants removed from a block, which may get shorter; returns false if the
/// whole block must go.
pub(super) fn edit(tiff: &mut Vec<u8>, editor: &mut Editor<'_>) -> bool {
    if editor.strip {
        // Directories and values of a hostile block overlap, so that removing one makes another of
        // it: the rest must have nothing more to remove. And maker notes hold what they like.
        let mut more = Dropped::default();
        let mut again = Editor::new(true, editor.photo, &mut more);
        strip(tiff, editor).is_some()
            && strip(&mut tiff.clone(), &mut again).is_some()
            && more.is_empty()
            && picture::find(tiff).is_none()
    } else {
        let order = ByteOrder::of(tiff);
        if let Some(order) = order {
            let _ = remove_claims(tiff, order, editor);
        }
        remove_copies(tiff, order, editor);
        true
    }
}

fn first_directory(tiff: &[u8], order: ByteOrder) -> Option<Directory> {
    Directory::read(tiff, order, order.u32_at(tiff, 4)?)
}

/// Removes entries that speak of media that stood beside the photo.
fn remove_claims(tiff: &mut [u8], order: ByteOrder, editor: &mut Editor<'_>) -> Option<()> {
    let first = first_directory(tiff, order)?;
    let make = text(tiff, &first, MAKE).unwrap_or_default().to_vec();
    let exif = Directory::read(tiff, order, first.number(tiff, EXIF_DIRECTORY)?)?;
    if let Some(range) = exif.find(MAKER_NOTE)?.value(tiff, order, 0)
        && let Some(note) = MakerNote::read(tiff, &range, order, &make)
    {
        editor.drop_all(note.edit(tiff, false));
    }
    for directory in [&exif, &first] {
        if directory.find(XIAOMI_MOTION_PHOTO).is_some() {
            directory.retain(tiff, |entry| entry.tag != XIAOMI_MOTION_PHOTO);
            editor.dropped.add("exif-motion-photo", Reason::Stale);
        }
    }
    Some(())
}

/// Overwrites pictures that could stand for the photo, and unlinks the directories that describe
/// them.
fn remove_copies(tiff: &mut [u8], order: Option<ByteOrder>, editor: &mut Editor<'_>) {
    for copy in picture::find_copies(tiff, editor.photo) {
        if let Some(order) = order {
            unlink(tiff, order, |directory, block| {
                directory.number(block, JPEG_OFFSET) == Some(copy.start)
            });
        }
        tiff[copy].fill(0);
        editor.dropped.add("exif-preview", Reason::UnmarkedCopy);
    }
    let Some(order) = order else { return };
    let photo = editor.photo;
    let is_copy = |directory: &Directory, block: &[u8]| {
        let side = |tag| u32::try_from(directory.number(block, tag)?).ok();
        directory.find(STRIPS).is_some()
            && side(WIDTH)
                .zip(side(HEIGHT))
                .is_some_and(|size| picture::is_copy(size, photo))
    };
    if unlink(tiff, order, is_copy) {
        editor.dropped.add("exif-preview", Reason::UnmarkedCopy);
    }
}

/// Takes directories after the first one out of the chain, with what their entries point at.
/// Returns whether there were any.
fn unlink(
    tiff: &mut [u8],
    order: ByteOrder,
    is_unwanted: impl Fn(&Directory, &[u8]) -> bool,
) -> bool {
    let mut unlinked = false;
    let mut before = first_directory(tiff, order);
    // A chain that leads back into itself ends here.
    for _ in 0..DEPTH {
        let Some(directory) = before else { break };
        let next = directory
            .next(tiff)
            .and_then(|at| Directory::read(tiff, order, at));
        let Some(next) = next else { break };
        if !is_unwanted(&next, tiff) {
            before = Some(next);
            continue;
        }
        let after = next.next(tiff).unwrap_or(0);
        if let Some(pointer) = directory.next_pointer(tiff) {
            order.set_u32(tiff, pointer, u32::try_from(after).unwrap_or(0));
        }
        for strip in strips(tiff, &next) {
            tiff[strip].fill(0);
        }
        next.retain(tiff, |_| false);
        unlinked = true;
        before = Some(directory);
    }
    unlinked
}

/// Returns the positions of the strips of an uncompressed picture, as far as the block reaches.
fn strips(tiff: &[u8], directory: &Directory) -> Vec<Range<usize>> {
    let starts = directory.numbers(tiff, STRIPS);
    let lengths = directory.numbers(tiff, STRIP_LENGTHS);
    let within = |at: usize| at.min(tiff.len());
    let strips = starts.into_iter().zip(lengths);
    strips
        .map(|(start, length)| within(start)..within(start.saturating_add(length)))
        .collect()
}

fn text<'a>(tiff: &'a [u8], directory: &Directory, tag: u16) -> Option<&'a [u8]> {
    let value = directory.find(tag)?.value(tiff, directory.order, 0)?;
    tiff.get(value)
}

/// The parts of a block that may stay.
struct Retained {
    ranges: Vec<Range<usize>>,
    /// Bytes of values that may still be examined: those of real blocks do not overlap.
    budget: usize,
    make: Vec<u8>,
}

/// Overwrites everything that does not belong to an entry that may stay; `None` if the block cannot
/// be followed.
fn strip(tiff: &mut Vec<u8>, editor: &mut Editor<'_>) -> Option<()> {
    let order = ByteOrder::of(tiff)?;
    let first = first_directory(tiff, order)?;
    let mut retained = Retained {
        ranges: std::iter::once(0..8).collect(),
        budget: 4 * tiff.len(),
        make: text(tiff, &first, MAKE).unwrap_or_default().to_vec(),
    };
    retain_directory(tiff, &first, editor, &mut retained, DEPTH);
    if first.next(tiff).is_some() {
        editor.dropped.add("exif-thumbnail", Reason::Asked);
    }
    // The chain ends with the first directory.
    let first = first_directory(tiff, order)?;
    if let Some(pointer) = first.next_pointer(tiff) {
        order.set_u32(tiff, pointer, 0);
    }
    let mut ranges = retained.ranges;
    ranges.sort_by_key(|range| range.start);
    let mut position = 0;
    for range in ranges {
        if range.start > position {
            tiff[position..range.start].fill(0);
        }
        position = position.max(range.end);
    }
    tiff.truncate(position);
    Some(())
}

/// Decides on each entry of a directory, and on the directories below it.
fn retain_directory(
    tiff: &mut [u8],
    directory: &Directory,
    editor: &mut Editor<'_>,
    retained: &mut Retained,
    depth: usize,
) {
    let mut gone = HashSet::new();
    let mut seen = HashSet::new();
    for entry in &directory.entries {
        // Of two entries with one tag readers take the first or the last; none may hide behind the
        // other.
        let is_first = seen.insert(entry.tag);
        if !is_first || !retain_entry(tiff, directory, entry, editor, retained, depth) {
            gone.insert(entry.position);
        }
    }
    let range = directory.retain(tiff, |entry| !gone.contains(&entry.position));
    retained.ranges.push(range);
}

fn retain_entry(
    tiff: &mut [u8],
    directory: &Directory,
    entry: &IfdEntry,
    editor: &mut Editor<'_>,
    retained: &mut Retained,
    depth: usize,
) -> bool {
    let order = directory.order;
    match entry.tag {
        GPS_DIRECTORY => return editor.leave_out("exif-gps", Reason::Asked),
        GEO_TIFF_TEXT => return editor.leave_out("exif-geotiff", Reason::Asked),
        tag if GEO_TIFF.contains(&tag) => return editor.leave_out("exif-geotiff", Reason::Asked),
        tag if PICTURES.contains(&tag) => return editor.leave_out("exif-preview", Reason::Asked),
        XIAOMI_MOTION_PHOTO => return editor.leave_out("exif-motion-photo", Reason::Stale),
        EXIF_DIRECTORY | INTEROPERABILITY_DIRECTORY => {
            let below = order
                .u32_at(tiff, entry.position + 8)
                .filter(|_| depth > 1)
                .and_then(|at| Directory::read(tiff, order, at))
                .filter(|below| below.position != directory.position);
            let Some(below) = below else {
                return editor.leave_out("exif-directory", Reason::NotUnderstood);
            };
            retain_directory(tiff, &below, editor, retained, depth - 1);
            return true;
        }
        _ if entry.kind == kind::IFD || entry.length().is_none() => {
            return editor.leave_out("exif-value", Reason::NotUnderstood);
        }
        _ => {}
    }
    let Some(value) = entry.value(tiff, order, 0) else {
        return editor.leave_out("exif-value", Reason::NotUnderstood);
    };
    let Some(budget) = retained.budget.checked_sub(value.len()) else {
        return editor.leave_out("exif-value", Reason::NotUnderstood);
    };
    retained.budget = budget;
    match entry.tag {
        MAKER_NOTE => return retain_maker_note(tiff, order, value, editor, retained),
        XMP | IPTC | PHOTOSHOP => {
            return retain_embedded(tiff, entry, order, value, editor, retained);
        }
        _ => {}
    }
    let bytes = &tiff[value.clone()];
    let is_binary = matches!(entry.kind, kind::BYTE | kind::UNDEFINED);
    if is_binary && bytes.len() > SHORT_BINARY_BYTES && !BINARY.contains(&entry.tag) {
        return editor.leave_out("exif-value", Reason::NotUnderstood);
    }
    let is_text = is_binary || matches!(entry.kind, kind::ASCII | kind::UTF_8);
    if is_text && place::is_in_wide_text(bytes) {
        return editor.leave_out("exif-text", Reason::Asked);
    }
    if is_text && picture::in_base64(bytes).is_some() {
        return editor.leave_out("exif-text", Reason::Asked);
    }
    retained.ranges.push(value);
    true
}

/// Keeps a maker note that is understood, without places and pictures.
fn retain_maker_note(
    tiff: &mut [u8],
    order: ByteOrder,
    range: Range<usize>,
    editor: &mut Editor<'_>,
    retained: &mut Retained,
) -> bool {
    let Some(note) = MakerNote::read(tiff, &range, order, &retained.make) else {
        return editor.leave_out("exif-maker-note", Reason::NotUnderstood);
    };
    retained.ranges.extend(note.outside(tiff, &range));
    editor.drop_all(note.edit(tiff, true));
    // Some makers keep a preview in a directory of their own.
    let mut from = range.start;
    while let Some(at) = picture::find(&tiff[from..range.end]) {
        let start = from + at;
        from = start + picture::length(&tiff[start..range.end]);
        tiff[start..from].fill(0);
        editor.leave_out("exif-maker-note-picture", Reason::Asked);
    }
    retained.ranges.push(range);
    true
}

/// Keeps XMP, IPTC or Photoshop resources inside EXIF, edited in place: they only get shorter.
fn retain_embedded(
    tiff: &mut [u8],
    entry: &IfdEntry,
    order: ByteOrder,
    value: Range<usize>,
    editor: &mut Editor<'_>,
    retained: &mut Retained,
) -> bool {
    let old = &tiff[value.clone()];
    let new = match entry.tag {
        XMP => editor.xmp(old),
        IPTC => Some(photoshop::edit_iptc(old, editor)),
        _ => Some(photoshop::edit(old, editor)),
    };
    // A long value has its length in the entry; the unit of an IPTC value may be four bytes.
    let unit = entry
        .length()
        .map_or(1, |length| length / entry.count.max(1))
        .max(1);
    let Some(new) = new.filter(|new| new.len() > 4 && new.len() <= old.len()) else {
        return false;
    };
    let count = new.len().div_ceil(unit);
    tiff[value.clone()].fill(0);
    tiff[value.start..value.start + new.len()].copy_from_slice(&new);
    order.set_u32(tiff, entry.position + 4, u32::try_from(count).unwrap_or(0));
    retained
        .ranges
        .push(value.start..value.start + count * unit);
    true
}
