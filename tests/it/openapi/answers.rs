//! What the router answers is what the document describes.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::contract::{Contract, operations};
use crate::support::{Answer, App, PASSWORD, Part, pictures};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn what_public_endpoints_answer_is_what_is_described() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut contract = Contract::new();
    let anonymous = app.anonymous();
    for (id, path) in [
        ("isAlive", "/livez"),
        ("isReady", "/readyz"),
        ("getHealth", "/api/v1/health"),
        ("getKeys", "/.well-known/jwks.json"),
        ("getAnchors", "/.well-known/c2pa/anchors.pem"),
        (
            "getAuthorizationServer",
            "/.well-known/oauth-authorization-server",
        ),
        (
            "getProtectedResource",
            "/.well-known/oauth-protected-resource",
        ),
        ("getError", "/errors/UNSUPPORTED_MEDIA_TYPE"),
        ("getError", "/errors/NONE"),
        ("getError", "/errors/%FF"),
    ] {
        contract.holds(id, &anonymous.get(path).await);
    }
    let login = |password: &str| json!({ "tenantId": acme.id.as_str(), "username": acme.username.as_str(), "password": password });
    for body in [login(PASSWORD), login("wrong"), json!({})] {
        let answer = anonymous.post_json("/api/v1/auth/login", &body).await;
        contract.holds("login", &answer);
    }
    let text = anonymous.post_bytes("/api/v1/auth/login", "text/plain", "{}".into());
    contract.holds("login", &text.await);
    let large = vec![b' '; 70_000];
    let large = anonymous.post_bytes("/api/v1/auth/login", "application/json", large.into());
    contract.holds("login", &large.await);
    let problem = Request::get("/errors/NONE")
        .header("accept", "application/problem+json")
        .body(Body::empty())
        .unwrap();
    contract.holds("getError", &anonymous.send(problem).await);
    let expected = 15;
    println!("{} answers", contract.used.len());
    assert_eq!(contract.used.len(), expected, "{:?}", contract.used);
}

fn send(method: &str, path: &str, kind: &str, body: impl Into<String>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(Body::from(body.into()))
        .unwrap()
}

#[tokio::test]
async fn what_is_answered_about_photos_is_what_is_described() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let client = app.client(&acme).await;
    let mut contract = Contract::new();
    let body = json!({
        "contentHash": "ab".repeat(32), "deviceModel": "Leica", "latitude": 47.5, "longitude": 8.5,
        "label": "Town hall", "externalId": "7",
    });
    for body in [body, json!({}), json!({ "contentHash": "x" })] {
        let answer = client.post_json("/api/v1/photos/register", &body).await;
        contract.holds("registerPhoto", &answer);
    }
    let picture = pictures::jpeg(&pictures::scene(640, 480, 7), 92);
    let protected = client.protect(&picture).await;
    contract.holds("protectPhoto", &protected);
    let photo = protected.header("x-photo-id").to_owned();
    let damaged = [Part::image(b"no image")];
    let answer = client.post_form("/api/v1/photos/protect", &damaged).await;
    contract.holds("protectPhoto", &answer);
    for image in [protected.body.to_vec(), picture.clone()] {
        contract.holds("verifyPhoto", &client.verify(&image, &photo).await);
        let form = [Part::image(&image)];
        let found = client.post_form("/api/v1/photos/identify", &form).await;
        contract.holds("identifyPhoto", &found);
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    contract.holds("verifyPhoto", &client.verify(&picture, unknown).await);
    contract.holds("verifyPhoto", &client.verify(&picture, "x").await);
    let empty = client.post_form("/api/v1/photos/identify", &[]).await;
    contract.holds("identifyPhoto", &empty);
    let one = format!("/api/v1/photos/{photo}");
    for body in [json!({ "label": "Town hall" }), json!({})] {
        let answer = client.patch_json(&one, &body).await;
        contract.holds("changePhoto", &answer);
    }
    for (id, method, path) in [
        ("listPhotos", Method::GET, "/api/v1/photos?limit=1"),
        ("listPhotos", Method::GET, "/api/v1/photos?limit=x"),
        (
            "listPhotos",
            Method::GET,
            "/api/v1/photos?label=town&level=FULL",
        ),
        ("countPhotos", Method::GET, "/api/v1/photos/count"),
        ("countPhotos", Method::GET, "/api/v1/photos/count?level=x"),
        ("getPhoto", Method::GET, one.as_str()),
        ("getPhoto", Method::GET, "/api/v1/photos/%FF"),
        ("deletePhoto", Method::DELETE, one.as_str()),
        ("deletePhoto", Method::DELETE, one.as_str()),
        ("getMe", Method::GET, "/api/v1/me"),
        ("getTenantPolicy", Method::GET, "/api/v1/tenant/policy"),
        ("getUsage", Method::GET, "/api/v1/usage"),
        ("getUsage", Method::GET, "/api/v1/usage?from=x"),
        ("listAuditEvents", Method::GET, "/api/v1/audit"),
        ("logout", Method::POST, "/api/v1/auth/logout"),
        ("logout", Method::POST, "/api/v1/auth/logout"),
        ("getMe", Method::GET, "/api/v1/me"),
    ] {
        contract.holds(id, &client.call(&method, path).await);
    }
    contract.holds("getMe", &app.anonymous().get("/api/v1/me").await);
    println!("{} answers", contract.used.len());
    assert!(contract.used.len() >= 22, "{:?}", contract.used);
}

