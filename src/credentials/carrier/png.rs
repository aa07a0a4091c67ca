//! PNG: a chunk `caBX`, anywhere in front of IEND.

use flate2::Crc;

use super::Part;

/// Bytes of the signature.
const SIGNATURE: usize = 8;
/// Bytes of a chunk's length and type, and of its checksum.
const HEAD: usize = 8;
const CHECKSUM: usize = 4;

pub(super) fn parts(file: &[u8]) -> Vec<Part> {
    chunks(file)
        .filter(|&(kind, _, _)| kind == *b"caBX")
        .map(|(_, start, length)| {
            let content = (start + HEAD).min(file.len());
            let content = content..content.saturating_add(length).min(file.len());
            Part {
                range: start..(content.end + CHECKSUM).min(file.len()),
                content,
                begins: true,
            }
        })
        .collect()
}

/// Walks the chunks up to IEND: type, start and claimed length of the content.
fn chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], usize, usize)> {
    let mut position = SIGNATURE;
    std::iter::from_fn(move || {
        let start = position;
        let &[l0, l1, l2, l3, t0, t1, t2, t3] = file.get(start..)?.first_chunk()?;
        let kind = [t0, t1, t2, t3];
        if kind == *b"IEND" {
            return None;
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        position = start.saturating_add(HEAD + CHECKSUM).saturating_add(length);
        Some((kind, start, length))
    })
}

/// Returns where a store is put in: after IHDR.
pub(super) fn position(file: &[u8]) -> Option<usize> {
    let (_, start, length) = chunks(file).find(|&(kind, _, _)| kind == *b"IHDR")?;
    Some(start + HEAD + length + CHECKSUM)
}

/// Wraps a store into a chunk.
pub(super) fn carrier(manifest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap_or(u32::MAX);
    let mut chunk = Vec::with_capacity(HEAD + manifest.len() + CHECKSUM);
    chunk.extend(length.to_be_bytes());
    chunk.extend(b"caBX");
    chunk.extend_from_slice(manifest);
    let mut crc = Crc::new();
    crc.update(&chunk[4..]);
    chunk.extend(crc.sum().to_be_bytes());
    chunk
}
