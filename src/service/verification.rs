//! From what the engine found in an image to the product's evidence, and what of it may be told: one way for `verify` and
//! `identify`.

use super::engine;
use crate::{
    domain::verdict::{
        Alteration, C2paStatus, Content, Evidence, Policy, TamperClass, Verdict, WatermarkStatus,
    },
    imaging::Photo,
    watermark::{self, Detection, PublicEvidence, Record, Region, Tampering},
};

/// The sizes that [`Verification::smallest_visible`] may tell, shares of the photo's area.
const VISIBLE_SIZES: [f64; 13] = [
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
];

/// What was found out about an image and one photo.
///
/// All that it tells comes in steps, as the evidence for the mark does: exact figures would show someone who changes a picture
/// little by little which of his changes bring him nearer to one that is not seen.
#[derive(Debug)]
pub struct Verification {
    /// All evidence, from which the verdict follows.
    pub evidence: Evidence,
    /// The evidence for the mark, as it may be told.
    pub mark: PublicEvidence,
    /// What the engine found; nothing when the photo was never protected.
    pub detection: Option<Detection>,
}

/// What is known about an image beside its pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Of how many photos the mark is looked for in it; chance is allowed for.
    pub(super) candidates: usize,
    /// Its bytes are the ones that `protect` returned for this photo.
    pub(super) exact_match: bool,
    /// How much evidence is asked for.
    pub(super) policy: Policy,
}

impl Verification {
    /// What is said about a photo that was never protected.
    pub(super) fn never_protected(policy: Policy) -> Self {
        Self {
            evidence: Evidence::none(policy),
            mark: PublicEvidence::NOTHING,
            detection: None,
        }
    }

    /// Weighs what the engine found in `photo` against the record of the photo that it is compared with.
    pub(super) fn weigh(
        photo: &Photo,
        record: &Record,
        detection: Detection,
        asked: Asked,
    ) -> Self {
        let z = watermark::corrected_for_tests(detection.z, asked.candidates);
        let watermark = engine::status(watermark::status(z));
        let evidence = Evidence {
            c2pa: C2paStatus::Missing,
            watermark,
            content: engine::content(detection.content),
            compared: (detection.tampering.as_ref()).map_or(Alteration::NotExamined, |found| {
                engine::alteration(found.finding)
            }),
            handling: if watermark == WatermarkStatus::Detected && !asked.exact_match {
                engine::tamper_class(watermark::tamper_class(photo, record, &detection))
            } else {
                TamperClass::None
            },
            exact_match: asked.exact_match,
            policy: asked.policy,
        };
        Self {
            evidence,
            mark: PublicEvidence::of(z),
            detection: Some(detection),
        }
    }

    /// Where the picture is not what was protected, the clearest place first. Other content has no places: all of it is other.
    pub fn tampered_regions(&self) -> &[Region] {
        match self.tampering() {
            Some(found) if self.evidence.verdict() == Verdict::Altered => &found.regions,
            _ => &[],
        }
    }

    /// Share of the protected photo that was seen and could be compared, rounded down to a hundredth.
    pub fn compared(&self) -> f64 {
        if self.evidence.same_pixels() {
            return 1.0;
        }
        self.tampering()
            .map_or(0.0, |found| in_hundredths(found.compared))
    }

    /// Share of the photo's area from which a replacement in this very copy would be seen, rounded up to a size of the series
    /// 1, 2, 5; 0 if it has the very pixels. Nothing unless the content was compared and agrees: in what agrees in part
    /// only, an alteration of any size may hide.
    pub fn smallest_visible(&self) -> Option<f64> {
        if self.evidence.same_pixels() {
            return Some(0.0);
        }
        if self.evidence.content != Content::Agrees {
            return None;
        }
        round_size(self.tampering()?.smallest_visible?)
    }

    /// Whether the content is that of the photo, marked or not.
    pub fn same_picture(&self) -> bool {
        self.detection.as_ref().is_some_and(Detection::recognised)
    }

    /// What the comparison of contents found; nothing unless the mark was detected.
    fn tampering(&self) -> Option<&Tampering> {
        let found = self.detection.as_ref()?;
        let detected = self.evidence.watermark == WatermarkStatus::Detected;
        found.tampering.as_ref().filter(|_| detected)
    }
}

/// Rounds a share down, so that no more is said to have been compared than was.
fn in_hundredths(share: f64) -> f64 {
    (share * 100.0).floor() / 100.0
}

/// Rounds up, so that no change is said to be seen that would not be; nothing beyond the whole photo.
fn round_size(share: f64) -> Option<f64> {
    VISIBLE_SIZES.into_iter().find(|size| *size >= share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_in_steps_that_promise_no_more_than_is_so() {
        for (share, told) in [
            (0.0, 0.0),
            (0.879, 0.87),
            (0.5, 0.5),
            (0.9999, 0.99),
            (1.0, 1.0),
        ] {
            assert!((in_hundredths(share) - told).abs() < 1e-12, "{share}");
        }
        for (share, told) in [
            (0.000_03, Some(0.0001)),
            (0.002, Some(0.002)),
            (0.0021, Some(0.005)),
            (0.3, Some(0.5)),
            (0.7, Some(1.0)),
            (1.1, None),
            (f64::NAN, None),
        ] {
            assert_eq!(round_size(share), told, "{share}");
        }
        assert!(VISIBLE_SIZES.is_sorted());
    }
}
