//! What an administrator of a tenant does over HTTP.

use axum::http::Method;
use lumatrace::http::ErrorCode;
use serde_json::{Value, json};

use crate::support::{App, Client, PASSWORD};

const ACCOUNTS: &str = "/api/v1/admin/accounts";
const API_KEYS: &str = "/api/v1/admin/api-keys";
const APPLICATIONS: &str = "/api/v1/admin/applications";

async fn patch(client: &Client, path: &str, body: &Value) -> u16 {
    let request = axum::http::Request::patch(path)
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap();
    client.send(request).await.status
}

async fn login(app: &App, username: &str, password: &str) -> u16 {
    let body = json!({ "tenantId": "acme", "username": username, "password": password });
    app.anonymous()
        .post_json("/api/v1/auth/login", &body)
        .await
        .status
}

#[tokio::test]
async fn accounts_are_made_changed_and_their_sessions_ended() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let made = chief
        .post_json(ACCOUNTS, &json!({ "username": "desk" }))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let generated = made.json()["password"].as_str().unwrap().to_owned();
    assert_eq!(login(&app, "desk", &generated).await, 200);
    let taken = chief
        .post_json(ACCOUNTS, &json!({ "username": "desk" }))
        .await;
    taken.problem(ErrorCode::Conflict);
    let own = json!({ "username": "boss", "role": "ROLE_ADMIN", "password": "a long password" });
    let made = chief.post_json(ACCOUNTS, &own).await;
    assert_eq!(made.json().get("password"), None, "shown to nobody");
    for bad in [
        json!({}),
        json!({ "username": "x", "role": "ROLE_ROOT" }),
        json!({ "username": "x", "password": "short" }),
        json!({ "username": "a\u{0}b" }),
        json!({ "username": "pre\u{200b}ss" }),
        json!({ "username": "LCUID-LU-00000000-0000-4000-8000-000000000000" }),
        json!({ "username": "x", "password": "Password1" }),
        json!({ "username": "frontdesk", "password": "frontdesk123" }),
    ] {
        let refused = chief.post_json(ACCOUNTS, &bad).await;
        refused.problem(ErrorCode::ValidationFailed);
    }
    let listed = chief.get(ACCOUNTS).await.json();
    let names: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["boss", "chief", "desk", "press"]);
    assert!(!listed.to_string().contains("argon2"));

    let press = app.client(&acme).await;
    let path = format!("{ACCOUNTS}/press");
    let ended = chief
        .call(&Method::DELETE, &format!("{path}/sessions"))
        .await;
    assert_eq!(ended.status, 204);
    press
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
    let press = app.client(&acme).await;
    assert_eq!(
        patch(&chief, &path, &json!({ "status": "enabled" })).await,
        204
    );
    let lives_on = press.get("/api/v1/me").await;
    assert_eq!(lives_on.status, 200, "it was enabled: {lives_on:?}");
    assert_eq!(
        patch(&chief, &path, &json!({ "status": "disabled" })).await,
        204
    );
    press
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
    assert_eq!(login(&app, "press", PASSWORD).await, 401);
    assert_eq!(
        patch(&chief, &path, &json!({ "status": "enabled" })).await,
        204
    );
    let new = json!({ "password": "another long password" });
    assert_eq!(patch(&chief, &path, &new).await, 204);
    assert_eq!(login(&app, "press", PASSWORD).await, 401);
    assert_eq!(login(&app, "press", "another long password").await, 200);
    for bad in [
        json!({}),
        json!({ "status": "asleep" }),
        json!({ "status": "enabled", "password": "x" }),
    ] {
        assert_eq!(patch(&chief, &path, &bad).await, 400, "{bad}");
    }
    let himself = format!("{ACCOUNTS}/chief");
    assert_eq!(
        patch(&chief, &himself, &json!({ "status": "disabled" })).await,
        409
    );
    let nobody = format!("{ACCOUNTS}/nobody");
    assert_eq!(
        patch(&chief, &nobody, &json!({ "status": "disabled" })).await,
        404
    );
}

