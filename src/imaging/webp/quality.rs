//! The quality of a lossy WebP, read from its quantisers.
//!
//! libwebp turns a quality Q (0 to 1) into a quantiser index q of 0..=127 for each of up to four
//! segments of the picture (`quant_enc.c`; a is how much a segment's texture hides, 0 on average
//! over the picture):
//!
//! ```text
//! l = 2/3 Q below 0.75, 2 Q - 1 above       c = l^(1/3)       q = floor(127 (1 - c^(1 - a)))
//! ```
//!
//! So the mean of ln(1 - (q + 1/2) / 127), weighted by the share of the blocks that each segment
//! has, is ln c. The frame header has the indexes and, as probabilities of the segments, the shares
//! (RFC 6386, 7, 9.3, 9.6 and 19.2).

/// Largest quantiser index (RFC 6386, 9.6).
const MAX_INDEX: f64 = 127.0;
/// Bytes before the first partition: frame tag, start code and size (RFC 6386, 9.1).
const HEADER_BYTES: usize = 10;
/// Most segments of a picture.
const SEGMENTS: usize = 4;

/// Estimates the quality, 0 to 100, at which libwebp made a VP8 key frame; `None` if its header is
/// cut off.
///
/// For another encoder's frame it is the quality at which libwebp's quantisers are as fine.
pub(super) fn estimate(frame: &[u8]) -> Option<f32> {
    let mean: f64 = segments(frame)?
        .iter()
        .map(|&(index, share)| {
            let middle = (f64::from(index.clamp(0, 127)) + 0.5).min(MAX_INDEX - 0.25);
            share * (1.0 - middle / MAX_INDEX).ln()
        })
        .sum();
    Some(quality(mean.exp()))
}

/// Returns the quality whose quantiser indexes are half as large as those of another quality, both
/// 0 to 100.
pub(super) fn twice_as_fine(coarse: f32) -> f32 {
    quality(f64::midpoint(1.0, fineness(coarse)))
}

/// Returns the c of a quality.
fn fineness(quality: f32) -> f64 {
    let quality = f64::from(quality) / 100.0;
    let linear = if quality < 0.75 {
        quality * 2.0 / 3.0
    } else {
        2.0 * quality - 1.0
    };
    linear.cbrt()
}

/// Returns the quality of a c, rounded to tenths, so that the last bit of a logarithm does not
/// matter.
#[expect(clippy::cast_possible_truncation, reason = "tenths from 0 to 100")]
fn quality(fineness: f64) -> f32 {
    let linear = fineness.powi(3);
    let quality = if linear < 0.5 {
        linear * 1.5
    } else {
        f64::midpoint(linear, 1.0)
    };
    ((quality * 1000.0).round() / 10.0).clamp(0.0, 100.0) as f32
}

/// Reads the quantiser index of each segment and the share of the picture's blocks that it has.
fn segments(frame: &[u8]) -> Option<[(i32, f64); SEGMENTS]> {
    let mut bits = BoolDecoder::new(frame.get(HEADER_BYTES..)?)?;
    bits.literal(2)?; // colour space, clamping
    let mut quantisers = [None; SEGMENTS];
    let mut shares = [1.0, 0.0, 0.0, 0.0];
    let mut are_absolute = false;
    if bits.flag()? {
        let has_map = bits.flag()?;
        if bits.flag()? {
            are_absolute = bits.flag()?;
            for quantiser in &mut quantisers {
                *quantiser = bits.optional(7)?;
            }
            for _ in 0..SEGMENTS {
                bits.optional(6)?; // strength of the loop filter
            }
        }
        if has_map {
            let mut probability = || -> Option<f64> {
                let known = bits.flag()?;
                Some(if known {
                    f64::from(bits.literal(8)?) / 255.0
                } else {
                    1.0
                })
            };
            let (first_two, first, third) = (probability()?, probability()?, probability()?);
            shares = [
                first_two * first,
                first_two * (1.0 - first),
                (1.0 - first_two) * third,
                (1.0 - first_two) * (1.0 - third),
            ];
        }
    }
    bits.literal(1 + 6 + 3)?; // loop filter: kind, level, sharpness
    if bits.flag()? && bits.flag()? {
        for _ in 0..8 {
            bits.optional(6)?; // its deltas
        }
    }
    bits.literal(2)?; // number of partitions
    let base = bits.literal(7)?;
    let of_segment = |quantiser: Option<i32>| match quantiser {
        Some(index) if are_absolute => index,
        delta => base + delta.unwrap_or(0),
    };
    let mut places = quantisers.map(of_segment).into_iter().zip(shares);
    Some(std::array::from_fn(|_| places.next().unwrap_or_default()))
}

