//! The symbols and bits of one scan.
//!
//! ```text
//! DC first    the difference to the block before, shifted down to the scan's lowest bit
//! DC later    one bit more of each
//! AC first    runs of zeroes, values shifted down; blocks without any more are counted (end-of-band runs)
//! AC later    values that become 1 as above; one bit more of those that are not zero already
//! ```

use libjpeg_turbo_rs::{JpegCoefficients, encode::huffman_encode::HuffTable};

use super::super::{coefficients::picture_blocks, progress::Band, script::ScanOf};

/// Longest run of blocks that end at once (T.81, G.1.2.2).
const MAX_RUN: u32 = 0x7fff;
/// Most correction bits that may wait for the end of a run.
const MAX_CORRECTIONS: usize = 937;

/// Returns the slot of the Huffman tables that code a component.
pub(super) fn slot_of(component: usize) -> usize {
    component.min(1)
}

/// A consumer of the symbols of a scan and the bits that follow them.
pub(super) trait Sink {
    /// Takes a symbol of the table in a slot.
    fn symbol(&mut self, slot: usize, symbol: u8);
    /// Takes the lowest `count` bits of a number; `count` may be 0.
    fn bits(&mut self, bits: u32, count: u8);
}

/// Counts symbols, by slot.
pub(super) struct Counts(pub(super) [[u32; 257]; 2]);

impl Sink for Counts {
    fn symbol(&mut self, slot: usize, symbol: u8) {
        self.0[slot][usize::from(symbol)] += 1;
    }

    fn bits(&mut self, _: u32, _: u8) {}
}

/// Writes symbols and bits, the first bit highest, with a zero byte after each 0xff (T.81,
/// F.1.2.3).
pub(super) struct Output<'a> {
    file: &'a mut Vec<u8>,
    tables: [Option<HuffTable>; 2],
    /// Bits that do not yet fill a byte.
    pending: u64,
    count: u8,
}

impl<'a> Output<'a> {
    /// Starts after the header of a scan.
    pub(super) fn new(file: &'a mut Vec<u8>, tables: [Option<HuffTable>; 2]) -> Self {
        Self {
            file,
            tables,
            pending: 0,
            count: 0,
        }
    }

    /// Pads the last byte with ones.
    pub(super) fn finish(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.bits(u32::MAX, missing);
    }
}

impl Sink for Output<'_> {
    fn symbol(&mut self, slot: usize, symbol: u8) {
        // Every symbol was counted, so there is a table, and a code of at least one bit.
        if let Some(table) = &self.tables[slot] {
            let (code, length) = (
                table.ehufco[usize::from(symbol)],
                table.ehufsi[usize::from(symbol)],
            );
            self.bits(code.into(), length);
        }
    }

    fn bits(&mut self, bits: u32, count: u8) {
        self.pending = self.pending << count | u64::from(bits) & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.file.push(byte);
            if byte == 0xff {
                self.file.push(0);
            }
        }
    }
}

pub(super) fn code(image: &JpegCoefficients, scan: &ScanOf, sink: &mut impl Sink) {
    let Band { last, from_bit, .. } = scan.band;
    if last == 0 {
        code_dc(image, scan, sink);
        return;
    }
    let index = scan.components[0];
    let component = &image.components[index];
    let (wide, high) = picture_blocks(image, index);
    let mut run = Run {
        slot: slot_of(index),
        ..Run::default()
    };
    for row in component.blocks.chunks_exact(component.blocks_x).take(high) {
        for block in &row[..wide] {
            if from_bit == 0 {
                run.first(block, &scan.band, sink);
            } else {
                run.refine(block, &scan.band, sink);
            }
        }
    }
    run.end(sink);
}

