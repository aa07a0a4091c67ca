//! The decision table of `verify`: from what each layer of evidence says to one verdict.
//!
//! Three questions are answered apart: is the mark here, is what is seen the protected content, was nothing in it changed.
//! `authentic` needs a positive answer to each. Pure, so that the table can be read and tested row by row (docs/verify.md).

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

/// Whether what is seen is the protected content, on an absolute scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It is.
    Agrees,
    /// Part of it is, or too little can be told to say.
    Doubtful,
    /// It is another picture's: a mark there was carried to it.
    Other,
}

/// Whether something in the picture was changed: replaced, erased, painted over or recoloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alteration {
    /// It was looked for, and nothing was found.
    NoneFound,
    /// What is seen is not what was protected, in places or as a whole.
    Found,
    /// Something deviates, and what was done to the whole picture may be the reason; or too little agrees to say.
    Uncertain,
    /// The record of strict privacy cannot tell, or there is no mark, so nothing to compare with.
    NotExamined,
}

impl Alteration {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoneFound => "NONE_FOUND",
            Self::Found => "FOUND",
            Self::Uncertain => "UNCERTAIN",
            Self::NotExamined => "NOT_EXAMINED",
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
    /// Content was replaced, erased, painted over or recoloured, in places or as a whole.
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
    /// The mark is enough where the manifest was stripped, and agreement as far as the photo's record can tell.
    #[default]
    Standard,
    /// A valid manifest is asked for as well, and that alterations were looked for.
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

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The file that was handed out.
    Intact,
    /// The bytes changed hands, the pixels lead back.
    Recovered,
    /// This photo, and not all of it is what was protected.
    Altered,
    /// The mark of this photo sits on other content.
    Conflict,
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
            Self::Conflict => "CONFLICT",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// All evidence about one image and one photo id, as each layer gives it. What is told follows from it by the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The manifest.
    pub c2pa: C2paStatus,
    /// The mark.
    pub watermark: WatermarkStatus,
    /// The content.
    pub content: Content,
    /// What comparing the content place by place found.
    pub compared: Alteration,
    /// What was done to the picture, as far as its place and its pixels tell.
    pub handling: TamperClass,
    /// The bytes are the very ones that `protect` returned.
    pub exact_match: bool,
    /// What the client asked for.
    pub policy: Policy,
}

impl Evidence {
    /// What there is to say without a record to compare with: nothing.
    pub fn none(policy: Policy) -> Self {
        Self {
            c2pa: C2paStatus::Missing,
            watermark: WatermarkStatus::NotFound,
            content: Content::Doubtful,
            compared: Alteration::NotExamined,
            handling: TamperClass::None,
            exact_match: false,
            policy,
        }
    }

    /// The verdict that the evidence supports.
    pub fn verdict(self) -> Verdict {
        if !self.detected() {
            Verdict::Unknown
        } else if self.exact_match {
            Verdict::Intact
        } else if self.alteration() != Alteration::Found {
            Verdict::Recovered
        } else if self.content == Content::Other {
            Verdict::Conflict
        } else {
            Verdict::Altered
        }
    }

    /// Whether the image may be called this photo under the policy that was asked for.
    pub fn authentic(self) -> bool {
        self.detected() && self.manifest_suffices() && self.content_suffices()
    }

    /// Whether something was changed, with all that is known: equal pixels are not altered, other content is, and content
    /// that agrees in part only leaves it open.
    pub fn alteration(self) -> Alteration {
        if !self.detected() {
            return Alteration::NotExamined;
        }
        if self.same_pixels() {
            return Alteration::NoneFound;
        }
        match (self.content, self.compared) {
            (Content::Other, _) | (_, Alteration::Found) => Alteration::Found,
            (Content::Doubtful, _) => Alteration::Uncertain,
            (Content::Agrees, compared) => compared,
        }
    }

    /// What was done to the picture: without the mark there is nothing to say what was done to; with the very bytes, nothing was.
    pub fn tamper_class(self) -> TamperClass {
        if self.alteration() == Alteration::Found {
            TamperClass::StructuralAlteration
        } else if !self.detected() || self.exact_match {
            TamperClass::None
        } else {
            self.handling
        }
    }

    /// Whether the pixels are the ones that were sent, in whatever file.
    pub fn same_pixels(self) -> bool {
        self.detected() && (self.exact_match || self.handling == TamperClass::None)
    }

    /// Whether the mark of this photo is there.
    fn detected(self) -> bool {
        self.watermark == WatermarkStatus::Detected
    }

    /// Whether the manifest is as good as the policy asks.
    fn manifest_suffices(self) -> bool {
        match (self.policy, self.c2pa) {
            (Policy::Standard, C2paStatus::Missing) => true,
            (Policy::Strict, C2paStatus::Missing) => false,
        }
    }

