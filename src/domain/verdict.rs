//! The decision table of `verify`: from what each layer of evidence says to one verdict.
//!
//! Pure, so that the table can be read and tested row by row (CONTRACT.md, "POST /api/v1/photos/verify").

/// What the content credentials in the file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum C2paStatus {
    /// The file carries no manifest.
    Missing,
}

impl C2paStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
        }
    }
}

/// What the watermark says about this photo id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatermarkStatus {
    /// The mark of this photo is there, at a false-positive probability below 1e-9.
    Detected,
    /// Something like it is there; not enough to say so.
    Marginal,
    /// The mark is not there.
    NotFound,
}

impl WatermarkStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detected => "DETECTED",
            Self::Marginal => "MARGINAL",
            Self::NotFound => "NOT_FOUND",
        }
    }
}

/// What was done to the picture since it was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TamperClass {
    /// The pixels are the ones that were sent.
    None,
    /// Re-saved, filtered or toned: same frame, other values.
    Compression,
    /// Scaled, turned by quarters or mirrored.
    Resize,
    /// Another frame: cut, turned by another angle, tilted, or put on a border.
    Crop,
    /// Content was replaced, erased, painted over or recoloured in places.
    StructuralAlteration,
}

impl TamperClass {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Compression => "COMPRESSION",
            Self::Resize => "RESIZE",
            Self::Crop => "CROP",
            Self::StructuralAlteration => "STRUCTURAL_ALTERATION",
        }
    }
}

/// How much evidence the client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The mark is enough where the manifest was stripped.
    #[default]
    Standard,
    /// A valid manifest is asked for as well.
    Strict,
}

impl Policy {
    /// Reads `standard` or `strict`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Standard, Self::Strict]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}

/// All evidence about one image and one photo id.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// The manifest.
    pub c2pa: C2paStatus,
    /// The mark.
    pub watermark: WatermarkStatus,
    /// What was done to the picture, as far as the mark tells.
    pub tamper_class: TamperClass,
    /// The bytes are the very ones that `protect` returned.
    pub exact_match: bool,
    /// What the client asked for.
    pub policy: Policy,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The file that was handed out.
    Intact,
    /// The bytes changed hands, the pixels lead back.
    Recovered,
    /// This photo, and not all of it is what was protected.
    Altered,
    /// No mark of this photo.
    Unknown,
}

impl Verdict {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "INTACT",
            Self::Recovered => "RECOVERED",
            Self::Altered => "ALTERED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Evidence {
    /// The verdict that the evidence supports.
    pub fn verdict(self) -> Verdict {
        match self.watermark {
            WatermarkStatus::Detected if self.altered() => Verdict::Altered,
            WatermarkStatus::Detected if self.exact_match => Verdict::Intact,
            WatermarkStatus::Detected => Verdict::Recovered,
            WatermarkStatus::Marginal | WatermarkStatus::NotFound => Verdict::Unknown,
        }
    }

    /// Whether the image may be called this photo under the policy that was asked for.
    pub fn authentic(self) -> bool {
        let manifest_suffices = match (self.policy, self.c2pa) {
            (Policy::Standard, C2paStatus::Missing) => true,
            (Policy::Strict, C2paStatus::Missing) => false,
        };
        self.watermark == WatermarkStatus::Detected && manifest_suffices && !self.altered()
    }

    /// Whether parts of the picture are not what was protected.
    fn altered(self) -> bool {
        self.tamper_class == TamperClass::StructuralAlteration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_detected_and_unaltered_mark_is_authentic_and_strict_asks_for_a_manifest() {
        use TamperClass::{Compression, Crop, None, Resize, StructuralAlteration};
        use WatermarkStatus::{Detected, Marginal, NotFound};
        let mut rows = 0;
        for (watermark, exact_match, tamper_class, verdict) in [
            (Detected, true, None, Verdict::Intact),
            (Detected, false, None, Verdict::Recovered),
            (Detected, false, Compression, Verdict::Recovered),
            (Detected, false, Resize, Verdict::Recovered),
            (Detected, false, Crop, Verdict::Recovered),
            (Detected, false, StructuralAlteration, Verdict::Altered),
            (Marginal, false, None, Verdict::Unknown),
            (NotFound, false, None, Verdict::Unknown),
            (NotFound, true, None, Verdict::Unknown),
        ] {
            for policy in [Policy::Standard, Policy::Strict] {
                let evidence = Evidence {
                    c2pa: C2paStatus::Missing,
                    watermark,
                    tamper_class,
                    exact_match,
                    policy,
                };
                assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
                let authentic = watermark == Detected
                    && tamper_class != StructuralAlteration
                    && policy == Policy::Standard;
                assert_eq!(evidence.authentic(), authentic, "{evidence:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, 18);
    }
}
