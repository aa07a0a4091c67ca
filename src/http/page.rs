//! Pages that people meet by accident: an error, the answer to a health check. Programs get JSON.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            VARY,
        },
    },
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::accept;

const STYLE: &str = include_str!("page/style.css");

/// What a page says.
#[derive(Debug, Clone)]
pub(super) struct Page<'a> {
    /// In large letters.
    pub(super) title: &'a str,
    /// A sentence or two below it.
    pub(super) text: &'a str,
    /// Facts for people who look closer: what they are, and what they say.
    pub(super) facts: Vec<(&'static str, &'a str)>,
}

/// The page, as the API's description has it.
pub(super) fn schema() -> Value {
    json!({ "schema": { "type": "string" }, "example": "<!doctype html>" })
}

/// Whether a person asks, with a browser.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    accept::prefers(headers, "text/html", "application/json")
}

impl Page<'_> {
    /// The page as the answer 200.
    pub(super) fn answer(&self) -> Response {
        let mut response = Response::new(Body::empty());
        self.put_into(&mut response);
        response
    }

    /// Puts the page into an answer in place of what it had.
    pub(super) fn put_into(&self, response: &mut Response) {
        *response.body_mut() = Body::from(self.html());
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            STANDARD.encode(Sha256::digest(STYLE)),
        );
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (VARY, "accept"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    fn html(&self) -> String {
        let facts: Vec<String> = (self.facts.iter())
            .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(value)))
            .collect();
        format!(
            include_str!("page/index.html"),
            style = STYLE,
            facts = facts.concat(),
            title = escaped(self.title),
            text = escaped(self.text),
        )
    }
}

/// Text as HTML has it, between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_says_is_text_and_no_markup() {
        let evil = "<script>{title}{facts}</script> & co";
        let html = Page {
            title: evil,
            text: evil,
            facts: vec![("Code", evil)],
        }
        .html();
        let shown = "&lt;script&gt;{title}{facts}&lt;/script&gt; &amp; co";
        assert_eq!(html.matches(shown).count(), 4, "the title stands twice");
        assert!(!html.contains("<script"), "{html}");
    }
}