#[tokio::test]
async fn keys_and_applications_are_made_shown_once_and_revoked() {
    let app = App::spawn().await;
    let (_, chief) = app.administered("acme").await;
    let key = chief
        .post_json(
            API_KEYS,
            &json!({ "name": "desk", "scope": "photos:read", "days": 1 }),
        )
        .await;
    assert_eq!(key.status, 201, "{key:?}");
    let key = key.json();
    assert_eq!(key["expiresAt"], "2027-01-16T08:00:00Z");
    assert!(key["apiKey"].as_str().unwrap().starts_with("ltk_"));
    let application = chief
        .post_json(
            APPLICATIONS,
            &json!({ "name": "archive", "tokenDays": 7.0 }),
        )
        .await
        .json();
    assert_eq!(application["expiresAt"], Value::Null);
    let body = json!({ "token": application["token"], "secret": application["secret"] });
    let request = axum::http::Request::post("/api/v3/auth")
        .header("content-type", "application/json")
        .header("appidv3", application["appId"].as_str().unwrap())
        .body(body.to_string().into())
        .unwrap();
    let token = app.anonymous().send(request).await.json()["token"].clone();
    let token = token.as_str().unwrap().to_owned();
    let me = async || {
        let request = axum::http::Request::get("/api/v1/me")
            .header("authorization", format!("Bearer {token}"))
            .header("appidv3", application["appId"].as_str().unwrap())
            .body(axum::body::Body::empty())
            .unwrap();
        app.anonymous().send(request).await
    };
    assert_eq!(me().await.status, 200);
    for (path, secret, end, used) in [
        (
            API_KEYS,
            &key["apiKey"],
            json!("2027-01-16T08:00:00Z"),
            Value::Null,
        ),
        (
            APPLICATIONS,
            &application["secret"],
            Value::Null,
            json!("2027-01-15T08:00:00Z"),
        ),
    ] {
        let listed = chief.get(path).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let one = &listed["items"][0];
        assert_eq!((&one["expiresAt"], &one["lastUsedAt"]), (&end, &used));
        assert!(!listed.to_string().contains(secret.as_str().unwrap()));
    }
    let one = format!("{APPLICATIONS}/{}", application["appId"].as_str().unwrap());
    assert_eq!(chief.call(&Method::DELETE, &one).await.status, 204);
    me().await.problem(ErrorCode::AuthRevoked);
    let listed = chief.get(APPLICATIONS).await.json();
    assert!(listed["items"][0]["revokedAt"].is_string());
    let one = format!("{API_KEYS}/{}", key["id"].as_str().unwrap());
    assert_eq!(chief.call(&Method::DELETE, &one).await.status, 204);
    for bad in [
        json!({}),
        json!({ "name": "x", "scope": "everything" }),
        json!({ "name": "", "scope": "admin" }),
        json!({ "name": "x", "days": 0 }),
        json!({ "name": "x", "days": 3651 }),
    ] {
        let refused = chief.post_json(API_KEYS, &bad).await;
        refused.problem(ErrorCode::ValidationFailed);
    }
    let refused = chief
        .post_json(APPLICATIONS, &json!({ "name": "x", "tokenDays": 0 }))
        .await;
    refused.problem(ErrorCode::ValidationFailed);
}

#[tokio::test]
async fn another_tenants_accounts_and_credentials_are_as_good_as_none() {
    let app = App::spawn().await;
    let (_, acme) = app.administered("acme").await;
    let (_, bolt) = app.administered("bolt").await;
    let key = acme
        .post_json(API_KEYS, &json!({ "name": "desk" }))
        .await
        .json();
    let one = format!("{API_KEYS}/{}", key["id"].as_str().unwrap());
    let foreign = bolt.call(&Method::DELETE, &one).await;
    foreign.problem(ErrorCode::NotFound);
    assert_eq!(bolt.get(API_KEYS).await.json()["items"], json!([]));
    let only = acme
        .post_json(ACCOUNTS, &json!({ "username": "only" }))
        .await;
    assert_eq!(only.status, 201);
    let path = format!("{ACCOUNTS}/only");
    assert_eq!(
        patch(&bolt, &path, &json!({ "status": "disabled" })).await,
        404
    );
}

