//! Overlap of two frames.
//!
//! The corners of the protected photo under a map are a convex polygon; its part inside the
//! received picture is cut out edge by edge (Sutherland and Hodgman, "Reentrant polygon clipping",
//! 1974) and measured by its corners.

use super::homography::Homography;

/// Corners of the unit square, clockwise from the upper left.
pub(in crate::watermark) const CORNERS: [(f64, f64); 4] =
    [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];

/// Returns the area of the part of the unit square that a map's image of the unit square covers,
/// 0..=1.
///
/// For a map from the protected photo to the received picture it is the share of the picture that
/// the photo fills; for the inverse map it is the share of the photo that is left. 0 if a corner
/// lies behind the horizon.
pub(in crate::watermark) fn overlap(map: &Homography) -> f64 {
    let Some(mut polygon) = CORNERS
        .iter()
        .map(|&(u, v)| map.apply(u, v))
        .collect::<Option<Vec<_>>>()
    else {
        return 0.0;
    };
    // A point is inside where the function is at least 0.
    for inside in [
        |(x, _): (f64, f64)| x,
        |(x, _): (f64, f64)| 1.0 - x,
        |(_, y): (f64, f64)| y,
        |(_, y): (f64, f64)| 1.0 - y,
    ] {
        polygon = cut(&polygon, inside);
    }
    area(&polygon).clamp(0.0, 1.0)
}

/// Returns the part of a convex polygon where `inside` is at least 0.
fn cut(polygon: &[(f64, f64)], inside: impl Fn((f64, f64)) -> f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    for (index, &from) in polygon.iter().enumerate() {
        let to = polygon[(index + 1) % polygon.len()];
        let (before, after) = (inside(from), inside(to));
        if before >= 0.0 {
            kept.push(from);
        }
        if (before < 0.0) != (after < 0.0) {
            let t = before / (before - after);
            kept.push((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)));
        }
    }
    kept
}

/// Returns the area of a polygon by the shoelace formula.
fn area(polygon: &[(f64, f64)]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    let twice: f64 = polygon
        .iter()
        .zip(next)
        .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
        .sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_4;

    use super::*;

    #[test]
    fn crops_keep_their_share_and_borders_fill_theirs() {
        let right_half = Homography([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!((overlap(&right_half) - 1.0).abs() < 1e-12);
        assert!((overlap(&right_half.inverse().unwrap()) - 0.5).abs() < 1e-12);
        let mirrored = Homography([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!((overlap(&mirrored) - 1.0).abs() < 1e-12);
        assert!(overlap(&Homography::translation(1.5, 0.0)) < 1e-12);
    }

    #[test]
    fn a_square_on_its_corner_is_cut_to_an_octagon() {
        let (sin, cos) = FRAC_PI_4.sin_cos();
        let turn = Homography([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]);
        let about_the_centre = Homography::translation(0.5, 0.5)
            .after(&turn)
            .after(&Homography::translation(-0.5, -0.5));
        // Regular octagon around a circle of radius 1/2: 2 (sqrt 2 - 1).
        let expected = 2.0 * (2.0_f64.sqrt() - 1.0);
        assert!((overlap(&about_the_centre) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_corner_behind_the_horizon_leaves_nothing() {
        let tilted = Homography([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-2.0, 0.0, 1.0]]);
        assert!(overlap(&tilted) < 1e-12);
    }
}
