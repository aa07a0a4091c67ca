//! Keypoints and the maps that are guessed from them, on a picture of random discs.

use crate::{
    imaging::Plane,
    watermark::{
        features::keypoints::{Keypoint, ORIGINAL_SIDE, of_original},
        geometry::homography::Homography,
        register::candidates::{Candidate, Effort, candidates},
        sampling::resample::{Taps, resample},
    },
};

/// Discs of random size, place and grey on grey, and a little grain; `seed` chooses them.
pub(super) fn discs(width: usize, height: usize, seed: u32) -> Plane {
    let mut state = seed;
    let mut next = |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % most
    };
    let mut plane = Plane::new(width, height);
    plane.data_mut().fill(120.0);
    for _ in 0..500 {
        let (x, y) = (next(width as u32) as f32, next(height as u32) as f32);
        let (radius, grey) = (4.0 + next(28) as f32, 20.0 + next(210) as f32);
        let rows = (y - radius).max(0.0) as usize..((y + radius) as usize).min(height);
        for row in rows {
            let half = (radius * radius - (row as f32 - y).powi(2)).max(0.0).sqrt();
            let columns = (x - half).max(0.0) as usize..((x + half).max(0.0) as usize).min(width);
            plane.row_mut(row)[columns].fill(grey);
        }
    }
    for sample in plane.data_mut() {
        *sample += next(5) as f32;
    }
    plane
}

/// A camera's view under a map from the picture (canonical) to the camera's own (received); black
/// outside.
fn view(picture: &Plane, map: &Homography, width: usize, height: usize) -> Plane {
    let back = map.inverse().unwrap();
    let mut out = Plane::new(width, height);
    for y in 0..height {
        for (x, sample) in out.row_mut(y).iter_mut().enumerate() {
            let at = (
                (x as f64 + 0.5) / width as f64,
                (y as f64 + 0.5) / height as f64,
            );
            let Some((u, v)) = back.apply(at.0, at.1) else {
                continue;
            };
            let (u, v) = (
                u * picture.width() as f64 - 0.5,
                v * picture.height() as f64 - 0.5,
            );
            let inside = u >= 0.0
                && v >= 0.0
                && u < picture.width() as f64 - 1.0
                && v < picture.height() as f64 - 1.0;
            if inside {
                let (fu, fv) = (u.fract() as f32, v.fract() as f32);
                let rows = [v as usize, v as usize + 1].map(|row| {
                    let pair = &picture.row(row)[u as usize..u as usize + 2];
                    pair[0] + fu * (pair[1] - pair[0])
                });
                *sample = rows[0] + fv * (rows[1] - rows[0]);
            }
        }
    }
    out
}

fn keypoints(picture: &Plane) -> Vec<Keypoint> {
    let factor = ORIGINAL_SIDE as f64 / picture.width().max(picture.height()) as f64;
    let side = |side: usize| (side as f64 * factor).round() as usize;
    let taps = |full: usize| Taps::area(full as f64, side(full));
    of_original(&resample(
        picture,
        &taps(picture.width()),
        &taps(picture.height()),
    ))
}

/// Returns the candidates of a view, and the distance by which the best one misses the corners, in
/// sides of the protected picture.
fn found(picture: &Plane, seen: &Plane, map: &Homography, effort: Effort) -> (Vec<Candidate>, f64) {
    let size = (picture.width() as u32, picture.height() as u32);
    let found = candidates(&keypoints(picture), size, seen, effort);
    let error = found.first().map_or(f64::INFINITY, |best| {
        let there_and_back = map.inverse().unwrap().after(&best.map);
        [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
            .map(|(u, v)| {
                let (x, y) = there_and_back.apply(u, v).unwrap();
                (x - u).hypot(y - v)
            })
            .into_iter()
            .fold(0.0, f64::max)
    });
    (found, error)
}

/// Rotates about the middle of a square picture, scales, and puts the middle at (x, y).
fn turned(degrees: f64, scale: f64, x: f64, y: f64) -> Homography {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (a, b) = (scale * cos, scale * sin);
    Homography([[a, -b, x], [b, a, y], [0.0, 0.0, 1.0]]).after(&Homography::translation(-0.5, -0.5))
}

#[test]
fn keypoints_are_spread_over_the_picture_and_survive_faintness() {
    let picture = discs(512, 512, 1);
    let keypoints = of_original(&picture);
    assert_eq!(keypoints.len(), 400);
    let mut cells = [0; 25];
    for keypoint in &keypoints {
        cells[(keypoint.y * 5.0) as usize * 5 + (keypoint.x * 5.0) as usize] += 1;
    }
    assert!(cells.iter().all(|&count| count >= 6), "{cells:?}");

    let mut faint = picture;
    for sample in faint.data_mut() {
        *sample = 100.0 + *sample / 16.0;
    }
    assert_eq!(of_original(&faint).len(), 400);
    let mut flat = Plane::new(512, 400);
    flat.data_mut().fill(77.0);
    assert!(of_original(&flat).is_empty());
    assert!(of_original(&Plane::new(16, 16)).is_empty());
}

#[test]
fn crops_turns_slants_and_mirror_images_are_recognised() {
    let picture = discs(768, 768, 2);
    let slanted = Homography([[0.8, 0.05, 0.08], [-0.06, 0.85, 0.1], [-0.1, 0.06, 1.0]]);
    let mirror = Homography([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    let cases = [
        ("a tenth", turned(0.0, 3.1, 0.7, 0.2), 260, 25),
        (
            "turned by 30 degrees",
            turned(30.0, 0.7, 0.5, 0.5),
            700,
            120,
        ),
        (
            "upside down and smaller",
            turned(180.0, 0.6, 0.4, 0.6),
            640,
            120,
        ),
        ("slanted", slanted, 720, 120),
        (
            "mirrored and turned",
            mirror.after(&turned(8.0, 1.1, 0.5, 0.5)),
            640,
            120,
        ),
    ];
    for (name, map, side, inliers) in cases {
        let seen = view(&picture, &map, side, side);
        let (candidates, error) = found(&picture, &seen, &map, Effort::Usual);
        assert!(error < 0.01, "{name}: {error} {candidates:?}");
        assert!(
            candidates[0].inliers >= inliers && candidates[0].share > 0.5,
            "{name}: {candidates:?}"
        );
    }
}

#[test]
fn a_deep_search_finds_a_picture_in_a_large_frame() {
    let picture = discs(768, 768, 3);
    let map = turned(3.0, 0.24, 0.4, 0.6);
    let seen = view(&picture, &map, 900, 900);
    let (candidates, error) = found(&picture, &seen, &map, Effort::Deep);
    assert!(error < 0.01, "{error} {candidates:?}");
}

#[test]
fn another_picture_and_a_flat_one_give_no_candidates() {
    let picture = discs(640, 512, 4);
    let keypoints = keypoints(&picture);
    for other in [
        discs(640, 512, 5),
        discs(300, 700, 6),
        Plane::new(640, 640),
        Plane::new(3, 900),
    ] {
        let found = candidates(&keypoints, (640, 512), &other, Effort::Usual);
        assert!(found.is_empty(), "{found:?}");
    }
    assert!(candidates(&[], (640, 512), &picture, Effort::Deep).is_empty());
}
