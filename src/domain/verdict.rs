//! The decision table of `verify`: from the evidence of each layer to one verdict.
//!
//! Three questions are answered separately: is the mark here, is this the protected content, was
//! nothing in it changed. `authentic` needs a positive answer to each, and that the content
//! credentials do not contradict. Pure, so that the table can be read and tested row by row
//! (docs/verify.md).

/// The state of the content credentials (C2PA) in the file: whether they are whole and fit the
/// bytes. Whose they are is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum C2paStatus {
    /// The manifest is sound, and the bytes are those that were signed.
    Valid,
    /// There is a manifest, and it is malformed, or its signature, certificate or assertions do not
    /// hold.
    Invalid,
    /// The file carries no manifest.
    Missing,
    /// The signature is good, and the bytes are not those that were signed.
    Tampered,
}

/// The photo that the manifest in the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedPhoto {
    /// None of the tenant's.
    Unknown,
    /// This one, in words that anybody could sign.
    This,
    /// This one: it is the manifest that `protect` signed for it.
    Own,
    /// Another photo of the tenant, whose mark is in the image, too: this photo was protected
    /// again.
    Both,
    /// Another photo of the tenant, whose mark is not in the image.
    Other,
}

impl C2paStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Invalid => "INVALID",
            Self::Missing => "MISSING",
            Self::Tampered => "TAMPERED",
        }
    }
}

/// The result of looking for the mark of this photo id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatermarkStatus {
    /// The mark of this photo is there, at a false-positive probability below 1e-9.
    Detected,
    /// A trace of it is there, but not enough to say so.
    Marginal,
    /// No trace of the mark was found.
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

/// Whether the image shows the protected content, on an absolute scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The image shows the protected content.
    Agrees,
    /// Part of it agrees, or too little can be compared to decide.
    Doubtful,
    /// The image shows other content, to which the mark was transferred.
    Other,
}

/// Whether something in the picture was changed: replaced, erased, painted over or recoloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alteration {
    /// The content was compared, and no alteration was found.
    NoneFound,
    /// Some place, or the whole picture, differs from what was protected.
    Found,
    /// Something deviates, but processing of the whole picture may explain it; or too little agrees
    /// to decide.
    Uncertain,
    /// Not compared: the record has strict privacy, or there is no mark.
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

/// How the picture was processed since it was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TamperClass {
    /// The pixels are exactly those that were sent.
    None,
    /// Same frame, other values: re-saved, filtered or toned.
    Compression,
    /// Scaled, turned by quarters or mirrored.
    Resize,
    /// Another frame: cropped, rotated by any other angle, tilted, or placed on a border.
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

/// How much evidence the client requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The mark suffices where the manifest was stripped, and agreement as far as the photo's
    /// record can show.
    #[default]
    Standard,
    /// Additionally requires a valid manifest, and that alterations were looked for.
    Strict,
}

impl Policy {
    /// Reads `standard` or `strict`; `None` for anything else.
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

/// The conclusion in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The very file that `protect` returned.
    Intact,
    /// Another file whose content is the protected photo.
    Recovered,
    /// This photo, but not all of it is as protected.
    Altered,
    /// The mark or the manifest of this photo sits on other content, or the manifest names another
    /// photo than the mark.
    Conflict,
    /// No mark of this photo was found.
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

/// All evidence about one image and one photo id, as each layer provides it. The methods derive the
/// answers from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The content credentials in the file.
    pub c2pa: C2paStatus,
    /// Which photo they name.
    pub stated: StatedPhoto,
    /// Whether the mark of this photo was detected.
    pub watermark: WatermarkStatus,
    /// Whether the image shows the protected content.
    pub content: Content,
    /// Whether the picture is that of the photo, marked or not.
    pub recognised: bool,
    /// The result of comparing the content place by place.
    pub compared: Alteration,
    /// How the picture was processed, as far as its geometry and pixels show.
    pub handling: TamperClass,
    /// Whether the bytes are exactly those that `protect` returned.
    pub exact_match: bool,
    /// How much evidence the client requires.
    pub policy: Policy,
}

impl Evidence {
    /// The evidence when there is no record to compare with: none.
    pub fn none(policy: Policy) -> Self {
        Self {
            c2pa: C2paStatus::Missing,
            stated: StatedPhoto::Unknown,
            watermark: WatermarkStatus::NotFound,
            content: Content::Doubtful,
            recognised: false,
            compared: Alteration::NotExamined,
            handling: TamperClass::None,
            exact_match: false,
            policy,
        }
    }

    /// The verdict that the evidence supports.
    pub fn verdict(self) -> Verdict {
        if !self.detected() {
            return if self.names_this() && !self.recognised {
                Verdict::Conflict
            } else {
                Verdict::Unknown
            };
        }
        if self.exact_match {
            return Verdict::Intact;
        }
        let found = self.alteration() == Alteration::Found;
        match self.c2pa {
            _ if self.stated == StatedPhoto::Other => Verdict::Conflict,
            _ if found && self.content == Content::Other => Verdict::Conflict,
            C2paStatus::Invalid | C2paStatus::Tampered => Verdict::Altered,
            _ if found => Verdict::Altered,
            C2paStatus::Valid if self.stated == StatedPhoto::Own => Verdict::Intact,
            C2paStatus::Valid | C2paStatus::Missing => Verdict::Recovered,
        }
    }

