//! One case on one photograph.

use std::time::Instant;

use lumatrace::watermark::{Record, TamperFinding, Tampering, WatermarkKey, detect};

use super::{
    case::{Case, Expected, Sent},
    mask::Overlap,
    said::{Said, said},
};

/// The least mean change of an edit that counts, in grey levels.
const LEAST_CHANGE: f64 = 1.0;

/// What came of it.
pub(crate) struct Trial {
    /// The photograph's name.
    pub(crate) photo: String,
    /// The case's group.
    pub(crate) group: &'static str,
    /// Its name.
    pub(crate) case: String,
    /// Its name without the variant.
    pub(crate) counted_as: String,
    /// What would be right.
    pub(crate) expected: Expected,
    /// Strength of the mark.
    pub(crate) z: f64,
    /// Agreement of the content.
    pub(crate) rho: f64,
    /// Agreement of the places with content.
    pub(crate) content_rho: f64,
    /// Share of energy that is not the photograph's, and levels that its tone leaves unexplained.
    pub(crate) foreign: (f32, Option<f64>),
    /// Share of the area from which a replacement is found nine times in ten; nothing where none
    /// is.
    pub(crate) smallest: Option<f64>,
    /// Share of the photograph that is seen.
    pub(crate) coverage: f64,
    /// The conclusion.
    pub(crate) said: Said,
    /// The finding about alterations; nothing without the mark.
    pub(crate) finding: Option<TamperFinding>,
    /// Share of the photograph that was compared.
    pub(crate) compared: f64,
    /// The largest evidence for an alteration, over its threshold.
    pub(crate) evidence: f32,
    /// Number of regions.
    pub(crate) regions: usize,
    /// Mean change of the edited places in grey levels, and how the regions lie on them.
    pub(crate) edit: Option<(f64, Overlap)>,
    /// Time of the detection without decoding, in milliseconds.
    pub(crate) milliseconds: f64,
}

impl Trial {
    /// Asks the engine what it says of a case.
    pub(crate) fn run(
        case: &Case,
        sent: &Sent,
        photo: &str,
        (record, key): (&Record, &WatermarkKey),
    ) -> Self {
        let received = sent.attacked.photo();
        let started = Instant::now();
        let detection = detect(&received, record, key);
        let milliseconds = 1e3 * started.elapsed().as_secs_f64();
        let tampering = detection.tampering.as_ref();
        let regions = tampering.map_or(&[][..], |tampering| &tampering.regions);
        let map = tampering.map_or(&[][..], |tampering| tampering.map());
        Self {
            photo: photo.to_owned(),
            group: case.group,
            case: case.name.clone(),
            counted_as: case.counted_as().to_owned(),
            expected: case.expected,
            z: detection.z,
            rho: detection.rho,
            content_rho: detection.content_rho,
            foreign: tampering.map_or((0.0, None), Tampering::foreign),
            smallest: tampering.and_then(|tampering| tampering.smallest_visible),
            coverage: detection.coverage,
            said: said(&detection),
            finding: tampering.map(|tampering| tampering.finding),
            compared: tampering.map_or(0.0, |tampering| tampering.compared),
            evidence: map.iter().copied().fold(0.0, f32::max),
            regions: regions.len(),
            edit: sent
                .edit
                .as_ref()
                .map(|edit| (edit.change, edit.mask.compare(regions))),
            milliseconds,
        }
    }

    /// Tells whether it is counted: an edit that changes next to nothing, as white on white, is
    /// none.
    pub(crate) fn counts(&self) -> bool {
        self.edit.is_none_or(|(change, _)| change >= LEAST_CHANGE)
    }

    /// Tells whether the mark was detected.
    pub(crate) fn detected(&self) -> bool {
        self.said != Said::NotDetected
    }

    /// Tells whether doubt was expressed.
    pub(crate) fn uncertain(&self) -> bool {
        self.said == Said::Uncertain
    }

    /// Tells whether it was called altered, with a region on the edit.
    pub(crate) fn on_the_edit(&self) -> bool {
        self.said == Said::Altered && self.edit.is_some_and(|(_, overlap)| overlap.covered > 0.0)
    }
}
