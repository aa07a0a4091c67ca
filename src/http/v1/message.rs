//! What a verification means, in one sentence for a person: what is said to be so, and what is not.

use crate::{
    domain::verdict::{
        Alteration, C2paStatus, Content, Evidence, StatedPhoto, Verdict, WatermarkStatus,
    },
    service::Verification,
};

/// Share of the photo, or of the received image, from which it counts as whole: nobody sees what is
/// missing.
const WHOLE: f64 = 0.97;

/// The sentence of a verification.
pub(super) fn message(found: &Verification) -> String {
    let detection = found.detection.as_ref();
    Case {
        evidence: found.evidence,
        protected: detection.is_some(),
        same_picture: found.same_picture(),
        mark_reversed: detection.is_some_and(|found| found.mark_reversed),
        smallest_visible: found.smallest_visible(),
        kept: detection
            .and_then(|found| found.transform.as_ref())
            .map_or(1.0, |way| way.crop_kept),
        filled: detection.map_or(1.0, |found| found.filled),
    }
    .sentence()
}

/// What the sentence depends on.
#[derive(Debug, Clone, Copy)]
struct Case {
    evidence: Evidence,
    /// The photo was protected, so that there is something to compare with.
    protected: bool,
    /// The image shows the photo, marked or not.
    same_picture: bool,
    /// The mark is there with its sign reversed.
    mark_reversed: bool,
    /// Share of the photo's area from which a replacement would be seen.
    smallest_visible: Option<f64>,
    /// Share of the photo that the image shows.
    kept: f64,
    /// Share of the image that the photo fills.
    filled: f64,
}

impl Case {
    fn sentence(self) -> String {
        if !self.protected {
            return "The photo is registered and was never protected, so no image can be verified against it.".to_owned();
        }
        match (self.evidence.verdict(), self.evidence.alteration()) {
            (Verdict::Unknown, _) => self.unknown().to_owned(),
            (Verdict::Conflict, _) => self.conflict().to_owned(),
            (_, Alteration::Found) => {
                "The mark of this photo is in the image, and parts of the image are not what was protected: see tamperedRegions.".to_owned()
            }
            (Verdict::Altered, _) => self.bad_credentials().to_owned(),
            (_, Alteration::Uncertain) => self.uncertain().to_owned(),
            (_, Alteration::NoneFound) => {
                self.under_policy(&self.unaltered(), "the strict policy asks for the valid manifest of this photo as well")
            }
            (_, Alteration::NotExamined) => self.under_policy(
                &format!(
                    "{}: its content agrees as a whole, but the record that strict privacy keeps does not show whether parts were altered, so that was not examined",
                    self.subject()
                ),
                "the strict policy asks for that and for the valid manifest of this photo",
            ),
        }
    }

