//! Progressive files in the scans that their source had (T.81, annex G).
//!
//! libjpeg-turbo-rs writes coefficients in libjpeg's own order of scans only. Other programs choose
//! others, and a flat graphic that needs 81 KB in the scans that Photoshop gives it needs 99 KB in
//! libjpeg's. So a file whose scans differ from libjpeg's is written here.
//!
//! Each scan is walked twice: once to count symbols, for Huffman tables that fit it, and once to
//! write.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bit patterns; indices of coefficients are below 64"
)]

mod scan;
#[cfg(test)]
mod tests;

use libjpeg_turbo_rs::{
    ComponentCoefficients, JpegCoefficients,
    encode::{huff_opt::gen_optimal_table, huffman_encode::build_huff_table, marker_writer},
    write_coefficients_progressive,
};

use self::scan::{Counts, Output, code, slot_of};
use super::{super::error::ImagingError, script::Script};

/// Writes a progressive file in these scans.
pub(super) fn write(image: &JpegCoefficients, script: &Script) -> Result<Vec<u8>, ImagingError> {
    let mut file = headers(image)?;
    for scan in &script.0 {
        let mut counts = Counts([[0; 257]; 2]);
        code(image, scan, &mut counts);
        let class = u8::from(scan.band.last > 0);
        let tables = [0, 1].map(|slot| {
            let counts = &mut counts.0[usize::from(slot)];
            let used = counts.iter().any(|&count| count > 0);
            used.then(|| {
                // An extra code for no symbol keeps the longest code from being all ones (T.81,
                // K.2).
                counts[256] = 1;
                let (lengths, symbols) = gen_optimal_table(counts);
                marker_writer::write_dht(&mut file, class, slot, &lengths, &symbols);
                build_huff_table(&lengths, &symbols)
            })
        });
        let selectors: Vec<(u8, u8, u8)> = scan
            .components
            .iter()
            .map(|&index| {
                let slot = u8::from(slot_of(index) > 0);
                (image.components[index].component_id, slot, slot)
            })
            .collect();
        let [first, last] = [scan.band.first, scan.band.last].map(|at| at as u8);
        let (from_bit, to_bit) = (scan.band.from_bit, scan.band.to_bit);
        marker_writer::write_sos_progressive(&mut file, &selectors, first, last, from_bit, to_bit);
        let mut output = Output::new(&mut file, tables);
        code(image, scan, &mut output);
        output.finish();
    }
    marker_writer::write_eoi(&mut file);
    Ok(file)
}

/// Returns the bytes before the first scan: the headers that libjpeg-turbo-rs gives a picture of
/// one unit, with the size of this one.
fn headers(image: &JpegCoefficients) -> Result<Vec<u8>, ImagingError> {
    let unit = JpegCoefficients {
        width: 1,
        height: 1,
        components: image.components.iter().map(one_unit).collect(),
        quant_tables: image.quant_tables.clone(),
        ..*image
    };
    let mut file = write_coefficients_progressive(&unit, None).map_err(ImagingError::encode)?;
    // Marker, length, precision, height, width.
    let size = |frame: usize| frame + 5..frame + 9;
    let frame = file
        .windows(2)
        .position(|marker| marker == [0xff, 0xc2])
        .filter(|&frame| size(frame).end <= file.len())
        .ok_or_else(|| ImagingError::encode("the writer made no frame header"))?;
    let length = usize::from(u16::from_be_bytes([file[frame + 2], file[frame + 3]]));
    let [[a, b], [c, d]] = [image.height, image.width].map(u16::to_be_bytes);
    file[size(frame)].copy_from_slice(&[a, b, c, d]);
    file.truncate(frame + 2 + length);
    Ok(file)
}

/// Returns the component of a picture of one unit.
fn one_unit(component: &ComponentCoefficients) -> ComponentCoefficients {
    let (across, down) = (component.h_sampling.into(), component.v_sampling.into());
    ComponentCoefficients {
        blocks: vec![[0; 64]; across * down],
        blocks_x: across,
        blocks_y: down,
        ..*component
    }
}
