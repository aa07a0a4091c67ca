//! Refinement: from a roughly right position to a fraction of a sample, by the content alone.
//!
//! ```text
//! e_i     = q_i (r_i - a_b h_i)                     i: tile and band;  a_b = max(<r, h>_u / <h, h>_u, 0.1)
//! r(x)    ~ r + dx r_x + dy r_y                     r_x, r_y: keyed sums of the slopes of the sampled grid
//! (dx,dy) = sum over parameters of  p_k * field_k(tile's centre)
//! p       = argmin sum  v_i (e_i + q_i (dx r_x + dy r_y)_i)^2,    v = u / (1 + (e / (3 median|e|))^2)
//! u       trust in the tile (trust.rs); 1 while only the lowest band is looked at. The median is of what is trusted
//! ```
//!
//! This is the Gauss-Newton step of Lucas and Kanade (Baker and Matthews, "Lucas-Kanade 20 years
//! on", 2004) on the keyed sums instead of pixels, damped as by Levenberg and Marquardt and
//! weighted against outliers. The slopes are taken once per step from the sampled grid, whatever
//! the number of parameters: a rotation or a scale moves a tile as a whole, and its effect inside
//! the tile is of second order. A step counts if rho grows over the tiles that were trusted before
//! it. The last steps read fine samples, all others coarse ones ([`Sampling`]).

use super::{
    correlation::HostLanes,
    flow::flow,
    received::{ReceivedImage, Sampling},
};
use crate::{
    imaging::Plane,
    watermark::{
        geometry::{
            coverage::Coverage,
            warp::Warp,
            warp_update::{Equations, Freedom},
        },
        layout::{GRID, Window},
        signal::{
            agreement::{Products, Reference},
            carrier::{BANDS, Sums},
            transform,
            trust::{merit, trust, trusted_rho},
        },
    },
};

/// Fewest tiles that say anything about geometry.
pub(in crate::watermark) const MIN_TILES: usize = 12;
/// Initial damping, relative to the diagonal.
const DAMPING: f64 = 1e-3;
/// Growth of rho below which another step is not worth it: the last refinement does what is left.
const WORTH: f64 = 1e-2;
/// Most steps of the last refinement.
const POLISHES: usize = 2;
/// Growth of rho below which the last refinement stops.
const POLISH_WORTH: f64 = 1e-3;
/// Multiple of the median error from which an error counts half.
const OUTLIER: f64 = 3.0;
/// Least median error, in units of the local content: where most of the picture is flat, the median
/// means nothing.
const LEAST_SCALE: f64 = 0.3;
/// Most tries of a step, each damped more.
const TRIES: usize = 3;

/// A stage of refinement: the bands and freedom that are used, and the most steps.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct Stage {
    pub(in crate::watermark) freedom: Freedom,
    pub(in crate::watermark) bands: usize,
    pub(in crate::watermark) steps: usize,
}

/// A warp with the content that is seen through it.
#[derive(Debug, Clone)]
pub(in crate::watermark) struct Fit {
    pub(in crate::watermark) warp: Warp,
    pub(in crate::watermark) coverage: Coverage,
    pub(in crate::watermark) rho: f64,
    /// The grid sampled through the warp.
    pub(in crate::watermark) grid: Plane,
    pub(in crate::watermark) sums: Sums,
}

