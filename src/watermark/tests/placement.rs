//! Accuracy of registration, also where something covers the picture.

use super::{
    candidates::discs,
    geometry::seen,
    pictures::{key, open, photo, resaved, samples},
};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::{
        DETECTION_THRESHOLD, Embedded, detect, embed,
        geometry::{coverage::Coverage, homography::Homography, warp::Warp},
        layout::{GRID, TILES},
        register::{
            Depth, RegisteredImage,
            received::{ReceivedImage, Sampling},
            refine::Fit,
            register,
        },
        signal::{
            agreement::{Agreement, Reference},
            carrier::{BANDS, Signs, Sums},
        },
    },
};

/// Sides of the protected picture.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 640.0;

/// A picture of discs.
fn picture(width: u32, height: u32, seed: u32) -> Photo {
    let grey = discs(width as usize, height as usize, seed);
    let rgb = grey.data().iter().flat_map(|&level| [level as u8; 3]);
    photo(width, height, Layout::Rgb, Samples::U8(rgb.collect()))
}

/// A protected picture of discs, with its record.
fn protected() -> (Photo, Embedded) {
    let embedded = embed(picture(WIDTH as u32, HEIGHT as u32, 8), &key()).unwrap();
    (open(&embedded.bytes), embedded)
}

/// The reference data of a record that registration compares with.
struct Kept {
    signs: Signs,
    host: Sums,
    agreement: Agreement,
}

impl Kept {
    fn new(embedded: &Embedded) -> Self {
        Self::of(
            Signs::new(&key(), embedded.record.tiling()),
            embedded.record.host_sums(),
        )
    }

    fn of(signs: Signs, host: Sums) -> Self {
        let agreement = Agreement::new(&host);
        Self {
            signs,
            host,
            agreement,
        }
    }

    /// Returns the same data with the signs of one tile and band reversed.
    fn with_flipped(&self, tile: usize, band: usize) -> Self {
        let at = band * self.host.tiling().count() + tile;
        let host = Sums::from_fn(self.host.tiling(), |i| {
            self.host.values()[i] * if i == at { -1.0 } else { 1.0 }
        });
        Self::of(self.signs.with_flipped(tile, band), host)
    }

    fn reference(&self) -> Reference<'_> {
        Reference {
            signs: &self.signs,
            host: &self.host,
            agreement: &self.agreement,
        }
    }

    fn laid(&self, received: &Photo, embedded: &Embedded) -> RegisteredImage {
        register(
            &ReceivedImage::new(received),
            &embedded.record,
            &self.reference(),
            Depth::Full,
        )
    }
}

/// Returns the mean and largest distance between the true and the found positions of tiles, in
/// samples of the grid.
fn misplacement(warp: &Warp, truth: &Homography) -> (f64, f64) {
    let back = truth.inverse().unwrap();
    let middle = |i: usize| (i as f64 + 0.5) / TILES as f64;
    let distances: Vec<f64> = (Coverage::of(truth).shown())
        .map(|tile| {
            let (u, v) = (middle(tile % TILES), middle(tile / TILES));
            let (x, y) = warp.map.apply(u, v).unwrap();
            let (x, y) = back.apply(x, y).unwrap();
            GRID as f64 * (x - u).hypot(y - v)
        })
        .collect();
    assert!(warp.shifts.is_none() && distances.len() > 100);
    let sum: f64 = distances.iter().sum();
    let largest = distances.iter().copied().fold(0.0, f64::max);
    (sum / distances.len() as f64, largest)
}

/// Normalises a map between pixels: from the photo to a picture of this size.
fn normalised(pixels: &Homography, width: u32, height: u32) -> Homography {
    Homography::scaling(1.0 / f64::from(width), 1.0 / f64::from(height))
        .after(pixels)
        .after(&Homography::scaling(WIDTH, HEIGHT))
}

/// Returns the protected picture under a map from its pixels to the picture's.
fn view(sent: &Photo, pixels: &Homography, width: u32, height: u32) -> Photo {
    let back = pixels.inverse().unwrap();
    seen(sent, width, height, |x, y| back.apply(x, y).unwrap())
}

/// Covers a picture: `cover` gives the new colour of a pixel, if it has one.
fn cover(picture: &Photo, cover: impl Fn(usize, usize) -> Option<[u8; 3]>) -> Photo {
    let (width, height) = (picture.width(), picture.height());
    let mut rgb = samples(picture).to_vec();
    for (index, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        if let Some(colour) = cover(index % width as usize, index / width as usize) {
            pixel.copy_from_slice(&colour);
        }
    }
    photo(width, height, Layout::Rgb, Samples::U8(rgb))
}

/// Letters of a kind: bars of light on dark.
fn writing(x: usize, y: usize) -> [u8; 3] {
    let lit = y % 40 > 12 && (x * 7 / 11 + y / 40 * 5) % 9 > 3;
    if lit { [235; 3] } else { [30, 40, 110] }
}

