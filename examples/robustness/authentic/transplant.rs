//! The mark of the protected photograph on other photographs.
//!
//! From the original, or from what denoisers take away. A Gaussian of 8 leaves a high-pass of the
//! picture, not only its mark.

use super::{
    case::{Case, Expected},
    scene::{Estimate, Scene},
};
use crate::attacks::{Attacked, jpeg};

/// The cases; each on some other photographs, at their own size.
pub(super) fn cases(others: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, estimate) in Estimate::ALL.into_iter().enumerate() {
        let (strengths, saved): (&[u8], &[bool]) = match estimate {
            Estimate::Known => (&[1, 2, 3], &[false, true]),
            Estimate::Gaussian(8.0) => (&[1], &[false]),
            _ => (&[1, 2, 3], &[false]),
        };
        for &strength in strengths {
            for &saved in saved {
                let after = if saved { "_jpeg75" } else { "" };
                for other in 0..others {
                    let name = format!("{}_x{strength}{after}/{}", estimate.name(), other + 1);
                    let make = move |scene: &Scene, _: &mut _| -> Attacked {
                        let mark = scene.mark(at);
                        let marked = mark.added_to(&scene.others[other], f32::from(strength));
                        if saved {
                            jpeg(&marked, 75).into()
                        } else {
                            marked.into()
                        }
                    };
                    cases.push(Case::new("transplant", name, Expected::Other, make));
                }
            }
        }
    }
    cases
}
