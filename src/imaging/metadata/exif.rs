//! EXIF: a TIFF structure, read only as far as needed and edited in place.
//!
//! A block is a header, directories of 12-byte entries, and values that entries point at (TIFF 6.0,
//! 2). Nothing is moved when something is removed: values become zeros and the entries behind close
//! up, so all other offsets stay true, those inside of maker notes too. Every pointer and count is
//! checked, cycles cannot arise because the depth is fixed, and the bytes touched are bounded.

use super::super::Orientation;

const ORIENTATION: u16 = 0x0112;
const SUB_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
/// XMP inside of TIFF, which may repeat the place.
const XMP: u16 = 0x02bc;

const TYPE_SHORT: u16 = 3;
const ENTRY_BYTES: usize = 12;
/// Values a thumbnail is made of: offset tag, length tag (JPEG, or strips).
const THUMBNAIL_TAGS: [(u16, u16); 2] = [(0x0201, 0x0202), (0x0111, 0x0117)];

/// Returns the orientation, if the block has a well-formed one.
pub(super) fn orientation(tiff: &[u8]) -> Option<Orientation> {
    let order = ByteOrder::of(tiff)?;
    let first = order.u32_at(tiff, 4)?;
    let entry = entries(tiff, order, first)?.find(|entry| entry.tag == ORIENTATION)?;
    if (entry.kind, entry.count) != (TYPE_SHORT, 1) {
        return None;
    }
    Orientation::from_exif(order.u16_at(tiff, entry.position + 8)?)
}

/// Makes a block that has nothing but the orientation.
pub(super) fn minimal(orientation: Orientation) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    tiff.extend(ORIENTATION.to_be_bytes());
    tiff.extend(TYPE_SHORT.to_be_bytes());
    tiff.extend(1_u32.to_be_bytes());
    tiff.extend(orientation.exif().to_be_bytes());
    tiff.extend([0; 6]); // the value's other half, and no next directory
    tiff
}

