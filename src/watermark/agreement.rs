//! Content agreement: does a received picture lie on the grid as the original did?
//!
//! ```text
//! q    = 1 / sqrt(G_1.5(h^2) + mean(h^2) / 4 + 1)                   per band
//! rho  = <clip3(r q), clip3(h q)> / (|clip3(r q)| |clip3(h q)|)      over the tiles that are shown
//! gain = <clip3(r q), clip3(h q)> / |clip3(h q)|^2
//! intact share: of the tiles, those with G_1(x y) > 0.7 sqrt(G_1(x^2) G_1(y^2)),  x = clip3(r q), y = clip3(h q)
//! ```
//!
//! Every product has both factors of one tile and band, which flip together with its sign. So no number here sees the
//! signs, and any number of geometries may be tried with them at no cost in false positives ([`super::score`]).

use super::{
    blur::Blur,
    carrier::{BANDS, Sums, TILE_COUNT, TILES},
    coverage::Coverage,
    statistic::{LocalMean, ratio},
};

/// Local correlation from which a tile certainly shows the original's content, in place.
const INTACT_RHO: f32 = 0.7;

/// What received sums are compared with.
#[derive(Debug)]
pub(super) struct Agreement {
    /// q of every sum.
    whitening: Vec<f32>,
    /// clip3(h q).
    host: Vec<f32>,
}

/// How much a received picture looks like the original.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// Correlation, -1..=1.
    pub(super) rho: f64,
    /// How much of the original's content is there; about 1 if all of it is.
    pub(super) gain: f64,
}

impl Agreement {
    /// Prepares the comparison with the host sums of a record.
    pub(super) fn new(host: &Sums) -> Self {
        let blur = Blur::gaussian(1.5);
        let mut whitening = Vec::with_capacity(host.values().len());
        for band in 0..BANDS {
            let square: Vec<f32> = host.band(band).iter().map(|h| h * h).collect();
            let sum: f64 = square.iter().copied().map(f64::from).sum();
            let floor = 0.25 * sum as f32 / TILE_COUNT as f32 + 1.0;
            let local = blur.apply(TILES, &square);
            whitening.extend(local.into_iter().map(|local| 1.0 / (local + floor).sqrt()));
        }
        let host = (host.values().iter())
            .zip(&whitening)
            .map(|(&sum, &q)| clip(sum, q))
            .collect();
        Self { whitening, host }
    }

    /// Whitening q of each sum, in the order of [`Sums`].
    pub(super) fn whitening(&self) -> &[f32] {
        &self.whitening
    }

    /// Whitened host sums, clip3(h q).
    pub(super) fn host(&self) -> &[f32] {
        &self.host
    }

    /// Compares received sums with the original's in the first `bands` bands of the tiles that are shown.
    pub(super) fn with(&self, received: &Sums, coverage: &Coverage, bands: usize) -> Likeness {
        let (mut product, mut host_energy, mut received_energy) = (0.0, 0.0, 0.0);
        let sums = received
            .values()
            .iter()
            .zip(&self.whitening)
            .zip(&self.host);
        for (index, ((&r, &q), &h)) in sums.take(bands * TILE_COUNT).enumerate() {
            if coverage.shows(index % TILE_COUNT) {
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

    /// Share of the shown tiles, 0..=1, around which the content is the original's and lies in its place.
    ///
    /// Where something was pasted over a picture, rho falls but the rest stays intact; where the picture lies
    /// wrongly, little does.
    pub(super) fn intact_share(&self, received: &Sums, coverage: &Coverage) -> f64 {
        let mean = LocalMean::new(1.0, coverage);
        let over_bands = |value: &dyn Fn(f32, f32) -> f32| {
            mean.of(|tile| {
                (0..BANDS)
                    .map(|band| {
                        let index = band * TILE_COUNT + tile;
                        let x = clip(received.values()[index], self.whitening[index]);
                        value(x, self.host[index])
                    })
                    .sum()
            })
        };
        let product = over_bands(&|x, y| x * y);
        let received_energy = over_bands(&|x, _| x * x);
        let host_energy = over_bands(&|_, y| y * y);
        let intact = mean.shown().filter(|&tile| {
            product[tile] > INTACT_RHO * (received_energy[tile] * host_energy[tile]).sqrt()
        });
        intact.count() as f64 / coverage.count().max(1) as f64
    }
}

/// `clip3(sum q)`.
fn clip(sum: f32, q: f32) -> f32 {
    (sum * q).clamp(-3.0, 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible numbers, neither regular nor symmetric.
    fn host() -> Sums {
        Sums::from_fn(|i| ((i * i) as f32 * 0.618).sin() * 20.0)
    }

    fn flip(sums: &Sums, at: usize) -> Sums {
        Sums::from_fn(|i| sums.values()[i] * if i == at { -1.0 } else { 1.0 })
    }

    #[test]
    fn likeness_and_intact_share_do_not_see_a_sign() {
        let host = host();
        let received = Sums::from_fn(|i| 0.8 * host.values()[i] + (i as f32 * 0.37).cos());
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
    fn a_pasted_half_halves_the_intact_share() {
        let host = host();
        let pasted = Sums::from_fn(|i| {
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
        let none = Sums::zeros();
        let likeness = Agreement::new(&none).with(&none, &Coverage::full(), BANDS);
        assert_eq!((likeness.rho, likeness.gain), (0.0, 0.0));
    }
}
