//! The TIFF structure that EXIF and maker notes have: a header, directories of 12-byte entries, and
//! values that entries hold or point at (TIFF 6.0, section 2).
//!
//! Every pointer and count is checked against the block; nothing here allocates as much as a number
//! in the file asks for.

use std::ops::Range;

pub(super) const ENTRY_BYTES: usize = 12;

/// Entry types that are used here.
pub(super) mod kind {
    pub(in super::super) const BYTE: u16 = 1;
    pub(in super::super) const ASCII: u16 = 2;
    pub(in super::super) const SHORT: u16 = 3;
    pub(in super::super) const UNDEFINED: u16 = 7;
    /// A pointer to a directory.
    pub(in super::super) const IFD: u16 = 13;
    /// UTF-8 text (Exif 3.0).
    pub(in super::super) const UTF_8: u16 = 129;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Reads the byte order from the header that a block begins with.
    pub(super) fn of(tiff: &[u8]) -> Option<Self> {
        match tiff.first_chunk()? {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    /// Returns the opposite order.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    pub(super) fn u16_at(self, bytes: &[u8], position: usize) -> Option<u16> {
        let bytes = *bytes.get(position..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32_at(self, bytes: &[u8], position: usize) -> Option<usize> {
        let bytes = *bytes.get(position..)?.first_chunk()?;
        let value = match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        usize::try_from(value).ok()
    }

    pub(super) fn set_u16(self, bytes: &mut [u8], position: usize, value: u16) {
        let value = match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        };
        bytes[position..position + 2].copy_from_slice(&value);
    }

    pub(super) fn set_u32(self, bytes: &mut [u8], position: usize, value: u32) {
        let value = match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        };
        bytes[position..position + 4].copy_from_slice(&value);
    }
}

/// An entry: tag, type, number of values, and the value or a pointer to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct IfdEntry {
    /// Position of the entry in the block.
    pub(super) position: usize,
    pub(super) tag: u16,
    pub(super) kind: u16,
    pub(super) count: usize,
}

impl IfdEntry {
    /// Returns the length of its value in bytes; `None` for unknown types.
    pub(super) fn length(&self) -> Option<usize> {
        let size = match self.kind {
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        self.count.checked_mul(size)
    }

    /// Returns the range of its value, in a block whose pointers count from `base`; `None` if that
    /// is not within the block.
    pub(super) fn value(
        &self,
        block: &[u8],
        order: ByteOrder,
        base: usize,
    ) -> Option<Range<usize>> {
        let length = self.length()?;
        let start = if length <= 4 {
            self.position + 8
        } else {
            base.checked_add(order.u32_at(block, self.position + 8)?)?
        };
        let end = start.checked_add(length)?;
        (end <= block.len()).then_some(start..end)
    }
}

/// A directory within a block.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) order: ByteOrder,
    /// Position of its number of entries.
    pub(super) position: usize,
    /// Its entries, as many as lie within the block.
    pub(super) entries: Vec<IfdEntry>,
}

impl Directory {
    /// Reads a directory; one that claims more entries than the block has room for has those that
    /// fit.
    pub(super) fn read(block: &[u8], order: ByteOrder, position: usize) -> Option<Self> {
        let count = usize::from(order.u16_at(block, position)?);
        let start = position + 2;
        let fitting = (block.len() - start) / ENTRY_BYTES;
        let entries = (0..count.min(fitting)).filter_map(|index| {
            let position = start + index * ENTRY_BYTES;
            Some(IfdEntry {
                position,
                tag: order.u16_at(block, position)?,
                kind: order.u16_at(block, position + 2)?,
                count: order.u32_at(block, position + 4)?,
            })
        });
        Some(Self {
            order,
            position,
            entries: entries.collect(),
        })
    }

    pub(super) fn find(&self, tag: u16) -> Option<&IfdEntry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// Returns the numbers that an entry holds, of type SHORT or LONG; none if its value is not
    /// within the block.
    pub(super) fn numbers(&self, block: &[u8], tag: u16) -> Vec<usize> {
        let Some(entry) = self.find(tag) else {
            return Vec::new();
        };
        let value = entry.value(block, self.order, 0).unwrap_or_default();
        if entry.kind == kind::SHORT {
            let number = |at| self.order.u16_at(block, at).map(usize::from);
            return value.step_by(2).map_while(number).collect();
        }
        let number = |at| self.order.u32_at(block, at);
        value.step_by(4).map_while(number).collect()
    }

    /// Returns the first number that an entry holds.
    pub(super) fn number(&self, block: &[u8], tag: u16) -> Option<usize> {
        self.numbers(block, tag).first().copied()
    }

    /// Returns the position of the pointer to the next directory, if the block has one there.
    pub(super) fn next_pointer(&self, block: &[u8]) -> Option<usize> {
        let pointer = self.position + 2 + self.entries.len() * ENTRY_BYTES;
        (pointer + 4 <= block.len()).then_some(pointer)
    }

    /// Returns the position that the directory gives for the next one.
    pub(super) fn next(&self, block: &[u8]) -> Option<usize> {
        let next = self.order.u32_at(block, self.next_pointer(block)?)?;
        (next > 0).then_some(next)
    }

    /// Writes back only those entries that are to stay; the pointer to the next directory moves up
    /// behind them. Returns the bytes that the directory now takes.
    pub(super) fn retain(
        &self,
        block: &mut [u8],
        keep: impl Fn(&IfdEntry) -> bool,
    ) -> Range<usize> {
        let next = self
            .next_pointer(block)
            .map(|at| self.order.u32_at(block, at));
        let mut to = self.position + 2;
        let mut kept = 0;
        for entry in self.entries.iter().filter(|entry| keep(entry)) {
            block.copy_within(entry.position..entry.position + ENTRY_BYTES, to);
            to += ENTRY_BYTES;
            kept += 1;
        }
        let end = self.position + 2 + self.entries.len() * ENTRY_BYTES;
        let end = end + if next.is_some() { 4 } else { 0 };
        block[to..end].fill(0);
        if let Some(Some(next)) = next {
            self.order
                .set_u32(block, to, u32::try_from(next).unwrap_or(0));
            to += 4;
        }
        self.order.set_u16(block, self.position, kept);
        self.position..to
    }
}
