//! From the codes of a validation to a verdict.
//!
//! Integrity and trust are told apart: an unknown signer is no fault of the manifest, and neither
//! is a bad identity assertion, which says who somebody is and not what was signed (C2PA 2.4,
//! 14.3.5 and 14.3.6, has them in one state).

use c2pa::{
    ValidationResults,
    validation_results::{
        StatusCodes,
        validation_codes::{
            ASSERTION_BMFFHASH_MATCH, ASSERTION_BMFFHASH_MISMATCH, ASSERTION_BOXHASH_MATCH,
            ASSERTION_BOXHASH_MISMATCH, ASSERTION_DATAHASH_MATCH, ASSERTION_DATAHASH_MISMATCH,
            CLAIM_SIGNATURE_INSIDE_VALIDITY, CLAIM_SIGNATURE_VALIDATED,
            SIGNING_CREDENTIAL_OCSP_SKIPPED, SIGNING_CREDENTIAL_TRUSTED,
            SIGNING_CREDENTIAL_UNTRUSTED, TIMESTAMP_TRUSTED, TIMESTAMP_VALIDATED,
        },
    },
    validation_status::ValidationStatus,
};

use super::{
    judgement::{Trust, code},
    text,
};
use crate::domain::verdict::C2paStatus;

/// Codes of the failure of one identity assertion.
const IDENTITY: &str = "cawg.";
/// What the crate calls the box that the claim's signature is in.
const SIGNATURE_BOX: &str = "/c2pa.signature";

const BINDING_MATCHES: [&str; 3] = [
    ASSERTION_DATAHASH_MATCH,
    ASSERTION_BOXHASH_MATCH,
    ASSERTION_BMFFHASH_MATCH,
];
const BINDING_MISMATCHES: [&str; 3] = [
    ASSERTION_DATAHASH_MISMATCH,
    ASSERTION_BOXHASH_MISMATCH,
    ASSERTION_BMFFHASH_MISMATCH,
];

/// The codes of one validation.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    /// Of the active manifest.
    active: Codes<'a>,
    /// Of its ingredients, as far as they are news to the signer.
    below: Codes<'a>,
}

#[derive(Debug, Default)]
struct Codes<'a> {
    success: Vec<&'a ValidationStatus>,
    informational: Vec<&'a ValidationStatus>,
    failure: Vec<&'a ValidationStatus>,
}

impl<'a> Codes<'a> {
    fn take(&mut self, codes: &'a StatusCodes) {
        self.success.extend(codes.success());
        self.informational.extend(codes.informational());
        self.failure.extend(codes.failure());
    }
}

impl<'a> Findings<'a> {
    /// Takes the codes out of the crate's results.
    pub(super) fn of(results: &'a ValidationResults) -> Self {
        let mut findings = Self::default();
        if let Some(active) = results.active_manifest() {
            findings.active.take(active);
        }
        for delta in results.ingredient_deltas().into_iter().flatten() {
            findings.below.take(delta.validation_deltas());
        }
        findings
    }

    /// Weighs integrity. A fault of an ingredient that its signer recorded is not among the
    /// findings: he signed what he knew.
    pub(super) fn status(&self) -> C2paStatus {
        if !self.has_good_signature() || !self.succeeded(CLAIM_SIGNATURE_INSIDE_VALIDITY) {
            return C2paStatus::Invalid;
        }
        let (unbound, others): (Vec<&str>, Vec<&str>) =
            (self.faults()).partition(|code| BINDING_MISMATCHES.contains(code));
        match (unbound.is_empty(), others.is_empty()) {
            (true, true) if self.has_binding() => C2paStatus::Valid,
            (false, true) => C2paStatus::Tampered,
            _ => C2paStatus::Invalid,
        }
    }

    /// Returns whether the signature over the claim is right.
    pub(super) fn has_good_signature(&self) -> bool {
        self.succeeded(CLAIM_SIGNATURE_VALIDATED)
    }