impl Fit {
    /// Samples the picture through a warp; `None` if too little is seen.
    pub(in crate::watermark) fn new(
        received: &ReceivedImage<'_>,
        reference: &Reference<'_>,
        warp: Warp,
        bands: usize,
        sampling: Sampling,
    ) -> Option<Self> {
        let coverage = Coverage::of(&warp.map).on(reference.signs.tiling());
        if coverage.count() < MIN_TILES {
            return None;
        }
        let grid = received.sample(&warp, sampling, coverage.window());
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

    /// Moves the warp by the displacement of its regions' content, if that makes it better.
    pub(in crate::watermark) fn follow(
        self,
        received: &ReceivedImage<'_>,
        reference: &Reference<'_>,
        host: &HostLanes,
        freedom: Freedom,
    ) -> Self {
        flow(&self.grid, host, freedom)
            .and_then(|step| {
                Self::new(
                    received,
                    reference,
                    self.warp.moved(&step, freedom),
                    BANDS,
                    Sampling::Coarse,
                )
            })
            .filter(|next| next.merit(reference) > self.merit(reference))
            .unwrap_or(self)
    }

    /// Returns the number that positions are chosen by, whichever bands were refined last.
    pub(in crate::watermark) fn merit(&self, reference: &Reference<'_>) -> f64 {
        merit(reference.agreement, &self.sums, &self.coverage)
    }

    /// Returns rho sqrt(tiles) of the bands that were refined last.
    pub(in crate::watermark) fn plain_merit(&self) -> f64 {
        self.rho * self.coverage.root()
    }

    /// Returns the share of the tiles seen that show the original's content, in its place.
    pub(in crate::watermark) fn intact_share(&self, reference: &Reference<'_>) -> f64 {
        reference.agreement.intact_share(&self.sums, &self.coverage)
    }

    /// Improves the warp as long as rho grows.
    pub(in crate::watermark) fn refine(
        mut self,
        received: &ReceivedImage<'_>,
        reference: &Reference<'_>,
        stage: Stage,
    ) -> Self {
        self.rho = (reference.agreement)
            .with(&self.sums, &self.coverage, stage.bands)
            .rho;
        let look = |warp| Self::new(received, reference, warp, stage.bands, Sampling::Coarse);
        let mut damping = DAMPING;
        for _ in 0..stage.steps {
            let step = self.next_step(reference, stage);
            let mut better = None;
            for _ in 0..TRIES {
                better = step.take(&self, damping, look);
                if better.is_some() {
                    damping = (damping / 5.0).max(1e-5);
                    break;
                }
                damping *= 10.0;
            }
            let Some((next, growth)) = better else { break };
            self = next;
            if growth < WORTH {
                break;
            }
        }
        self
    }

    /// Runs the last refinement: samples as finely as the picture allows, and moves the warp by
    /// what is left.
    pub(in crate::watermark) fn polish(
        mut self,
        received: &ReceivedImage<'_>,
        reference: &Reference<'_>,
    ) -> Self {
        let stage = Stage {
            freedom: match self.warp.shifts {
                Some(_) => Freedom::Shifts,
                None => Freedom::Projective,
            },
            bands: BANDS,
            steps: POLISHES,
        };
        let look = |warp| Self::new(received, reference, warp, BANDS, Sampling::Fine);
        if let Some(closely) = look(self.warp.clone()) {
            self = closely;
        }
        for _ in 0..stage.steps {
            let step = self.next_step(reference, stage).take(&self, DAMPING, look);
            let Some((next, growth)) = step else { break };
            self = next;
            if growth < POLISH_WORTH {
                break;
            }
        }
        self
    }

    fn products(&self, reference: &Reference<'_>, bands: usize) -> Products {
        (reference.agreement).products(&self.sums, &self.coverage, bands)
    }

    /// Sets up the next step.
    fn next_step<'a>(&self, reference: &'a Reference<'a>, stage: Stage) -> NextStep<'a> {
        let trust = if stage.bands > 1 {
            trust(&self.products(reference, stage.bands), &self.coverage)
        } else {
            self.coverage.weights()
        };
        NextStep {
            equations: self.equations(reference, stage, &trust),
            reference,
            stage,
            trust,
        }
    }

    /// Returns the normal equations of one step.
    fn equations(&self, reference: &Reference<'_>, stage: Stage, trust: &[f32]) -> Equations {
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
                    .map(|tile| f64::from(trust[tile] * value(tile)))
                    .sum()
            };
            let gain = sum(&|tile| r[tile] * h[tile]) / (sum(&|tile| h[tile] * h[tile]) + 1e-6);
            (gain as f32).max(0.1)
        });
        let error = |tile: usize, band: usize| {
            let rest = self.sums.band(band)[tile] - gains[band] * reference.host.band(band)[tile];
            q[band * tiling.count() + tile] * rest
        };
        // The trusted tiles determine the usual error, unless hardly any are trusted.
        let trusted = |&tile: &usize| trust[tile] > 0.5;
        let some = self.coverage.shown().filter(trusted).count() >= MIN_TILES;
        let all = (self.coverage.shown())
            .filter(|tile| !some || trusted(tile))
            .flat_map(|tile| (0..stage.bands).map(move |band| (tile, band)));
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
                let weight = f64::from(trust[tile]) / (1.0 + outlying * outlying);
                equations.add(error, (slope(&slope_x), slope(&slope_y)), &fields, weight);
            }
        }
        equations
    }
}

/// One step of a refinement, before it is taken.
struct NextStep<'a> {
    equations: Equations,
    reference: &'a Reference<'a>,
    stage: Stage,
    /// Trust in the tiles before the step.
    trust: Vec<f32>,
}

impl NextStep<'_> {
    /// Takes the step if rho grows by it; returns the fit that it leads to, and the growth of rho.
    fn take(
        &self,
        from: &Fit,
        damping: f64,
        look: impl Fn(Warp) -> Option<Fit>,
    ) -> Option<(Fit, f64)> {
        let rho =
            |fit: &Fit| trusted_rho(&fit.products(self.reference, self.stage.bands), &self.trust);
        let parameters = self.equations.solve(damping)?;
        let next = look(from.warp.moved(&parameters, self.stage.freedom))?;
        let growth = rho(&next) - rho(from);
        (growth > 0.0).then_some((next, growth))
    }
}

/// Returns the slopes of a grid along x and y, per sample: the five-point stencil (8 (f1 - f-1) -
/// (f2 - f-2)) / 12.
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

/// Returns the median, or 0 for an empty list.
fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
