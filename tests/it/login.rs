//! `POST /api/v1/auth/login` and `/logout`.

use axum::http::Method;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lumatrace::{
    auth::hash_password,
    domain::{Role, TenantId, Username},
    http::ErrorCode,
    service::{
        accounts::AccountChange,
        operator::{self, TenantChange},
    },
};
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD};

const LOGIN: &str = "/api/v1/auth/login";

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn login(app: &App, tenant: &str, username: &str, password: &str) -> Answer {
    let body = json!({ "tenantId": tenant, "username": username, "password": password });
    app.anonymous().post_json(LOGIN, &body).await
}

#[tokio::test]
async fn the_right_password_gives_a_token_with_every_claim() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    app.account(&tenant.id, "boss", Role::Admin).await;
    for (username, role) in [("press", "ROLE_USER"), ("boss", "ROLE_ADMIN")] {
        let answer = login(&app, "acme", username, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["token"], body["access_token"]);
        assert_eq!(
            (&body["expires_in"], &body["token_type"]),
            (&json!(3600), &json!("Bearer"))
        );
        let claims = claims(body["token"].as_str().unwrap());
        assert_eq!(claims["sub"], username);
        assert_eq!(claims["auth"], role);
        assert_eq!(claims["tenant_id"], "acme");
        assert_eq!(claims["iss"], "LumaTrace-Enterprise-CA");
        assert_eq!(claims["aud"], json!(["LumaTrace-Cloud-API"]));
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            3600
        );
        assert_eq!(claims["nbf"], claims["iat"]);
        assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
        assert!(claims["scope"].as_str().unwrap().contains("photos:protect"));
        assert_eq!(
            claims["scope"].as_str().unwrap().contains("admin"),
            role == "ROLE_ADMIN"
        );
    }
}

#[tokio::test]
async fn every_missing_or_bad_field_is_named() {
    let app = App::spawn().await;
    let fields = ["tenantId", "username", "password"];
    let bad = [
        None,
        Some(json!(null)),
        Some(json!("")),
        Some(json!(7)),
        Some(json!(["x"])),
    ];
    let mut cases = 0;
    for wrong in 1..8_usize {
        for value in &bad {
            let mut body = json!({ "tenantId": "acme", "username": "u", "password": "p" });
            let named: Vec<&str> = (0..3)
                .filter(|i| wrong >> i & 1 == 1)
                .map(|i| fields[i])
                .collect();
            for field in &named {
                match value {
                    Some(value) => body[field] = value.clone(),
                    None => drop(body.as_object_mut().unwrap().remove(*field)),
                }
            }
            let problem = app
                .anonymous()
                .post_json(LOGIN, &body)
                .await
                .problem(ErrorCode::ValidationFailed);
            let told: Vec<&str> = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| error["field"].as_str().unwrap())
                .collect();
            assert_eq!(told, named);
            cases += 1;
        }
    }
    println!("{cases} bad logins were refused by name");
    assert_eq!(cases, 35);
}

#[tokio::test]
async fn whatever_part_is_wrong_the_answer_is_the_same() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    app.tenant("asleep").await;
    let disabled = app.account(&acme.id, "disabled", Role::User).await;
    let change = AccountChange::Disable;
    app.change_account(&acme.id, &disabled, change).await;
    let asleep = TenantId::parse("asleep").unwrap();
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &asleep,
        TenantChange::Suspend,
    )
    .await
    .unwrap();

    let mut bodies = Vec::new();
    for (tenant, username, password) in [
        ("acme", "press", "wrong"),
        ("acme", "nobody", PASSWORD),
        ("nowhere", "press", PASSWORD),
        ("acme", "disabled", PASSWORD),
        ("asleep", "press", PASSWORD),
        ("NOT A NAME", "press", PASSWORD),
        ("acme", "pre\u{0}ss", PASSWORD),
        ("acme", "press\r\nx: y", PASSWORD),
    ] {
        let answer = login(&app, tenant, username, password).await;
        let mut problem = answer.problem(ErrorCode::AuthFailed);
        problem["traceId"] = Value::Null;
        bodies.push(problem);
    }
    assert_eq!(bodies.len(), 8);
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let app = App::spawn().await;
    let deep = format!("{{\"tenantId\":{}", "[".repeat(10_000));
    let twice = r#"{"tenantId":"a","tenantId":"b","username":"u","password":"p"}"#;
    for body in [
        deep.as_str(),
        twice,
        "",
        "null",
        "[]",
        "{} {}",
        "\u{feff}{}",
        "{\"tenantId\":",
    ] {
        let answer = app
            .anonymous()
            .post_bytes(LOGIN, "application/json", body.to_owned().into())
            .await;
        answer.problem(ErrorCode::ValidationFailed);
    }
    let large = vec![b' '; 1 << 20];
    let answer = app
        .anonymous()
        .post_bytes(LOGIN, "application/json", large.into())
        .await;
    answer.problem(ErrorCode::PayloadTooLarge);
    for kind in [
        "text/plain",
        "multipart/form-data",
        "application/json; charset=utf-16",
        "",
    ] {
        let answer = app.anonymous().post_bytes(LOGIN, kind, "{}".into()).await;
        answer.problem(ErrorCode::UnsupportedContentType);
    }
}

#[tokio::test]
async fn a_logout_ends_that_session_on_every_replica() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let tenant = app.tenant("acme").await;
    let (ended, other) = (app.token(&tenant).await, app.token(&tenant).await);
    assert_eq!(
        replica.with_token(&ended).get("/api/v1/me").await.status,
        200
    );

    let answer = app
        .with_token(&ended)
        .call(&Method::POST, "/api/v1/auth/logout")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "message": "Session successfully terminated" })
    );

    app.with_token(&ended)
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
    for service in [&app, &replica] {
        service
            .with_token(&ended)
            .is_refused_within_a_second()
            .await;
        assert_eq!(
            service.with_token(&other).get("/api/v1/me").await.status,
            200
        );
    }
    let again = app
        .with_token(&ended)
        .call(&Method::POST, "/api/v1/auth/logout")
        .await;
    again.problem(ErrorCode::AuthRevoked);
    let without = app
        .anonymous()
        .call(&Method::POST, "/api/v1/auth/logout")
        .await;
    without.problem(ErrorCode::AuthMissing);
}

#[tokio::test]
async fn a_changed_account_or_a_suspended_tenant_ends_sessions() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let name = |text: &str| Username::parse(text).unwrap();
    for change in [
        AccountChange::Disable,
        AccountChange::EndSessions,
        AccountChange::SetPassword(hash_password(&PASSWORD.into()).unwrap()),
    ] {
        app.change_account(&tenant.id, &name("press"), AccountChange::Enable)
            .await;
        let client = app.client(&tenant).await;
        assert_eq!(client.get("/api/v1/me").await.status, 200);
        app.change_account(&tenant.id, &name("press"), change).await;
        client.is_refused_within_a_second().await;
    }
    let client = app.client(&tenant).await;
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &tenant.id,
        TenantChange::Suspend,
    )
    .await
    .unwrap();
    client.is_refused_within_a_second().await;
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &tenant.id,
        TenantChange::Resume,
    )
    .await
    .unwrap();
    client.is_let_in_within_a_second().await;
}
