//! JPEG: quantised coefficients in, quantised coefficients out.
//!
//! [`structure`] walks the file and refuses what is broken or not handled; libjpeg-turbo-rs decodes
//! the entropy coding. Nothing is dequantised, so every coefficient that is not stepped comes back
//! bit for bit. The writer makes its own headers (JFIF or Adobe, with the source's density); other
//! segments travel as [`Metadata`].
//!
//! Baseline, extended (8 bits) and progressive Huffman files of one or three components are taken,
//! with any sampling that leaves luma whole. Start at [`decode`].

mod bits;
mod coefficients;
mod frame;
mod gray;
mod progress;
mod progressive;
mod scans;
mod script;
mod sequential;
mod structure;

use libjpeg_turbo_rs::JpegCoefficients;

pub(crate) use self::gray::through_gray_jpeg;
use self::{
    coefficients::Coding,
    script::{ScanOf, Script},
    structure::Structure,
};
pub use self::{
    coefficients::{CoefficientImage, Component},
    gray::{decode_gray_jpeg, encode_gray_jpeg},
};
use super::{
    error::ImagingError,
    format::{Economy, Encoding, Format},
    limits::Limits,
    metadata::Metadata,
    photo::{Photo, Pixels},
};

/// The largest magnitude that a quantised coefficient of an 8-bit picture can have, with room for
/// encoders that round badly. Beyond it the entropy-coded data is damaged.
const MAX_COEFFICIENT: i16 = 2047;

/// The coefficients that the standard's Huffman tables can code: AC of at most 10 bits, and DC
/// whose differences have at most 11 (T.81, tables F.1 and F.2). An 8-bit picture has no others.
const GENERAL_AC: std::ops::RangeInclusive<i16> = -1023..=1023;
const GENERAL_DC: std::ops::RangeInclusive<i16> = -1024..=1023;

/// Decodes a JPEG file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, ImagingError> {
    let structure = Structure::parse(bytes, limits)?;
    let scans::Coefficients { image, are_usual } = scans::read(&structure)?;
    let mut image = CoefficientImage {
        coding: if structure.frame.progressive {
            // The mark sets bits that a file without all its scans does not send.
            let scans = structure.is_complete.then(|| scans_of(&structure));
            Coding::Progressive(scans.and_then(|scans| Script::of(scans, &image)))
        } else if structure.has_general_tables() {
            Coding::General
        } else {
            Coding::Fitted
        },
        rgb: is_rgb(&image),
        coefficients: image,
    };
    check_luma_sampling(&image, &structure)?;
    if !are_usual {
        check_magnitudes(&mut image)?;
    }
    let mut metadata = Metadata::from_jpeg(&structure.metadata);
    metadata.note_trailer(&bytes[structure.bytes.len()..]);
    if structure.has_jfif_thumbnail() {
        metadata.note_jfif_thumbnail();
    }
    Ok(Photo {
        format: Format::Jpeg,
        orientation: metadata.orientation(),
        pixels: Pixels::Jpeg(image),
        metadata,
        encoding: Encoding::Lossless,
        economy: Economy::Plain,
    })
}

/// Encodes a JPEG file as the source was encoded: progressive in the same scans or sequential, with
/// the standard's Huffman tables or with tables made for it. The standard's would make a file of
/// fitted tables much longer; fitted ones would cost a camera's file a second pass over all
/// coefficients, a fifth of the time of `protect`, for a few percent of its bytes.
pub(super) fn encode(
    image: &CoefficientImage,
    metadata: &Metadata,
) -> Result<Vec<u8>, ImagingError> {
    let coefficients = &image.coefficients;
    let written = match &image.coding {
        Coding::Progressive(Some(script)) => Ok(progressive::write(coefficients, script)?),
        Coding::Progressive(None) => {
            libjpeg_turbo_rs::write_coefficients_progressive(coefficients, None)
        }
        Coding::General => libjpeg_turbo_rs::write_coefficients(coefficients),
        Coding::Fitted => libjpeg_turbo_rs::write_coefficients_optimized(coefficients),
    };
    let mut file = written.map_err(ImagingError::encode)?;
    let headers = headers_end(&file);
    file.splice(headers..headers, metadata.to_jpeg());
    Ok(file)
}

/// Returns the components and bands that the scans of a progressive file code.
fn scans_of(structure: &Structure<'_>) -> Vec<ScanOf> {
    let scans = structure.scans.iter().map(|scan| ScanOf {
        components: scan.components.clone(),
        band: scan.band,
    });
    scans.collect()
}

/// Returns the position where SOI and the writer's own APP0 or APP14 end.
fn headers_end(file: &[u8]) -> usize {
    let mut end = 2;
    while let Some(&[0xff, 0xe0 | 0xee, high, low]) = file[end..].first_chunk() {
        end += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    end
}

/// Returns whether three components are red, green and blue, by the rule that the writer follows
/// (libjpeg's).
fn is_rgb(image: &JpegCoefficients) -> bool {
    if image.components.len() != 3 || image.saw_jfif_marker {
        return false;
    }
    match image.adobe_transform {
        Some(transform) => transform == 0,
        None => image.components.iter().map(|c| c.component_id).eq(*b"RGB"),
    }
}

fn check_luma_sampling(
    image: &CoefficientImage,
    structure: &Structure<'_>,
) -> Result<(), ImagingError> {
    let most = structure.frame.most_sampled();
    let whole = |&(index, _): &(usize, f32)| image.sampling(index) == most;
    if image.luma_components().iter().all(whole) {
        Ok(())
    } else {
        Err(ImagingError::unsupported("a JPEG with subsampled luma"))
    }
}

/// Refuses coefficients that no picture has. Where there are some that the standard's tables have
/// no code for, tables that have one are made.
fn check_magnitudes(image: &mut CoefficientImage) -> Result<(), ImagingError> {
    let rows = (0..image.component_count()).flat_map(|index| image.picture_rows(index));
    // Without a branch per value, so that the compiler vectorises it.
    let (least, most) = rows.fold((0, 0), |range, row| {
        let values = row.as_flattened().iter();
        values.fold(range, |(least, most), &value| {
            (value.min(least), value.max(most))
        })
    });
    if least < -MAX_COEFFICIENT || most > MAX_COEFFICIENT {
        return Err(ImagingError::invalid("a coefficient is out of range"));
    }
    let within = GENERAL_AC.contains(&least) && GENERAL_AC.contains(&most);
    if image.coding == Coding::General && !within && !has_general_codes(image) {
        image.coding = Coding::Fitted;
    }
    Ok(())
}

/// Tells whether the standard's tables have a code for every coefficient.
fn has_general_codes(image: &CoefficientImage) -> bool {
    let rows = (0..image.component_count()).flat_map(|index| image.picture_rows(index));
    rows.flatten().all(|[dc, ac @ ..]| {
        GENERAL_DC.contains(dc) && ac.iter().all(|value| GENERAL_AC.contains(value))
    })
}
