//! Schemas (JSON Schema 2020-12), derived from the types that handlers read and write.

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    json_schema,
    transform::{RecursiveTransform, transform_subschemas},
};
use serde_json::{Map, Value, json};

/// Where components stand in the document.
const COMPONENTS: &str = "/components/schemas";

/// A schema, and the components that it refers to, by name.
#[derive(Debug, Clone)]
pub(in crate::http) struct TypeSchema {
    pub(super) schema: Value,
    pub(super) components: Map<String, Value>,
}

impl TypeSchema {
    /// The schema of what is read as `T`: members that may be missing may be null.
    pub(super) fn of_request<T: JsonSchema>() -> Self {
        Self::of::<T>(Contract::Deserialize)
    }

    /// The schema of what is written as `T`: members are always there, unless serialisation skips
    /// them.
    pub(super) fn of_answer<T: JsonSchema>() -> Self {
        Self::of::<T>(Contract::Serialize)
    }

    fn of<T: JsonSchema>(contract: Contract) -> Self {
        let mut settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.contract = contract)
            .with_transform(RecursiveTransform(drop_number_format))
            .with_transform(RecursiveTransform(unwrap_description));
        settings.definitions_path = COMPONENTS.into();
        let mut generator = settings.into_generator();
        let schema = generator.subschema_for::<T>().to_value();
        let components = generator.take_definitions(true);
        Self { schema, components }
    }
}

/// `int64`, `double` and the range of `u16` say how a number is held here, which is nothing to a
/// client.
fn drop_number_format(schema: &mut Schema) {
    let format = schema.get("format").and_then(Value::as_str);
    let is_number =
        |name: &str| name == "double" || name.trim_start_matches('u').starts_with("int");
    if format.is_some_and(is_number) {
        if format == Some("uint16") && schema.get("maximum") == Some(&json!(u16::MAX)) {
            schema.remove("maximum");
        }
        schema.remove("format");
    }
}

/// A description comes from a doc comment, whose lines end where the source's columns do.
fn unwrap_description(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// A form has no null: what is left out is not there. For `#[schemars(transform = …)]`.
pub(in crate::http) fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("anyOf") {
        kinds.retain(|kind| kind["type"] != "null");
        if let [Value::Object(one)] = kinds.as_mut_slice() {
            let one = std::mem::take(one);
            schema.remove("anyOf");
            for (key, value) in one {
                schema.insert(key, value);
            }
        }
    }
    transform_subschemas(&mut without_null, schema);
}

/// The schema of a type that is no component.
pub(in crate::http) fn inline<T: JsonSchema>() -> Value {
    TypeSchema::of_request::<T>().schema
}

/// The same, or empty, which is as good as nothing.
pub(super) fn or_empty(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "maxLength": 0 }] })
}

/// The part `image` of a form.
pub(in crate::http) fn image_file(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "contentMediaType": "image/*",
        "description": "A still JPEG, PNG or WebP. The bytes decide, not the declared type.",
    })
}

/// Text without control characters, the rule for what people are shown on one line.
pub(in crate::http) const ONE_LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
