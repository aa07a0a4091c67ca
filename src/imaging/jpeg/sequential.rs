//! A sequential file of one scan, read straight into blocks in zigzag order.
//!
//! libjpeg-turbo-rs reads such a file into natural order, a block at a time by way of the stack,
//! and rewrites all blocks when it is done: a third of the time that reading takes. Here its marker
//! reader and Huffman tables fill the blocks where they will stay, as ITU-T T.81, F.2.2 has it, and
//! what libjpeg tolerates is tolerated alike. Memory grows with the rows that
//! were read, not with the size that a header claims.

use super::{
    GENERAL_DC,
    bits::{Bits, Codes},
    scans::Coefficients,
};
use libjpeg_turbo_rs::{
    ComponentCoefficients, DensityUnit, JpegCoefficients, JpegError,
    decode::{
        entropy::{McuComponentPlan, resolve_mcu_plan},
        marker::{JpegMetadata, MarkerReader},
    },
};

/// Most bits of an AC coefficient of an 8-bit picture (T.81, table F.2).
const GENERAL_AC_BITS: u8 = 10;

/// Reads a sequential Huffman file of one scan.
///
/// # Errors
///
/// What libjpeg-turbo-rs refuses, and a scan that ends before its picture does.
pub(super) fn read(bytes: &[u8]) -> Result<Coefficients, JpegError> {
    let metadata = MarkerReader::new(bytes).read_markers()?;
    let plan = resolve_mcu_plan(
        &metadata.frame,
        &metadata.scan,
        &metadata.dc_huffman_tables,
        &metadata.ac_huffman_tables,
    )?;
    let in_order = plan.iter().enumerate().all(|(at, own)| at == own.comp_idx);
    if plan.len() != metadata.frame.components.len() || !in_order {
        return Err(JpegError::CorruptData("a scan of other components".into()));
    }
    let mut scan = Scan::new(&metadata, &plan);
    let mut bits = Bits::new(&bytes[metadata.entropy_data_offset..]);
    for row in 0..scan.mcus_high {
        scan.read_row(&mut bits, row, metadata.restart_interval.into())?;
    }
    let is_usual = scan.is_usual;
    let components = scan
        .components
        .into_iter()
        .map(|c| c.coefficients)
        .collect();
    Ok(Coefficients {
        image: image(&metadata, components),
        are_usual: is_usual,
    })
}

/// Puts the components together with what the headers say.
fn image(metadata: &JpegMetadata, components: Vec<ComponentCoefficients>) -> JpegCoefficients {
    let frame = &metadata.frame;
    JpegCoefficients {
        width: frame.width,
        height: frame.height,
        data_precision: frame.precision,
        components,
        quant_tables: (metadata.quant_tables.iter().flatten())
            .map(|table| table.values)
            .collect(),
        restart_interval: metadata.restart_interval,
        density_unit: match metadata.density.unit {
            DensityUnit::Unknown => 0,
            DensityUnit::Dpi => 1,
            DensityUnit::Dpcm => 2,
        },
        x_density: metadata.density.x,
        y_density: metadata.density.y,
        saw_jfif_marker: metadata.saw_jfif_marker_at_first_sos,
        adobe_transform: metadata.adobe_transform_at_first_sos,
    }
}

/// Returns the index, among the tables that there are, of a table's slot; 0 for an empty slot, as
/// in libjpeg-turbo-rs.
fn table_index(metadata: &JpegMetadata, slot: u8) -> u8 {
    let slots = &metadata.quant_tables[..usize::from(slot).min(metadata.quant_tables.len())];
    let is_there = metadata
        .quant_tables
        .get(slots.len())
        .is_some_and(Option::is_some);
    let before = slots.iter().flatten().count();
    if is_there {
        u8::try_from(before).unwrap_or(0)
    } else {
        0
    }
}

/// A scan while it is read.
struct Scan<'a> {
    mcus_wide: usize,
    mcus_high: usize,
    /// Number of MCUs read.
    mcus: u32,
    components: Vec<ScannedComponent<'a>>,
    is_usual: bool,
}

/// A component while it is read.
struct ScannedComponent<'a> {
    coefficients: ComponentCoefficients,
    /// Blocks of an MCU, across and down.
    across: usize,
    down: usize,
    dc_codes: Codes<'a>,
    ac_codes: Codes<'a>,
    /// DC of the block before.
    dc: i16,
}

