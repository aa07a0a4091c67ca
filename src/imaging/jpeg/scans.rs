//! Entropy-coded scans to coefficients.
//!
//! [`sequential`] reads sequential files of one scan, libjpeg-turbo-rs progressive ones. Both
//! refuse sequential files of several scans, which are legal and which some encoders write. Such a
//! scan is laid out exactly like a file that has only its components, with their own share of the
//! size, so each is read as a file of its own and put into its place.

use libjpeg_turbo_rs::{ComponentCoefficients, JpegCoefficients};

use super::{
    super::error::ImagingError,
    coefficients::picture_blocks,
    frame::{FrameComponent, FrameHeader},
    sequential,
    structure::{Scan, Structure},
};

/// The coefficients of a file.
pub(super) struct Coefficients {
    pub(super) image: JpegCoefficients,
    /// Whether each was seen to be one that an 8-bit picture has and the standard's Huffman tables
    /// can code; `false` says nothing.
    pub(super) are_usual: bool,
}

impl Coefficients {
    /// Coefficients that nobody has looked at.
    fn unseen(image: JpegCoefficients) -> Self {
        Self {
            image,
            are_usual: false,
        }
    }
}

/// Reads all coefficients of a file.
pub(super) fn read(structure: &Structure<'_>) -> Result<Coefficients, ImagingError> {
    let read = match structure.scans.as_slice() {
        _ if structure.frame.progressive => Coefficients::unseen(read_whole(structure, read_any)?),
        [_] => read_whole(structure, read_sequential)?,
        scans => Coefficients::unseen(join(structure, scans)?),
    };
    let image = &read.image;
    let frame = &structure.frame;
    let tables = image.quant_tables.len();
    let agrees = (image.width, image.height) == (frame.width, frame.height)
        && image.components.len() == frame.components.len()
        && image
            .components
            .iter()
            .all(|c| usize::from(c.quant_table_index) < tables);
    if agrees {
        Ok(read)
    } else {
        Err(ImagingError::invalid("its headers contradict each other"))
    }
}

/// Reads a file at once. A file without an end is given one: the decoder then reports whether its
/// last scan is whole.
fn read_whole<T>(
    structure: &Structure<'_>,
    read: fn(&[u8]) -> Result<T, ImagingError>,
) -> Result<T, ImagingError> {
    if structure.has_end {
        return read(structure.bytes);
    }
    let whole = [structure.bytes, &[0xff, 0xd9]].concat();
    read(&whole).map_err(|_| ImagingError::invalid("it ends within a scan"))
}

fn read_sequential(bytes: &[u8]) -> Result<Coefficients, ImagingError> {
    sequential::read(bytes).map_err(|error| ImagingError::invalid(error.to_string()))
}

fn read_any(bytes: &[u8]) -> Result<JpegCoefficients, ImagingError> {
    libjpeg_turbo_rs::read_coefficients(bytes)
        .map_err(|error| ImagingError::invalid(error.to_string()))
}

/// Reads sequential scans one by one and joins their components.
fn join(structure: &Structure<'_>, scans: &[Scan<'_>]) -> Result<JpegCoefficients, ImagingError> {
    let frame = &structure.frame;
    let mut joined = JpegCoefficients {
        width: frame.width,
        height: frame.height,
        data_precision: 8,
        components: empty_components(frame),
        quant_tables: Vec::new(),
        // The scans' own intervals do not fit the one interleaved scan that is written later.
        restart_interval: 0,
        density_unit: 0,
        x_density: 1,
        y_density: 1,
        saw_jfif_marker: false,
        adobe_transform: None,
    };
    for (number, scan) in scans.iter().enumerate() {
        let part = read_sequential(&file_of(structure, scan))?.image;
        if number == 0 {
            // The headers before the first scan decide, as for any file.
            joined.density_unit = part.density_unit;
            joined.x_density = part.x_density;
            joined.y_density = part.y_density;
            joined.saw_jfif_marker = part.saw_jfif_marker;
            joined.adobe_transform = part.adobe_transform;
        }
        for (&index, component) in scan.components.iter().zip(&part.components) {
            place(&mut joined, index, component);
            let table = part
                .quant_tables
                .get(usize::from(component.quant_table_index));
            let Some(table) = table else {
                return Err(ImagingError::invalid("a quantisation table is missing"));
            };
            joined.components[index].quant_table_index = slot_of(&mut joined.quant_tables, table)?;
        }
    }
    Ok(joined)
}

/// Returns the index of a quantisation table among those known, and adds it if it is new.
fn slot_of(tables: &mut Vec<[u16; 64]>, table: &[u16; 64]) -> Result<u8, ImagingError> {
    let slot = tables
        .iter()
        .position(|known| known == table)
        .unwrap_or(tables.len());
    if slot == tables.len() {
        tables.push(*table);
    }
    u8::try_from(slot).map_err(|_| ImagingError::invalid("too many quantisation tables"))
}

fn empty_components(frame: &FrameHeader) -> Vec<ComponentCoefficients> {
    let (widest, highest) = frame.most_sampled();
    let mcus_wide = usize::from(frame.width).div_ceil(8 * usize::from(widest));
    let mcus_high = usize::from(frame.height).div_ceil(8 * usize::from(highest));
    let empty = |component: &FrameComponent| {
        let blocks_x = mcus_wide * usize::from(component.horizontal);
        let blocks_y = mcus_high * usize::from(component.vertical);
        ComponentCoefficients {
            blocks: vec![[0; 64]; blocks_x * blocks_y],
            blocks_x,
            blocks_y,
            h_sampling: component.horizontal,
            v_sampling: component.vertical,
            quant_table_index: 0,
            component_id: component.id,
        }
    };
    frame.components.iter().map(empty).collect()
}

