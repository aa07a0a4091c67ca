//! A fingerprint of exactly the pixels, independent of container, metadata and entropy coding.
//!
//! The digest is BLAKE3 over a versioned prefix, the shape, and the samples (little endian) or the
//! quantised coefficients (zigzag order) with their tables. Padding blocks of a JPEG are not hashed, since no
//! viewer shows them.

use super::{CoefficientImage, Pixels, Raster, Samples};

/// Blocks or samples are turned into bytes in pieces of this many bytes, to hash without a copy of
/// the picture.
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

/// Hashes each block as the number of its coefficients up to the last that is not zero, then those: a tenth of the bytes of
/// all 64 in an ordinary photograph, and as unambiguous.
fn hash_blocks(hasher: &mut blake3::Hasher, blocks: &[[i16; 64]]) {
    let mut piece = Vec::with_capacity(PIECE_BYTES + 129);
    for block in blocks {
        let used = used(block);
        piece.push(u8::try_from(used).unwrap_or(u8::MAX));
        piece.extend(block[..used].iter().flat_map(|value| value.to_le_bytes()));
        if piece.len() >= PIECE_BYTES {
            hasher.update(&piece);
            piece.clear();
        }
    }
    hasher.update(&piece);
}

/// The number of coefficients, in zigzag order, up to the last that is not zero. Eight at a time first, since most are zero.
fn used(block: &[i16; 64]) -> usize {
    let is_set = |value: &i16| *value != 0;
    let eighth = block
        .chunks_exact(8)
        .rposition(|eight| eight.iter().fold(0, |any, value| any | value) != 0);
    eighth.map_or(0, |eighth| {
        let start = 8 * eighth;
        start
            + block[start..start + 8]
                .iter()
                .rposition(is_set)
                .map_or(0, |last| last + 1)
    })
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
    fn a_block_is_used_up_to_its_last_coefficient() {
        let mut block = [0; 64];
        assert_eq!(used(&block), 0);
        for last in 0..64 {
            block[last] = -1;
            assert_eq!(used(&block), last + 1);
        }
        assert_eq!(
            used(&std::array::from_fn(|index| i16::from(index == 9))),
            10
        );
    }
}