impl<'a> Scan<'a> {
    fn new(metadata: &JpegMetadata, plan: &[McuComponentPlan<'a>]) -> Self {
        let frame = &metadata.frame;
        let sampling = || {
            let own = frame.components.iter();
            own.map(|c| (c.horizontal_sampling.into(), c.vertical_sampling.into()))
        };
        let most = |side: fn((usize, usize)) -> usize| sampling().map(side).max().unwrap_or(1);
        let (widest, highest) = (most(|(across, _)| across), most(|(_, down)| down));
        let padded_wide = usize::from(frame.width).div_ceil(8 * widest);
        let padded_high = usize::from(frame.height).div_ceil(8 * highest);
        // A scan of one component is not interleaved: its MCU is a block (T.81, A.2.2).
        let lone = plan.len() == 1;
        let components = (sampling().zip(&frame.components).zip(plan))
            .map(|(((across, down), component), plan)| ScannedComponent {
                coefficients: ComponentCoefficients {
                    blocks: Vec::new(),
                    blocks_x: padded_wide * across,
                    blocks_y: padded_high * down,
                    h_sampling: component.horizontal_sampling,
                    v_sampling: component.vertical_sampling,
                    quant_table_index: table_index(metadata, component.quant_table_index),
                    component_id: component.id,
                },
                across: if lone { 1 } else { across },
                down: if lone { 1 } else { down },
                dc_codes: Codes::new(plan.dc_table),
                ac_codes: Codes::new(plan.ac_table),
                dc: 0,
            })
            .collect();
        let side = |side: u16, padded: usize| {
            if lone {
                usize::from(side).div_ceil(8)
            } else {
                padded
            }
        };
        Self {
            mcus_wide: side(frame.width, padded_wide),
            mcus_high: side(frame.height, padded_high),
            mcus: 0,
            components,
            is_usual: true,
        }
    }

    /// Reads a row of MCUs.
    fn read_row(
        &mut self,
        bits: &mut Bits<'_>,
        row: usize,
        restart_interval: u32,
    ) -> Result<(), JpegError> {
        let last = row + 1 == self.mcus_high;
        for component in &mut self.components {
            component.add_rows(row, last)?;
        }
        for column in 0..self.mcus_wide {
            if restart_interval > 0 && self.mcus > 0 && self.mcus.is_multiple_of(restart_interval) {
                bits.restart();
                for component in &mut self.components {
                    component.dc = 0;
                }
            }
            for component in &mut self.components {
                self.is_usual &= component.read_mcu(bits, row, column)?;
            }
            // The MCU has bits that the file does not hold.
            if bits.has_overrun() {
                return Err(JpegError::UnexpectedEof);
            }
            self.mcus += 1;
        }
        Ok(())
    }
}

impl ScannedComponent<'_> {
    /// Makes room for a row of MCUs, and for the padding below the last.
    fn add_rows(&mut self, row: usize, last: bool) -> Result<(), JpegError> {
        let own = &mut self.coefficients;
        let rows = if last {
            own.blocks_y
        } else {
            (row + 1) * self.down
        };
        let more = (rows * own.blocks_x).saturating_sub(own.blocks.len());
        if own.blocks.capacity() == 0 {
            let whole = own.blocks_x * own.blocks_y;
            (own.blocks.try_reserve_exact(whole))
                .map_err(|_| JpegError::CorruptData("a picture too large for memory".into()))?;
        }
        own.blocks.resize(own.blocks.len() + more, [0; 64]);
        Ok(())
    }

    /// Reads the blocks of one MCU; returns whether all its coefficients are usual.
    fn read_mcu(
        &mut self,
        bits: &mut Bits<'_>,
        row: usize,
        column: usize,
    ) -> Result<bool, JpegError> {
        let mut is_usual = true;
        for down in 0..self.down {
            let first =
                (row * self.down + down) * self.coefficients.blocks_x + column * self.across;
            for block in &mut self.coefficients.blocks[first..first + self.across] {
                let difference = read_dc(bits, &self.dc_codes)?;
                // libjpeg's predictions wrap around, too.
                self.dc = self.dc.wrapping_add(difference);
                block[0] = self.dc;
                let most = read_ac(bits, &self.ac_codes, block)?;
                is_usual &= most <= GENERAL_AC_BITS && GENERAL_DC.contains(&self.dc);
            }
        }
        Ok(is_usual)
    }
}