    /// What contradicts what.
    fn conflict(self) -> &'static str {
        if self.evidence.watermark != WatermarkStatus::Detected {
            "The content credentials in the file name this photo, but the image shows something else, and the mark of this photo is not in it."
        } else if self.evidence.stated == StatedPhoto::Other {
            "The mark of this photo is in the image, but the content credentials in the file name another photo, so it is not called authentic."
        } else {
            "The mark of this photo is in the image, but the image shows other content than was protected: a mark that was carried there says nothing about it."
        }
    }

    /// The picture gives no reason, but its credentials do.
    fn bad_credentials(self) -> &'static str {
        if self.evidence.c2pa == C2paStatus::Tampered {
            "The mark of this photo is in the image, but the file was changed after its content credentials were signed, so it is not called authentic."
        } else {
            "The mark of this photo is in the image, but the content credentials in the file are damaged or not properly signed, so it is not called authentic."
        }
    }

    /// The mark is not there.
    fn unknown(self) -> &'static str {
        match self.evidence.watermark {
            WatermarkStatus::Marginal => {
                "The image resembles a marked copy of this photo, but not clearly enough to say that it is one."
            }
            _ if self.same_picture => {
                "The image shows the same picture, and the mark of this photo is not in it."
            }
            _ => "The mark of this photo was not found in the image.",
        }
    }

    /// Why it is not said that nothing was altered.
    fn uncertain(self) -> &'static str {
        if self.mark_reversed {
            "The mark of this photo is in the image with its sign reversed: copies were combined, or an original was subtracted, to take it away, so it is not called authentic."
        } else if self.evidence.content == Content::Agrees {
            "The mark of this photo is in the image, but something deviates, and what was done to the whole picture may be the reason: a change of its content cannot be ruled out, so it is not called authentic."
        } else {
            "The mark of this photo is in the image, but what the image shows agrees with the protected photo only in part, so it is not called authentic."
        }
    }

    /// Nothing was found, and what would not have been.
    fn unaltered(self) -> String {
        if self.evidence.exact_match {
            return "This is the protected photo, byte for byte".to_owned();
        }
        if self.evidence.same_pixels() {
            return "This is the protected photo in another file, pixel for pixel".to_owned();
        }
        let limit = self.smallest_visible.map_or_else(
            || "a small change might not be seen".to_owned(),
            |size| {
                let percent = percent(size);
                format!("a replaced area below about {percent} % of the photo might not be seen")
            },
        );
        format!(
            "{}: its content was compared and no change was found; {limit}",
            self.subject()
        )
    }

    /// What the image is. What is cut off, and what lies around the photo, is not spoken for.
    fn subject(self) -> String {
        let photo = if self.kept < WHOLE {
            format!(
                "This is about {} % of the protected photo",
                (self.kept * 100.0).round().max(1.0)
            )
        } else {
            "This is the protected photo".to_owned()
        };
        if self.filled < WHOLE {
            format!("{photo} in a larger image, the rest of which was not compared with anything")
        } else {
            photo
        }
    }

    /// The statement, and what the policy misses where it is not enough.
    fn under_policy(self, statement: &str, missing: &str) -> String {
        if self.evidence.authentic() {
            format!("{statement}.")
        } else {
            format!("{statement}; {missing}.")
        }
    }
}

