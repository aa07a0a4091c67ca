//! Words: a photo as a few hundred numbers that an index can look up.
//!
//! ```text
//! look    16 words of 16 bits: the fingerprint, lowest frequencies first            found by the whole picture
//! place   at most 200 words of 24 bits: one a keypoint, signs of its patch          found by any part of it
//! ```
//!
//! A copy shares a word with its original when all bits agree. It rarely does so everywhere, but a few of its words
//! are enough, and the query helps: it knows how far each of its numbers is from changing its sign, and also asks
//! for the words that it would have if the least certain ones had (Lv, Josephson, Wang, Charikar and Li,
//! "Multi-probe LSH", 2007). The most probable words are asked for first, until the budget is spent.
//!
//! Words are numbers about the picture, so none is stored as it is: see [`IndexKey`].

mod frame;
mod index_key;
mod patch;
mod probe;

pub use self::index_key::IndexKey;
use self::{
    frame::frames,
    patch::{Numbers, PLACE_BITS, Patches, mirrored},
    probe::{probes, word_of},
};
use super::{
    fingerprint::{Fingerprint, Spectrum},
    grid::upright_copy,
    keypoints::{Features, Keypoint, Search},
    record::Record,
};
use crate::imaging::{Orientation, Photo, Plane};

/// Bits of a word of the look.
const LOOK_BITS: usize = 16;
/// Long side of the luma that a received picture is read from.
const QUERY_SIDE: usize = 1024;
/// How a received picture is searched for keypoints.
const QUERY_SEARCH: Search = Search {
    step: 1.2,
    levels: 16,
    budget: 400,
    groups: 4,
};
/// Words asked for in the place of each word of a look.
const LOOK_PROBES: usize = 4;
/// Most words of places of an original.
const MOST_PLACES: usize = 200;
/// Most words of places that are asked for in the place of one.
const PLACE_PROBES: usize = 16;
/// Most words of places that are asked for, of the picture as it is.
const UPRIGHT_BUDGET: usize = 3000;
/// Most words of places that are asked for, of its mirror image.
const MIRROR_BUDGET: usize = 1000;

/// A number that copies of a picture share: what it counts in the top byte, its bits below.
pub type Word = u32;

/// Words of a photo to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Of the whole picture: 16.
    pub look: Vec<Word>,
    /// Of its keypoints: at most 200, in no order.
    pub places: Vec<Word>,
}

impl Words {
    /// Reads the words of an original from its upright luma: the 256 x 256 grid's spectrum, and the picture that its
    /// keypoints were taken from.
    pub(super) fn of_original(spectrum: &Spectrum, luma: &Plane, keypoints: &[Keypoint]) -> Self {
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

    /// All of them.
    pub fn all(&self) -> Vec<Word> {
        [self.look.as_slice(), &self.places].concat()
    }
}

/// What to ask an index for, to find the originals of a received picture.
#[derive(Debug, Clone)]
pub struct Sought {
    /// Words of the whole picture, its mirror images and quarter turns, and of the pictures inside of its borders.
    pub look: Vec<Word>,
    /// Words of its keypoints, likeliest first.
    pub places: Vec<Word>,
    /// Each of the looks as a whole.
    fingerprints: Vec<Fingerprint>,
}

impl Sought {
    /// Reads a received picture.
    pub fn new(photo: &Photo) -> Self {
        let luma = upright_copy(photo, QUERY_SIDE);
        let (mut look, mut fingerprints) = (Vec::new(), Vec::new());
        for frame in frames(&luma) {
            let spectrum = Spectrum::of(&frame.grid(&luma));
            for change in Orientation::ALL {
                let turned = spectrum.turned(change);
                fingerprints.push(turned.fingerprint());
                for (index, numbers) in (0..).zip(turned.ordered().chunks_exact(LOOK_BITS)) {
                    let likely = probes(numbers, LOOK_PROBES);
                    look.extend(likely.into_iter().map(|(_, word)| look_word(index, word)));
                }
            }
        }
        Self {
            look,
            places: places(&luma),
            fingerprints,
        }
    }

    /// All words.
    pub fn words(&self) -> Vec<Word> {
        [self.look.as_slice(), &self.places].concat()
    }

    /// How many of the 256 bits of the record's fingerprint differ from the likest of the looks; nothing if the
    /// record has none.
    pub fn distance(&self, record: &Record) -> Option<u32> {
        let original = record.fingerprint()?;
        self.fingerprints
            .iter()
            .map(|look| look.distance(original))
            .min()
    }
}

/// The likeliest words of a picture's keypoints, and of its mirror image's.
fn places(luma: &Plane) -> Vec<Word> {
    let patches = Patches::new(luma);
    let numbers: Vec<Numbers> = Features::find(luma, QUERY_SEARCH)
        .upright()
        .iter()
        .filter_map(|keypoint| patches.numbers(keypoint))
        .collect();
    let mirror_images: Vec<Numbers> = numbers.iter().map(mirrored).collect();
    let mut words = likeliest(&numbers, UPRIGHT_BUDGET);
    words.extend(likeliest(&mirror_images, MIRROR_BUDGET));
    words
}

/// The likeliest words of some keypoints, each once, at most `most`.
fn likeliest(keypoints: &[Numbers], most: usize) -> Vec<Word> {
    let mut found: Vec<(f32, u32)> = keypoints
        .iter()
        .flat_map(|numbers| probes(numbers, PLACE_PROBES))
        .collect();
    // Words before costs, so that of equal ones the cheapest stays.
    found.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)));
    found.dedup_by_key(|(_, word)| *word);
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.truncate(most);
    found
        .into_iter()
        .map(|(_, word)| place_word(word))
        .collect()
}

/// Word `index` of a look.
fn look_word(index: u32, bits: u32) -> Word {
    (index + 1) << PLACE_BITS | bits
}

/// The word of a place.
fn place_word(bits: u32) -> Word {
    bits
}