/// The boolean entropy decoder (RFC 6386, 7.3), bit by bit: a header has a few hundred.
struct BoolDecoder<'a> {
    rest: std::slice::Iter<'a, u8>,
    /// Two bytes of the stream, shifted.
    value: u32,
    range: u32,
    /// Number of bits shifted out of the lower byte.
    shifted: u32,
}

impl<'a> BoolDecoder<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<2>()?;
        Some(Self {
            rest: rest.iter(),
            value: u32::from(u16::from_be_bytes(*first)),
            range: 255,
            shifted: 0,
        })
    }

    /// Reads a bit that is equally often 0 and 1.
    fn flag(&mut self) -> Option<bool> {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        let bit = self.value >= split << 8;
        if bit {
            self.range -= split;
            self.value -= split << 8;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.value <<= 1;
            self.shifted += 1;
            if self.shifted == 8 {
                self.shifted = 0;
                self.value |= u32::from(*self.rest.next()?);
            }
        }
        Some(bit)
    }

    /// Reads a number of `bits` bits, at most 30.
    fn literal(&mut self, bits: u32) -> Option<i32> {
        let mut value = 0;
        for _ in 0..bits {
            value = value << 1 | i32::from(self.flag()?);
        }
        Some(value)
    }

    /// Reads a number and its sign, if a bit says that they are there. The inner option is `None`
    /// if not.
    #[expect(
        clippy::option_option,
        reason = "the outer one is the end of the stream"
    )]
    fn optional(&mut self, bits: u32) -> Option<Option<i32>> {
        if !self.flag()? {
            return Some(None);
        }
        let value = self.literal(bits)?;
        Some(Some(if self.flag()? { -value } else { value }))
    }
}

#[cfg(test)]
mod tests {
    use webpx::{EncoderConfig, Unstoppable};

    use super::*;
    use crate::imaging::{Layout, tests::samples::picture};

    /// Encodes a made picture and returns its VP8 frame.
    fn frame(quality: f32, change: impl Fn(EncoderConfig) -> EncoderConfig) -> Vec<u8> {
        let samples = picture(320, 240, Layout::Rgb);
        let config = change(EncoderConfig::new().quality(quality));
        let file = config.encode_rgb(&samples, 320, 240, Unstoppable).unwrap();
        file[20..].to_vec()
    }

    #[test]
    fn the_quality_of_libwebp_is_found_again() {
        for quality in [5.0, 20.0, 30.0, 50.0, 75.0, 80.0, 90.0, 95.0, 100.0] {
            for (method, noise_shaping, segments) in
                [(0, 50, 4), (4, 50, 4), (6, 100, 4), (4, 0, 4), (4, 80, 1)]
            {
                let frame = frame(quality, |config| {
                    config
                        .method(method)
                        .sns_strength(noise_shaping)
                        .segments(segments)
                });
                let found = estimate(&frame).unwrap();
                assert!(
                    (found - quality).abs() < 1.5,
                    "{quality} by method {method}, noise shaping {noise_shaping}, {segments} segments: {found}"
                );
            }
        }
    }

    #[test]
    fn half_the_index_is_a_finer_quality() {
        for (coarse, fine) in [
            (20.0, 65.0),
            (30.0, 75.0),
            (50.0, 80.3),
            (75.0, 86.1),
            (90.0, 94.8),
        ] {
            assert!(
                (twice_as_fine(coarse) - fine).abs() < 1.0,
                "{coarse}: {}",
                twice_as_fine(coarse)
            );
        }
    }

    #[test]
    fn a_header_that_is_cut_off_has_no_quality() {
        let whole = frame(50.0, |config| config);
        for length in 0..HEADER_BYTES + 8 {
            assert_eq!(estimate(&whole[..length]), None, "{length}");
        }
        assert!(estimate(&whole[..64]).is_some());
    }
}
