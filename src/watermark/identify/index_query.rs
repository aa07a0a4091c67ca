//! Query of the index: the words of a received picture, and those that its originals may have
//! instead.

use super::frames::frames;
use crate::{
    imaging::{Orientation, Plane},
    watermark::{
        features::{
            fingerprint::{Fingerprint, Spectrum},
            keypoints::Keypoint,
            visual_words::{
                LOOK_BITS, VisualWord, look_word,
                patch::{Numbers, Patches, mirrored},
                place_word,
                probe::probes,
            },
        },
        record::Record,
        register::received::ReceivedImage,
    },
};

/// Visual words looked up for each word of a look.
const LOOK_PROBES: usize = 4;
/// Most words of places that are looked up for each word of a place.
const PLACE_PROBES: usize = 16;
/// Most words of places that are looked up for the picture as it is.
const UPRIGHT_BUDGET: usize = 3000;
/// Most words of places that are looked up for its mirror image.
const MIRROR_BUDGET: usize = 1000;

/// Words to look up in an index, to find the originals of a received picture.
#[derive(Debug, Clone)]
pub struct IndexQuery {
    /// Visual words of the whole picture, its mirror images and quarter turns, and of the pictures
    /// inside its borders.
    pub look: Vec<VisualWord>,
    /// Visual words of its keypoints, most probable first.
    pub places: Vec<VisualWord>,
    /// Fingerprints of the looks, one each.
    fingerprints: Vec<Fingerprint>,
}

impl IndexQuery {
    /// Reads a received picture.
    pub(in crate::watermark) fn new(query: &ReceivedImage<'_>) -> Self {
        let luma = query.upright();
        let (mut look, mut fingerprints) = (Vec::new(), Vec::new());
        for frame in frames(luma) {
            let spectrum = Spectrum::of(&frame.grid(luma));
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
            places: places(luma, query.sight().upright()),
            fingerprints,
        }
    }

    /// Returns the words of looks and places together.
    pub fn words(&self) -> Vec<VisualWord> {
        [self.look.as_slice(), &self.places].concat()
    }

    /// Returns the number of bits, of 256, in which the record's fingerprint differs from the
    /// closest of the looks; `None` if the record has no fingerprint.
    pub fn distance(&self, record: &Record) -> Option<u32> {
        let original = record.fingerprint()?;
        self.fingerprints
            .iter()
            .map(|look| look.distance(original))
            .min()
    }
}

/// Returns the most probable words of a picture's keypoints, and of its mirror image's.
fn places(luma: &Plane, keypoints: &[Keypoint]) -> Vec<VisualWord> {
    let patches = Patches::new(luma);
    let numbers: Vec<Numbers> = keypoints
        .iter()
        .filter_map(|keypoint| patches.numbers(keypoint))
        .collect();
    let mirror_images: Vec<Numbers> = numbers.iter().map(mirrored).collect();
    let mut words = likeliest(&numbers, UPRIGHT_BUDGET);
    words.extend(likeliest(&mirror_images, MIRROR_BUDGET));
    words
}

/// Returns the most probable words of some keypoints, each once, at most `most`.
fn likeliest(keypoints: &[Numbers], most: usize) -> Vec<VisualWord> {
    let mut found: Vec<(f32, u32)> = keypoints
        .iter()
        .flat_map(|numbers| probes(numbers, PLACE_PROBES))
        .collect();
    // Visual words before costs, so that of equal ones the cheapest stays.
    found.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)));
    found.dedup_by_key(|(_, word)| *word);
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.truncate(most);
    found
        .into_iter()
        .map(|(_, word)| place_word(word))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        imaging::{Layout, Photo, Samples},
        watermark::{
            embed::embed,
            features::visual_words::patch::PLACE_BITS,
            tests::pictures::{key, photo, scene, scene_photo},
        },
    };

    /// A part of the scene that has `width` x `height` pixels, from (`x`, `y`), mirrored if wanted.
    fn part(width: u32, height: u32, (x, y): (u32, u32), mirrored: bool) -> Photo {
        let whole = scene(900, 600);
        let samples = (0..height)
            .flat_map(|row| (0..width).map(move |column| (row, column)))
            .flat_map(|(row, column)| {
                let column = if mirrored { width - 1 - column } else { column };
                let at = (((y + row) * 900 + x + column) * 3) as usize;
                whole[at..at + 3].to_vec()
            })
            .collect();
        photo(width, height, Layout::Rgb, Samples::U8(samples))
    }

    fn sought(photo: &Photo) -> IndexQuery {
        IndexQuery::new(&ReceivedImage::new(photo))
    }

    fn shared(words: &[VisualWord], sought: &[VisualWord]) -> usize {
        let sought: BTreeSet<&VisualWord> = sought.iter().collect();
        words.iter().filter(|word| sought.contains(word)).count()
    }

    #[test]
    fn copies_share_words_and_other_pictures_hardly_any() {
        let words = embed(scene_photo(900, 600), &key()).unwrap().words;
        assert_eq!(words.look.len(), 16);
        assert!(
            (60..=200).contains(&words.places.len()),
            "{}",
            words.places.len()
        );

        let whole = sought(&part(900, 600, (0, 0), false));
        assert_eq!(shared(&words.look, &whole.look), 16);
        let mirrored = sought(&part(900, 600, (0, 0), true));
        assert!(shared(&words.look, &mirrored.look) >= 14);
        for (name, sought, least) in [
            ("whole", whole, 60),
            ("mirrored", mirrored, 20),
            ("part", sought(&part(400, 300, (400, 260), false)), 10),
            (
                "part, mirrored",
                sought(&part(500, 330, (350, 250), true)),
                8,
            ),
        ] {
            let places = shared(&words.places, &sought.places);
            println!("{name}: {places} of {}", words.places.len());
            assert!(places >= least, "{name}: {places}");
            assert!(sought.places.len() <= UPRIGHT_BUDGET + MIRROR_BUDGET);
        }
        let grain: Vec<u8> = (0..900 * 600 * 3_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let other = sought(&photo(900, 600, Layout::Rgb, Samples::U8(grain)));
        assert!(shared(&words.all(), &other.words()) <= 2);
    }

    #[test]
    fn words_of_looks_and_places_are_kept_apart() {
        let words: BTreeSet<VisualWord> = (0..LOOK_BITS as u32)
            .map(|index| look_word(index, 0xFFFF))
            .chain([place_word((1 << PLACE_BITS) - 1)])
            .collect();
        assert_eq!(words.len(), 17);
        assert_eq!((look_word(15, 7), place_word(7)), (0x1000_0007, 7));
    }
}
