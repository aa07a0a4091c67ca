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
    /// Scaled, turned or mirrored.
    Resize,
}

impl TamperClass {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Compression => "COMPRESSION",
            Self::Resize => "RESIZE",
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
    /// No mark of this photo.
    Unknown,
}

impl Verdict {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "INTACT",
            Self::Recovered => "RECOVERED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Evidence {
    /// The verdict that the evidence supports.
    pub fn verdict(self) -> Verdict {
        match (self.watermark, self.exact_match) {
            (WatermarkStatus::Detected, true) => Verdict::Intact,
            (WatermarkStatus::Detected, false) => Verdict::Recovered,
            (WatermarkStatus::Marginal | WatermarkStatus::NotFound, _) => Verdict::Unknown,
        }
    }

    /// Whether the image may be called this photo under the policy that was asked for.
    pub fn authentic(self) -> bool {
        let manifest_suffices = match (self.policy, self.c2pa) {
            (Policy::Standard, C2paStatus::Missing) => true,
            (Policy::Strict, C2paStatus::Missing) => false,
        };
        self.watermark == WatermarkStatus::Detected && manifest_suffices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_detected_mark_is_authentic_and_strict_asks_for_a_manifest() {
        use WatermarkStatus::{Detected, Marginal, NotFound};
        let mut rows = 0;
        for (watermark, exact_match, verdict) in [
            (Detected, true, Verdict::Intact),
            (Detected, false, Verdict::Recovered),
            (Marginal, false, Verdict::Unknown),
            (NotFound, false, Verdict::Unknown),
            (NotFound, true, Verdict::Unknown),
        ] {
            for policy in [Policy::Standard, Policy::Strict] {
                let evidence = Evidence {
                    c2pa: C2paStatus::Missing,
                    watermark,
                    exact_match,
                    policy,
                };
                assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
                let authentic = watermark == Detected && policy == Policy::Standard;
                assert_eq!(evidence.authentic(), authentic, "{evidence:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, 10);
    }
}
