//! What an endpoint answers: status, headers, bodies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::schema::TypeSchema;

/// The headers of every answer.
const EVERYWHERE: [&str; 3] = ["X-Request-Id", "X-Content-Type-Options", "Cache-Control"];

/// An answer of an endpoint.
#[derive(Debug, Clone)]
pub(in crate::http) struct Answer {
    pub(super) status: u16,
    about: String,
    pub(super) headers: Vec<&'static str>,
    pub(super) content: BTreeMap<&'static str, Value>,
    /// The schemas that `content` refers to.
    pub(super) components: Map<String, Value>,
}

impl Answer {
    /// An answer without a body.
    pub(in crate::http) fn empty(status: u16, about: impl Into<String>) -> Self {
        Self {
            status,
            about: about.into(),
            headers: Vec::new(),
            content: BTreeMap::new(),
            components: Map::new(),
        }
    }

    /// An answer that is written as `T`, with an example of it.
    pub(in crate::http) fn json<T>(status: u16, about: &str, example: &T) -> Self
    where
        T: Serialize + JsonSchema,
    {
        let TypeSchema { schema, components } = TypeSchema::of_answer::<T>();
        let content = json!({ "schema": schema, "example": example });
        Self {
            components,
            ..Self::empty(status, about).with("application/json", content)
        }
    }

    /// A body of another media type.
    pub(in crate::http) fn with(mut self, media_type: &'static str, content: Value) -> Self {
        self.content.insert(media_type, content);
        self
    }

    /// Headers that it has beside those of every answer, by the name of their component.
    pub(in crate::http) fn headers(mut self, names: &[&'static str]) -> Self {
        self.headers.extend(names);
        self
    }

    /// When it is given.
    pub(super) fn about(&self) -> &str {
        &self.about
    }

    /// The response object of the document; the schemas that it refers to are added to
    /// `components`.
    pub(super) fn describe(self, components: &mut Map<String, Value>) -> Value {
        components.extend(self.components);
        let headers: Map<_, _> = EVERYWHERE
            .into_iter()
            .chain(self.headers)
            .map(|name| {
                let component = json!({ "$ref": format!("#/components/headers/{name}") });
                (name.to_owned(), component)
            })
            .collect();
        let mut answer = json!({ "description": self.about, "headers": headers });
        if !self.content.is_empty() {
            answer["content"] = json!(self.content);
        }
        answer
    }
}
