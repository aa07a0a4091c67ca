//! Content agreement: a measure of whether a received picture lies on the grid as the original did.
//!
//! ```text
//! q    = 1 / sqrt(G_1.5(h^2) + mean(h^2) / 4 + tiles in a sum)       per band
//! rho  = <clip3(r q), clip3(h q)> / (|clip3(r q)| |clip3(h q)|)      over the tiles that are shown
//! gain = <clip3(r q), clip3(h q)> / |clip3(h q)|^2
//! x    = clip3(r q), y = clip3(h q)
//! l    = G_1(sum_b x y) / sqrt(G_1(sum_b x^2) G_1(sum_b y^2))            of a tile: local correlation
//! intact share: of the tiles, those with l > 0.7;  foreign share: of the textured tiles, those with l < 0.3
//! textured: G_1(sum_b y^2) > 0.6, all bands
//! ```
//!
//! Every product has both factors of one tile and band, which flip together with its sign. So no
//! number here sees the signs, and any number of geometries may be tried with them at no cost in
//! false positives ([`super::score`]).

use super::{
    carrier::{BANDS, Signs, Sums},
    statistic::{LocalMean, ratio},
};
use crate::watermark::{geometry::coverage::Coverage, sampling::blur::Blur};

/// Local correlation from which a tile certainly shows the original's content, in place.
const INTACT_RHO: f32 = 0.7;

/// Whitened energy around a tile, of all bands, from which it counts as textured.
pub(in crate::watermark) const TEXTURED: f32 = 0.6;
/// Keeps the correlation of an empty picture finite.
const TINY: f32 = 1e-6;

/// The original's side of the comparison with received sums.
#[derive(Debug)]
pub(in crate::watermark) struct Agreement {
    /// Whitening q of every sum, in the order of [`Sums`].
    whitening: Vec<f32>,
    /// Whitened host sums, clip3(h q).
    host: Vec<f32>,
}

/// Likeness of a received picture to the original.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::watermark) struct Likeness {
    /// Correlation rho, -1..=1.
    pub(in crate::watermark) rho: f64,
    /// Amount of the original's content that is there; about 1 if all of it is.
    pub(in crate::watermark) gain: f64,
}

impl Agreement {
    /// Prepares the comparison with the host sums of a record.
    pub(in crate::watermark) fn new(host: &Sums) -> Self {
        let blur = Blur::gaussian(1.5);
        let tiling = host.tiling();
        let least = tiling.tiles_per_sum() as f32;
        let mut whitening = Vec::with_capacity(host.values().len());
        for band in 0..BANDS {
            let square: Vec<f32> = host.band(band).iter().map(|h| h * h).collect();
            let sum: f64 = square.iter().copied().map(f64::from).sum();
            let floor = 0.25 * sum as f32 / tiling.count() as f32 + least;
            let local = blur.apply(tiling.side(), &square);
            whitening.extend(local.into_iter().map(|local| 1.0 / (local + floor).sqrt()));
        }
        let host = (host.values().iter())
            .zip(&whitening)
            .map(|(&sum, &q)| clip(sum, q))
            .collect();
        Self { whitening, host }
    }

    /// Returns the whitening q of each sum, in the order of [`Sums`].
    pub(in crate::watermark) fn whitening(&self) -> &[f32] {
        &self.whitening
    }

    /// Returns the whitened host sums, clip3(h q).
    pub(in crate::watermark) fn host(&self) -> &[f32] {
        &self.host
    }

    /// Compares received sums with the original's in the first `bands` bands of the tiles that are
    /// shown.
    pub(in crate::watermark) fn with(
        &self,
        received: &Sums,
        coverage: &Coverage,
        bands: usize,
    ) -> Likeness {
        let (mut product, mut host_energy, mut received_energy) = (0.0, 0.0, 0.0);
        debug_assert_eq!(received.tiling(), coverage.tiling());
        let count = received.tiling().count();
        let sums = received
            .values()
            .iter()
            .zip(&self.whitening)
            .zip(&self.host);
        for (index, ((&r, &q), &h)) in sums.take(bands * count).enumerate() {
            if coverage.shows(index % count) {
                let (r, h) = (f64::from(clip(r, q)), f64::from(h));
                product += r * h;
                host_energy += h * h;
                received_energy += r * r;
            }
        }
        Likeness {
            rho: ratio(product, (host_energy * received_energy).sqrt()),
            gain: ratio(product, host_energy),
        }
    }

    /// Multiplies the whitened sums of both pictures, in the first `bands` bands of the tiles that
    /// are shown.
    pub(in crate::watermark) fn products(
        &self,
        received: &Sums,
        coverage: &Coverage,
        bands: usize,
    ) -> Products {
        let count = received.tiling().count();
        let mut products = Products {
            xy: vec![0.0; count],
            xx: vec![0.0; count],
            yy: vec![0.0; count],
        };
        for tile in coverage.shown() {
            for index in (0..bands).map(|band| band * count + tile) {
                let x = clip(received.values()[index], self.whitening[index]);
                let y = self.host[index];
                products.xy[tile] += x * y;
                products.xx[tile] += x * x;
                products.yy[tile] += y * y;
            }
        }
        products
    }

    /// Returns the share of the shown tiles, 0..=1, around which the content is the original's and
    /// lies in its place.
    ///
    /// Where something was pasted over a picture, rho falls but the rest stays intact; where the
    /// picture lies wrongly, little does.
    pub(in crate::watermark) fn intact_share(&self, received: &Sums, coverage: &Coverage) -> f64 {
        let around = self.products(received, coverage, BANDS).around(coverage);
        let intact = coverage
            .shown()
            .filter(|&tile| around.correlation(tile) > INTACT_RHO);
        intact.count() as f64 / coverage.count().max(1) as f64
    }
}

