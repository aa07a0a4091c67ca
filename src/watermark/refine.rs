//! Refinement: from roughly right to a fraction of a sample, by the content alone.
//!
//! ```text
//! e_i     = q_i (r_i - a_b h_i)                     i: tile and band;  a_b = max(<r, h> / <h, h>, 0.1)
//! r(x)    ~ r + dx r_x + dy r_y                     r_x, r_y: keyed sums of the slopes of the sampled grid
//! (dx,dy) = sum over parameters of  p_k * field_k(tile's centre)
//! p       = argmin sum  v_i (e_i + q_i (dx r_x + dy r_y)_i)^2,    v = 1 / (1 + (e / (3 median|e|))^2)
//! ```
//!
//! This is the Gauss-Newton step of Lucas and Kanade (Baker and Matthews, "Lucas-Kanade 20 years on", 2004) on the keyed
//! sums instead of pixels, damped as by Levenberg and Marquardt and weighted against outliers. The slopes are taken
//! once per step from the sampled grid, whatever the number of parameters: a turn or a scale moves a tile as a whole,
//! what it does inside of the tile is of second order. A step counts if the agreement rho grows. All steps but the last
//! few look at coarse samples; those look at every pixel ([`Sampling`]).

use super::{
    agreement::Agreement,
    carrier::{BANDS, GRID, Signs, Sums},
    correlation::HostLanes,
    coverage::Coverage,
    flow::flow,
    motion::{Equations, Freedom},
    query::{Query, Sampling, Window},
    transform,
    warp::Warp,
};
use crate::imaging::Plane;

/// Fewest tiles that say anything about geometry.
pub(super) const MIN_TILES: usize = 12;
/// Damping to begin with, relative to the diagonal.
const DAMPING: f64 = 1e-3;
/// Growth of rho below which another step is not worth it.
const WORTH: f64 = 1e-3;
/// Most steps of the last refinement.
const POLISHES: usize = 2;
/// Growth of rho below which there is no other: a hundredth of a sample.
const POLISH_WORTH: f64 = 1e-4;
/// Multiple of the median error from which an error counts half.
const OUTLIER: f64 = 3.0;
/// Least of these errors, in units of the local content: where most of the picture is flat, the median is of nothing.
const LEAST_SCALE: f64 = 0.3;
/// Tries of a step, each damped more.
const TRIES: usize = 3;

/// How a warp is improved: these bands, at most so many steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    pub(super) freedom: Freedom,
    pub(super) bands: usize,
    pub(super) steps: usize,
}

/// Everything that registration compares with.
#[derive(Debug)]
pub(super) struct Reference<'a> {
    pub(super) signs: &'a Signs,
    pub(super) host: &'a Sums,
    pub(super) agreement: &'a Agreement,
}

/// A warp with what is seen through it.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) warp: Warp,
    pub(super) coverage: Coverage,
    pub(super) rho: f64,
    /// The sampled grid and its sums.
    pub(super) grid: Plane,
    pub(super) sums: Sums,
}

impl Fit {
    /// Looks through a warp; nothing if too little is seen.
    pub(super) fn new(
        query: &Query<'_>,
        reference: &Reference<'_>,
        warp: Warp,
        bands: usize,
        sampling: Sampling,
    ) -> Option<Self> {
        let coverage = Coverage::of(&warp.map).on(reference.signs.tiling());
        if coverage.count() < MIN_TILES {
            return None;
        }
        let grid = query.sample(&warp, sampling, coverage.window());
        let sums = transform::forward(&grid).sums(reference.signs);
        let rho = reference.agreement.with(&sums, &coverage, bands).rho;
        Some(Self {
            warp,
            coverage,
            rho,
            grid,
            sums,
        })
    }

    /// Moves the warp by what the content of its regions has moved, if that makes it better.
    pub(super) fn follow(
        self,
        query: &Query<'_>,
        reference: &Reference<'_>,
        host: &HostLanes,
        freedom: Freedom,
    ) -> Self {
        flow(&self.grid, host, freedom)
            .and_then(|step| {
                Self::new(
                    query,
                    reference,
                    self.warp.moved(&step, freedom),
                    BANDS,
                    Sampling::Coarse,
                )
            })
            .filter(|next| next.rho > self.rho)
            .unwrap_or(self)
    }

    /// What a position is chosen by: rho sqrt(tiles).
    pub(super) fn merit(&self) -> f64 {
        self.rho * self.coverage.root()
    }

    /// The merit that all bands together have, whichever were refined last.
    pub(super) fn merit_in_all_bands(&self, reference: &Reference<'_>) -> f64 {
        let likeness = reference.agreement.with(&self.sums, &self.coverage, BANDS);
        likeness.rho * self.coverage.root()
    }

    /// Share of the tiles seen that are the original's, in their place.
    pub(super) fn intact_share(&self, reference: &Reference<'_>) -> f64 {
        reference.agreement.intact_share(&self.sums, &self.coverage)
    }