#[test]
fn reframed_pictures_are_laid_within_a_twentieth_of_a_sample() {
    let (sent, embedded) = protected();
    let kept = Kept::new(&embedded);
    let turn = |degrees: f64| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Homography::translation(360.0, 300.0)
            .after(&Homography([
                [cos, -sin, 0.0],
                [sin, cos, 0.0],
                [0.0, 0.0, 1.0],
            ]))
            .after(&Homography::translation(-WIDTH / 2.0, -HEIGHT / 2.0))
    };
    let tilt = Homography([[0.93, 0.02, 12.0], [-0.02, 0.9, 31.0], [-7e-5, 6e-5, 1.0]]);
    let cases = [
        ("cut", Homography::translation(-130.0, -40.0), 700, 520),
        ("framed", Homography::translation(100.0, 70.0), 1100, 780),
        ("turned by 3", turn(3.0), 720, 600),
        ("turned by 10", turn(10.0), 720, 600),
        ("tilted", tilt, 900, 640),
    ];
    for (name, pixels, width, height) in cases {
        let received = view(&sent, &pixels, width, height);
        let truth = normalised(&pixels, width, height);
        let (mean, largest) = misplacement(&kept.laid(&received, &embedded).warp, &truth);
        assert!(mean < 0.02 && largest < 0.05, "{name}: {mean} {largest}");
    }
}

#[test]
fn the_last_refinement_takes_up_what_is_left() {
    let (sent, embedded) = protected();
    let pixels = Homography::translation(-130.0, -40.0);
    let (width, height) = (700, 520);
    let received = view(&sent, &pixels, width, height);
    let truth = normalised(&pixels, width, height);
    let off = Homography::translation(0.3 / GRID as f64, -0.2 / GRID as f64);
    let (kept, received) = (Kept::new(&embedded), ReceivedImage::new(&received));
    let start = Warp::of(truth.after(&off));
    let fit = Fit::new(&received, &kept.reference(), start, BANDS, Sampling::Coarse).unwrap();
    let (before, _) = misplacement(&fit.warp, &truth);
    let (after, largest) = misplacement(&fit.polish(&received, &kept.reference()).warp, &truth);
    assert!((before - 0.36).abs() < 0.01, "{before}");
    assert!(after < 0.02 && largest < 0.05, "{after} {largest}");
}

#[test]
fn what_covers_a_cut_picture_does_not_drag_it_away() {
    let (sent, embedded) = protected();
    let kept = Kept::new(&embedded);
    let other = picture(740, 540, 9);
    let other = samples(&other);
    let pixels = Homography::translation(-100.0, -60.0);
    let (width, height) = (740, 540);
    let truth = normalised(&pixels, width, height);
    let cut = view(&sent, &pixels, width, height);
    let lower_third = cover(&cut, |x, y| (y > 420).then(|| writing(x, y)));
    let corner = cover(&cut, |x, y| {
        let at = (y * 740 + x) * 3;
        (x > 370 && y > 270).then(|| [other[at], other[at + 1], other[at + 2]])
    });
    let column = cover(&cut, |x, y| (x < 300).then(|| writing(y, x)));
    for (name, received) in [
        ("lower third", lower_third),
        ("corner", corner),
        ("column", column),
    ] {
        for received in [resaved(&received, 60), received] {
            let (mean, largest) = misplacement(&kept.laid(&received, &embedded).warp, &truth);
            assert!(mean < 0.1 && largest < 0.25, "{name}: {mean} {largest}");
            let found = detect(&received, &embedded.record, &key());
            assert!(found.z > DETECTION_THRESHOLD, "{name}: {found:?}");
        }
    }
}

#[test]
fn no_position_sees_a_sign() {
    let (sent, embedded) = protected();
    let pixels = Homography([[0.97, 0.05, -90.0], [-0.05, 0.97, -20.0], [0.0, 0.0, 1.0]]);
    let view = view(&sent, &pixels, 700, 520);
    let received = cover(&view, |x, y| (y > 400).then(|| writing(x, y)));
    let kept = Kept::new(&embedded);
    let as_it_is = kept.laid(&received, &embedded);
    for (tile, band) in [(16 * TILES + 16, 0), (9 * TILES + 20, 3)] {
        let flipped = kept.with_flipped(tile, band).laid(&received, &embedded);
        assert_eq!(flipped.warp, as_it_is.warp);
        assert_eq!(flipped.coverage, as_it_is.coverage);
        assert_eq!(flipped.likeness, as_it_is.likeness);
        let at = band * TILES * TILES + tile;
        let (before, after) = (as_it_is.sums.values()[at], flipped.sums.values()[at]);
        assert_eq!((-before).to_bits(), after.to_bits());
    }
}