/// Reads the difference of a DC coefficient from the one before (T.81, F.2.2.1).
#[inline(always)]
fn read_dc(bits: &mut Bits<'_>, codes: &Codes<'_>) -> Result<i16, JpegError> {
    match codes.next(bits)? {
        (0..=15, difference) => Ok(difference),
        _ => Err(JpegError::CorruptData(
            "a DC difference of more than 15 bits".into(),
        )),
    }
}

/// Reads the AC coefficients of a block of zeros (T.81, F.2.2.2), and returns the most bits of one.
#[inline(always)]
fn read_ac(bits: &mut Bits<'_>, codes: &Codes<'_>, block: &mut [i16; 64]) -> Result<u8, JpegError> {
    let mut most = 0;
    let mut at = 1;
    while at < 64 {
        let (symbol, value) = codes.next(bits)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 {
            if run < 15 {
                break;
            }
            at += 16;
            continue;
        }
        // libjpeg puts what runs over the end of a block into its last place.
        at += run;
        block[at.min(63)] = value;
        most = most.max(size);
        at += 1;
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use libjpeg_turbo_rs::{Encoder, PixelFormat, read_coefficients};

    use super::{
        super::super::{
            raster::Layout,
            tests::samples::{self, Noise},
        },
        *,
    };

    /// Files of all samplings, of odd sizes, grey ones and with restart markers.
    fn files() -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        for (width, height) in [(64, 48), (65, 47), (17, 9), (1, 1)] {
            for factors in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (3, 2)] {
                files.push(samples::jpeg(width, height, factors, false));
            }
            let (wide, high) = (width as usize, height as usize);
            let grey = samples::picture(width, height, Layout::Gray);
            let encoder = Encoder::new(&grey, wide, high, PixelFormat::Grayscale);
            files.push(encoder.quality(100).encode().unwrap());
            let colour = samples::picture(width, height, Layout::Rgb);
            let encoder = Encoder::new(&colour, wide, high, PixelFormat::Rgb).quality(100);
            files.push(encoder.restart_blocks(3).encode().unwrap());
        }
        files
    }

    /// Compares with libjpeg-turbo-rs; returns whether both read the file.
    fn agrees(file: &[u8]) -> bool {
        let (Ok(ours), Ok(theirs)) = (read(file), read_coefficients(file)) else {
            let both = (read(file).is_err(), read_coefficients(file).is_err());
            assert_eq!(both, (true, true));
            return false;
        };
        let image = ours.image;
        assert_eq!((image.width, image.height), (theirs.width, theirs.height));
        assert_eq!(image.quant_tables, theirs.quant_tables);
        assert_eq!(image.restart_interval, theirs.restart_interval);
        assert_eq!(image.components.len(), theirs.components.len());
        for (ours, theirs) in image.components.iter().zip(&theirs.components) {
            assert_eq!(
                (ours.blocks_x, ours.blocks_y),
                (theirs.blocks_x, theirs.blocks_y)
            );
            assert_eq!(ours.quant_table_index, theirs.quant_table_index);
            assert!(ours.blocks == theirs.blocks);
        }
        true
    }

    #[test]
    fn coefficients_are_those_of_the_library() {
        for file in files() {
            assert!(agrees(&file));
            assert!(read(&file).unwrap().are_usual);
        }
    }

    #[test]
    fn damage_is_read_or_refused_as_by_the_library() {
        let mut random = Noise(18);
        let (mut read, mut refused) = (0, 0);
        for file in files() {
            let scan = MarkerReader::new(&file)
                .read_markers()
                .unwrap()
                .entropy_data_offset;
            for _ in 0..60 {
                let mut damaged = file.clone();
                let places = (damaged.len() - scan).max(1);
                for _ in 0..=random.next() % 3 {
                    damaged[scan + random.next() as usize % places] =
                        random.next().to_le_bytes()[0];
                }
                if random.next().is_multiple_of(4) {
                    damaged.truncate(scan + random.next() as usize % places);
                    damaged.extend([0xff, 0xd9]);
                }
                *(if agrees(&damaged) {
                    &mut read
                } else {
                    &mut refused
                }) += 1;
            }
        }
        println!("{read} damaged files read, {refused} refused, all as by the library");
        assert!(
            read > 100 && refused > 100,
            "{read} read, {refused} refused"
        );
    }
}
