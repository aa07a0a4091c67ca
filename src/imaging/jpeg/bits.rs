//! The bits of an entropy-coded segment, and the Huffman codes in them.
//!
//! libjpeg-turbo-rs's reader finds a code and the bits that follow it in two steps, and takes
//! another way for each length; on a photograph, half of what it costs is guessing which. Here one
//! look in a table gives the length of both, so that only the end of a block has a branch of its
//! own. Tables are the library's, and what it makes of damage is kept: at a marker the segment
//! ends, and zeros follow.

use libjpeg_turbo_rs::{JpegError, common::huffman_table::HuffmanTable};

/// Most bits of a code and what follows it (ITU-T T.81, F.1.2): 16 and 15.
const MOST_BITS: u32 = 31;
/// Bits of a code that are looked up at once.
const LOOKUP_BITS: u32 = 10;

/// The bits of a segment, in order.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Position of the first byte that is not in the window.
    at: usize,
    /// The next bits, from the highest one down.
    window: u64,
    /// Bits in the window.
    held: u32,
    /// Bits in the window that the segment does not have: its last ones, all zero.
    beyond: u32,
}

impl<'a> Bits<'a> {
    /// Begins where a scan's data begins.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            window: 0,
            held: 0,
            beyond: 0,
        }
    }

    /// Returns whether bits were read that the segment does not have.
    pub(super) fn has_overrun(&self) -> bool {
        self.held < self.beyond
    }

    /// Goes on after the next restart marker; where another marker comes first, the segment stays
    /// at its end.
    pub(super) fn restart(&mut self) {
        (self.window, self.held, self.beyond) = (0, 0, 0);
        while let [byte, next, ..] = self.data[self.at..] {
            self.at += match (byte, next) {
                (0xff, 0xd0..=0xd7) => {
                    self.at += 2;
                    return;
                }
                (0xff, 0x00) => 2,
                (0xff, 0x01..=0xfe) => return,
                _ => 1,
            };
        }
    }

    /// Puts a code and what follows it into the window.
    #[inline(always)]
    fn fill(&mut self) {
        if self.held >= MOST_BITS {
            return;
        }
        let next = self.data.get(self.at..).and_then(|rest| rest.first_chunk());
        match next.map(|bytes| u64::from_be_bytes(*bytes)) {
            Some(word) if !has_marker_byte(word) => {
                // What is beyond the whole bytes comes again, and is the same then.
                self.window |= word >> self.held;
                let bytes = (63 - self.held) / 8;
                self.at += bytes as usize;
                self.held += 8 * bytes;
            }
            _ => self.fill_bytewise(),
        }
    }

    /// The same near 0xFF and the end.
    #[inline(never)]
    fn fill_bytewise(&mut self) {
        self.window &= !(u64::MAX >> self.held);
        while self.held <= 56 {
            let byte = self.next_byte().unwrap_or_else(|| {
                self.beyond += 8;
                0
            });
            self.window |= u64::from(byte) << (56 - self.held);
            self.held += 8;
        }
    }

    /// Returns the next byte of the segment (T.81, F.2.2.5).
    fn next_byte(&mut self) -> Option<u8> {
        let rest = self.data.get(self.at..)?;
        let first = *rest.first()?;
        if first != 0xff {
            self.at += 1;
            return Some(first);
        }
        // Any number of them may stand before a marker.
        let fill = rest
            .iter()
            .position(|&byte| byte != 0xff)
            .unwrap_or(rest.len());
        match rest.get(fill) {
            Some(0) => {
                self.at += fill + 1;
                Some(0xff)
            }
            Some(_) => {
                self.at += fill - 1;
                None
            }
            None => {
                self.at = self.data.len();
                None
            }
        }
    }
}

/// Returns whether one of eight bytes is 0xFF.
#[inline(always)]
fn has_marker_byte(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A byte of the complement is zero (Mycroft's test).
    (!word).wrapping_sub(ONES) & word & (ONES << 7) != 0
}

/// A Huffman table, ready to be looked up.
pub(super) struct Codes<'a> {
    table: &'a HuffmanTable,
    /// For each start of [`LOOKUP_BITS`] bits the code that it begins with; none if it is longer.
    short: Vec<Option<Code>>,
}

/// A code.
#[derive(Clone, Copy)]
struct Code {
    symbol: u8,
    /// Bits of the code, and of it and the value that follows.
    length: u8,
    whole: u8,
}

impl Code {
    fn new((symbol, length): (u8, u8)) -> Self {
        Self {
            symbol,
            length,
            whole: length + (symbol & 15),
        }
    }
}

impl<'a> Codes<'a> {
    /// Prepares a table.
    pub(super) fn new(table: &'a HuffmanTable) -> Self {
        let short = (0..1_u16 << LOOKUP_BITS)
            .map(
                |start| match table.lookup_fast(start << (16 - LOOKUP_BITS)) {
                    (_, 0) => None,
                    found => Some(Code::new(found)),
                },
            )
            .collect();
        Self { table, short }
    }

    /// Reads a code, and the value whose size is in its lower four bits: 0 for a size of 0.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "upper bits of the window, moved down to at most 16"
    )]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<(u8, i16), JpegError> {
        bits.fill();
        let code = match self.short[(bits.window >> (64 - LOOKUP_BITS)) as usize] {
            Some(code) => code,
            None => Code::new(self.table.lookup((bits.window >> 48) as u16)?),
        };
        let size = u32::from(code.symbol & 15);
        let value = (bits.window << code.length >> 1 >> (63 - size)) as i32;
        bits.window <<= code.whole;
        bits.held -= u32::from(code.whole);
        // T.81, figure F.12: the lower half of the values are negative.
        let half = (1 << size) >> 1;
        let negative = if value < half { 1 - (1 << size) } else { 0 };
        Ok((code.symbol, (value + negative) as i16))
    }
}