/// Builds a JPEG of one scan: the headers so far, a frame of the scan's components only, and the
/// scan.
fn file_of(structure: &Structure<'_>, scan: &Scan<'_>) -> Vec<u8> {
    let frame = &structure.frame;
    let components = || scan.components.iter().map(|&index| frame.components[index]);
    let (widest, highest) = frame.most_sampled();
    let wide = components().map(|c| c.horizontal).max().unwrap_or(1);
    let high = components().map(|c| c.vertical).max().unwrap_or(1);
    let share = |side: u16, sampling: u8, most: u8| {
        let share = (u32::from(side) * u32::from(sampling)).div_ceil(u32::from(most));
        u16::try_from(share).unwrap_or(side).to_be_bytes()
    };

    let mut file = vec![0xff, 0xd8];
    file.extend(
        structure.headers[..scan.headers_before]
            .iter()
            .copied()
            .flatten(),
    );
    let count = u8::try_from(scan.components.len()).unwrap_or(u8::MAX);
    file.extend([0xff, 0xc1, 0, 8 + 3 * count, 8]);
    file.extend(share(frame.height, high, highest));
    file.extend(share(frame.width, wide, widest));
    file.push(count);
    file.extend(components().flat_map(|c| [c.id, c.horizontal << 4 | c.vertical, c.quant_slot]));
    file.extend_from_slice(scan.bytes);
    file.extend([0xff, 0xd9]);
    file
}

/// Copies the picture's blocks of one component; the two differ in their padding only.
fn place(joined: &mut JpegCoefficients, index: usize, part: &ComponentCoefficients) {
    let (wide, high) = picture_blocks(joined, index);
    let whole = &mut joined.components[index];
    let rows = whole.blocks.chunks_exact_mut(whole.blocks_x);
    for (to, from) in rows.zip(part.blocks.chunks_exact(part.blocks_x)).take(high) {
        to[..wide].copy_from_slice(&from[..wide]);
    }
}

#[cfg(test)]
mod tests {
    use libjpeg_turbo_rs::write_coefficients_optimized;

    use super::{super::super::tests::samples, *};
    use crate::imaging::Limits;

    /// Writes a JPEG again with one scan a component, as some encoders do.
    fn with_separate_scans(jpeg: &[u8]) -> Vec<u8> {
        let limits = Limits::default();
        let image = read_any(jpeg).unwrap();
        let whole = Structure::parse(jpeg, &limits).unwrap();
        let is_table = |segment: &&&[u8]| segment[1] == 0xdb;
        let mut file = vec![0xff, 0xd8];
        file.extend(whole.headers.iter().filter(is_table).copied().flatten());
        file.extend([0xff, 0xc0, 0, 17, 8]);
        file.extend(whole.frame.height.to_be_bytes());
        file.extend(whole.frame.width.to_be_bytes());
        file.push(3);
        for c in &whole.frame.components {
            file.extend([c.id, c.horizontal << 4 | c.vertical, c.quant_slot]);
        }
        for (index, component) in image.components.iter().enumerate() {
            let (wide, high) = picture_blocks(&image, index);
            let mut part = image.clone();
            part.width = u16::try_from(8 * wide).unwrap();
            part.height = u16::try_from(8 * high).unwrap();
            let rows = component.blocks.chunks_exact(component.blocks_x).take(high);
            part.components = vec![ComponentCoefficients {
                blocks: rows.flat_map(|row| &row[..wide]).copied().collect(),
                blocks_x: wide,
                blocks_y: high,
                h_sampling: 1,
                v_sampling: 1,
                ..component.clone()
            }];
            let part = write_coefficients_optimized(&part).unwrap();
            let part = Structure::parse(&part, &limits).unwrap();
            let is_huffman = |segment: &&&[u8]| segment[1] == 0xc4;
            file.extend(part.headers.iter().filter(is_huffman).copied().flatten());
            file.extend_from_slice(part.scans[0].bytes);
        }
        file.extend([0xff, 0xd9]);
        file
    }

    #[test]
    fn separate_scans_are_the_same_picture() {
        for factors in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (3, 2)] {
            for (width, height) in [(64, 48), (65, 47), (17, 9), (1, 1)] {
                let jpeg = samples::jpeg(width, height, factors, false);
                let separate = with_separate_scans(&jpeg);
                let structure = Structure::parse(&separate, &Limits::default()).unwrap();
                assert_eq!(structure.scans.len(), 3);
                let joined = read(&structure).unwrap().image;
                let expected = read_any(&jpeg).unwrap();
                for (index, (a, b)) in joined
                    .components
                    .iter()
                    .zip(&expected.components)
                    .enumerate()
                {
                    assert_eq!((a.blocks_x, a.blocks_y), (b.blocks_x, b.blocks_y));
                    let (wide, high) = picture_blocks(&joined, index);
                    for (a, b) in a
                        .blocks
                        .chunks(a.blocks_x)
                        .zip(b.blocks.chunks(a.blocks_x))
                        .take(high)
                    {
                        assert_eq!(a[..wide], b[..wide], "{factors:?} {width}x{height}");
                    }
                    assert_eq!(
                        joined.quant_tables[usize::from(a.quant_table_index)],
                        expected.quant_tables[usize::from(b.quant_table_index)]
                    );
                }
            }
        }
    }
}
