//! The console: its session, its pages, and that it knows no more than the API.

mod attacks;
mod pages;
mod parity;
mod session;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::support::{Answer, App, Client, PASSWORD, Tenant};

const SESSION: &str = "/console/session";

/// The name of the cookie where the server is reached over TLS, as in these tests.
const COOKIE: &str = "__Host-lumatrace";

/// What a browser sends with the requests of a page of the server.
const OWN_PAGE: [(&str, &str); 2] = [
    ("sec-fetch-site", "same-origin"),
    ("origin", "https://lumatrace.test"),
];

/// A browser with the server's page open: it keeps the cookie and says where its requests come
/// from.
struct Browser {
    client: Client,
    cookie: Option<String>,
}

impl Browser {
    fn new(app: &App) -> Self {
        Self {
            client: app.anonymous(),
            cookie: None,
        }
    }

    /// The same browser at another server of the same database.
    fn at(&self, app: &App) -> Self {
        Self {
            client: app.anonymous(),
            cookie: self.cookie.clone(),
        }
    }

    /// A browser in which an account of a tenant has signed in.
    async fn signed_in(app: &App, tenant: &Tenant) -> Self {
        let mut browser = Self::new(app);
        let answer = browser.sign_in(tenant, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        browser
    }

    async fn sign_in(&mut self, tenant: &Tenant, password: &str) -> Answer {
        let body = credentials(tenant, password);
        self.call(&Method::POST, SESSION, Some(&body)).await
    }

    /// Sends a request of the page, and keeps the cookie that comes.
    async fn call(&mut self, method: &Method, path: &str, body: Option<&Value>) -> Answer {
        let mut headers = OWN_PAGE.to_vec();
        let cookie = self.header();
        if let Some(cookie) = &cookie {
            headers.push(("cookie", cookie));
        }
        let answer = self
            .client
            .send(request(method, path, &headers, body))
            .await;
        if let Some(set) = answer.headers.get_all("set-cookie").iter().next() {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            assert_eq!(name, COOKIE);
            let (value, _) = rest.split_once(';').unwrap();
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.call(&Method::GET, path, None).await
    }

    /// The token in the cookie.
    fn token(&self) -> String {
        self.cookie.clone().unwrap()
    }

    fn header(&self) -> Option<String> {
        (self.cookie.as_ref()).map(|value| format!("{COOKIE}={value}"))
    }
}

fn credentials(tenant: &Tenant, password: &str) -> Value {
    json!({ "tenantId": tenant.id.as_str(), "username": tenant.username.as_str(), "password": password })
}

fn request(
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(body.to_string().into()),
        None => request.body(Body::empty()),
    }
    .unwrap()
}
