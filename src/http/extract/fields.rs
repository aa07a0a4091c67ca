//! Reads the members of a JSON object one by one and collects all that is wrong, so that a client
//! learns it in one answer.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::names::{is_spelt_alike, quoted};
use crate::{
    domain::{ContentHash, Place},
    http::error::ApiError,
    service::FieldError,
};

/// Longest text that is kept of a client's own words, in characters.
const LONGEST_TEXT_CHARS: usize = 256;

/// What is said of a member that is missing.
const REQUIRED: &str = "is required";

/// The members of one object, and what was wrong with the ones read so far.
#[derive(Debug)]
pub(in crate::http) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// The members that were asked for.
    asked: Vec<&'static str>,
    wrong: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Nothing is read yet, so no field is wrong yet.
    pub(in crate::http) fn new(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            asked: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Ends reading: an error that names every wrong field, if any.
    ///
    /// Members that nobody asked for are ignored, except one that is a known name in another
    /// spelling: what its sender wants would be left undone without a word.
    pub(in crate::http) fn finish(mut self) -> Result<(), ApiError> {
        let unknown = |name: &&String| !self.asked.contains(&name.as_str());
        let misspelt: Vec<(&'static str, &String)> = self
            .object
            .keys()
            .filter(unknown)
            .filter_map(|name| {
                let meant = self.asked.iter().find(|known| is_spelt_alike(name, known));
                meant.map(|known| (*known, name))
            })
            .collect();
        for (known, name) in misspelt {
            // That it is missing is said by this.
            self.wrong
                .retain(|wrong| wrong.field != known || wrong.reason != REQUIRED);
            let reason = format!("has the name {} here; its name is {known:?}", quoted(name));
            self.refuse(known, &reason);
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(self.wrong))
        }
    }

    /// Notes that a field is wrong.
    pub(in crate::http) fn refuse(&mut self, field: &'static str, reason: &str) {
        self.wrong.push(FieldError {
            field,
            reason: reason.to_owned(),
        });
    }

    /// A text that must be there and not be empty; empty when it is wrong.
    pub(in crate::http) fn required_text(&mut self, field: &'static str) -> &'a str {
        self.asked.push(field);
        match self.object.get(field) {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::String(_)) => self.refused(field, "must not be empty"),
            Some(Value::Null) | None => self.refused(field, REQUIRED),
            Some(_) => self.refused(field, "must be a string"),
        }
    }

    /// A text that may be missing or null.
    pub(in crate::http) fn text(&mut self, field: &'static str) -> Option<&'a str> {
        let text = self.present(field)?.as_str();
        if text.is_none() {
            self.refuse(field, "must be a string");
        }
        text
    }

    /// An object that must be there.
    pub(in crate::http) fn required_object(
        &mut self,
        field: &'static str,
    ) -> Option<&'a Map<String, Value>> {
        let Some(value) = self.present(field) else {
            self.refuse(field, REQUIRED);
            return None;
        };
        if !value.is_object() {
            self.refuse(field, "must be an object");
        }
        value.as_object()
    }

    /// A client's own words: short and on one line.
    pub(in crate::http) fn words(&mut self, field: &'static str) -> Option<String> {
        let text = self.text(field)?;
        if text.chars().count() > LONGEST_TEXT_CHARS || text.chars().any(char::is_control) {
            self.refuse(
                field,
                "must have at most 256 characters and no control characters",
            );
        }
        Some(text.to_owned())
    }

    /// A truth value, false when missing or null.
    pub(in crate::http) fn flag(&mut self, field: &'static str) -> bool {
        self.choice(field).unwrap_or(false)
    }

    /// A truth value that may be missing or null.
    pub(in crate::http) fn choice(&mut self, field: &'static str) -> Option<bool> {
        match self.present(field)? {
            Value::Bool(flag) => return Some(*flag),
            Value::String(_) => {
                self.refuse(field, "is text and must be true or false, without quotes");
            }
            _ => self.refuse(field, "must be true or false"),
        }
        None
    }

    /// `latitude` and `longitude`, both or neither.
    pub(in crate::http) fn place(&mut self) -> Option<Place> {
        match (self.number("latitude"), self.number("longitude")) {
            (None, None) => None,
            (Some(_), None) => {
                self.refuse("longitude", "is required beside latitude");
                None
            }
            (None, Some(_)) => {
                self.refuse("latitude", "is required beside longitude");
                None
            }
            (Some(latitude), Some(longitude)) => {
                let place = Place::new(latitude, longitude);
                if place.is_none() {
                    self.refuse("latitude", "must be -90 to 90, and longitude -180 to 180");
                }
                place
            }
        }
    }

    /// `contentHash`; refused at once and by its own code when it is no hash.
    pub(in crate::http) fn content_hash(&mut self) -> Result<Option<ContentHash>, ApiError> {
        match self.present("contentHash") {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(ContentHash::parse)
                .map(Some)
                .ok_or_else(|| ApiError::content_hash("must be 64 lowercase hexadecimal digits")),
        }
    }

    /// A whole number within a range; `1.0` is one too, as in JSON Schema.
    pub(in crate::http) fn whole(
        &mut self,
        field: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let (least, most) = (f64::from(*range.start()), f64::from(*range.end()));
        let number = self.number(field)?;
        if number.fract() == 0.0 && (least..=most).contains(&number) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and between two numbers of the type"
            )]
            return Some(number as u32);
        }
        self.refuse(field, &format!("must be {least} to {most}"));
        None
    }

    fn number(&mut self, field: &'static str) -> Option<f64> {
        let value = self.present(field)?;
        match value {
            Value::Number(number) => return number.as_f64(),
            Value::String(_) => self.refuse(field, "is text and must be a number, without quotes"),
            _ => self.refuse(field, "must be a number"),
        }
        None
    }

    fn present(&mut self, field: &'static str) -> Option<&'a Value> {
        self.asked.push(field);
        self.object.get(field).filter(|value| !value.is_null())
    }

    fn refused(&mut self, field: &'static str, reason: &str) -> &'static str {
        self.refuse(field, reason);
        ""
    }
}
