//! Keypoints: places of a picture that can be found again after it was cropped, rotated, scaled or
//! framed.
//!
//! ```text
//! pyramid      the luma, each level 1.2 times smaller than the one before (area average)
//! corners      Harris response of the smoothed structure tensor; local maxima, to a fraction of a pixel
//! spread       the best of every cell of 10 x 10 first, then the second best, until the budget is spent
//! orientation  direction from the corner to the centroid of the intensity around it
//! descriptor   256 comparisons of box means in the patch, turned upright
//! ```
//!
//! The chain is that of ORB (Rublee, Rabaud, Konolige and Bradski, "ORB: an efficient alternative
//! to SIFT or SURF", 2011), with corners after Harris and Stephens, "A combined corner and edge
//! detector" (1988), and binary tests after Calonder, Lepetit, Strecha and Fua, "BRIEF" (2010). The
//! keypoints of the original are part of its record; [`crate::watermark::register::candidates`]
//! matches them with those of a received picture. They come from the unmarked picture, so that they
//! do not depend on the key's signs.

mod corners;
mod descriptor;
mod pattern;
mod pyramid;
mod section;

use std::f32::consts::PI;

use self::{
    corners::{Corner, find_corners, spread},
    descriptor::{Description, WORDS, describe},
    pyramid::Pyramid,
};
use crate::imaging::Plane;
pub(in crate::watermark) use section::{as_kept, from_bytes, to_bytes};

/// Long side, in samples, of the luma in which the keypoints of an original are found.
pub(in crate::watermark) const ORIGINAL_SIDE: usize = 512;
/// Most keypoints of an original that are kept.
pub(in crate::watermark) const MOST: usize = 400;
/// Pyramid levels of an original.
const ORIGINAL_LEVELS: usize = 5;
/// Ratio of one level's side to the next one's.
const LEVEL_STEP: f64 = 1.2;
/// Number of corners found for each one that is kept.
const CHOICE: usize = 4;

/// A place that can be found again, and its description.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Keypoint {
    /// Horizontal position, 0..=1 of the upright picture's width.
    pub(in crate::watermark) x: f32,
    /// Vertical position, 0..=1 of the upright picture's height.
    pub(in crate::watermark) y: f32,
    /// Direction, radians from the x axis towards the y axis, -pi..=pi.
    pub(in crate::watermark) angle: f32,
    /// Size of a sample of the level that it was found on, in 512ths of the picture's long side.
    pub(in crate::watermark) scale: f32,
    /// The 256 comparisons in the upright patch, one bit each.
    pub(in crate::watermark) descriptor: [u64; WORDS],
}

/// Finds the keypoints of an original: at most [`MOST`], spread over the picture.
///
/// `luma` is upright, 0..=255, aspect kept, with a long side of [`ORIGINAL_SIDE`], or less for a
/// smaller photo.
pub(in crate::watermark) fn of_original(luma: &Plane) -> Vec<Keypoint> {
    Features::find(
        luma,
        KeypointSearch {
            step: LEVEL_STEP,
            levels: ORIGINAL_LEVELS,
            budget: MOST,
            groups: 1,
        },
    )
    .upright()
}

/// Parameters of a search for keypoints.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct KeypointSearch {
    /// Ratio of one level's side to the next one's, above 1.
    pub(in crate::watermark) step: f64,
    /// Most levels; fewer if the picture is too small for them.
    pub(in crate::watermark) levels: usize,
    /// Most keypoints of a group of levels.
    pub(in crate::watermark) budget: usize,
    /// Number of groups of levels, each with its own budget.
    pub(in crate::watermark) groups: usize,
}

/// The corners of a picture, ready to be described as the picture is, or as its mirror image is.
#[derive(Debug)]
pub(in crate::watermark) struct Features {
    pyramid: Pyramid,
    corners: Vec<Corner>,
}

impl Features {
    /// Finds corners in an upright luma plane, 0..=255.
    pub(in crate::watermark) fn find(luma: &Plane, search: KeypointSearch) -> Self {
        let pyramid = Pyramid::new(luma, search.step, search.levels);
        let group = search.levels.div_ceil(search.groups);
        let mut corners = Vec::new();
        for (index, levels) in pyramid.levels().chunks(group).enumerate() {
            // More than are kept, so that the cells have a choice; shared out by the levels' sides.
            let wanted = (CHOICE * search.budget) as f64;
            let sides: f64 = levels.iter().map(|level| level.width() as f64).sum();
            let mut found = Vec::new();
            for (level, picture) in (index * group..).zip(levels) {
                let most = wanted * picture.width() as f64 / sides;
                found.extend(find_corners(picture, level, most as usize));
            }
            corners.extend(spread(found, search.budget));
        }
        Self { pyramid, corners }
    }

    /// Describes the keypoints of the picture as it is.
    pub(in crate::watermark) fn upright(&self) -> Vec<Keypoint> {
        let described = self.corners.iter();
        described
            .map(|corner| self.describe(corner, false).0)
            .collect()
    }

    /// Describes the keypoints of the picture as it is, and those of its mirror image, left and
    /// right exchanged.
    pub(in crate::watermark) fn upright_and_mirrored(&self) -> (Vec<Keypoint>, Vec<Keypoint>) {
        let described = self.corners.iter().map(|corner| {
            let (keypoint, mirrored) = self.describe(corner, true);
            let angle = PI - keypoint.angle;
            let mirrored = Keypoint {
                x: 1.0 - keypoint.x,
                angle: if angle > PI { angle - 2.0 * PI } else { angle },
                // A mirror turns the patch's frame over: what was right of its direction is left
                // of it.
                descriptor: mirrored,
                ..keypoint
            };
            (keypoint, mirrored)
        });
        described.unzip()
    }

    /// Describes a corner: the keypoint, and its descriptor in the mirror image if `both` asks for
    /// it.
    fn describe(&self, corner: &Corner, both: bool) -> (Keypoint, [u64; WORDS]) {
        let level = &self.pyramid.levels()[corner.level];
        let Description {
            angle,
            upright,
            mirrored,
        } = describe(level, corner, both);
        let keypoint = Keypoint {
            x: corner.x,
            y: corner.y,
            angle,
            scale: level.scale(),
            descriptor: upright,
        };
        (keypoint, mirrored)
    }
}