/// A share in percent, as people write it: at most two decimals.
fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 1e2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::{Policy, TamperClass};

    /// A re-saved copy of the whole photo, in which nothing is amiss.
    const COPY: Case = Case {
        evidence: Evidence {
            c2pa: C2paStatus::Missing,
            stated: StatedPhoto::Unknown,
            watermark: WatermarkStatus::Detected,
            content: Content::Agrees,
            recognised: true,
            compared: Alteration::NoneFound,
            handling: TamperClass::Compression,
            exact_match: false,
            policy: Policy::Standard,
        },
        protected: true,
        same_picture: true,
        mark_reversed: false,
        smallest_visible: Some(0.005),
        kept: 1.0,
        filled: 1.0,
    };

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "a table: a case and its sentence a row"
    )]
    fn each_case_has_its_sentence() {
        let found = COPY.evidence;
        let with = |evidence| Case { evidence, ..COPY };
        let compared = |compared| with(Evidence { compared, ..found });
        let content = |content| with(Evidence { content, ..found });
        let file = Evidence {
            exact_match: true,
            ..found
        };
        let pixels = Evidence {
            handling: TamperClass::None,
            ..found
        };
        let unmarked = Evidence {
            watermark: WatermarkStatus::NotFound,
            ..found
        };
        let marginal = Evidence {
            watermark: WatermarkStatus::Marginal,
            ..found
        };
        let cases = [
            (
                COPY,
                "This is the protected photo: its content was compared and no change was found; a replaced area below about 0.5 % of the photo might not be seen.",
            ),
            (
                Case {
                    smallest_visible: None,
                    ..COPY
                },
                "This is the protected photo: its content was compared and no change was found; a small change might not be seen.",
            ),
            (
                Case {
                    kept: 0.637,
                    ..COPY
                },
                "This is about 64 % of the protected photo: its content was compared and no change was found; a replaced area below about 0.5 % of the photo might not be seen.",
            ),
            (
                Case {
                    filled: 0.5,
                    smallest_visible: Some(0.02),
                    ..COPY
                },
                "This is the protected photo in a larger image, the rest of which was not compared with anything: its content was compared and no change was found; a replaced area below about 2 % of the photo might not be seen.",
            ),
            (with(file), "This is the protected photo, byte for byte."),
            (
                with(pixels),
                "This is the protected photo in another file, pixel for pixel.",
            ),
            (
                compared(Alteration::NotExamined),
                "This is the protected photo: its content agrees as a whole, but the record that strict privacy keeps does not show whether parts were altered, so that was not examined.",
            ),
            (
                compared(Alteration::Uncertain),
                "The mark of this photo is in the image, but something deviates, and what was done to the whole picture may be the reason: a change of its content cannot be ruled out, so it is not called authentic.",
            ),
            (
                Case {
                    mark_reversed: true,
                    ..compared(Alteration::Uncertain)
                },
                "The mark of this photo is in the image with its sign reversed: copies were combined, or an original was subtracted, to take it away, so it is not called authentic.",
            ),
            (
                compared(Alteration::Found),
                "The mark of this photo is in the image, and parts of the image are not what was protected: see tamperedRegions.",
            ),
            (
                content(Content::Doubtful),
                "The mark of this photo is in the image, but what the image shows agrees with the protected photo only in part, so it is not called authentic.",
            ),
            (
                content(Content::Other),
                "The mark of this photo is in the image, but the image shows other content than was protected: a mark that was carried there says nothing about it.",
            ),
            (
                with(Evidence {
                    c2pa: C2paStatus::Valid,
                    stated: StatedPhoto::Other,
                    ..found
                }),
                "The mark of this photo is in the image, but the content credentials in the file name another photo, so it is not called authentic.",
            ),
            (
                with(Evidence {
                    c2pa: C2paStatus::Tampered,
                    stated: StatedPhoto::Own,
                    ..found
                }),
                "The mark of this photo is in the image, but the file was changed after its content credentials were signed, so it is not called authentic.",
            ),
            (
                with(Evidence {
                    c2pa: C2paStatus::Invalid,
                    ..found
                }),
                "The mark of this photo is in the image, but the content credentials in the file are damaged or not properly signed, so it is not called authentic.",
            ),
            (
                with(Evidence {
                    c2pa: C2paStatus::Tampered,
                    stated: StatedPhoto::Own,
                    recognised: false,
                    ..unmarked
                }),
                "The content credentials in the file name this photo, but the image shows something else, and the mark of this photo is not in it.",
            ),
            (
                with(marginal),
                "The image resembles a marked copy of this photo, but not clearly enough to say that it is one.",
            ),
            (
                with(unmarked),
                "The image shows the same picture, and the mark of this photo is not in it.",
            ),
            (
                Case {
                    same_picture: false,
                    ..with(unmarked)
                },
                "The mark of this photo was not found in the image.",
            ),
            (
                Case {
                    protected: false,
                    ..with(unmarked)
                },
                "The photo is registered and was never protected, so no image can be verified against it.",
            ),
        ];
        for (case, sentence) in cases {
            assert_eq!(case.sentence(), sentence, "{case:?}");
            let said = sentence.starts_with("This is ");
            assert_eq!(case.evidence.authentic(), said, "{sentence}");
        }
    }

    #[test]
    fn a_strict_policy_says_what_it_misses() {
        let strict = |compared, exact_match| Case {
            evidence: Evidence {
                compared,
                exact_match,
                policy: Policy::Strict,
                ..COPY.evidence
            },
            ..COPY
        };
        for (compared, exact_match, start, end) in [
            (
                Alteration::NoneFound,
                true,
                "This is the protected photo, byte for byte; ",
                "; the strict policy asks for the valid manifest of this photo as well.",
            ),
            (
                Alteration::NoneFound,
                false,
                "This is the protected photo: ",
                "; the strict policy asks for the valid manifest of this photo as well.",
            ),
            (
                Alteration::NotExamined,
                false,
                "This is the protected photo: ",
                "; the strict policy asks for that and for the valid manifest of this photo.",
            ),
            (
                Alteration::Uncertain,
                false,
                "The mark of this photo is in the image, ",
                "so it is not called authentic.",
            ),
        ] {
            let sentence = strict(compared, exact_match).sentence();
            assert!(sentence.starts_with(start), "{sentence}");
            assert!(sentence.ends_with(end), "{sentence}");
        }
    }
}
