//! A digest of exactly the pixels, independent of container, metadata and entropy coding.
//!
//! The digest is BLAKE3 over a versioned prefix, the shape, and the samples (little-endian) or the
//! quantised coefficients (zigzag order) with their tables. Padding blocks of a JPEG are not
//! hashed, since no viewer shows them.

use super::{
    jpeg::CoefficientImage,
    photo::Pixels,
    raster::{Raster, Samples},
};

/// Samples and blocks are converted to bytes in pieces of this size, to hash without a copy of the
/// picture.
const PIECE_BYTES: usize = 16 * 1024;

/// Returns the BLAKE3 digest of the pixels.
pub fn pixel_digest(pixels: &Pixels) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    match pixels {
        Pixels::Raster(raster) => hash_raster(&mut hasher, raster),
        Pixels::Jpeg(image) => hash_coefficients(&mut hasher, image),
    }
    *hasher.finalize().as_bytes()
}

fn hash_raster(hasher: &mut blake3::Hasher, raster: &Raster) {
    hasher.update(b"lumatrace raster 1");
    hash_size(hasher, raster.width(), raster.height());
    let channels = u8::try_from(raster.layout().channels()).unwrap_or(u8::MAX);
    match raster.samples() {
        Samples::U8(samples) => {
            hasher.update(&[channels, 8]);
            hasher.update(samples);
        }
        Samples::U16(samples) => {
            hasher.update(&[channels, 16]);
            hash_words(hasher, samples, u16::to_le_bytes);
        }
    }
}

fn hash_coefficients(hasher: &mut blake3::Hasher, image: &CoefficientImage) {
    hasher.update(b"lumatrace jpeg 1");
    hash_size(hasher, image.width(), image.height());
    for index in 0..image.component_count() {
        let (horizontal, vertical) = image.sampling(index);
        hasher.update(&[horizontal, vertical]);
        hash_words(hasher, image.component(index).quant, u16::to_le_bytes);
        for row in image.picture_rows(index) {
            hash_blocks(hasher, row);
        }
    }
}

/// Hashes each block as the number of its eighths up to the last that is not all zero, then those
/// eighths: most of a photograph's high frequencies are zero, and it is as unambiguous as all 64
/// coefficients.
fn hash_blocks(hasher: &mut blake3::Hasher, blocks: &[[i16; 64]]) {
    let mut words = Vec::with_capacity(PIECE_BYTES / 2 + 65);
    for block in blocks {
        let eighths = block.as_chunks::<8>().0;
        let is_set = |eighth: &[i16; 8]| eighth.iter().fold(0, |any, value| any | value) != 0;
        let used = eighths.iter().rposition(is_set).map_or(0, |last| last + 1);
        words.push(u16::try_from(used).unwrap_or(u16::MAX).to_le_bytes());
        for eighth in &eighths[..used] {
            words.extend_from_slice(&eighth.map(i16::to_le_bytes));
        }
        if words.len() >= PIECE_BYTES / 2 {
            hasher.update(words.as_flattened());
            words.clear();
        }
    }
    hasher.update(words.as_flattened());
}

fn hash_size(hasher: &mut blake3::Hasher, width: u32, height: u32) {
    hasher.update(&width.to_le_bytes());
    hasher.update(&height.to_le_bytes());
}

/// Hashes 16-bit words as little-endian bytes.
fn hash_words<T: Copy>(hasher: &mut blake3::Hasher, words: &[T], bytes: impl Fn(T) -> [u8; 2]) {
    let mut piece = [[0; 2]; PIECE_BYTES / 2];
    for chunk in words.chunks(piece.len()) {
        for (slot, &word) in piece.iter_mut().zip(chunk) {
            *slot = bytes(word);
        }
        hasher.update(piece[..chunk.len()].as_flattened());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coefficient_of_a_block_counts() {
        let digest = |blocks: &[[i16; 64]]| {
            let mut hasher = blake3::Hasher::new();
            hash_blocks(&mut hasher, blocks);
            *hasher.finalize().as_bytes()
        };
        let mut seen = vec![digest(&[[0; 64]]), digest(&[[0; 64]; 2]), digest(&[])];
        for position in 0..64 {
            for value in [-1, 1] {
                let mut block = [0; 64];
                block[position] = value;
                seen.push(digest(&[block]));
                seen.push(digest(&[block, [0; 64]]));
                seen.push(digest(&[[0; 64], block]));
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), count), (387, 387));
    }
}
