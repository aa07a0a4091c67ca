//! The chunks of a PNG, from the signature to IEND.
//!
//! The decoder checks the picture itself; this walk refuses what the decoder would take or choke
//! on: files without an end, animations, unknown critical chunks, palettes of broken length (png
//! 0.18.1 panics on one whose length is not a multiple of three; fixed upstream after 0.18.1).
//! Bytes after IEND are not read. See the PNG specification, third edition, 5 and 11.

use flate2::Crc;

use super::super::{error::ImagingError, format::PNG_SIGNATURE, limits::Limits};

/// Bytes of a chunk's length, type and checksum.
const FRAME_BYTES: usize = 12;
/// Most ancillary chunks of a file: real ones have about ten, floods tens of thousands.
const MAX_ANCILLARY: usize = 2_000;

/// Contents of IHDR.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bit_depth: u8,
    pub(super) colour_type: u8,
}

/// A chunk that is not needed to decode the pixels.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct AncillaryChunk<'a> {
    pub(in super::super) tag: [u8; 4],
    pub(in super::super) payload: &'a [u8],
    /// Whether it followed the pixels.
    pub(in super::super) after_pixels: bool,
    /// Whether its checksum is right. Viewers skip a chunk whose checksum is not.
    pub(in super::super) is_intact: bool,
}

/// A PNG, walked to its end.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    pub(super) header: Header,
    pub(super) ancillary: Vec<AncillaryChunk<'a>>,
    /// The file up to and including IEND.
    pub(super) bytes: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// Walks a file from its signature to IEND; a picture that claims too many pixels is refused
    /// before anything else is read.
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, ImagingError> {
        let mut position = PNG_SIGNATURE.len();
        let mut header = None;
        let mut ancillary = Vec::new();
        let mut pixels_seen = false;
        loop {
            let (tag, payload) = chunk(bytes, position)?;
            let frame = position;
            position += FRAME_BYTES + payload.len();
            if header.is_none() {
                let claimed = parse_header(tag, payload)?;
                limits.check_size(claimed.width, claimed.height)?;
                header = Some(claimed);
                continue;
            }
            match &tag {
                b"IDAT" => pixels_seen = true,
                b"PLTE" if payload.len().is_multiple_of(3) => {}
                b"PLTE" => return Err(ImagingError::invalid("its palette is malformed")),
                b"IEND" => break,
                b"acTL" => {
                    return Err(ImagingError::unsupported("an animated PNG"));
                }
                _ if tag[0].is_ascii_uppercase() => {
                    return Err(ImagingError::invalid("an unknown critical chunk"));
                }
                _ if ancillary.len() == MAX_ANCILLARY => {
                    return Err(ImagingError::invalid("more than 2,000 ancillary chunks"));
                }
                _ => ancillary.push(AncillaryChunk {
                    tag,
                    payload,
                    after_pixels: pixels_seen,
                    is_intact: has_checksum(&bytes[frame..position]),
                }),
            }
        }
        match header {
            Some(header) if pixels_seen => Ok(Self {
                header,
                ancillary,
                bytes: &bytes[..position],
            }),
            _ => Err(ImagingError::invalid("it has no pixels")),
        }
    }
}

/// Returns whether the checksum of a chunk is that of its type and payload (PNG, 5.5).
fn has_checksum(chunk: &[u8]) -> bool {
    let Some((content, checksum)) = chunk.split_last_chunk::<4>() else {
        return false;
    };
    let mut crc = Crc::new();
    crc.update(&content[4..]);
    crc.sum().to_be_bytes() == *checksum
}

/// Returns type and payload of the chunk at a position. The checksums of critical chunks are left
/// to the decoder.
fn chunk(bytes: &[u8], position: usize) -> Result<([u8; 4], &[u8]), ImagingError> {
    let frame = bytes[position..].split_first_chunk::<8>();
    let Some((&[l0, l1, l2, l3, t0, t1, t2, t3], rest)) = frame else {
        return Err(ImagingError::invalid("it ends before its end chunk"));
    };
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let tag = [t0, t1, t2, t3];
    if !tag.iter().all(u8::is_ascii_alphabetic) {
        return Err(ImagingError::invalid("a chunk type is malformed"));
    }
    match rest.split_at_checked(length) {
        Some((payload, checksum)) if checksum.len() >= 4 => Ok((tag, payload)),
        _ => Err(ImagingError::invalid("it ends within a chunk")),
    }
}

fn parse_header(tag: [u8; 4], payload: &[u8]) -> Result<Header, ImagingError> {
    let &[w0, w1, w2, w3, h0, h1, h2, h3, bit_depth, colour_type, ..] = payload else {
        return Err(ImagingError::invalid("its header is malformed"));
    };
    let header = Header {
        width: u32::from_be_bytes([w0, w1, w2, w3]),
        height: u32::from_be_bytes([h0, h1, h2, h3]),
        bit_depth,
        colour_type,
    };
    let legal_size = |side: u32| i32::try_from(side).is_ok();
    if tag != *b"IHDR" || !legal_size(header.width) || !legal_size(header.height) {
        return Err(ImagingError::invalid("its header is malformed"));
    }
    Ok(header)
}
