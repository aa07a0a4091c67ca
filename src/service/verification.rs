//! Turns the engine's findings in an image into the product's evidence, and limits what of it is
//! published: one way for `verify` and `identify`.

use super::{engine, stated::FileCredentials};
use crate::{
    db::manifests::ManifestSummary,
    domain::{
        PhotoId,
        verdict::{
            Alteration, C2paStatus, Content, Evidence, Policy, StatedPhoto, TamperClass, Verdict,
            WatermarkStatus,
        },
    },
    watermark::{self, Detection, PublicEvidence, ReceivedImage, Record, Region, Tampering},
};

/// The values of [`Verification::smallest_visible`], as shares of the photo's area.
const VISIBLE_SIZES: [f64; 13] = [
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
];

/// The evidence about an image and one photo.
///
/// All published figures come in steps, as does the evidence for the mark: exact ones would show an
/// attacker who changes a picture little by little which changes bring it nearer to passing
/// unnoticed.
#[derive(Debug)]
pub struct Verification {
    /// The product's evidence, from which the verdict follows.
    pub evidence: Evidence,
    /// The evidence for the mark, as it is published.
    pub mark: PublicEvidence,
    /// The engine's findings; `None` when the photo was never protected.
    pub detection: Option<Detection>,
    /// The content credentials in the file.
    pub credentials: FileCredentials,
    /// The URN of the photo's kept manifest, where the file carries none and its pixels lead there.
    pub recovered: Option<String>,
}

/// The circumstances of a comparison, beside the image itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The number of photos whose mark is looked for, by which z is corrected.
    pub(super) candidates: usize,
    /// Whether its bytes are those that `protect` returned for this photo.
    pub(super) exact_match: bool,
    /// How much evidence the client requires.
    pub(super) policy: Policy,
}

impl Verification {
    /// The result for a photo that was never protected.
    pub(super) fn never_protected(policy: Policy) -> Self {
        Self {
            evidence: Evidence::none(policy),
            mark: PublicEvidence::NOTHING,
            detection: None,
            credentials: FileCredentials::missing(),
            recovered: None,
        }
    }

    /// Adds what the content credentials of the file say about `photo`, whose own manifest is
    /// `own`; `marked` are photos whose marks are in the image.
    pub(super) fn with_credentials(
        mut self,
        credentials: FileCredentials,
        photo: PhotoId,
        own: Option<&ManifestSummary>,
        marked: &[PhotoId],
    ) -> Self {
        self.evidence.stated = credentials.stated(photo, own, marked);
        self.evidence.c2pa = credentials.status(self.evidence.exact_match);
        let leads_there = self.evidence.c2pa == C2paStatus::Missing
            && self.evidence.watermark == WatermarkStatus::Detected
            && self.evidence.verdict() != Verdict::Conflict;
        self.recovered = own
            .filter(|own| leads_there && own.kept)
            .map(|own| own.manifest_id.clone());
        self.credentials = credentials;
        self
    }

    /// Weighs the engine's findings in a picture against the record that it is compared with.
    pub(super) fn weigh(
        received: &ReceivedImage<'_>,
        record: &Record,
        detection: Detection,
        asked: Asked,
    ) -> Self {
        let z = watermark::corrected_for_tests(detection.z, asked.candidates);
        let watermark = engine::status(watermark::status(z));
        let evidence = Evidence {
            c2pa: C2paStatus::Missing,
            stated: StatedPhoto::Unknown,
            watermark,
            content: engine::content(detection.content),
            recognised: detection.recognised(),
            compared: (detection.tampering.as_ref()).map_or(Alteration::NotExamined, |found| {
                engine::alteration(found.finding)
            }),
            handling: if watermark == WatermarkStatus::Detected && !asked.exact_match {
                engine::tamper_class(received.manipulation_class(record, &detection))
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
            credentials: FileCredentials::missing(),
            recovered: None,
        }
    }

    /// The regions that differ from the protected photo, the clearest first. Other content has no
    /// regions: all of it differs.
    pub fn tampered_regions(&self) -> &[Region] {
        match self.tampering() {
            Some(found) if self.evidence.verdict() == Verdict::Altered => &found.regions,
            _ => &[],
        }
    }

    /// Share of the protected photo that was visible and could be compared, 0 to 1, rounded down to
    /// a hundredth.
    pub fn compared(&self) -> f64 {
        if self.evidence.same_pixels() {
            return 1.0;
        }
        self.tampering()
            .map_or(0.0, |found| in_hundredths(found.compared))
    }

    /// Share of the photo's area from which a replacement in this very copy would be seen, rounded
    /// up to a value of the series 1, 2, 5; 0 for identical pixels. `None` unless the content was
    /// compared and agrees: in content that agrees only in part, an alteration of any size may
    /// hide.
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

    /// The result of comparing the contents; `None` unless the mark was detected.
    fn tampering(&self) -> Option<&Tampering> {
        let found = self.detection.as_ref()?;
        let detected = self.evidence.watermark == WatermarkStatus::Detected;
        found.tampering.as_ref().filter(|_| detected)
    }
}

/// Rounds a share down, so that no more is claimed to have been compared than was.
fn in_hundredths(share: f64) -> f64 {
    (share * 100.0).floor() / 100.0
}

/// Rounds up, so that no change is claimed to be visible that is not; `None` beyond the whole
/// photo.
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