    /// Whether the image may be called this photo under the client's policy.
    pub fn authentic(self) -> bool {
        self.detected()
            && self.verdict() != Verdict::Conflict
            && self.manifest_suffices()
            && self.content_suffices()
    }

    /// Whether something was changed, from all evidence: identical pixels are not altered, other
    /// content is, and content that agrees only in part leaves it open.
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

    /// How the picture was processed. Without the mark there is no original to compare with; with
    /// the exact bytes nothing was done.
    pub fn tamper_class(self) -> TamperClass {
        if self.alteration() == Alteration::Found {
            TamperClass::StructuralAlteration
        } else if !self.detected() || self.exact_match {
            TamperClass::None
        } else {
            self.handling
        }
    }

    /// Whether the pixels are exactly those that were sent, in whatever file.
    pub fn same_pixels(self) -> bool {
        self.detected() && (self.exact_match || self.handling == TamperClass::None)
    }

    /// Whether the mark of this photo was detected.
    fn detected(self) -> bool {
        self.watermark == WatermarkStatus::Detected
    }

    /// Whether the manifest names this photo, whoever signed it.
    fn names_this(self) -> bool {
        matches!(self.stated, StatedPhoto::This | StatedPhoto::Own)
    }

    /// Whether the manifest satisfies the policy. Anybody can sign a manifest, so that a valid one
    /// adds nothing unless it is the photo's own.
    fn manifest_suffices(self) -> bool {
        match self.c2pa {
            C2paStatus::Invalid | C2paStatus::Tampered => false,
            C2paStatus::Missing => self.policy == Policy::Standard,
            C2paStatus::Valid => self.policy == Policy::Standard || self.stated == StatedPhoto::Own,
        }
    }

    /// Whether the content was compared as far as the policy requires, and agreed.
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
        stated: StatedPhoto::Unknown,
        watermark: WatermarkStatus::Detected,
        content: Content::Agrees,
        recognised: true,
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
    fn credentials_can_only_take_away_from_what_the_pixels_say() {
        use C2paStatus::{Invalid, Missing, Tampered, Valid};
        use StatedPhoto::{Both, Other, Own, This, Unknown};
        use Verdict::{Altered, Conflict, Intact, Recovered};
        // A copy in which nothing is amiss: status, photo named; verdict, authentic, under strict.
        for (c2pa, stated, verdict, standard, strict) in [
            (Missing, Unknown, Recovered, true, false),
            (Valid, Own, Intact, true, true),
            (Valid, This, Recovered, true, false),
            (Valid, Unknown, Recovered, true, false),
            (Valid, Both, Recovered, true, false),
            (Tampered, Both, Altered, false, false),
            (Valid, Other, Conflict, false, false),
            (Tampered, Own, Altered, false, false),
            (Tampered, This, Altered, false, false),
            (Tampered, Unknown, Altered, false, false),
            (Tampered, Other, Conflict, false, false),
            (Invalid, Unknown, Altered, false, false),
        ] {
            let evidence = Evidence {
                c2pa,
                stated,
                ..COPY
            };
            assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
            assert_eq!(evidence.alteration(), Alteration::NoneFound);
            assert_eq!(evidence.authentic(), standard, "{evidence:?}");
            let policy = Policy::Strict;
            let asked = Evidence { policy, ..evidence };
            assert_eq!(asked.authentic(), strict, "{evidence:?}");
            // What the pixels deny, no manifest makes good.
            for (content, compared) in [
                (Content::Agrees, Alteration::Found),
                (Content::Agrees, Alteration::Uncertain),
                (Content::Doubtful, Alteration::NoneFound),
                (Content::Other, Alteration::NoneFound),
            ] {
                let worse = Evidence {
                    content,
                    compared,
                    ..evidence
                };
                assert!(!worse.authentic(), "{worse:?}");
            }
        }
    }

    #[test]
    fn the_manifest_of_a_photo_on_other_content_is_a_conflict() {
        use C2paStatus::{Missing, Tampered, Valid};
        use StatedPhoto::{Other, Own, This, Unknown};
        for (c2pa, stated, recognised, verdict) in [
            (Tampered, Own, false, Verdict::Conflict),
            (Valid, This, false, Verdict::Conflict),
            (Tampered, Own, true, Verdict::Unknown),
            (Valid, Other, false, Verdict::Unknown),
            (Valid, Unknown, false, Verdict::Unknown),
            (Missing, Unknown, false, Verdict::Unknown),
        ] {
            let evidence = Evidence {
                c2pa,
                stated,
                recognised,
                watermark: WatermarkStatus::NotFound,
                ..COPY
            };
            assert_eq!(evidence.verdict(), verdict, "{evidence:?}");
            assert!(!evidence.authentic(), "{evidence:?}");
        }
    }

    #[test]
    fn without_a_record_there_is_nothing_to_say() {
        let evidence = Evidence::none(Policy::Standard);
        assert_eq!(evidence.verdict(), Verdict::Unknown);
        assert_eq!(evidence.alteration(), Alteration::NotExamined);
        assert!(!evidence.authentic());
    }
}