    /// Improves the warp while rho grows.
    pub(super) fn refine(
        mut self,
        query: &Query<'_>,
        reference: &Reference<'_>,
        stage: Stage,
    ) -> Self {
        self.rho = (reference.agreement)
            .with(&self.sums, &self.coverage, stage.bands)
            .rho;
        let mut damping = DAMPING;
        for _ in 0..stage.steps {
            let equations = self.equations(reference, stage);
            let mut better = None;
            for _ in 0..TRIES {
                better = equations
                    .solve(damping)
                    .and_then(|step| {
                        Self::new(
                            query,
                            reference,
                            self.warp.moved(&step, stage.freedom),
                            stage.bands,
                            Sampling::Coarse,
                        )
                    })
                    .filter(|next| next.rho > self.rho);
                if better.is_some() {
                    damping = (damping / 5.0).max(1e-5);
                    break;
                }
                damping *= 10.0;
            }
            let Some(next) = better else { break };
            let growth = next.rho - self.rho;
            self = next;
            if growth < WORTH {
                break;
            }
        }
        self
    }

    /// The last refinement: looks as closely as the picture allows, and moves the warp by what is left.
    pub(super) fn polish(mut self, query: &Query<'_>, reference: &Reference<'_>) -> Self {
        let stage = Stage {
            freedom: match self.warp.shifts {
                Some(_) => Freedom::Shifts,
                None => Freedom::Projective,
            },
            bands: BANDS,
            steps: POLISHES,
        };
        let look = |warp| Self::new(query, reference, warp, BANDS, Sampling::Fine);
        if let Some(closely) = look(self.warp.clone()) {
            self = closely;
        }
        for _ in 0..stage.steps {
            let moved = (self.equations(reference, stage).solve(DAMPING))
                .and_then(|step| look(self.warp.moved(&step, stage.freedom)))
                .filter(|next| next.rho > self.rho);
            let Some(next) = moved else { break };
            let growth = next.rho - self.rho;
            self = next;
            if growth < POLISH_WORTH {
                break;
            }
        }
        self
    }

    /// The normal equations of one step.
    fn equations(&self, reference: &Reference<'_>, stage: Stage) -> Equations {
        let (slope_x, slope_y) = slopes(&self.grid, self.coverage.window());
        let slope_x = transform::forward(&slope_x).sums(reference.signs);
        let slope_y = transform::forward(&slope_y).sums(reference.signs);
        let q = reference.agreement.whitening();
        let mut equations = Equations::new(stage.freedom);
        let tiling = reference.signs.tiling();
        let gains: [f32; BANDS] = std::array::from_fn(|band| {
            let (r, h) = (self.sums.band(band), reference.host.band(band));
            let sum = |value: &dyn Fn(usize) -> f32| -> f64 {
                (self.coverage.shown())
                    .map(|tile| f64::from(value(tile)))
                    .sum()
            };
            let gain = sum(&|tile| r[tile] * h[tile]) / (sum(&|tile| h[tile] * h[tile]) + 1e-6);
            (gain as f32).max(0.1)
        });
        let error = |tile: usize, band: usize| {
            let rest = self.sums.band(band)[tile] - gains[band] * reference.host.band(band)[tile];
            q[band * tiling.count() + tile] * rest
        };
        let all =
            (self.coverage.shown()).flat_map(|tile| (0..stage.bands).map(move |band| (tile, band)));
        let scale = OUTLIER
            * f64::from(median(
                all.map(|(tile, band)| error(tile, band).abs()).collect(),
            ));
        for tile in self.coverage.shown() {
            let centre = |index: usize| (index as f64 + 0.5) / tiling.side() as f64;
            let fields = stage
                .freedom
                .fields((centre(tile % tiling.side()), centre(tile / tiling.side())));
            for band in 0..stage.bands {
                let error = f64::from(error(tile, band));
                let q = q[band * tiling.count() + tile];
                let slope = |sums: &Sums| f64::from(q * sums.band(band)[tile]);
                let outlying = error / scale.max(LEAST_SCALE);
                let weight = 1.0 / (1.0 + outlying * outlying);
                equations.add(error, (slope(&slope_x), slope(&slope_y)), &fields, weight);
            }
        }
        equations
    }
}

/// Slopes of a grid along x and y, per sample: the five-point stencil (8 (f1 - f-1) - (f2 - f-2)) / 12.
fn slopes(grid: &Plane, window: Window) -> (Plane, Plane) {
    let (mut across, mut down) = (Plane::new(GRID, GRID), Plane::new(GRID, GRID));
    let stencil = |at: &dyn Fn(usize) -> f32, i: usize, (first, end): (usize, usize)| {
        let near = |offset: isize| at(i.saturating_add_signed(offset).clamp(first, end - 1));
        (8.0 * (near(1) - near(-1)) - (near(2) - near(-2))) / 12.0
    };
    for y in window.y.0..window.y.1 {
        let row = grid.row(y);
        for x in window.x.0..window.x.1 {
            across.row_mut(y)[x] = stencil(&|x| row[x], x, window.x);
            down.row_mut(y)[x] = stencil(&|y| grid.row(y)[x], y, window.y);
        }
    }
    (across, down)
}

/// The median, of an empty list 0.
fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
