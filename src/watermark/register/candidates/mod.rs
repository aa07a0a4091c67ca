//! Candidates: maps from the protected photo to a received picture, guessed from their keypoints.
//!
//! ```text
//! keypoints of the picture   16 levels of sides L, L / 1.2, L / 1.44 ..., L at most 1024
//! matching                   for each keypoint of the original its nearest descriptor, if clearly the nearest
//! votes                      one match fixes a similarity (place, angle, scale): count who agrees
//! growing                    least squares over all keypoints that the map brings together, then projective
//! ```
//!
//! Nothing is drawn at random: a similarity needs one match, so all of them are tried. The maps are
//! guesses from content alone, for the refinement to improve and the agreement of the sums to
//! judge.

mod candidate;
mod fit;
mod hypotheses;
mod matching;
mod scene;

pub(in crate::watermark) use self::candidate::Candidate;
use self::{
    hypotheses::grow_all,
    scene::{KeypointSet, Scene},
};
use crate::{
    imaging::Plane,
    watermark::{
        features::keypoints::{Features, Keypoint, KeypointSearch},
        geometry::homography::Homography,
        sampling::resample::{Taps, resample},
    },
};

/// Most candidates that are returned.
const MOST: usize = 4;
/// Longest side, in pixels, to which a received picture is enlarged.
const MOST_SIDE: f64 = 1434.0;

/// Effort of a search for candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) enum Effort {
    /// Finds nearly everything, in well under 100 ms.
    Usual,
    /// Tries more sizes, more keypoints and weaker matches.
    Deep,
}

/// Parameters of an effort.
#[derive(Debug, Clone, Copy)]
struct EffortParameters {
    /// Size that the search starts from, as a multiple of the received picture's.
    enlarge: f64,
    search: KeypointSearch,
    /// Largest Hamming distance of a match.
    distance: u32,
    /// Largest ratio of its distance to that of the next match elsewhere.
    ratio: f32,
    /// Fewest inliers of a candidate.
    inliers: usize,
}

impl Effort {
    fn settings(self) -> EffortParameters {
        match self {
            Self::Usual => EffortParameters {
                enlarge: 1.0,
                search: KeypointSearch {
                    step: 1.2,
                    levels: 16,
                    budget: 600,
                    groups: 4,
                },
                distance: 60,
                ratio: 0.85,
                inliers: 7,
            },
            Self::Deep => EffortParameters {
                enlarge: 1.4,
                search: KeypointSearch {
                    step: 1.15,
                    levels: 18,
                    budget: 1000,
                    groups: 6,
                },
                distance: 68,
                ratio: 0.92,
                inliers: 6,
            },
        }
    }
}

/// Guesses maps from the original's keypoints to a received picture: best first, at most four.
///
/// `original_size` is the upright width and height of the protected photo; `received` is upright
/// luma, 0..=255, aspect kept, with a long side of at most 1024.
pub(in crate::watermark) fn candidates(
    original: &[Keypoint],
    original_size: (u32, u32),
    received: &Plane,
    effort: Effort,
) -> Vec<Candidate> {
    if original.len() < effort.settings().inliers {
        return Vec::new();
    }
    Sight::new(received, effort).candidates(original, original_size)
}

/// The keypoints of a received picture, for any number of originals.
#[derive(Debug)]
pub(in crate::watermark) struct Sight {
    settings: EffortParameters,
    /// Width and height of the received picture, in pixels.
    size: (f64, f64),
    upright: Vec<Keypoint>,
    mirrored: Vec<Keypoint>,
}

impl Sight {
    /// Finds the keypoints of upright luma, as [`candidates`] takes it.
    pub(in crate::watermark) fn new(received: &Plane, effort: Effort) -> Self {
        let settings = effort.settings();
        let enlarged = enlarged(received, settings.enlarge);
        let features = Features::find(enlarged.as_ref().unwrap_or(received), settings.search);
        let (upright, mirrored) = features.upright_and_mirrored();
        Self {
            settings,
            size: (received.width() as f64, received.height() as f64),
            upright,
            mirrored,
        }
    }

    /// Returns the keypoints of the received picture as it is.
    pub(in crate::watermark) fn upright(&self) -> &[Keypoint] {
        &self.upright
    }

    /// Returns the bytes that the keypoints take.
    pub(in crate::watermark) fn bytes(&self) -> usize {
        (self.upright.len() + self.mirrored.len()) * size_of::<Keypoint>()
    }

    /// Guesses maps as [`candidates`] does.
    pub(in crate::watermark) fn candidates(
        &self,
        original: &[Keypoint],
        original_size: (u32, u32),
    ) -> Vec<Candidate> {
        let settings = self.settings;
        let size = |(width, height): (u32, u32)| (f64::from(width), f64::from(height));
        let look = |keypoints: &[Keypoint]| {
            let matches = matching::nearest(original, keypoints, settings.distance, settings.ratio);
            let scene = Scene::new(
                KeypointSet {
                    keypoints: original,
                    size: size(original_size),
                },
                KeypointSet {
                    keypoints,
                    size: self.size,
                },
            );
            grow_all(&scene, &matches, settings.inliers)
        };
        let mut found = look(&self.upright);
        if !found.iter().any(Candidate::is_certain) {
            let mirror = Homography([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
            let mirrored = look(&self.mirrored);
            found.extend(mirrored.iter().map(|candidate| Candidate {
                map: mirror.after(&candidate.map),
                ..*candidate
            }));
        }
        found.sort_by(|a, b| b.score().total_cmp(&a.score()));
        found.truncate(MOST);
        found
    }
}

/// Enlarges a received picture, as far as its long side stays within [`MOST_SIDE`]; `None` if it
/// stays as it is.
fn enlarged(received: &Plane, factor: f64) -> Option<Plane> {
    let (width, height) = (received.width(), received.height());
    let factor = factor.min(MOST_SIDE / width.max(height) as f64);
    (factor > 1.05).then(|| {
        let side = |side: usize| (side as f64 * factor).round() as usize;
        let x = Taps::bicubic(width, side(width));
        let y = Taps::bicubic(height, side(height));
        resample(received, &x, &y)
    })
}
