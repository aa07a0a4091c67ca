//! Registration: finding the position of the protected photo in a received picture by its content
//! alone.
//!
//! ```text
//! 1  as it is                      certain: done, the straight path
//! 2  mirrored, turned by quarters  seven more readings of the same grid; its negative, if one of them says so
//! 3  refined                       if there is some likeness              (refine.rs, flow.rs)
//! 4  crops at the size they had    all places, all eight symmetries       (crop.rs)
//! 5  key points                    any turn, scale and view               (candidates)
//! 6  crops at any size             all places, some eighty scales
//! 7  key points, deeper
//! 8  bent                          a field of shifts on top of the best map; also tried after 5
//! 9  polished                      the position that was chosen, once, on fine samples
//! ```
//!
//! The first certain position ends the search; otherwise the one of largest merit
//! ([`super::signal::trust`]) is taken. Everything is decided by the agreement of content, which
//! does not see the signs.

pub(super) mod candidates;
pub(super) mod correlation;
pub(super) mod crop;
pub(super) mod flow;
pub(super) mod received;
pub(super) mod refine;
pub(super) mod sample_points;

use self::{
    candidates::{Effort, candidates},
    correlation::HostLanes,
    crop::{CropPlace, Span, places},
    received::{ReceivedImage, Sampling},
    refine::{Fit, Stage},
};
use super::{
    geometry::{coverage::Coverage, homography::Homography, warp::Warp, warp_update::Freedom},
    record::Record,
    signal::{
        agreement::{Likeness, Reference},
        carrier::{BANDS, Sums},
        transform,
        trust::{has_texture, merit},
    },
};
use crate::imaging::{Orientation, Plane};

/// Agreement from which nothing is refined.
const EXACT_RHO: f64 = 0.9;
/// Agreement from which all bands are refined at once; with less, the lowest comes first.
const NEAR_RHO: f64 = 0.75;
/// Agreement from which the position of a small piece is certain: few strong tiles can make it look
/// right in a wrong place.
const SMALL_CERTAIN_RHO: f64 = 0.95;
/// Share of the tiles below which a piece is small.
const SMALL_SHARE: f64 = 0.15;
/// Merit below which a position is given up half way; the photo itself has 5 there.
const LEAST_MERIT: f64 = 3.0;
/// Merit rho sqrt(tiles) of the lowest band below which a position is given up earlier; the photo
/// itself has 5.4 there.
const LEAST_LOW_MERIT: f64 = 4.0;
/// Share of intact tiles from which a position is certain, whatever was pasted over the others.
const CERTAIN_SHARE: f64 = 0.6;
/// Agreement from which no other symmetry is tried.
const UPRIGHT_RHO: f64 = 0.5;
/// Least agreement of a turned or mirrored picture: with less, its content says nothing about its
/// orientation.
const TURN_RHO: f64 = 0.12;
/// Least gain in content seen, over the picture as it is, for a turned or mirrored reading to be
/// preferred. Stripes, gradients and flat pictures look the same in several symmetries and are
/// taken as they are; rho alone would choose among them by the mark, whose sums are largest, and
/// rho lowest, in the right place.
const TURN_GAIN: f64 = 0.1;
/// Likeness from which a position is worth refining.
const REFINABLE_RHO: f64 = 0.12;

/// Least share of the photo's longer side that a piece searched for spans: a twentieth of the area.
const LEAST_SHARE: f64 = 0.2;
/// Greatest share that is searched; above 1 there is a frame around the photo.
const MOST_SHARE: f64 = 1.4;
/// Step of the share: four samples of the grid, so that the edges of a small piece are never off by
/// more than one.
const SHARE_STEP: f64 = 4.0 / 256.0;
/// Growth of the step: large pieces have enough tiles in their middle.
const SHARE_GROWTH: f64 = 0.02;
/// Score from which a place is worth refining.
const LEAST_SCORE: f64 = 2.0;
/// Share of intact tiles from which there is nothing left to carry a map on to.
const CARRIED_SHARE: f64 = 0.98;
/// Most times that a map is carried on.
const MOST_CARRIES: usize = 4;
/// Share of intact tiles from which a picture is not bent.
const STRAIGHT_SHARE: f64 = 0.9;
/// Factor by which a field of shifts must raise the merit.
const BENT_GAIN: f64 = 1.15;
/// Merit of a position that is hardly chance, however small rho is because the photo is partly
/// covered.
const CLEAR_MERIT: f64 = 10.0;
/// Factor by which the merit of such a position must exceed that of the whole picture.
const CLEAR_GAIN: f64 = 1.2;
/// Margin of agreement that a position must have over the whole picture, which needs no search and
/// no interpolation. Where the content leaves a direction free, as stripes do, the search wins a
/// little by drifting along it.
const WHOLE_MARGIN: f64 = 0.08;