/// Products of whitened sums, summed over bands: one number a tile; 0 where a tile is not shown.
#[derive(Debug)]
pub(in crate::watermark) struct Products {
    /// Received times host, x y.
    pub(in crate::watermark) xy: Vec<f32>,
    /// Received energy, x^2.
    pub(in crate::watermark) xx: Vec<f32>,
    /// Host energy, y^2.
    pub(in crate::watermark) yy: Vec<f32>,
}

impl Products {
    /// Returns Gaussian means, with a standard deviation of one tile, over the tiles that are
    /// shown.
    pub(in crate::watermark) fn around(&self, coverage: &Coverage) -> Self {
        let mean = LocalMean::new(1.0, coverage);
        let of = |values: &[f32]| mean.of(|tile| values[tile]);
        Self {
            xy: of(&self.xy),
            xx: of(&self.xx),
            yy: of(&self.yy),
        }
    }

    /// Returns the correlation at a tile, -1..=1; 0 where there is no content.
    pub(in crate::watermark) fn correlation(&self, tile: usize) -> f32 {
        self.xy[tile] / ((self.xx[tile] * self.yy[tile]).sqrt() + TINY)
    }

    /// Returns the correlation over some tiles, -1..=1.
    pub(in crate::watermark) fn correlation_of(&self, tiles: impl Iterator<Item = usize>) -> f64 {
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for tile in tiles {
            xy += f64::from(self.xy[tile]);
            xx += f64::from(self.xx[tile]);
            yy += f64::from(self.yy[tile]);
        }
        ratio(xy, (xx * yy).sqrt())
    }

    /// Returns whether the original has content at a tile, for means of all bands.
    pub(in crate::watermark) fn textured(&self, tile: usize) -> bool {
        self.yy[tile] > TEXTURED
    }
}

fn clip(sum: f32, q: f32) -> f32 {
    (sum * q).clamp(-3.0, 3.0)
}

/// The host's side of everything that registration compares.
#[derive(Debug)]
pub(in crate::watermark) struct Reference<'a> {
    pub(in crate::watermark) signs: &'a Signs,
    pub(in crate::watermark) host: &'a Sums,
    pub(in crate::watermark) agreement: &'a Agreement,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::{TILE_COUNT, TILES, Tiling};

    /// Reproducible numbers, neither regular nor symmetric.
    fn host() -> Sums {
        Sums::from_fn(Tiling::Fine, |i| ((i * i) as f32 * 0.618).sin() * 20.0)
    }

    fn flip(sums: &Sums, at: usize) -> Sums {
        Sums::from_fn(Tiling::Fine, |i| {
            sums.values()[i] * if i == at { -1.0 } else { 1.0 }
        })
    }

    #[test]
    fn likeness_and_intact_share_do_not_see_a_sign() {
        let host = host();
        let received = Sums::from_fn(Tiling::Fine, |i| {
            0.8 * host.values()[i] + (i as f32 * 0.37).cos()
        });
        let all = Coverage::full();
        let before = Agreement::new(&host);
        let after = Agreement::new(&flip(&host, 1234));
        let flipped = flip(&received, 1234);
        assert_eq!(
            before.with(&received, &all, BANDS),
            after.with(&flipped, &all, BANDS)
        );
        assert!(before.with(&received, &all, BANDS).rho > 0.9);
        let share = before.intact_share(&received, &all);
        assert_eq!(
            share.to_bits(),
            after.intact_share(&flipped, &all).to_bits()
        );
        assert!(share > 0.99);
    }

    #[test]
    fn coarse_sums_hide_their_signs_as_well() {
        let host = Sums::from_fn(Tiling::Coarse, |i| ((i * i) as f32 * 0.618).sin() * 40.0);
        let received = Sums::from_fn(Tiling::Coarse, |i| {
            0.8 * host.values()[i] + (i as f32).cos()
        });
        let flip = |sums: &Sums| {
            Sums::from_fn(Tiling::Coarse, |i| {
                sums.values()[i] * if i == 300 { -1.0 } else { 1.0 }
            })
        };
        let all = Coverage::full().on(Tiling::Coarse);
        let (before, after) = (Agreement::new(&host), Agreement::new(&flip(&host)));
        let likeness = before.with(&received, &all, BANDS);
        assert_eq!(likeness, after.with(&flip(&received), &all, BANDS));
        assert!(likeness.rho > 0.9);
        let share = before.intact_share(&received, &all);
        let flipped = after.intact_share(&flip(&received), &all);
        assert_eq!(share.to_bits(), flipped.to_bits());
    }

    #[test]
    fn a_pasted_half_halves_the_intact_share() {
        let host = host();
        let pasted = Sums::from_fn(Tiling::Fine, |i| {
            let right = i % TILES >= TILES / 2;
            host.values()[if right {
                (i * 7 + 13) % (BANDS * TILE_COUNT)
            } else {
                i
            }]
        });
        let share = Agreement::new(&host).intact_share(&pasted, &Coverage::full());
        assert!((0.4..0.6).contains(&share), "{share}");
    }

    #[test]
    fn nothing_is_like_nothing() {
        let none = Sums::zeros(Tiling::Fine);
        let likeness = Agreement::new(&none).with(&none, &Coverage::full(), BANDS);
        assert_eq!((likeness.rho, likeness.gain), (0.0, 0.0));
    }
}
