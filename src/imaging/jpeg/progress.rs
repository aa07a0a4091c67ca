//! Coverage of the coefficients by the scans of a JPEG.
//!
//! A progressive file may code each coefficient in several scans, from its high bits down (T.81,
//! annex G), and need not send the last bits of all of them: every viewer shows what there is. A
//! file that lacks whole coefficients is another matter: viewers make up for them, each in its own
//! way (block smoothing), so that nobody could say what was protected.

use super::super::error::ImagingError;

/// Coefficients and bits that one scan codes: `first..=last` in zigzag order, from one bit position
/// down to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The lowest bit that earlier scans coded, or 0 if this is the first (Ah).
    pub(super) from_bit: u8,
    /// The lowest bit that this scan codes (Al).
    pub(super) to_bit: u8,
}

/// Most low bits that may be missing: encoders send the first scans of a coefficient without its
/// last two or three bits.
const MOST_MISSING_BITS: u8 = 3;

/// Progress of the coding of each coefficient of each component: the lowest bit coded, once any
/// scan has touched it.
#[derive(Default)]
pub(super) struct Progress {
    bits: [Option<[Option<u8>; 64]>; 4],
}

impl Progress {
    /// Adds a scan, which must continue where earlier ones stopped (T.81, G.1.1.1).
    pub(super) fn add(
        &mut self,
        progressive: bool,
        components: &[usize],
        band: &Band,
    ) -> Result<(), ImagingError> {
        let whole = Band {
            first: 0,
            last: 63,
            from_bit: 0,
            to_bit: 0,
        };
        // A sequential scan codes everything; decoders ignore what its header says about it.
        let band = if progressive { band } else { &whole };
        let dc_only = band.last == 0;
        let legal = band.first <= band.last
            && band.last < 64
            && band.to_bit <= 13
            && (!progressive || dc_only || band.first > 0 && components.len() == 1);
        if !legal {
            return Err(ImagingError::invalid("a scan of impossible coefficients"));
        }
        for &index in components {
            let bits = self.bits[index].get_or_insert([None; 64]);
            for coded in &mut bits[band.first..=band.last] {
                let continues = match *coded {
                    None => band.from_bit == 0,
                    Some(lowest) => band.from_bit == lowest && lowest == band.to_bit + 1,
                };
                if !continues {
                    return Err(ImagingError::invalid("scans contradict each other"));
                }
                *coded = Some(band.to_bit);
            }
        }
        Ok(())
    }

    /// Returns whether every coefficient of the first `count` components is coded except for its
    /// last bits.
    pub(super) fn has_every_coefficient(&self, count: usize) -> bool {
        let is_there = |lowest: &Option<u8>| lowest.is_some_and(|bit| bit <= MOST_MISSING_BITS);
        self.bits[..count]
            .iter()
            .all(|bits| bits.is_some_and(|bits| bits.iter().all(is_there)))
    }

    /// Returns whether every coefficient of the first `count` components is coded to its last bit.
    pub(super) fn is_complete(&self, count: usize) -> bool {
        self.bits[..count]
            .iter()
            .all(|bits| bits.is_some_and(|bits| bits.iter().all(|&lowest| lowest == Some(0))))
    }
}