/// Codes a scan of DC (T.81, G.1.2.1). Blocks beyond the picture repeat the block before.
fn code_dc(image: &JpegCoefficients, scan: &ScanOf, sink: &mut impl Sink) {
    let low = scan.band.to_bit;
    let mut before = [0; 4];
    let mut code_block = |index: usize, dc: Option<i16>| {
        let slot = slot_of(index);
        if scan.band.from_bit > 0 {
            let dc = dc.unwrap_or(before[index]);
            before[index] = dc;
            sink.bits(u32::from((dc >> low) as u16), 1);
            return;
        }
        let dc = dc.map_or(before[index], |dc| dc >> low);
        let difference = i32::from(dc) - i32::from(before[index]);
        before[index] = dc;
        let length = bit_length(difference.unsigned_abs());
        sink.symbol(slot, length);
        sink.bits(signed_bits(difference), length);
    };
    if let &[index] = scan.components.as_slice() {
        let component = &image.components[index];
        let (wide, high) = picture_blocks(image, index);
        for row in component.blocks.chunks_exact(component.blocks_x).take(high) {
            for block in &row[..wide] {
                code_block(index, Some(block[0]));
            }
        }
        return;
    }
    let first = &image.components[0];
    let units_wide = first.blocks_x / usize::from(first.h_sampling);
    let units_high = first.blocks_y / usize::from(first.v_sampling);
    for unit in 0..units_wide * units_high {
        for &index in &scan.components {
            let component = &image.components[index];
            let (wide, high) = picture_blocks(image, index);
            let across = usize::from(component.h_sampling);
            let down = usize::from(component.v_sampling);
            for part in 0..across * down {
                let x = unit % units_wide * across + part % across;
                let y = unit / units_wide * down + part / across;
                let inside = x < wide && y < high;
                let dc = inside.then(|| component.blocks[y * component.blocks_x + x][0]);
                code_block(index, dc);
            }
        }
    }
}

/// A run of blocks that end at once, and the correction bits of their coefficients.
#[derive(Default)]
struct Run {
    slot: usize,
    blocks: u32,
    corrections: Vec<bool>,
}

impl Run {
    /// Codes a block's coefficients down to a bit, for the first time (T.81, G.1.2.2).
    fn first(&mut self, block: &[i16; 64], band: &Band, sink: &mut impl Sink) {
        let mut zeroes = 0;
        for &value in &block[band.first..=band.last] {
            let magnitude = u32::from(value.unsigned_abs()) >> band.to_bit;
            if magnitude == 0 {
                zeroes += 1;
                continue;
            }
            self.end(sink);
            while zeroes > 15 {
                sink.symbol(self.slot, 0xf0);
                zeroes -= 16;
            }
            let length = bit_length(magnitude);
            sink.symbol(self.slot, zeroes << 4 | length);
            let signed = if value < 0 { !magnitude } else { magnitude };
            sink.bits(signed, length);
            zeroes = 0;
        }
        if zeroes > 0 {
            self.blocks += 1;
            if self.blocks == MAX_RUN {
                self.end(sink);
            }
        }
    }

    /// Codes one more bit of a block's coefficients (T.81, G.1.2.3).
    fn refine(&mut self, block: &[i16; 64], band: &Band, sink: &mut impl Sink) {
        let values = &block[band.first..=band.last];
        let magnitude = |value: i16| value.unsigned_abs() >> band.to_bit;
        let last_new = values.iter().rposition(|&value| magnitude(value) == 1);
        let mut zeroes = 0;
        let mut corrections: Vec<bool> = Vec::new();
        for (at, &value) in values.iter().enumerate() {
            let size = magnitude(value);
            if size == 0 {
                zeroes += 1;
                continue;
            }
            while zeroes > 15 && last_new.is_some_and(|last| at <= last) {
                self.end(sink);
                sink.symbol(self.slot, 0xf0);
                zeroes -= 16;
                send(corrections.drain(..), sink);
            }
            if size > 1 {
                corrections.push(size & 1 == 1);
                continue;
            }
            self.end(sink);
            sink.symbol(self.slot, zeroes << 4 | 1);
            sink.bits(u32::from(value > 0), 1);
            send(corrections.drain(..), sink);
            zeroes = 0;
        }
        if zeroes > 0 || !corrections.is_empty() {
            self.blocks += 1;
            self.corrections.append(&mut corrections);
            if self.blocks == MAX_RUN || self.corrections.len() > MAX_CORRECTIONS {
                self.end(sink);
            }
        }
    }

    /// Writes the run, if there is one.
    fn end(&mut self, sink: &mut impl Sink) {
        if self.blocks == 0 {
            return;
        }
        let length = bit_length(self.blocks) - 1;
        sink.symbol(self.slot, length << 4);
        sink.bits(self.blocks, length);
        self.blocks = 0;
        send(self.corrections.drain(..), sink);
    }
}

fn send(bits: impl Iterator<Item = bool>, sink: &mut impl Sink) {
    for bit in bits {
        sink.bits(u32::from(bit), 1);
    }
}

/// Returns the number of bits that a number needs.
fn bit_length(number: u32) -> u8 {
    (32 - number.leading_zeros()) as u8
}

/// Returns the bits that follow a length: for a negative number those of the number less one (T.81,
/// F.1.2.1).
fn signed_bits(number: i32) -> u32 {
    (if number < 0 { number - 1 } else { number }) as u32
}