/// Removes coordinates, embedded XMP and the thumbnail; nothing if the block cannot be followed.
pub(super) fn remove_place(tiff: &mut [u8]) -> Option<()> {
    let order = ByteOrder::of(tiff)?;
    let first = order.u32_at(tiff, 4)?;
    let mut eraser = Eraser {
        // Real blocks are walked and erased once, in part; hostile ones would ask for gigabytes.
        budget: 4 * tiff.len(),
        order,
        tiff,
    };
    eraser.remove_next_directories(first)?;
    let sub_directories: Vec<usize> = entries(eraser.tiff, order, first)?
        .filter(|entry| entry.tag == SUB_DIRECTORY)
        .map(|entry| order.u32_at(eraser.tiff, entry.position + 8))
        .collect::<Option<_>>()?;
    for directory in sub_directories.into_iter().chain([first]) {
        eraser.remove_entries(directory, GPS_DIRECTORY)?;
        eraser.remove_entries(directory, XMP)?;
    }
    Some(())
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn of(tiff: &[u8]) -> Option<Self> {
        match tiff.first_chunk()? {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    fn u16_at(self, bytes: &[u8], position: usize) -> Option<u16> {
        let bytes = *bytes.get(position..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32_at(self, bytes: &[u8], position: usize) -> Option<usize> {
        let bytes = *bytes.get(position..)?.first_chunk()?;
        let value = match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        usize::try_from(value).ok()
    }
}

/// A directory entry: tag, type, number of values, and the value or its offset.
struct Entry {
    position: usize,
    tag: u16,
    kind: u16,
    count: usize,
}

impl Entry {
    /// Returns the length of the values; nothing for unknown types.
    fn value_bytes(&self) -> Option<usize> {
        let size = match self.kind {
            1 | 2 | 6 | 7 => 1,
            TYPE_SHORT | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        self.count.checked_mul(size)
    }
}

/// Returns the entries of a directory, all of which lie within the block.
fn entries(
    tiff: &[u8],
    order: ByteOrder,
    directory: usize,
) -> Option<impl Iterator<Item = Entry> + '_> {
    let count = usize::from(order.u16_at(tiff, directory)?);
    let start = directory + 2;
    tiff.get(start..start + count * ENTRY_BYTES)?;
    Some((0..count).filter_map(move |index| {
        let position = start + index * ENTRY_BYTES;
        Some(Entry {
            position,
            tag: order.u16_at(tiff, position)?,
            kind: order.u16_at(tiff, position + 2)?,
            count: order.u32_at(tiff, position + 4)?,
        })
    }))
}

/// Overwrites parts of a block with zeros.
struct Eraser<'a> {
    tiff: &'a mut [u8],
    order: ByteOrder,
    /// How many bytes may still be erased, moved or searched.
    budget: usize,
}

impl Eraser<'_> {
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(bytes)?;
        Some(())
    }

    fn erase(&mut self, start: usize, length: usize) -> Option<()> {
        self.spend(length)?;
        self.tiff
            .get_mut(start..start.checked_add(length)?)?
            .fill(0);
        Some(())
    }

    /// Removes all entries of one tag from a directory, with what they point at.
    fn remove_entries(&mut self, directory: usize, tag: u16) -> Option<()> {
        loop {
            self.spend(ENTRY_BYTES * usize::from(self.order.u16_at(self.tiff, directory)?))?;
            let entry = entries(self.tiff, self.order, directory)?.find(|entry| entry.tag == tag);
            let Some(entry) = entry else {
                return Some(());
            };
            if tag == GPS_DIRECTORY {
                let target = self.order.u32_at(self.tiff, entry.position + 8)?;
                self.erase_directory(target)?;
            } else {
                self.erase_value(&entry)?;
            }
            self.close_gap(directory, entry.position)?;
        }
    }

    /// Moves the entries behind one over it, and the pointer to the next directory with them.
    fn close_gap(&mut self, directory: usize, position: usize) -> Option<()> {
        let count = self.order.u16_at(self.tiff, directory)?;
        let end = directory + 2 + usize::from(count) * ENTRY_BYTES + 4;
        if end > self.tiff.len() || position + ENTRY_BYTES > end {
            return None;
        }
        self.spend(end - position)?;
        self.tiff.copy_within(position + ENTRY_BYTES..end, position);
        self.tiff[end - ENTRY_BYTES..end].fill(0);
        let fewer = count.checked_sub(1)?;
        let bytes = match self.order {
            ByteOrder::Little => fewer.to_le_bytes(),
            ByteOrder::Big => fewer.to_be_bytes(),
        };
        self.tiff
            .get_mut(directory..directory + 2)?
            .copy_from_slice(&bytes);
        Some(())
    }

    /// Erases a directory and the values that it points at.
    fn erase_directory(&mut self, directory: usize) -> Option<()> {
        let entries: Vec<Entry> = entries(self.tiff, self.order, directory)?.collect();
        for entry in &entries {
            self.erase_value(entry)?;
        }
        self.erase(directory, 2 + entries.len() * ENTRY_BYTES)
    }

    /// Erases values that are stored outside of their entry.
    fn erase_value(&mut self, entry: &Entry) -> Option<()> {
        match entry.value_bytes()? {
            0..=4 => Some(()),
            length => {
                let start = self.order.u32_at(self.tiff, entry.position + 8)?;
                self.erase(start, length)
            }
        }
    }

    /// Erases the directories that follow the first one (thumbnails) and ends the chain before
    /// them.
    fn remove_next_directories(&mut self, first: usize) -> Option<()> {
        let count = usize::from(self.order.u16_at(self.tiff, first)?);
        let mut pointer = first + 2 + count * ENTRY_BYTES;
        loop {
            // Some writers end the block right behind the last entry.
            let Some(directory) = self.order.u32_at(self.tiff, pointer) else {
                return Some(());
            };
            self.erase(pointer, 4)?;
            if directory == 0 {
                return Some(());
            }
            let entries: Vec<Entry> = entries(self.tiff, self.order, directory)?.collect();
            for (offset_tag, length_tag) in THUMBNAIL_TAGS {
                self.erase_thumbnail(&entries, offset_tag, length_tag)?;
            }
            self.erase_directory(directory)?;
            pointer = directory + 2 + entries.len() * ENTRY_BYTES;
        }
    }

    fn erase_thumbnail(
        &mut self,
        entries: &[Entry],
        offset_tag: u16,
        length_tag: u16,
    ) -> Option<()> {
        let value = |tag| {
            let entry = entries
                .iter()
                .find(|entry| entry.tag == tag && entry.count == 1)?;
            match entry.kind {
                TYPE_SHORT => self
                    .order
                    .u16_at(self.tiff, entry.position + 8)
                    .map(usize::from),
                _ => self.order.u32_at(self.tiff, entry.position + 8),
            }
        };
        let (Some(start), Some(length)) = (value(offset_tag), value(length_tag)) else {
            return Some(());
        };
        // Thumbnails that were cut off are common; what is there goes.
        let present = self.tiff.len().saturating_sub(start).min(length);
        self.erase(start.min(self.tiff.len()), present)
    }
}
