//! What strangers are told about a picture: one word, too coarse to be led by.

use super::verdict::{Alteration, Evidence, Verdict};

/// The answer to a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckAnswer {
    /// A photo of the tenant, and authentic.
    Unchanged,
    /// A photo of the tenant that was altered, or whose mark sits on other content.
    Changed,
    /// A photo of the tenant; whether something was changed is not told.
    Known,
    /// No photo of the tenant was recognised.
    Unknown,
}

impl CheckAnswer {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "UNCHANGED",
            Self::Changed => "CHANGED",
            Self::Known => "KNOWN",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// What the evidence about the photo that was recognised comes to.
    pub fn of(evidence: Evidence) -> Self {
        let altered = matches!(evidence.verdict(), Verdict::Altered | Verdict::Conflict);
        if evidence.authentic() {
            Self::Unchanged
        } else if altered || evidence.alteration() == Alteration::Found {
            Self::Changed
        } else {
            Self::Known
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::{
        C2paStatus, Content, Policy, StatedPhoto, TamperClass, WatermarkStatus,
    };

    #[test]
    fn the_answer_is_unchanged_only_where_verify_says_authentic() {
        let (mut cases, mut told) = (0, Vec::new());
        for content in [Content::Agrees, Content::Doubtful, Content::Other] {
            for compared in [
                Alteration::NoneFound,
                Alteration::Found,
                Alteration::Uncertain,
                Alteration::NotExamined,
            ] {
                for c2pa in [C2paStatus::Valid, C2paStatus::Missing, C2paStatus::Tampered] {
                    for stated in [StatedPhoto::Own, StatedPhoto::Other, StatedPhoto::Unknown] {
                        let evidence = Evidence {
                            c2pa,
                            stated,
                            watermark: WatermarkStatus::Detected,
                            content,
                            recognised: true,
                            compared,
                            handling: TamperClass::Compression,
                            exact_match: false,
                            policy: Policy::Standard,
                        };
                        let answer = CheckAnswer::of(evidence);
                        assert_eq!(answer == CheckAnswer::Unchanged, evidence.authentic());
                        if evidence.alteration() == Alteration::Found {
                            assert_eq!(answer, CheckAnswer::Changed, "{evidence:?}");
                        }
                        cases += 1;
                        told.push(answer);
                    }
                }
            }
        }
        println!("{cases} cases");
        for answer in [
            CheckAnswer::Unchanged,
            CheckAnswer::Changed,
            CheckAnswer::Known,
        ] {
            assert!(told.contains(&answer), "{answer:?}");
        }
    }
}
