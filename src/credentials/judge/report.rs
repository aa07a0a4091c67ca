//! A manifest store as JSON that people read.

use c2pa::Reader;
use serde_json::{Map, Value};

/// Members that would speak of a validation that has not taken place.
const VERDICTS: [&str; 3] = [
    "validation_status",
    "validation_results",
    "validation_state",
];
/// Most characters of a text; a certificate's or a hash's base64 is within.
const MAX_CHARS: usize = 2_000;
/// Most members of a list or an object.
const MAX_MEMBERS: usize = 200;
/// Deepest nesting.
const MAX_DEPTH: usize = 16;
/// Most values of a report.
const MAX_VALUES: usize = 10_000;

/// Returns the report of a store that was read without being validated.
pub(super) fn readable(reader: &Reader) -> Option<Value> {
    let mut report: Value = serde_json::from_str(&reader.json_checked().ok()?).ok()?;
    if let Some(report) = report.as_object_mut() {
        report.retain(|name, _| !VERDICTS.contains(&name.as_str()));
    }
    let mut budget = MAX_VALUES;
    Some(bounded(report, MAX_DEPTH, &mut budget))
}

/// Cuts a value down to what is readable; what is left out is `null`.
fn bounded(value: Value, depth: usize, budget: &mut usize) -> Value {
    if *budget == 0 || depth == 0 {
        return Value::Null;
    }
    *budget -= 1;
    match value {
        Value::String(text) => Value::String(super::text::clean(&text, MAX_CHARS)),
        Value::Array(list) => {
            let list = list.into_iter().take(MAX_MEMBERS);
            Value::Array(
                list.map(|value| bounded(value, depth - 1, budget))
                    .collect(),
            )
        }
        Value::Object(members) => {
            let members = members.into_iter().take(MAX_MEMBERS);
            let members: Map<String, Value> = members
                .map(|(name, value)| {
                    (
                        super::text::clean(&name, 200),
                        bounded(value, depth - 1, budget),
                    )
                })
                .collect();
            Value::Object(members)
        }
        other => other,
    }
}