#[tokio::test]
async fn who_holds_an_account_changes_its_password_and_goes_on_with_a_new_token() {
    const PATH: &str = "/api/v1/me/password";
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let (press, other) = (app.client(&acme).await, app.client(&acme).await);
    let change =
        |current: &str, new: &str| json!({ "currentPassword": current, "newPassword": new });
    for (body, field) in [
        (change("wrong", "one that nobody has"), "currentPassword"),
        (change(PASSWORD, "short"), "newPassword"),
        (change(PASSWORD, "password1"), "newPassword"),
        (change(PASSWORD, "press-press"), "newPassword"),
        (
            json!({ "newPassword": "one that nobody has" }),
            "currentPassword",
        ),
    ] {
        let refused = press.post_json(PATH, &body).await;
        let problem = refused.problem(ErrorCode::ValidationFailed);
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let body = change(PASSWORD, "one that nobody has");
    let changed = press.post_json(PATH, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    for ended in [&press, &other] {
        let answer = ended.get("/api/v1/me").await;
        answer.problem(ErrorCode::AuthRevoked);
    }
    let renewed = app.with_token(changed.json()["token"].as_str().unwrap());
    assert_eq!(renewed.get("/api/v1/me").await.status, 200);
    assert_eq!(login(&app, "press", PASSWORD).await, 401);
    assert_eq!(login(&app, "press", "one that nobody has").await, 200);

    // A stolen token is no leave to guess the password.
    let mut throttled = 0;
    for _ in 0..15 {
        let answer = renewed
            .post_json(PATH, &change("wrong", "another of them"))
            .await;
        throttled += u32::from(answer.status == 429);
    }
    assert_eq!(throttled, 5);

    let answer = renewed.call(&Method::DELETE, "/api/v1/me/sessions").await;
    assert_eq!(answer.status, 204);
    let ended = renewed.get("/api/v1/me").await;
    ended.problem(ErrorCode::AuthRevoked);
}

#[tokio::test]
async fn a_role_is_changed_and_an_account_deleted_and_either_ends_its_tokens() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let path = format!("{ACCOUNTS}/press");
    let press = app.client(&acme).await;
    let promoted = json!({ "role": "ROLE_ADMIN" });
    assert_eq!(patch(&chief, &path, &promoted).await, 204);
    let ended = press.get("/api/v1/me").await;
    ended.problem(ErrorCode::AuthRevoked);
    let press = app.client(&acme).await;
    assert_eq!(
        press.get(ACCOUNTS).await.status,
        200,
        "an administrator now"
    );
    assert_eq!(patch(&chief, &path, &promoted).await, 204, "nothing to do");
    assert_eq!(press.get(ACCOUNTS).await.status, 200);
    for bad in [
        json!({ "role": "ROLE_ROOT" }),
        json!({ "role": "ROLE_USER", "status": "enabled" }),
        json!({ "role": null }),
    ] {
        assert_eq!(patch(&chief, &path, &bad).await, 400, "{bad}");
    }
    let own = format!("{ACCOUNTS}/chief");
    assert_eq!(
        patch(&chief, &own, &json!({ "role": "ROLE_USER" })).await,
        409
    );
    let answer = chief.call(&Method::DELETE, &own).await;
    answer.problem(ErrorCode::Conflict);

    assert_eq!(chief.call(&Method::DELETE, &path).await.status, 204);
    let ended = press.get("/api/v1/me").await;
    ended.problem(ErrorCode::AuthRevoked);
    assert_eq!(login(&app, "press", PASSWORD).await, 401);
    let again = chief.call(&Method::DELETE, &path).await;
    again.problem(ErrorCode::NotFound);
    // One of its name is another account: the tokens of the first stay ended.
    app.account(&acme.id, "press", lumatrace::domain::Role::Admin)
        .await;
    assert_eq!(login(&app, "press", PASSWORD).await, 200);
    let ended = press.get("/api/v1/me").await;
    ended.problem(ErrorCode::AuthRevoked);
}

#[tokio::test]
async fn lists_have_pages_that_show_each_item_once() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let (_, other) = app.administered("bolt").await;
    for name in ["Zoë", "desk", "a b", "محمد"] {
        app.account(&acme.id, name, lumatrace::domain::Role::User)
            .await;
    }
    for (path, id) in [(API_KEYS, "id"), (APPLICATIONS, "appId")] {
        // All at one moment: the clock stands.
        for number in 0..5 {
            let body = json!({ "name": format!("number {number}") });
            assert_eq!(chief.post_json(path, &body).await.status, 201);
        }
        assert_eq!(ids(&chief, path, id).await.len(), 5);
        let page = chief.get(&format!("{path}?limit=2")).await.json();
        let cursor = page["next"].as_str().unwrap();
        let foreign = other.get(&format!("{path}?cursor={cursor}")).await.json();
        assert_eq!(foreign["items"], json!([]), "the token says whose");
        let refused = chief.get(&format!("{path}?cursor=nonsense")).await;
        refused.problem(ErrorCode::ValidationFailed);
    }
    let names = ids(&chief, ACCOUNTS, "username").await;
    assert_eq!(names.len(), 6, "{names:?}");
    for query in ["cursor=%25", "limit=0", "limit=201"] {
        let refused = chief.get(&format!("{ACCOUNTS}?{query}")).await;
        refused.problem(ErrorCode::ValidationFailed);
    }
}

/// The ids of a list that is read in pages of 2, none of them twice.
async fn ids(client: &Client, path: &str, id: &str) -> Vec<String> {
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}?limit=2{query}")).await.json();
        let items = page["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()), "{page}");
        seen.extend(
            items
                .iter()
                .map(|item| item[id].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("&cursor={next}");
    }
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    seen
}
