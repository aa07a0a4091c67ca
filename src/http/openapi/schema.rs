//! The few words of JSON Schema (2020-12) that the descriptions need.

use serde_json::{Value, json};

/// An object with these members; all but the `optional` ones are always there. Others may come to be, and clients ignore them.
pub(super) fn object<const N: usize>(optional: &[&str], members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = members
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !optional.contains(name))
        .collect();
    let properties: serde_json::Map<_, _> = members
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A component.
pub(super) fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// Any number of them.
pub(super) fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// So many of them.
pub(super) fn so_many(count: usize, items: &Value, about: &str) -> Value {
    json!({
        "type": "array", "items": items, "minItems": count, "maxItems": count, "description": about,
    })
}

/// Text.
pub(super) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// Text that must not be empty.
pub(super) fn word(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

/// One line of text: so many characters, none of them a control character.
pub(super) fn line(least: usize, most: usize, about: &str) -> Value {
    json!({
        "type": "string", "minLength": least, "maxLength": most, "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
        "description": about,
    })
}

/// One of a few words.
pub(super) fn one_of(words: &[&str], about: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": about })
}

/// Always the same.
pub(super) fn only(value: &Value) -> Value {
    json!({ "const": value })
}

/// A UUID, hyphenated.
pub(super) fn uuid(about: &str) -> Value {
    json!({ "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36, "description": about })
}

/// RFC 3339, in UTC.
pub(super) fn time(about: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": about })
}

/// A SHA-256.
pub(super) fn hash(about: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": about })
}

/// A whole number, zero or more.
pub(super) fn count(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// A number within bounds.
pub(super) fn number(least: f64, most: f64, about: &str) -> Value {
    json!({ "type": "number", "minimum": least, "maximum": most, "description": about })
}

/// Any number.
pub(super) fn real(about: &str) -> Value {
    json!({ "type": "number", "description": about })
}

/// Yes or no.
pub(super) fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

/// The same, or null.
pub(super) fn or_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.push(Value::Null);
        }
        schema
    } else {
        json!({ "anyOf": [schema, { "type": "null" }] })
    }
}

/// The same, or empty, which is as good as nothing.
pub(super) fn or_empty(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "maxLength": 0 }] })
}

/// One page of a list.
pub(super) fn page(item: &str) -> Value {
    object(
        &[],
        [
            ("items", list(&named(item))),
            (
                "next",
                or_null(text("The cursor of the next page; null on the last one.")),
            ),
        ],
    )
}
