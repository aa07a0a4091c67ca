//! A mark that is not there is not found: the null hypothesis, on the detector's own statistic, by
//! the hundred thousand.

use lumatrace::{
    imaging::{Limits, decode},
    watermark::{NullTrials, WatermarkKey},
};

use crate::support::pictures;

/// Wrong keys that are tried.
const TRIALS: u32 = 120_000;

#[test]
fn wrong_keys_give_the_standard_normal_distribution() {
    // The hardest null: pictures of the very content of the record, attacked in ways that leave
    // different noise.
    let scenes = [pictures::scene(640, 448, 41), pictures::scene(512, 512, 42)];
    let read = |bytes: &[u8]| decode(bytes, &Limits::default()).unwrap();
    let mut trials = Vec::new();
    for scene in &scenes {
        let original = read(&pictures::png(scene));
        let half = image::imageops::thumbnail(scene, scene.width() / 2, scene.height() / 2);
        let soft = image::imageops::blur(scene, 1.5);
        for received in [
            pictures::png(scene),
            pictures::jpeg(scene, 50),
            pictures::jpeg(&half, 20),
            pictures::png(&soft),
        ] {
            trials.push(NullTrials::new(&original, &read(&received)));
        }
    }
    // Two threads, as CI has cores; each takes every other key.
    let scores: Vec<f64> = std::thread::scope(|scope| {
        let halves = [0, 1].map(|first| {
            let trials = &trials;
            scope.spawn(move || {
                (first..TRIALS)
                    .step_by(2)
                    .map(|number| {
                        let mut photo = [0; 16];
                        photo[..4].copy_from_slice(&number.to_le_bytes());
                        let key = WatermarkKey::derive(&[17; 32], &photo);
                        trials[number as usize / 2 % trials.len()].z(&key)
                    })
                    .collect::<Vec<f64>>()
            })
        });
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });

    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let deviation = (scores.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / count).sqrt();
    let maximum = scores.iter().copied().fold(f64::MIN, f64::max);
    let minimum = scores.iter().copied().fold(f64::MAX, f64::min);
    let above = |line: f64| scores.iter().filter(|z| **z > line).count() as f64 / count;
    println!(
        "{count} wrong keys: mean {mean:.4}, deviation {deviation:.4}, {minimum:.2} to {maximum:.2}, \
         P(z > 3) {:.2e} (normal 1.35e-3), P(z > 4) {:.2e} (normal 3.2e-5)",
        above(3.0),
        above(4.0)
    );
    assert!(count >= 100_000.0);
    assert!(mean.abs() < 0.01, "{mean}");
    assert!((0.98..=1.01).contains(&deviation), "{deviation}");
    assert!(maximum < 5.5, "{maximum}");
    assert!(above(3.0) < 2.0e-3, "{}", above(3.0));
}