    /// Weighs trust in the signer of the claim; identity assertions have signers too.
    pub(super) fn trust(&self) -> Trust {
        let of_claim = |status: &ValidationStatus| {
            let url = status.url();
            url.is_some_and(|url| url.ends_with(SIGNATURE_BOX))
        };
        let has = |codes: &[&ValidationStatus], code: &str| {
            (codes.iter()).any(|status| status.code() == code && of_claim(status))
        };
        if has(&self.active.failure, SIGNING_CREDENTIAL_UNTRUSTED) {
            Trust::Untrusted
        } else if has(&self.active.success, SIGNING_CREDENTIAL_TRUSTED) {
            Trust::Trusted
        } else {
            Trust::Unknown
        }
    }

    /// Returns whether the claim has a time stamp that is good and trusted.
    pub(super) fn is_time_stamped(&self) -> bool {
        self.succeeded(TIMESTAMP_VALIDATED) && self.succeeded(TIMESTAMP_TRUSTED)
    }

    /// Returns the codes to show: what decided first. What is tolerated of an ingredient is shown
    /// there.
    pub(super) fn codes(&self) -> Vec<String> {
        let faults: Vec<&str> = self.faults().collect();
        let unchecked = self.status() == C2paStatus::Invalid && faults.is_empty();
        let tolerated = (self.active.failure.iter())
            .map(|status| status.code())
            .filter(|code| is_tolerated(code));
        let informational = (self.active.informational.iter())
            .map(|status| status.code())
            .filter(|&code| code != SIGNING_CREDENTIAL_OCSP_SKIPPED); // we never ask
        text::codes(
            (faults.into_iter())
                .chain(unchecked.then_some(code::UNCHECKED))
                .chain(tolerated)
                .chain(informational),
        )
    }

    /// Failures that are not tolerated.
    fn faults(&self) -> impl Iterator<Item = &'a str> {
        let all = self.active.failure.iter().chain(&self.below.failure);
        all.map(|status| status.code())
            .filter(|code| !is_tolerated(code))
    }

    /// Returns whether a hard binding was found to hold; an update manifest leaves it to its
    /// parent.
    fn has_binding(&self) -> bool {
        let mut all = self.active.success.iter().chain(&self.below.success);
        all.any(|status| BINDING_MATCHES.contains(&status.code()))
    }

    fn succeeded(&self, code: &str) -> bool {
        (self.active.success.iter()).any(|status| status.code() == code)
    }
}

/// Weighs a list of failures that a signer recorded of an ingredient.
pub(super) fn recorded<'a>(failures: impl Iterator<Item = &'a str>) -> C2paStatus {
    failures.fold(C2paStatus::Valid, |status, code| {
        if is_tolerated(code) || status == C2paStatus::Invalid {
            status
        } else if BINDING_MISMATCHES.contains(&code) {
            C2paStatus::Tampered
        } else {
            C2paStatus::Invalid
        }
    })
}

