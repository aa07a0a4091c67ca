//! WebP: a chunk `C2PA` of the RIFF file, last if we or the crate put it in.

use super::Part;

/// Bytes of a chunk's type and length.
pub(super) const HEAD: usize = 8;
/// Where the chunks of a RIFF file begin: behind its own head and `WEBP`.
const FIRST: usize = 12;

pub(super) fn parts(file: &[u8]) -> Vec<Part> {
    chunks(file)
        .filter(|(kind, _, _)| kind == b"C2PA")
        .map(|(_, start, length)| {
            let content = (start + HEAD).min(file.len());
            let content = content..content.saturating_add(length).min(file.len());
            Part {
                range: start..(content.end + length % 2).min(file.len()),
                content,
                begins: true,
            }
        })
        .collect()
}

/// Walks the chunks up to the declared end of the file: type, start and claimed length. A head that
/// is cut off has the length 0.
fn chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], usize, usize)> {
    let mut position = FIRST;
    let end = declared_end(file);
    std::iter::from_fn(move || {
        let start = position;
        let rest = file.get(start..).filter(|_| start < end)?;
        let kind = *rest.first_chunk()?;
        let length = length_at(rest, 4).unwrap_or(0);
        position = start
            .saturating_add(HEAD + length % 2)
            .saturating_add(length);
        Some((kind, start, length))
    })
}

fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*length) as usize)
}

fn declared_end(file: &[u8]) -> usize {
    length_at(file, 4).map_or(0, |length| length.saturating_add(HEAD))
}

/// Returns where a store is put in: at the declared end.
pub(super) fn position(file: &[u8]) -> Option<usize> {
    let is_webp = file.starts_with(b"RIFF") && file.get(8..FIRST) == Some(b"WEBP");
    is_webp.then(|| declared_end(file).min(file.len()))
}

/// Wraps a store into a chunk, with the padding that the chunk before it lacks.
pub(super) fn carrier(file: &[u8], manifest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap_or(u32::MAX);
    let mut chunk = Vec::with_capacity(HEAD + manifest.len() + 2);
    if position(file).is_some_and(|end| end % 2 == 1) {
        chunk.push(0);
    }
    chunk.extend(b"C2PA");
    chunk.extend(length.to_le_bytes());
    chunk.extend_from_slice(manifest);
    if manifest.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

/// Declares a file longer, after something was put in.
pub(super) fn grow(file: &mut [u8], by: usize) {
    let end = declared_end(file).min(file.len() - by) + by;
    declare(file, end);
}

/// Declares a file shorter, after something was taken out.
pub(super) fn shrink(file: &mut [u8], by: usize) {
    let end = declared_end(file).saturating_sub(by);
    declare(file, end);
}

fn declare(file: &mut [u8], end: usize) {
    if let Some(length) = file.get_mut(4..8) {
        let declared = u32::try_from(end.saturating_sub(HEAD)).unwrap_or(u32::MAX);
        length.copy_from_slice(&declared.to_le_bytes());
    }
}
