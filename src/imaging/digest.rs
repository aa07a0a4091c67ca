//! A digest of exactly the pixels, independent of container, metadata and entropy coding.
//!
//! The digest is BLAKE3 over a versioned prefix, the shape, and the samples (little-endian) or the
//! quantised coefficients (zigzag order) with their tables. Padding blocks of a JPEG are not
//! hashed, since no viewer shows them.

use pulp::Simd;

use super::{
    jpeg::CoefficientImage,
    photo::Pixels,
    raster::{Raster, Samples},
};
use crate::simd;

/// Blocks are converted to bytes in pieces of this size, to hash without a copy of the picture. Of
/// whole chunks of BLAKE3, so that it hashes many at once.
const PIECE_BYTES: usize = 64 * 1024;
/// 16-bit samples that are converted at once.
const SAMPLES: usize = 1024;

/// Returns the BLAKE3 digest of the pixels.
pub fn pixel_digest(pixels: &Pixels) -> [u8; 32] {
    let mut hasher = PieceHasher::new();
    match pixels {
        Pixels::Raster(raster) => hash_raster(&mut hasher, raster),
        Pixels::Jpeg(image) => hash_coefficients(&mut hasher, image),
    }
    hasher.finish()
}

/// Hashes bytes that come in small numbers.
struct PieceHasher {
    hasher: blake3::Hasher,
    /// What is not hashed yet, less than a piece.
    piece: Vec<u8>,
}

impl PieceHasher {
    fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            piece: Vec::with_capacity(PIECE_BYTES + size_of::<[u16; SAMPLES]>()),
        }
    }

    #[inline(always)]
    fn update(&mut self, bytes: &[u8]) {
        self.piece.extend_from_slice(bytes);
    }

    /// Hashes a piece, if there is one.
    #[inline(always)]
    fn settle(&mut self) {
        if let Some((piece, rest)) = self.piece.split_at_checked(PIECE_BYTES) {
            self.hasher.update(piece);
            let rest = rest.len();
            self.piece.copy_within(PIECE_BYTES.., 0);
            self.piece.truncate(rest);
        }
    }

    /// Hashes many bytes at once.
    fn update_with_all(&mut self, bytes: &[u8]) {
        self.hasher.update(&self.piece);
        self.piece.clear();
        self.hasher.update(bytes);
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.piece);
        *self.hasher.finalize().as_bytes()
    }
}

fn hash_raster(hasher: &mut PieceHasher, raster: &Raster) {
    hasher.update(b"lumatrace raster 1");
    hash_size(hasher, raster.width(), raster.height());
    let channels = u8::try_from(raster.layout().channels()).unwrap_or(u8::MAX);
    match raster.samples() {
        Samples::U8(samples) => {
            hasher.update(&[channels, 8]);
            hasher.update_with_all(samples);
        }
        Samples::U16(samples) => {
            hasher.update(&[channels, 16]);
            let mut bytes = [[0; 2]; SAMPLES];
            for samples in samples.chunks(SAMPLES) {
                for (bytes, sample) in bytes.iter_mut().zip(samples) {
                    *bytes = sample.to_le_bytes();
                }
                hasher.update(bytes[..samples.len()].as_flattened());
                hasher.settle();
            }
        }
    }
}

fn hash_coefficients(hasher: &mut PieceHasher, image: &CoefficientImage) {
    hasher.update(b"lumatrace jpeg 1");
    hash_size(hasher, image.width(), image.height());
    for index in 0..image.component_count() {
        let (horizontal, vertical) = image.sampling(index);
        hasher.update(&[horizontal, vertical]);
        for step in image.component(index).quant {
            hasher.update(&step.to_le_bytes());
        }
        for row in image.picture_rows(index) {
            hash_blocks(hasher, row);
        }
    }
}

/// Hashes each block as the number of its eighths up to the last that is not all zero, then those
/// eighths: most of a photograph's high frequencies are zero, and it is as unambiguous as all 64
/// coefficients.
#[pulp::with_simd(hash_blocks = simd::arch())]
#[inline(always)]
fn hash_blocks_lanes<'a, S: Simd>(_: S, hasher: &'a mut PieceHasher, blocks: &'a [[i16; 64]]) {
    for block in blocks {
        let eighths = block.as_chunks::<8>().0;
        let is_set = |eighth: &[i16; 8]| eighth.iter().fold(0, |any, value| any | value) != 0;
        let used = eighths.iter().rposition(is_set).map_or(0, |last| last + 1);
        let mut words = [[0; 2]; 65];
        words[0] = u16::try_from(used).unwrap_or(u16::MAX).to_le_bytes();
        for (word, value) in words[1..].iter_mut().zip(&block[..8 * used]) {
            *word = value.to_le_bytes();
        }
        hasher.update(words[..=8 * used].as_flattened());
        hasher.settle();
    }
}

fn hash_size(hasher: &mut PieceHasher, width: u32, height: u32) {
    hasher.update(&width.to_le_bytes());
    hasher.update(&height.to_le_bytes());
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "small numbers"
    )]

    use super::*;
    use crate::imaging::Layout;

    #[test]
    fn every_coefficient_of_a_block_counts() {
        let digest = |blocks: &[[i16; 64]]| {
            let mut hasher = PieceHasher::new();
            hash_blocks(&mut hasher, blocks);
            hasher.finish()
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

    #[test]
    fn samples_of_16_bits_are_hashed_as_one_row_of_bytes() {
        let samples: Vec<u16> = (0..130 * 301 * 3)
            .map(|at: u32| (at * 7_919) as u16)
            .collect();
        let mut expected = blake3::Hasher::new();
        expected.update(b"lumatrace raster 1");
        expected.update(&130_u32.to_le_bytes());
        expected.update(&301_u32.to_le_bytes());
        expected.update(&[3, 16]);
        for sample in &samples {
            expected.update(&sample.to_le_bytes());
        }
        let raster = Raster::new(130, 301, Layout::Rgb, Samples::U16(samples)).unwrap();
        let digest = pixel_digest(&Pixels::Raster(raster));
        assert_eq!(digest, *expected.finalize().as_bytes());
    }

    #[test]
    fn pieces_are_hashed_as_one_row_of_bytes() {
        let blocks: Vec<[i16; 64]> = (0..3_000)
            .map(|index| {
                std::array::from_fn(|at| if at < index % 65 { 7 + index as i16 } else { 0 })
            })
            .collect();
        let mut expected = blake3::Hasher::new();
        for (index, block) in blocks.iter().enumerate() {
            let used = (index % 65).div_ceil(8);
            expected.update(&(used as u16).to_le_bytes());
            for value in &block[..8 * used] {
                expected.update(&value.to_le_bytes());
            }
        }
        let digest = || {
            let mut hasher = PieceHasher::new();
            hash_blocks(&mut hasher, &blocks);
            hasher.finish()
        };
        assert_eq!(digest(), *expected.finalize().as_bytes());
        assert_eq!(simd::narrow::run(digest), *expected.finalize().as_bytes());
    }
}