#[tokio::test]
async fn what_an_administrator_is_answered_is_what_is_described() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let mut contract = Contract::new();
    let json = "application/json";
    let accounts = "/api/v1/admin/accounts";
    let press = "/api/v1/admin/accounts/press";
    let name = r#"{"username":"desk"}"#;
    for (id, method, path, body) in [
        ("createAccount", "POST", accounts, name),
        ("createAccount", "POST", accounts, name),
        ("createAccount", "POST", accounts, "{}"),
        ("changeAccount", "PATCH", press, r#"{"status":"disabled"}"#),
        ("changeAccount", "PATCH", press, r#"{"status":"x"}"#),
        (
            "changeAccount",
            "PATCH",
            "/api/v1/admin/accounts/none",
            r#"{"status":"enabled"}"#,
        ),
        (
            "createApiKey",
            "POST",
            "/api/v1/admin/api-keys",
            r#"{"name":"desk"}"#,
        ),
        ("createApiKey", "POST", "/api/v1/admin/api-keys", "{}"),
        (
            "createApplication",
            "POST",
            "/api/v1/admin/applications",
            r#"{"name":"archive"}"#,
        ),
        (
            "createApplication",
            "POST",
            "/api/v1/admin/applications",
            "[]",
        ),
        ("listAccounts", "GET", accounts, ""),
        ("listApiKeys", "GET", "/api/v1/admin/api-keys", ""),
        ("listApplications", "GET", "/api/v1/admin/applications", ""),
        (
            "endSessions",
            "DELETE",
            "/api/v1/admin/accounts/press/sessions",
            "",
        ),
        (
            "endSessions",
            "DELETE",
            "/api/v1/admin/accounts/none/sessions",
            "",
        ),
        ("revokeApiKey", "DELETE", "/api/v1/admin/api-keys/none", ""),
        (
            "revokeApplication",
            "DELETE",
            "/api/v1/admin/applications/none",
            "",
        ),
        ("listAuditEvents", "GET", "/api/v1/audit?limit=2", ""),
        ("listAuditEvents", "GET", "/api/v1/audit?cursor=x", ""),
        ("getAuditHead", "GET", "/api/v1/audit/head", ""),
        ("exportAuditEvents", "GET", "/api/v1/audit/export", ""),
        (
            "exportAuditEvents",
            "GET",
            "/api/v1/audit/export?from=x",
            "",
        ),
    ] {
        contract.holds(id, &chief.send(send(method, path, json, body)).await);
    }
    let keys = chief.get("/api/v1/admin/api-keys").await.json();
    let applications = chief.get("/api/v1/admin/applications").await.json();
    for (id, path) in [
        (
            "revokeApiKey",
            format!(
                "/api/v1/admin/api-keys/{}",
                keys["items"][0]["id"].as_str().unwrap()
            ),
        ),
        (
            "revokeApplication",
            format!(
                "/api/v1/admin/applications/{}",
                applications["items"][0]["appId"].as_str().unwrap()
            ),
        ),
    ] {
        contract.holds(id, &chief.call(&Method::DELETE, &path).await);
    }
    contract.holds(
        "listApplications",
        &chief.get("/api/v1/admin/applications").await,
    );
    println!("{} answers", contract.used.len());
    assert!(contract.used.len() >= 20, "{:?}", contract.used);
}

#[tokio::test]
async fn what_other_sign_ins_answer_is_what_is_described() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let mut contract = Contract::new();
    let named = json!({ "name": "desk" });
    let key = chief
        .post_json("/api/v1/admin/api-keys", &named)
        .await
        .json();
    let made = chief
        .post_json("/api/v1/admin/applications", &named)
        .await
        .json();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let (key, application) = (word(&key["apiKey"]), word(&made["appId"]));
    let (token, secret) = (word(&made["token"]), word(&made["secret"]));
    let anonymous = app.anonymous();
    let right = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("username", "press"), ("password", PASSWORD)])
        .finish();
    for (key, body) in [
        (key.as_str(), right.as_str()),
        (key.as_str(), "username=press&password=wrong"),
        ("none", right.as_str()),
        (key.as_str(), ""),
        (key.as_str(), "a=1&a=2"),
    ] {
        let mut request = send("POST", "/auth", FORM, body);
        request
            .headers_mut()
            .insert("x-api-key", key.parse().unwrap());
        contract.holds("apiKeyLogin", &anonymous.send(request).await);
    }
    for (id, token, secret) in [
        (application.as_str(), token.as_str(), secret.as_str()),
        ("none", token.as_str(), secret.as_str()),
        (application.as_str(), "x", secret.as_str()),
        (application.as_str(), token.as_str(), "x"),
        (application.as_str(), "", ""),
    ] {
        let body = json!({ "token": token, "secret": secret }).to_string();
        let mut request = send("POST", "/api/v3/auth", "application/json", body);
        request.headers_mut().insert("appidv3", id.parse().unwrap());
        contract.holds("applicationLogin", &anonymous.send(request).await);
    }
    let basic = STANDARD.encode(format!("{application}:{secret}"));
    let oauth = async |path: &str, basic: &str, body: &str| {
        let mut request = send("POST", path, FORM, body);
        let value = format!("Basic {basic}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
        anonymous.send(request).await
    };
    let grant = "grant_type=client_credentials";
    let answer = oauth("/oauth2/token", &basic, grant).await;
    contract.holds("oauthToken", &answer);
    let ours = format!("token={}", word(&answer.json()["access_token"]));
    for (id, path, basic, body) in [
        ("oauthToken", "/oauth2/token", "eDp5", grant),
        (
            "oauthToken",
            "/oauth2/token",
            basic.as_str(),
            "grant_type=password",
        ),
        ("oauthToken", "/oauth2/token", basic.as_str(), "a=1&a=2"),
        (
            "oauthIntrospect",
            "/oauth2/introspect",
            basic.as_str(),
            ours.as_str(),
        ),
        (
            "oauthIntrospect",
            "/oauth2/introspect",
            basic.as_str(),
            "token=x",
        ),
        ("oauthIntrospect", "/oauth2/introspect", basic.as_str(), ""),
        (
            "oauthRevoke",
            "/oauth2/revoke",
            basic.as_str(),
            ours.as_str(),
        ),
        ("oauthRevoke", "/oauth2/revoke", "eDp5", ours.as_str()),
    ] {
        contract.holds(id, &oauth(path, basic, body).await);
    }
    println!("{} answers", contract.used.len());
    assert!(contract.used.len() >= 12, "{:?}", contract.used);
}

