//! The container of a WebP: RIFF chunks (RFC 9649, 2.3 to 2.7).

use super::super::error::ImagingError;

/// Most chunks of a file: real ones have at most six, floods tens of thousands.
const MAX_CHUNKS: usize = 2_000;
/// VP8X flag: an ICCP chunk.
const FLAG_ICC: u8 = 0x20;
/// VP8X flag: alpha.
const FLAG_ALPHA: u8 = 0x10;
/// VP8X flag: an EXIF chunk.
const FLAG_EXIF: u8 = 0x08;
/// VP8X flag: an XMP chunk.
const FLAG_XMP: u8 = 0x04;

/// A chunk: its name and payload.
pub(in super::super) type Chunk<'a> = ([u8; 4], &'a [u8]);

/// Returns the chunks of a RIFF file, and what follows its declared end.
pub(super) fn parse_riff(bytes: &[u8]) -> Result<(Vec<Chunk<'_>>, &[u8]), ImagingError> {
    let cut_short = || ImagingError::invalid("it ends within a chunk");
    let ((_, mut rest), trailer) = chunk(bytes).ok_or_else(cut_short)?;
    // The RIFF chunk's payload starts with "WEBP", which decided the format.
    rest = rest.get(4..).ok_or_else(cut_short)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        if chunks.len() == MAX_CHUNKS {
            return Err(ImagingError::invalid("more than 2,000 chunks"));
        }
        let (found, behind) = chunk(rest).ok_or_else(cut_short)?;
        chunks.push(found);
        rest = behind;
    }
    Ok((chunks, trailer))
}

/// Splits off the first chunk, with its padding byte.
fn chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (&[t0, t1, t2, t3, l0, l1, l2, l3], rest) = bytes.split_first_chunk()?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (payload, behind) = rest.split_at_checked(length)?;
    let behind = if length % 2 == 1 {
        behind.get(1..).unwrap_or_default() // some writers leave out the last padding byte
    } else {
        behind
    };
    Some((([t0, t1, t2, t3], payload), behind))
}

/// Writes chunks into a WebP file, extended (VP8X) if there is more than the picture.
pub(super) fn build_riff<'a>(
    width: u32,
    height: u32,
    chunks: impl Iterator<Item = Chunk<'a>> + Clone,
) -> Vec<u8> {
    let flag = |(tag, payload): Chunk<'_>| match &tag {
        b"ICCP" => FLAG_ICC,
        b"ALPH" => FLAG_ALPHA,
        b"VP8L" if payload.get(4).is_some_and(|byte| byte & 0x10 != 0) => FLAG_ALPHA,
        b"EXIF" => FLAG_EXIF,
        b"XMP " => FLAG_XMP,
        _ => 0,
    };
    let size: usize = chunks.clone().map(|(_, payload)| payload.len() + 9).sum();
    let mut file = Vec::with_capacity(size + 30);
    file.extend(b"RIFF\0\0\0\0WEBP");
    if chunks.clone().count() > 1 {
        let flags = chunks.clone().map(flag).fold(0, |all, flag| all | flag);
        let [w0, w1, w2, _] = (width - 1).to_le_bytes();
        let [h0, h1, h2, _] = (height - 1).to_le_bytes();
        push_chunk(
            &mut file,
            (*b"VP8X", &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]),
        );
    }
    for chunk in chunks {
        push_chunk(&mut file, chunk);
    }
    let riff_size = le_length(file.len() - 8);
    file[4..8].copy_from_slice(&riff_size);
    file
}

fn push_chunk(file: &mut Vec<u8>, (tag, payload): Chunk<'_>) {
    file.extend(tag);
    file.extend(le_length(payload.len()));
    file.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        file.push(0);
    }
}

/// Returns a chunk's length as RIFF writes it. Files here are far below 4 GiB.
fn le_length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