/// Agreement from which it is the same picture, whether marked or not; a picture that agrees less
/// is left as it is.
pub(super) const RECOGNISED_RHO: f64 = 0.5;

/// Depth of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All steps: the photo is said to be there.
    Full,
    /// The whole picture and its keypoints: the photo is one of many that may be there.
    Quick,
}

/// A received picture laid in the place of the original.
#[derive(Debug)]
pub(super) struct RegisteredImage {
    /// Luma on the original's grid, 256 x 256, 0..=255; 0 where nothing is seen.
    pub(super) luma: Plane,
    /// Keyed sums of that luma.
    pub(super) sums: Sums,
    /// Likeness to the original.
    pub(super) likeness: Likeness,
    /// Position of the original in the received picture.
    pub(super) warp: Warp,
    /// Tiles of the original that the received picture shows.
    pub(super) coverage: Coverage,
    /// Whether light and dark are exchanged in the received picture; luma and sums are those of the
    /// positive.
    pub(super) negative: bool,
}

/// Finds a record's photo in a received picture.
pub(super) fn register(
    received: &ReceivedImage<'_>,
    record: &Record,
    reference: &Reference<'_>,
    depth: Depth,
) -> RegisteredImage {
    let whole = received.whole();
    let upright = Reading::new(whole, Orientation::Upright, reference);
    if upright.likeness.rho > EXACT_RHO {
        return upright.registered();
    }
    let reading = if upright.likeness.rho > UPRIGHT_RHO {
        upright
    } else {
        let (reading, least) = best_symmetry(whole, upright, reference);
        if least < -UPRIGHT_RHO.max(reading.likeness.rho) && !received.is_negative() {
            // Unrelated content comes nowhere near; the photo with light and dark exchanged goes on
            // as a negative.
            return RegisteredImage {
                negative: true,
                ..register(&received.negative(), record, reference, depth)
            };
        }
        reading
    };
    if reading.likeness.rho > EXACT_RHO {
        return reading.registered();
    }
    let mut search = Search::new(received, record, reference);
    match depth {
        Depth::Full => {
            search.refine_reading(&reading);
            search.run(&[
                Search::crops_at_their_size,
                |search| search.keypoints(Effort::Usual),
                Search::bend,
                Search::crops_at_any_size,
                |search| search.keypoints(Effort::Deep),
                Search::bend,
            ]);
        }
        Depth::Quick => {
            if reading.likeness.rho > REFINABLE_RHO {
                search.refine_reading(&reading);
            }
            search.run(&[|search| search.keypoints(Effort::Usual), Search::bend]);
        }
    }
    search.finish(reading)
}

/// Runs the last stages of refinement on a position that was tried.
fn projective(fit: Fit, received: &ReceivedImage<'_>, reference: &Reference<'_>) -> Fit {
    let stage = |bands, steps| Stage {
        freedom: Freedom::Projective,
        bands,
        steps,
    };
    fit.refine(received, reference, stage(2, 4))
        .refine(received, reference, stage(BANDS, 5))
}

/// The whole received picture, mirrored or turned back.
struct Reading {
    luma: Plane,
    sums: Sums,
    likeness: Likeness,
    way_back: Orientation,
}

impl Reading {
    fn new(whole: &Plane, way_back: Orientation, reference: &Reference<'_>) -> Self {
        let luma = way_back.apply(whole);
        let sums = transform::forward(&luma).sums(reference.signs);
        let all = Coverage::full().on(reference.signs.tiling());
        let likeness = reference.agreement.with(&sums, &all, BANDS);
        Self {
            luma,
            sums,
            likeness,
            way_back,
        }
    }

    fn warp(&self) -> Warp {
        Warp::of(Homography::of_orientation(self.way_back))
    }

    fn registered(self) -> RegisteredImage {
        RegisteredImage {
            warp: self.warp(),
            luma: self.luma,
            likeness: self.likeness,
            coverage: Coverage::full().on(self.sums.tiling()),
            sums: self.sums,
            negative: false,
        }
    }
}