#[tokio::test]
async fn a_call_above_the_limits_is_refused_as_described() {
    let app = App::spawn_with(&["--rate-per-hour", "1"]).await;
    let acme = app.tenant("acme").await;
    let client = app.client(&acme).await;
    let mut contract = Contract::new();
    for _ in 0..3 {
        contract.holds("getMe", &client.get("/api/v1/me").await);
    }
    assert!(contract.used.contains("getMe 429"), "{:?}", contract.used);
}

#[tokio::test]
async fn every_member_of_a_request_is_read_and_all_wrong_ones_are_named_at_once() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let contract = Contract::new();
    let schemas = &contract.document["components"]["schemas"];
    let mut read = 0;
    for (path, method, operation) in operations(&contract.document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(name) = schema.as_str().and_then(|path| path.rsplit('/').next()) else {
            continue;
        };
        let names = wrong_members(&schemas[name]);
        let body: Map<String, Value> = names.iter().map(|name| (name.clone(), json!([]))).collect();
        let photo = "00000000-0000-4000-8000-000000000000";
        let path = path.replace("{username}", "press");
        let path = path.replace("{photoId}", photo);
        let path = path.replace("{manifestId}", "none");
        let body = Value::from(body).to_string();
        let mut request = send(&method.to_uppercase(), &path, "application/json", body);
        let own_page = "same-origin".parse().unwrap();
        request.headers_mut().insert("sec-fetch-site", own_page);
        assert_named(&chief.send(request).await, &names, name);
        read += names.len();
    }
    let names = wrong_members(&schemas["ProtectRequest"]);
    let body: Map<String, Value> = names.iter().map(|name| (name.clone(), json!([]))).collect();
    let body = Value::from(body).to_string();
    let picture = pictures::jpeg(&pictures::scene(640, 480, 7), 92);
    let form = [Part::image(&picture), Part::text("request", &body)];
    let answer = chief.post_form("/api/v1/photos/protect", &form).await;
    assert_named(&answer, &names, "ProtectRequest");
    read += names.len();
    println!("{read} members");
    assert!(read >= 22);
}

/// The members of a request's schema, but for the one that is refused by a code of its own.
fn wrong_members(schema: &Value) -> BTreeSet<String> {
    let members = schema["properties"].as_object().unwrap().keys();
    members
        .filter(|name| *name != "contentHash")
        .cloned()
        .collect()
}

#[track_caller]
fn assert_named(answer: &Answer, names: &BTreeSet<String>, what: &str) {
    assert_eq!(answer.status, 400, "{what}");
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    let fields: BTreeSet<String> = errors
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(fields, *names, "{what}: {problem}");
}
