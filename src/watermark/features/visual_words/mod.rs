//! Visual words: a photo as a few hundred numbers that an index can look up.
//!
//! ```text
//! look    16 words of 16 bits: the fingerprint, lowest frequencies first            found by the whole picture
//! place   at most 200 words of 24 bits: one a keypoint, signs of its patch          found by any part of it
//! ```
//!
//! A copy shares a word with its original when all bits agree. It rarely does so everywhere, but a
//! few of its words are enough, and the received picture helps: how far each of its numbers is from
//! changing its sign is known, so the words that it would have if the least certain ones had
//! changed are looked up as well (Lv, Josephson, Wang, Charikar and Li, "Multi-probe LSH", 2007).
//! The most probable words are looked up first, until the budget is spent.
//!
//! Visual words are numbers about the picture, so none is stored as it is: see [`IndexKey`].

mod index_key;
pub(in crate::watermark) mod patch;
pub(in crate::watermark) mod probe;

pub use self::index_key::IndexKey;
use self::{
    patch::{PLACE_BITS, Patches},
    probe::word_of,
};
use super::{fingerprint::Spectrum, keypoints::Keypoint};
use crate::imaging::Plane;

/// Bits of a word of the look.
pub(in crate::watermark) const LOOK_BITS: usize = 16;
/// Most words of places that are kept of an original.
const MOST_PLACES: usize = 200;

/// A number that copies of a picture share: its kind and index in the top byte, its bits below.
pub type VisualWord = u32;

/// Visual words that are kept of a photo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisualWords {
    /// Words of the whole picture: 16.
    pub look: Vec<VisualWord>,
    /// Words of its keypoints: at most 200, in no order.
    pub places: Vec<VisualWord>,
}

impl VisualWords {
    /// Reads the words of an original from its upright luma: the 256 x 256 grid's spectrum, and the
    /// picture that its keypoints were taken from.
    pub(in crate::watermark) fn of_original(
        spectrum: &Spectrum,
        luma: &Plane,
        keypoints: &[Keypoint],
    ) -> Self {
        let patches = Patches::new(luma);
        Self {
            look: (0..)
                .zip(spectrum.ordered().chunks_exact(LOOK_BITS))
                .map(|(index, numbers)| look_word(index, word_of(numbers)))
                .collect(),
            places: keypoints
                .iter()
                .filter_map(|keypoint| patches.numbers(keypoint))
                .take(MOST_PLACES)
                .map(|numbers| place_word(word_of(&numbers)))
                .collect(),
        }
    }

    /// Returns whether there are no words, as under strict privacy.
    pub fn is_empty(&self) -> bool {
        self.look.is_empty() && self.places.is_empty()
    }

    /// Returns the words of look and places together.
    pub fn all(&self) -> Vec<VisualWord> {
        [self.look.as_slice(), &self.places].concat()
    }
}

/// Returns the visual word `index` of a look.
pub(in crate::watermark) fn look_word(index: u32, bits: u32) -> VisualWord {
    (index + 1) << PLACE_BITS | bits
}

/// Returns the visual word of a place.
pub(in crate::watermark) fn place_word(bits: u32) -> VisualWord {
    bits
}
