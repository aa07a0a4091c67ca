//! Holds answers of the router against the document.

use std::collections::BTreeSet;

use jsonschema::Validator;
use lumatrace::http::openapi;
use serde_json::{Map, Value, json};

use super::URL;
use crate::support::Answer;

/// Headers that describe the message itself: OpenAPI leaves them out.
const ORDINARY: [&str; 2] = ["content-length", "content-type"];

/// The document, with objects closed against what it does not describe.
pub(crate) struct Contract {
    pub(crate) document: Value,
    /// Which answers of which operations were held against it.
    pub(crate) used: BTreeSet<String>,
}

impl Contract {
    pub(crate) fn new() -> Self {
        let mut document = openapi::document(URL);
        for schema in document["components"]["schemas"]
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            seal(schema);
        }
        let used = BTreeSet::new();
        Self { document, used }
    }

    fn operation(&self, id: &str) -> &Value {
        operations(&self.document)
            .into_iter()
            .find(|(_, _, operation)| operation["operationId"] == id)
            .unwrap_or_else(|| panic!("no operation {id}"))
            .2
    }

    pub(crate) fn validator(&self, schema: &Value) -> Validator {
        let mut root = json!({ "components": self.document["components"] });
        root.as_object_mut()
            .unwrap()
            .extend(schema.as_object().unwrap().clone());
        jsonschema::options()
            .should_validate_formats(true)
            .build(&root)
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn valid(&self, schema: &Value, value: &Value, what: &str) {
        let wrong: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?} in {value}");
    }

    /// Asserts that each line is an event.
    #[track_caller]
    fn lines(&self, lines: &str) {
        let event = json!({ "$ref": "#/components/schemas/Event" });
        for line in lines.lines() {
            self.valid(&event, &serde_json::from_str(line).unwrap(), line);
        }
    }

    /// Asserts that an answer is one of those that its operation describes: status, headers, body.
    #[track_caller]
    pub(crate) fn holds(&mut self, id: &str, answer: &Answer) {
        let described = &self.operation(id)["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{id} does not describe {answer:?}");
        let headers = described["headers"].as_object().unwrap();
        let named: BTreeSet<String> = headers.keys().map(|name| name.to_lowercase()).collect();
        for name in answer.headers.keys() {
            let known = named.contains(name.as_str()) || ORDINARY.contains(&name.as_str());
            assert!(known, "{id} {} has {name}", answer.status);
        }
        for name in headers.keys() {
            let component = &self.document["components"]["headers"][name];
            let text = answer.header(name);
            let there = answer.headers.contains_key(name);
            assert!(
                there || component["required"] == false,
                "{id} {} lacks {name}",
                answer.status
            );
            if there {
                let number = || {
                    text.parse::<i64>()
                        .map(Value::from)
                        .or_else(|_| text.parse::<f64>().map(Value::from))
                };
                let value = match component["schema"]["type"].as_str() {
                    Some("string") => text.into(),
                    _ => number().unwrap(),
                };
                self.valid(&component["schema"], &value, name);
            }
        }
        let kind = answer.header("content-type").split(';').next().unwrap();
        let content = &described["content"];
        if answer.body.is_empty() {
            assert!(content.is_null(), "{id} {}: no body", answer.status);
        } else {
            let schema = &content[kind]["schema"];
            assert!(
                schema.is_object(),
                "{id} {} does not describe {kind}",
                answer.status
            );
            if kind.ends_with("ndjson") {
                self.lines(std::str::from_utf8(&answer.body).unwrap());
            } else if kind.ends_with("json") {
                let what = format!("{id} {}", answer.status);
                self.valid(schema, &answer.json(), &what);
            }
        }
        self.used.insert(format!("{id} {}", answer.status));
    }
}

/// Lets no member pass that is not described: to clients we promise to add some, to ourselves not.
fn seal(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("oneOf") {
                let sealed = members.entry("additionalProperties");
                sealed.or_insert(false.into());
            }
            members.values_mut().for_each(seal);
        }
        Value::Array(items) => items.iter_mut().for_each(seal),
        _ => {}
    }
}

/// Path, method and description of each operation.
pub(crate) fn operations(document: &Value) -> Vec<(&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item: &Map<_, _> = item.as_object().unwrap();
            let operations = item.iter().filter(|(name, _)| *name != "parameters");
            operations.map(move |(method, operation)| (path, method, operation))
        })
        .collect()
}
