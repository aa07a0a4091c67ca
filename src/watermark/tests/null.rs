//! A small draw from the null distribution; `tests/it/false_positives.rs` makes the large one.

use super::pictures::{resaved, scene_photo};
use crate::watermark::{NullTrials, WatermarkKey};

#[test]
fn wrong_keys_give_a_standard_normal_z() {
    let original = scene_photo(512, 512);
    let trials = NullTrials::new(&original, &resaved(&original, 50));
    let zs: Vec<f64> = (0..100_u8)
        .map(|id| trials.z(&WatermarkKey::derive(&[1; 32], &[id; 16])))
        .collect();
    let mean = zs.iter().sum::<f64>() / zs.len() as f64;
    let variance = zs.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / zs.len() as f64;
    assert!(mean.abs() < 0.4, "{mean}");
    assert!((0.6..1.5).contains(&variance), "{variance}");
    assert!(zs.iter().all(|z| z.abs() < 4.5));
}
