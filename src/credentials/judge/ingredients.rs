//! What a manifest says of the pictures that it was made from, and what is found of them now.

use std::collections::HashMap;

use c2pa::{
    Ingredient as Source, Manifest, ValidationResults,
    validation_results::{
        IngredientDeltaValidationResult, StatusCodes,
        validation_codes::{SIGNING_CREDENTIAL_OCSP_SKIPPED, is_success},
    },
    validation_status::ValidationStatus,
};

use super::{judgement::Ingredient, text, verdict};
use crate::domain::verdict::C2paStatus;

/// Most ingredients that are named.
const MAX_INGREDIENTS: usize = 32;

/// Returns the ingredients of a manifest.
pub(super) fn of(manifest: &Manifest, results: &ValidationResults) -> Vec<Ingredient> {
    let now = news(manifest, results);
    let sources = manifest.ingredients().iter().take(MAX_INGREDIENTS);
    sources
        .map(|source| ingredient(source, now.get(source.label().unwrap_or_default())))
        .collect()
}

/// Maps the ingredients' labels to what was found of them now and was not recorded.
fn news<'a>(
    manifest: &Manifest,
    results: &'a ValidationResults,
) -> HashMap<&'a str, &'a StatusCodes> {
    let own = format!("/{}/", manifest.label().unwrap_or_default());
    let deltas = results.ingredient_deltas().into_iter().flatten();
    deltas
        .filter(|delta| delta.ingredient_assertion_uri().contains(&own))
        .filter_map(|delta| {
            let (_, label) = delta.ingredient_assertion_uri().rsplit_once('/')?;
            Some((label, delta.validation_deltas()))
        })
        .collect()
}

/// Puts together what the signer recorded (as results, or before specification 2.1 as a list of
/// failures) and what is found now.
fn ingredient(source: &Source, now: Option<&&StatusCodes>) -> Ingredient {
    let recorded = source.validation_results();
    let deltas = recorded.and_then(ValidationResults::ingredient_deltas);
    let deltas = deltas.into_iter().flatten();
    let lists: Vec<&StatusCodes> = (recorded.and_then(ValidationResults::active_manifest))
        .into_iter()
        .chain(deltas.map(IngredientDeltaValidationResult::validation_deltas))
        .chain(now.copied())
        .collect();
    let listed = source.validation_status().into_iter().flatten();
    let failures: Vec<&str> = (lists.iter().flat_map(|codes| codes.failure()))
        .chain(listed.filter(|status| !is_success(status.code())))
        .map(ValidationStatus::code)
        .collect();
    let notes = (lists.iter().flat_map(|codes| codes.informational()))
        .map(ValidationStatus::code)
        .filter(|&code| code != SIGNING_CREDENTIAL_OCSP_SKIPPED);
    let status = if source.active_manifest().is_none() && failures.is_empty() {
        C2paStatus::Missing
    } else {
        verdict::recorded(failures.iter().copied())
    };
    Ingredient {
        title: source.title().and_then(text::name),
        status,
        codes: text::codes(failures.iter().copied().chain(notes)),
    }
}