/// Returns whether a failure leaves integrity as it is.
fn is_tolerated(code: &str) -> bool {
    code == SIGNING_CREDENTIAL_UNTRUSTED || code.starts_with(IDENTITY)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CLAIM: &str = "self#jumbf=/c2pa/urn:c2pa:1/c2pa.signature";
    const IDENTITY_ASSERTION: &str = "self#jumbf=/c2pa/urn:c2pa:1/c2pa.assertions/cawg.identity";
    const GOOD: [&str; 3] = [
        "claimSignature.validated",
        "claimSignature.insideValidity",
        "assertion.dataHash.match",
    ];

    /// Successes and failures.
    type Pair<'a> = (&'a [&'a str], &'a [&'a str]);

    fn list(codes: &[&str]) -> Vec<Value> {
        let status = |code: &&str| json!({"code": code, "url": CLAIM});
        codes.iter().map(status).collect()
    }

    fn results(success: &[&str], failure: &[&str], below: Pair<'_>) -> ValidationResults {
        let codes = |success: &[&str], failure: &[&str]| json!({"success": list(success), "informational": [], "failure": list(failure)});
        let delta = json!({
            "ingredientAssertionURI": "self#jumbf=/c2pa/urn:c2pa:1/c2pa.assertions/c2pa.ingredient.v3",
            "validationDeltas": codes(below.0, below.1),
        });
        let whole = json!({"activeManifest": codes(success, failure), "ingredientDeltas": [delta]});
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn integrity_is_what_the_codes_of_manifest_and_ingredients_leave_of_it() {
        let untrusted = "signingCredential.untrusted";
        let unbound = "assertion.dataHash.mismatch";
        let none: Pair<'_> = (&[], &[]);
        let cases: [(&[&str], &[&str], Pair<'_>, C2paStatus); 15] = [
            (&GOOD, &[], none, C2paStatus::Valid),
            (&GOOD, &[untrusted], none, C2paStatus::Valid),
            (
                &GOOD,
                &["cawg.x509.signature.mismatch"],
                none,
                C2paStatus::Valid,
            ),
            (&GOOD, &[], (&[], &[untrusted]), C2paStatus::Valid),
            (&GOOD[..2], &[], (&[GOOD[2]], &[]), C2paStatus::Valid),
            (&GOOD[..2], &[unbound], none, C2paStatus::Tampered),
            (
                &GOOD[..2],
                &[unbound, untrusted],
                none,
                C2paStatus::Tampered,
            ),
            (&GOOD[..2], &[], (&[], &[unbound]), C2paStatus::Tampered),
            (&GOOD[..1], &[unbound], none, C2paStatus::Invalid),
            (&GOOD[1..], &[], none, C2paStatus::Invalid),
            (&GOOD[..2], &[], none, C2paStatus::Invalid),
            (
                &GOOD,
                &["assertion.hashedURI.mismatch"],
                none,
                C2paStatus::Invalid,
            ),
            (
                &GOOD,
                &[unbound, "assertion.missing"],
                none,
                C2paStatus::Invalid,
            ),
            (
                &GOOD,
                &[],
                (&[], &["ingredient.manifest.mismatch"]),
                C2paStatus::Invalid,
            ),
            (&[], &[], none, C2paStatus::Invalid),
        ];
        for (success, failure, below, status) in cases {
            let results = results(success, failure, below);
            let findings = Findings::of(&results);
            assert_eq!(
                findings.status(),
                status,
                "{success:?} {failure:?} {below:?}"
            );
            let silent = findings.codes().is_empty();
            assert!(
                status == C2paStatus::Valid || !silent,
                "{failure:?} {below:?}"
            );
        }
    }

    #[test]
    fn nothing_that_failed_and_nothing_that_was_checked_is_unchecked() {
        let results = results(&GOOD[..2], &["signingCredential.untrusted"], (&[], &[]));
        let codes = Findings::of(&results).codes();
        assert_eq!(codes, [code::UNCHECKED, "signingCredential.untrusted"]);
    }

    #[test]
    fn trust_is_that_in_the_signer_of_the_claim_and_in_nobody_else() {
        let trusted = "signingCredential.trusted";
        let untrusted = "signingCredential.untrusted";
        let trust = |results: &ValidationResults| Findings::of(results).trust();
        let of = |success: &[&str], failure: &[&str], below: (&[&str], &[&str])| {
            trust(&results(success, failure, below))
        };
        assert_eq!(of(&[trusted], &[], (&[], &[])), Trust::Trusted);
        assert_eq!(of(&[], &[untrusted], (&[], &[])), Trust::Untrusted);
        assert_eq!(of(&[trusted], &[untrusted], (&[], &[])), Trust::Untrusted);
        assert_eq!(of(&[trusted], &[], (&[], &[untrusted])), Trust::Trusted);
        assert_eq!(of(&[], &[], (&[trusted], &[])), Trust::Unknown);
        let identity = json!({"activeManifest": {
            "success": [{"code": trusted, "url": IDENTITY_ASSERTION}], "informational": [], "failure": [],
        }});
        assert_eq!(
            trust(&serde_json::from_value(identity).unwrap()),
            Trust::Unknown
        );
    }

    #[test]
    fn what_a_signer_recorded_is_the_worst_of_it() {
        for (failures, status) in [
            (
                &["cawg.identity.cbor.invalid", "signingCredential.untrusted"][..],
                C2paStatus::Valid,
            ),
            (
                &["assertion.dataHash.mismatch", "signingCredential.untrusted"],
                C2paStatus::Tampered,
            ),
            (
                &["assertion.dataHash.mismatch", "claimSignature.mismatch"],
                C2paStatus::Invalid,
            ),
            (
                &["claimSignature.mismatch", "assertion.boxesHash.mismatch"],
                C2paStatus::Invalid,
            ),
        ] {
            assert_eq!(recorded(failures.iter().copied()), status, "{failures:?}");
        }
    }
}
