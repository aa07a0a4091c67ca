//! Where a manifest sits in a file: found, taken out and put in, without reading it.
//!
//! A carrier is what a container holds a manifest store in: JPEG APP11 segments (ISO 19566-5, D.2),
//! a PNG chunk `caBX`, a WebP chunk `C2PA` (C2PA 2.4, A.3). The readers of the `c2pa` crate look in
//! the same places, and miss what is damaged. Here everything that looks like a carrier counts, so
//! that a damaged one is not taken for none. Time is linear in the file's length.

mod jpeg;
mod png;
mod stray;
#[cfg(test)]
mod tests;
mod webp;

use std::{borrow::Cow, ops::Range};

use crate::imaging::Format;

/// The carriers of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// Where they are, in file order, with the frames of their segments or chunks.
    pub ranges: Vec<Range<usize>>,
    /// Length of the ranges together.
    pub bytes: usize,
    /// Number of manifest stores that begin in them. No reader accepts more than one.
    pub stores: usize,
    /// Whether the container's readers would not see it: a manifest store whose frame is damaged,
    /// or that lies where no reader looks.
    pub is_stray: bool,
}

/// Finds the carriers of a file, damaged ones too.
pub fn find(file: &[u8], format: Format) -> Option<Carrier> {
    let parts = parts(file, format);
    if parts.is_empty() {
        let range = stray::find(file)?;
        return Some(Carrier {
            bytes: range.len(),
            ranges: vec![range],
            stores: 1,
            is_stray: true,
        });
    }
    let bytes = parts.iter().map(|part| part.range.len()).sum();
    let stores = parts.iter().filter(|part| part.begins).count();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for Part { range, .. } in parts {
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range),
        }
    }
    Some(Carrier {
        ranges,
        bytes,
        stores,
        is_stray: false,
    })
}

/// Returns the manifest store of a file (JUMBF), whatever it is worth: the first, if there are
/// more.
pub fn manifest(file: &[u8], format: Format) -> Option<Vec<u8>> {
    let mut store = Vec::new();
    for (index, part) in parts(file, format).into_iter().enumerate() {
        if part.begins && index > 0 {
            break;
        }
        store.extend_from_slice(&file[part.content]);
    }
    (!store.is_empty()).then_some(store)
}

/// Returns a file without its carriers. What only looks like one, where no reader would see it, is
/// left.
pub fn without(file: &[u8], format: Format) -> Cow<'_, [u8]> {
    let parts = parts(file, format);
    if parts.is_empty() {
        return Cow::Borrowed(file);
    }
    let mut rest = Vec::with_capacity(file.len());
    let mut position = 0;
    for Part { range, .. } in &parts {
        rest.extend_from_slice(&file[position..range.start]);
        position = range.end;
    }
    rest.extend_from_slice(&file[position..]);
    if format == Format::WebP {
        let inside = parts.iter().map(|part| part.range.len()).sum();
        webp::shrink(&mut rest, inside);
    }
    Cow::Owned(rest)
}

/// Puts a manifest store into a file that has none, where `c2pa::Builder::sign` puts it.
///
/// A file that is not of the format comes back unchanged.
pub fn splice(file: &[u8], format: Format, manifest: &[u8]) -> Vec<u8> {
    put(file, format, manifest).map_or_else(|| file.to_vec(), |(whole, _)| whole)
}

/// Puts a manifest store into a file that has none, as [`splice`], and returns where its carrier
/// is, without padding: what a hash leaves out. `None` for a file that is not of the format.
pub(super) fn put(file: &[u8], format: Format, manifest: &[u8]) -> Option<(Vec<u8>, Range<usize>)> {
    let (position, carrier) = match format {
        Format::Jpeg => (jpeg::position(file), jpeg::carrier(manifest)),
        Format::Png => (png::position(file), png::carrier(manifest)),
        Format::WebP => (webp::position(file), webp::carrier(file, manifest)),
    };
    let position = position?;
    let (before, after) = file.split_at_checked(position)?;
    let mut whole = Vec::with_capacity(file.len() + carrier.len());
    whole.extend_from_slice(before);
    whole.extend_from_slice(&carrier);
    whole.extend_from_slice(after);
    if format == Format::WebP {
        webp::grow(&mut whole, carrier.len());
    }
    let end = position + carrier.len();
    let place = match format {
        Format::Jpeg | Format::Png => position..end,
        Format::WebP => {
            let end = end - manifest.len() % 2;
            end - webp::HEAD - manifest.len()..end
        }
    };
    Some((whole, place))
}

/// Returns where the carrier of a manifest store would begin in a file that has none; `None` for a
/// file that is not of the format.
pub(super) fn start(file: &[u8], format: Format) -> Option<usize> {
    match format {
        Format::Jpeg => jpeg::position(file),
        Format::Png => png::position(file),
        // Behind the padding that the chunk before it may lack.
        Format::WebP => webp::position(file).map(|end| end + end % 2),
    }
}

/// Replaces a manifest store that [`put`] put at `place` by another of the same length.
pub(super) fn replace(file: &mut [u8], format: Format, place: Range<usize>, manifest: &[u8]) {
    let carrier = match format {
        Format::Jpeg => jpeg::carrier(manifest),
        Format::Png => png::carrier(manifest),
        // Without a file in front of it, it has no padding there.
        Format::WebP => webp::carrier(&[], manifest),
    };
    let length = place.len();
    if let (Some(old), Some(new)) = (file.get_mut(place), carrier.get(..length)) {
        old.copy_from_slice(new);
    }
}

/// A segment or chunk that carries a store or a part of it.
#[derive(Debug)]
struct Part {
    /// Where it is, frame included.
    range: Range<usize>,
    /// The bytes of the store in it.
    content: Range<usize>,
    /// Whether a store begins in it.
    begins: bool,
}

/// Returns the segments or chunks that the container's readers take for carriers, or would if they
/// were whole.
fn parts(file: &[u8], format: Format) -> Vec<Part> {
    match format {
        Format::Jpeg => jpeg::parts(file),
        Format::Png => png::parts(file),
        Format::WebP => webp::parts(file),
    }
}