/// Returns the symmetry of best agreement, which is the picture as it is unless another shows
/// clearly more; and the least agreement of any.
fn best_symmetry(whole: &Plane, upright: Reading, reference: &Reference<'_>) -> (Reading, f64) {
    let least_gain = upright.likeness.gain + TURN_GAIN;
    let mut least = upright.likeness.rho;
    let best = Orientation::ALL[1..]
        .iter()
        .map(|&way_back| Reading::new(whole, way_back, reference))
        .inspect(|turned| least = least.min(turned.likeness.rho))
        .filter(|turned| turned.likeness.rho > TURN_RHO && turned.likeness.gain > least_gain)
        .max_by(|a, b| a.likeness.rho.total_cmp(&b.likeness.rho))
        .filter(|turned| turned.likeness.rho > upright.likeness.rho)
        .unwrap_or(upright);
    (best, least)
}

/// The search beyond the picture as a whole.
struct Search<'a, 'p> {
    received: &'a ReceivedImage<'p>,
    record: &'a Record,
    reference: &'a Reference<'a>,
    host: HostLanes,
    best: Option<Fit>,
}

impl<'a, 'p> Search<'a, 'p> {
    fn new(
        received: &'a ReceivedImage<'p>,
        record: &'a Record,
        reference: &'a Reference<'a>,
    ) -> Self {
        Self {
            received,
            record,
            reference,
            host: HostLanes::new(reference),
            best: None,
        }
    }

    /// Runs step 3: refines the reading of the whole picture.
    fn refine_reading(&mut self, reading: &Reading) {
        self.offer(reading.warp());
    }

    /// Runs steps 4 to 8, until one is certain.
    fn run(&mut self, steps: &[fn(&mut Self)]) {
        for step in steps {
            if self.certain() {
                break;
            }
            step(self);
        }
        if self.certain() {
            self.bend();
        }
    }

    /// Returns whether the best position so far is beyond doubt.
    fn certain(&self) -> bool {
        self.best.as_ref().is_some_and(|fit| {
            let small = fit.coverage.share() < SMALL_SHARE;
            if small {
                fit.rho > SMALL_CERTAIN_RHO
            } else if fit.warp.shifts.is_some() {
                fit.rho > NEAR_RHO
            } else {
                fit.intact_share(self.reference) > CERTAIN_SHARE
            }
        })
    }

    /// Refines a warp, and keeps it if it is the best so far.
    fn offer(&mut self, warp: Warp) {
        let Some(fit) = Fit::new(self.received, self.reference, warp, BANDS, Sampling::Coarse)
        else {
            return;
        };
        let stage = |freedom, bands, steps| Stage {
            freedom,
            bands,
            steps,
        };
        let (received, reference) = (self.received, self.reference);
        let mut fit = fit
            .follow(received, reference, &self.host, Freedom::Affine)
            .follow(received, reference, &self.host, Freedom::Affine);
        if fit.rho < NEAR_RHO {
            // The lowest band is right from furthest away, and few numbers are not led astray by
            // few tiles.
            fit = fit.refine(received, reference, stage(Freedom::Zoom, 1, 3));
            if fit.plain_merit() < LEAST_LOW_MERIT {
                return;
            }
            fit = fit
                .refine(received, reference, stage(Freedom::Zoom, 2, 3))
                .refine(received, reference, stage(Freedom::Affine, 1, 4));
        }
        fit = fit.refine(received, reference, stage(Freedom::Affine, 2, 4));
        if fit.merit(reference) < LEAST_MERIT {
            return;
        }
        let fit = self.carry_on(projective(fit, received, reference));
        let better = |best: &Fit| fit.merit(reference) > best.merit(reference);
        if self.best.as_ref().is_none_or(better) {
            self.best = Some(fit);
        }
    }

    /// Carries a map on by the flow: where only a part agrees, the map is right there alone.
    fn carry_on(&self, mut fit: Fit) -> Fit {
        let (received, reference) = (self.received, self.reference);
        for _ in 0..MOST_CARRIES {
            if fit.intact_share(reference) > CARRIED_SHARE {
                break;
            }
            let before = fit.merit(reference);
            fit = fit.follow(received, reference, &self.host, Freedom::Projective);
            if fit.merit(reference) <= before {
                break;
            }
            fit = projective(fit, received, reference);
        }
        fit
    }