    /// Whether the content was compared as far as the policy asks, and agreed.
    fn content_suffices(self) -> bool {
        match (self.alteration(), self.policy) {
            (Alteration::NoneFound, _) | (Alteration::NotExamined, Policy::Standard) => true,
            (Alteration::NotExamined, Policy::Strict)
            | (Alteration::Found | Alteration::Uncertain, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A re-saved copy in which nothing is amiss.
    const COPY: Evidence = Evidence {
        c2pa: C2paStatus::Missing,
        watermark: WatermarkStatus::Detected,
        content: Content::Agrees,
        compared: Alteration::NoneFound,
        handling: TamperClass::Compression,
        exact_match: false,
        policy: Policy::Standard,
    };

    #[test]
    fn the_table_row_by_row() {
        use Alteration::{Found, NoneFound, NotExamined, Uncertain};
        use Content::{Agrees, Doubtful, Other};
        use Verdict::{Altered, Conflict, Intact, Recovered};
        let mut rows = 0;
        // Content, what was compared: whatever the handling. Verdict, alteration, authentic.
        for (content, compared, verdict, alteration, authentic) in [
            (Agrees, NoneFound, Recovered, NoneFound, true),
            (Agrees, NotExamined, Recovered, NotExamined, true),
            (Agrees, Uncertain, Recovered, Uncertain, false),
            (Agrees, Found, Altered, Found, false),
            (Doubtful, NoneFound, Recovered, Uncertain, false),
            (Doubtful, NotExamined, Recovered, Uncertain, false),
            (Doubtful, Uncertain, Recovered, Uncertain, false),
            (Doubtful, Found, Altered, Found, false),
            (Other, NoneFound, Conflict, Found, false),
            (Other, NotExamined, Conflict, Found, false),
            (Other, Uncertain, Conflict, Found, false),
            (Other, Found, Conflict, Found, false),
        ] {
            for handling in [
                TamperClass::Compression,
                TamperClass::Resize,
                TamperClass::Crop,
                TamperClass::StructuralAlteration,
            ] {
                // The engine gives this class to what it found altered, and to nothing else.
                if (handling == TamperClass::StructuralAlteration) != (compared == Found) {
                    continue;
                }
                let evidence = Evidence {
                    content,
                    compared,
                    handling,
                    ..COPY
                };
                assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
                assert_eq!(evidence.alteration(), alteration, "{evidence:?}");
                assert_eq!(evidence.authentic(), authentic, "{evidence:?}");
                let class = if alteration == Found {
                    TamperClass::StructuralAlteration
                } else {
                    handling
                };
                assert_eq!(evidence.tamper_class(), class, "{evidence:?}");
                rows += 1;
            }
            // The pixels that were sent, whatever the comparison makes of them.
            for (exact_match, verdict) in [(true, Intact), (false, Recovered)] {
                let evidence = Evidence {
                    content,
                    compared,
                    handling: TamperClass::None,
                    exact_match,
                    ..COPY
                };
                assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
                assert_eq!(evidence.alteration(), NoneFound, "{evidence:?}");
                assert_eq!(evidence.tamper_class(), TamperClass::None);
                assert!(evidence.authentic(), "{evidence:?}");
                rows += 1;
            }
            // Without the mark nothing else counts.
            for watermark in [WatermarkStatus::Marginal, WatermarkStatus::NotFound] {
                for exact_match in [true, false] {
                    let evidence = Evidence {
                        watermark,
                        content,
                        compared,
                        exact_match,
                        ..COPY
                    };
                    assert_eq!(evidence.verdict(), Verdict::Unknown, "{evidence:?}");
                    assert_eq!(evidence.alteration(), NotExamined, "{evidence:?}");
                    assert_eq!(evidence.tamper_class(), TamperClass::None);
                    assert!(!evidence.authentic(), "{evidence:?}");
                    rows += 1;
                }
            }
        }
        assert_eq!(rows, 9 * 3 + 3 + 12 * (2 + 4));
    }

    #[test]
    fn a_strict_policy_asks_for_a_manifest_and_that_alterations_were_looked_for() {
        for (compared, suffices) in [
            (Alteration::NoneFound, true),
            (Alteration::NotExamined, false),
            (Alteration::Uncertain, false),
            (Alteration::Found, false),
        ] {
            let evidence = Evidence {
                compared,
                policy: Policy::Strict,
                ..COPY
            };
            assert_eq!(evidence.content_suffices(), suffices, "{evidence:?}");
            assert!(!evidence.authentic(), "there is no manifest: {evidence:?}");
        }
        let file = Evidence {
            exact_match: true,
            compared: Alteration::NotExamined,
            policy: Policy::Strict,
            ..COPY
        };
        assert!(file.content_suffices() && !file.authentic());
        assert_eq!(file.verdict(), Verdict::Intact);
    }

    #[test]
    fn without_a_record_there_is_nothing_to_say() {
        let evidence = Evidence::none(Policy::Standard);
        assert_eq!(evidence.verdict(), Verdict::Unknown);
        assert_eq!(evidence.alteration(), Alteration::NotExamined);
        assert!(!evidence.authentic());
    }
}