    /// Runs step 4: nothing was scaled, so the sizes determine the share of the photo that is
    /// there.
    fn crops_at_their_size(&mut self) {
        let found = Orientation::ALL
            .into_iter()
            .flat_map(|way_back| {
                places(self.received, &self.host, way_back, self.span(way_back), 2)
            })
            .collect();
        self.offer_best(found, 2);
    }

    /// Runs steps 5 and 7.
    fn keypoints(&mut self, effort: Effort) {
        let (original, size) = (
            self.record.keypoints(),
            (self.record.width(), self.record.height()),
        );
        let found = match effort {
            Effort::Usual => self.received.sight().candidates(original, size),
            Effort::Deep => candidates(original, size, self.received.upright(), effort),
        };
        for candidate in found {
            self.offer(Warp::of(candidate.map));
            if self.certain() {
                return;
            }
        }
    }

    /// Runs step 6: crops that may have been scaled.
    fn crops_at_any_size(&mut self) {
        let whole = self.span(Orientation::Upright);
        let long = whole.width.max(whole.height);
        let mut found = Vec::new();
        let mut share = LEAST_SHARE;
        while share < MOST_SHARE {
            let scale = share / long;
            let scaled = Span {
                width: whole.width * scale,
                height: whole.height * scale,
            };
            found.extend(places(
                self.received,
                &self.host,
                Orientation::Upright,
                scaled,
                1,
            ));
            share += SHARE_STEP + share * SHARE_GROWTH;
        }
        self.offer_best(found, 3);
    }

    /// Returns the span of the received picture, with `way_back` applied, if nothing was scaled.
    fn span(&self, way_back: Orientation) -> Span {
        let (mut width, mut height) = self.received.upright_size();
        if way_back.swaps_sides() {
            (width, height) = (height, width);
        }
        Span {
            width: f64::from(width) / f64::from(self.record.width()),
            height: f64::from(height) / f64::from(self.record.height()),
        }
    }

    /// Refines the best places until one is certain.
    fn offer_best(&mut self, mut found: Vec<CropPlace>, tries: usize) {
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        for place in found.into_iter().take(tries) {
            if place.score < LEAST_SCORE {
                return;
            }
            self.offer(Warp::of(place.map));
            if self.certain() {
                return;
            }
        }
    }

    /// Runs step 8: a field of shifts on top of the best map.
    fn bend(&mut self) {
        let (received, reference) = (self.received, self.reference);
        let bendable = |best: &&Fit| {
            best.warp.shifts.is_none()
                && (REFINABLE_RHO..EXACT_RHO).contains(&best.rho)
                && best.intact_share(reference) < STRAIGHT_SHARE
        };
        let Some(best) = self.best.as_ref().filter(bendable) else {
            return;
        };
        let least = best.merit(reference) * BENT_GAIN;
        let followed = (best.clone())
            .follow(received, reference, &self.host, Freedom::Shifts)
            .follow(received, reference, &self.host, Freedom::Shifts);
        let stage = |bands, steps| Stage {
            freedom: Freedom::Shifts,
            bands,
            steps,
        };
        let shifted = followed
            .refine(received, reference, stage(1, 6))
            .refine(received, reference, stage(2, 4))
            .refine(received, reference, stage(BANDS, 4));
        if shifted.merit(reference) > least {
            self.best = Some(shifted);
        }
    }

    /// Returns the better of the whole picture and the best position found in it.
    fn finish(self, reading: Reading) -> RegisteredImage {
        let reference = self.reference;
        let all = Coverage::full().on(reading.sums.tiling());
        let whole_merit = merit(reference.agreement, &reading.sums, &all);
        let textured = has_texture(reference.agreement);
        let least_rho = (reading.likeness.rho + WHOLE_MARGIN).max(RECOGNISED_RHO);
        let better = |best: &Fit| {
            let merit = best.merit(reference);
            let clear = textured && merit > CLEAR_MERIT.max(CLEAR_GAIN * whole_merit);
            merit > whole_merit && (best.rho > least_rho || clear)
        };
        let Some(best) = self.best.filter(better) else {
            return reading.registered();
        };
        let best = best.polish(self.received, self.reference);
        RegisteredImage {
            likeness: (self.reference.agreement).with(&best.sums, &best.coverage, BANDS),
            luma: best.grid,
            sums: best.sums,
            warp: best.warp,
            coverage: best.coverage,
            negative: false,
        }
    }
}
