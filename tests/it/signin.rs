//! The sign-ins that clients bring along, word for word: API key and form, application token and
//! secret, OAuth 2.0.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use lumatrace::{
    domain::{CredentialKind, Role, Scope, Scopes, audit::By},
    http::{Access, ErrorCode, endpoints},
    service::{
        accounts::AccountChange,
        credentials::{self, ApiKeyRequest, ApplicationRequest, NewApiKey, NewApplication},
        keys,
    },
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    limits::well_before_the_hour_ends,
    openapi::Contract,
    support::{Answer, App, PASSWORD, Tenant},
};

pub(crate) async fn api_key(app: &App, tenant: &Tenant, scopes: Scopes) -> NewApiKey {
    api_key_for(app, tenant, scopes, None).await
}

/// An API key that ends after some days.
pub(crate) async fn api_key_for(
    app: &App,
    tenant: &Tenant,
    scopes: Scopes,
    days: Option<u32>,
) -> NewApiKey {
    let tx = app.operator.begin_for(&tenant.id).await.unwrap();
    credentials::create_api_key(
        tx,
        &app.ctx.master,
        &app.clock,
        By::OPERATOR,
        ApiKeyRequest {
            name: "the desk",
            scopes,
            days,
        },
    )
    .await
    .unwrap()
}

pub(crate) async fn application(app: &App, tenant: &Tenant, scopes: Scopes) -> NewApplication {
    application_for(app, tenant, scopes, None).await
}

/// An application that ends after some days.
pub(crate) async fn application_for(
    app: &App,
    tenant: &Tenant,
    scopes: Scopes,
    days: Option<u32>,
) -> NewApplication {
    let tx = app.operator.begin_for(&tenant.id).await.unwrap();
    let request = ApplicationRequest {
        name: "the app",
        scopes,
        days,
        token_ttl_seconds: credentials::APPLICATION_TOKEN_TTL_SECONDS,
    };
    credentials::create_application(tx, &app.ctx.master, &app.clock, By::OPERATOR, request)
        .await
        .unwrap()
}

/// A call with headers of its own.
pub(crate) async fn call(
    app: &App,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.anonymous()
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

pub(crate) async fn form_login(app: &App, key: &str, username: &str, password: &str) -> Answer {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", username)
        .append_pair("password", password)
        .finish();
    call(
        app,
        &Method::POST,
        "/auth",
        &[FORM, ("x-api-key", key)],
        &body,
    )
    .await
}

#[tokio::test]
async fn an_api_key_and_a_form_give_a_token_that_is_good_beside_the_key() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (key, second) = (
        api_key(&app, &acme, Scopes::PHOTOS).await,
        api_key(&app, &acme, Scopes::PHOTOS).await,
    );
    let foreign = api_key(&app, &bolt, Scopes::PHOTOS).await;
    let text = key.key.expose_secret();
    assert!(text.starts_with("ltk_"));

    let answer = form_login(&app, text, "press", PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in"]);
    assert_eq!(body["expires_in"], 86400);
    let token = body["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");

    let me = async |authorization: &str, key: Option<&str>| {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(key.map(|key| ("x-api-key", key)));
        call(&app, &Method::GET, "/api/v1/me", &headers, "").await
    };
    for authorization in [token.as_str(), bearer.as_str()] {
        let answer = me(authorization, Some(text)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["tenantId"], "acme");
    }
    for (authorization, key) in [
        (bearer.as_str(), None),
        (bearer.as_str(), Some(second.key.expose_secret())),
        (bearer.as_str(), Some(foreign.key.expose_secret())),
        (bearer.as_str(), Some("")),
        (token.as_str(), None),
    ] {
        me(authorization, key).await.problem(ErrorCode::AuthInvalid);
    }

    let tx = app.operator.begin_for(&acme.id).await.unwrap();
    credentials::revoke(
        tx,
        &app.ctx.master,
        &app.clock,
        By::OPERATOR,
        CredentialKind::ApiKey,
        key.id,
    )
    .await
    .unwrap();
    let mut tries = 0;
    while me(&bearer, Some(text)).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        tries += 1;
        assert!(tries < 100, "the tokens of a revoked key end");
    }
    me(&bearer, Some(text))
        .await
        .problem(ErrorCode::AuthRevoked);
    assert_eq!(form_login(&app, text, "press", PASSWORD).await.status, 401);
    let other = form_login(&app, second.key.expose_secret(), "press", PASSWORD).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_refused_form_says_so_in_its_own_words() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let key = api_key(&app, &acme, Scopes::PHOTOS).await;
    let key = key.key.expose_secret();
    let body = |code: &str, message: &str| {
        json!({ "error": {
            "errors": [{ "error_code": code, "error_type": "Unauthorized", "message": message }],
            "code": 401, "message": "Unauthorized",
        } })
    };
    for bad in ["", "ltk_unknown", "nonsense"] {
        let answer = form_login(&app, bad, "press", PASSWORD).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(
            answer.json(),
            body("00018", "API key invalid or not provided.")
        );
    }
    let disabled = app.account(&acme.id, "disabled", Role::User).await;
    app.change_account(&acme.id, &disabled, AccountChange::Disable)
        .await;
    for (username, password) in [
        ("press", "wrong"),
        ("nobody", PASSWORD),
        ("disabled", PASSWORD),
    ] {
        let answer = form_login(&app, key, username, password).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.json(),
            body("00019", "Username or password invalid.")
        );
    }
    let empty = form_login(&app, key, "press", "").await;
    assert_eq!(empty.status, 400);
    assert_eq!(empty.json()["error"]["code"], 400);
    let twice = call(
        &app,
        &Method::POST,
        "/auth",
        &[FORM, ("x-api-key", key)],
        "username=a&username=b&password=c",
    )
    .await;
    let problem = twice.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"][0]["field"], "username");
    let others = call(
        &app,
        &Method::POST,
        "/auth",
        &[FORM, ("x-api-key", key)],
        &format!("x=1&username=press&x=2&password={PASSWORD}"),
    )
    .await;
    assert_eq!(others.status, 200, "other fields are ignored: {others:?}");
    let kind = call(
        &app,
        &Method::POST,
        "/auth",
        &[JSON, ("x-api-key", key)],
        "{}",
    )
    .await;
    kind.problem(ErrorCode::UnsupportedContentType);
}

pub(crate) async fn app_login(app: &App, id: &str, token: &str, secret: &str) -> Answer {
    let body = json!({ "token": token, "secret": secret }).to_string();
    call(
        app,
        &Method::POST,
        "/api/v3/auth",
        &[JSON, ("AppIdV3", id)],
        &body,
    )
    .await
}

#[tokio::test]
async fn an_application_gets_a_long_lived_token_that_is_good_beside_its_id() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let made = application(&app, &acme, Scopes::PHOTOS).await;
    let foreign = application(&app, &bolt, Scopes::PHOTOS).await;
    let id = made.id.as_application();
    let (token, secret) = (made.token.expose_secret(), made.secret.expose_secret());

    let answer = app_login(&app, &id, token, secret).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["ok"], true);
    assert_eq!(body["user_lcuid"], made.id.as_user());
    assert_eq!(body.as_object().unwrap().len(), 3);
    let jwt = format!("Bearer {}", body["token"].as_str().unwrap());

    let me = async |id: Option<&str>| {
        let mut headers = vec![("authorization", jwt.as_str())];
        headers.extend(id.map(|id| ("AppIdV3", id)));
        call(&app, &Method::GET, "/api/v1/me", &headers, "").await
    };
    let answer = me(Some(&id)).await;
    assert_eq!(answer.json()["tenantId"], "acme", "{answer:?}");
    app.clock.advance(364 * 86_400);
    assert_eq!(me(Some(&id)).await.status, 200, "for a year");
    for wrong in [
        None,
        Some(""),
        Some(&*foreign.id.as_application()),
        Some("LCUID-LAP-x"),
    ] {
        me(wrong).await.problem(ErrorCode::AuthInvalid);
    }

    let tx = app.operator.begin_for(&acme.id).await.unwrap();
    credentials::revoke(
        tx,
        &app.ctx.master,
        &app.clock,
        By::OPERATOR,
        CredentialKind::Application,
        made.id,
    )
    .await
    .unwrap();
    let mut tries = 0;
    while me(Some(&id)).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        tries += 1;
        assert!(tries < 100, "the tokens of a revoked application end");
    }
    let again = app_login(&app, &id, token, secret).await;
    assert_eq!(again.json()["data"]["auth_error_code"], "app_is_invalid");
}

#[tokio::test]
async fn a_refused_application_says_so_in_its_own_words() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let made = application(&app, &acme, Scopes::PHOTOS).await;
    let other = application(&app, &acme, Scopes::PHOTOS).await;
    let (id, token, secret) = (
        made.id.as_application(),
        made.token.expose_secret(),
        made.secret.expose_secret(),
    );
    let refusal = |answer: &Answer| {
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let body = answer.json();
        assert_eq!(body["ok"], false);
        assert_eq!(body["http_code"], 401);
        assert_eq!(body["lucore_error_response"], true);
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        assert_eq!(body.as_object().unwrap().len(), 6);
        (
            body["code"].as_str().unwrap().to_owned(),
            body["data"].clone(),
        )
    };
    for bad in [
        "",
        "nonsense",
        "LCUID-LAP-00000000-0000-4000-8000-000000000000",
    ] {
        let (code, data) = refusal(&app_login(&app, bad, token, secret).await);
        assert_eq!(code, "unauthorized");
        assert_eq!(data["auth_error_code"], "app_is_invalid");
        assert!(data["auth_error_details"].is_string());
    }
    for bad in ["x", other.token.expose_secret(), secret] {
        let told = refusal(&app_login(&app, &id, bad, secret).await);
        assert_eq!(
            told,
            ("token_invalid_or_unauthorized".to_owned(), json!([]))
        );
    }
    for bad in ["x", other.secret.expose_secret(), token] {
        let told = refusal(&app_login(&app, &id, token, bad).await);
        assert_eq!(told, ("secret_invalid".to_owned(), json!([])));
    }
    let missing = call(
        &app,
        &Method::POST,
        "/api/v3/auth",
        &[JSON, ("AppIdV3", &id)],
        "{}",
    )
    .await;
    let problem = missing.problem(ErrorCode::ValidationFailed);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test]
async fn a_client_of_oauth_gets_what_it_was_granted_and_no_more() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let granted = Scopes::parse("photos:verify photos:read").unwrap();
    let made = application(&app, &acme, granted).await;
    let (id, secret) = (made.id.as_application(), made.secret.expose_secret());
    let header = basic(&id, secret);
    let ask = async |authorization: Option<&str>, body: &str| {
        let mut headers = vec![FORM];
        headers.extend(authorization.map(|value| ("authorization", value)));
        call(&app, &Method::POST, "/oauth2/token", &headers, body).await
    };
    let grant = "grant_type=client_credentials";

    let answer = ask(Some(&header), grant).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "photos:verify photos:read");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(answer.header("cache-control"), "no-store");
    let client = app.with_token(body["access_token"].as_str().unwrap());
    assert_eq!(client.get("/api/v1/photos").await.status, 200);

    let in_form = format!("{grant}&client_id={id}&client_secret={secret}&scope=photos:read");
    // Beside it a token, which many clients put on every call: no second way to authenticate.
    let narrow = ask(Some("Bearer x"), &in_form).await.json();
    assert_eq!(narrow["scope"], "photos:read");
    let narrow = app.with_token(narrow["access_token"].as_str().unwrap());
    let refused = narrow.call(&Method::POST, "/api/v1/photos/verify").await;
    refused.problem(ErrorCode::TenantRestricted);

    let both = format!("{grant}&client_secret={secret}");
    for (authorization, body, status, code) in [
        (Some(header.as_str()), both.as_str(), 400, "invalid_request"),
        (Some(&header), "", 400, "invalid_request"),
        (
            Some(&header),
            "grant_type=password",
            400,
            "unsupported_grant_type",
        ),
        (
            Some(&header),
            "grant_type=client_credentials&scope=admin",
            400,
            "invalid_scope",
        ),
        (
            Some(&header),
            "grant_type=client_credentials&scope=nonsense",
            400,
            "invalid_scope",
        ),
        (Some("Basic !!!"), grant, 401, "invalid_client"),
        (Some("Bearer x"), grant, 401, "invalid_client"),
        (Some("Bearer x"), grant, 401, "invalid_client"),
        (Some(&basic(&id, "lts_wrong")), grant, 401, "invalid_client"),
        (
            Some(&basic("LCUID-LAP-nobody", secret)),
            grant,
            401,
            "invalid_client",
        ),
        (None, grant, 401, "invalid_client"),
    ] {
        let answer = ask(authorization, body).await;
        assert_eq!(
            answer.status, status,
            "{authorization:?} {body}: {answer:?}"
        );
        assert_eq!(answer.json()["error"], code, "{authorization:?} {body}");
        assert_eq!(
            answer.header("www-authenticate").starts_with("Basic"),
            status == 401
        );
    }
}

#[tokio::test]
async fn a_client_of_oauth_looks_at_tokens_of_its_tenant_and_ends_its_own() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let made = application(&app, &acme, Scopes::PHOTOS).await;
    let second = application(&app, &acme, Scopes::PHOTOS).await;
    let mine = basic(&made.id.as_application(), made.secret.expose_secret());
    let theirs = basic(&second.id.as_application(), second.secret.expose_secret());
    let ask = async |path: &str, authorization: &str, body: &str| {
        call(
            &app,
            &Method::POST,
            path,
            &[FORM, ("authorization", authorization)],
            body,
        )
        .await
    };
    let answer = ask("/oauth2/token", &mine, "grant_type=client_credentials").await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let login = app.token(&acme).await;
    let foreign = app.token(&bolt).await;
    let look = async |authorization: &str, token: &str| {
        let answer = ask(
            "/oauth2/introspect",
            authorization,
            &format!("token={token}"),
        )
        .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let seen = look(&theirs, &token).await;
    assert_eq!(seen["active"], true);
    assert_eq!(seen["client_id"], made.id.as_application());
    assert_eq!(seen["tenant_id"], "acme");
    assert_eq!(look(&mine, &login).await["username"], "press");
    for token in [foreign.as_str(), "nonsense"] {
        assert_eq!(look(&mine, token).await, json!({ "active": false }));
    }
    let nobody = call(
        &app,
        &Method::POST,
        "/oauth2/introspect",
        &[FORM],
        "token=x",
    )
    .await;
    assert_eq!(
        (nobody.status, nobody.json()["error"].as_str()),
        (401, Some("invalid_client"))
    );

    for token in [token.as_str(), login.as_str(), "nonsense"] {
        let answer = ask("/oauth2/revoke", &theirs, &format!("token={token}")).await;
        assert_eq!(answer.status, 200, "without effect");
    }
    assert_eq!(app.with_token(&token).get("/api/v1/me").await.status, 200);
    assert_eq!(app.with_token(&login).get("/api/v1/me").await.status, 200);
    assert_eq!(
        ask("/oauth2/revoke", &mine, &format!("token={token}"))
            .await
            .status,
        200
    );
    app.with_token(&token)
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
    assert_eq!(look(&theirs, &token).await, json!({ "active": false }));
}

#[tokio::test]
async fn a_key_beside_an_account_that_cannot_use_it_is_refused_at_sign_in() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    app.account(&acme.id, "boss", Role::Admin).await;
    let key = api_key(&app, &acme, Scopes::of(Scope::Admin)).await;
    let key = key.key.expose_secret();
    let refused = form_login(&app, key, "press", PASSWORD).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let code = |answer: &Answer| answer.json()["error"]["errors"][0]["error_code"].clone();
    assert_eq!(code(&refused), "00020");
    let wrong = form_login(&app, key, "press", "wrong").await;
    assert_eq!(code(&wrong), "00019", "only who knows the password is told");
    let boss = form_login(&app, key, "boss", PASSWORD).await;
    assert_eq!(boss.status, 200, "{boss:?}");
}

#[tokio::test]
async fn each_route_refuses_a_token_without_its_scopes_and_names_all_that_it_lacks() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut checked = 0;
    for scope in Scope::ALL {
        let made = application(&app, &acme, Scopes::of(scope)).await;
        let header = basic(&made.id.as_application(), made.secret.expose_secret());
        let headers = [FORM, ("authorization", header.as_str())];
        let body = "grant_type=client_credentials";
        let answer = call(&app, &Method::POST, "/oauth2/token", &headers, body).await;
        let client = app.with_token(answer.json()["access_token"].as_str().unwrap());
        for endpoint in endpoints() {
            let Access::Token(needed) = endpoint.access else {
                continue;
            };
            if endpoint.path.ends_with("logout") {
                continue;
            }
            let path = endpoint
                .path
                .replace("{photoId}", "00000000-0000-4000-8000-000000000000");
            let answer = client.call(&endpoint.method, &path).await;
            let lacking = needed.without(Scopes::of(scope));
            if lacking == Scopes::NONE {
                assert_ne!(answer.status, 403, "{scope:?} {path}: {answer:?}");
            } else {
                let problem = answer.problem(ErrorCode::TenantRestricted);
                let named: Vec<&str> = problem["errors"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|error| error["scope"].as_str().unwrap())
                    .collect();
                assert_eq!(named.join(" "), lacking.to_string(), "{path}");
                let challenge = answer.header("www-authenticate");
                assert!(challenge.contains("insufficient_scope"), "{challenge}");
                assert!(challenge.contains(&lacking.to_string()), "{challenge}");
            }
            checked += 1;
        }
    }
    println!("{checked} pairs of a scope and a route");
    assert!(checked >= 48);
}

#[tokio::test]
async fn the_metadata_names_endpoints_that_are_there() {
    let app = App::spawn().await;
    let server = app
        .anonymous()
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    let resource = app
        .anonymous()
        .get("/.well-known/oauth-protected-resource")
        .await
        .json();
    assert_eq!(server["issuer"], "http://lumatrace.test");
    assert_eq!(
        resource["authorization_servers"],
        json!(["http://lumatrace.test"])
    );
    let paths: Vec<&str> = endpoints().iter().map(|endpoint| endpoint.path).collect();
    for name in [
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "jwks_uri",
    ] {
        let url = server[name].as_str().unwrap();
        let path = url.strip_prefix("http://lumatrace.test").unwrap();
        assert!(paths.contains(&path), "{name}: {url}");
    }
    let scopes: Vec<Value> = Scope::ALL
        .iter()
        .map(|scope| json!(scope.as_str()))
        .collect();
    assert_eq!(server["scopes_supported"], json!(scopes));
}

#[tokio::test]
async fn rotating_the_signing_key_refuses_no_token_and_drops_a_key_once_its_tokens_ended() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let acme = app.tenant("acme").await;
    let published = async |app: &App| {
        let keys = app.anonymous().get("/.well-known/jwks.json").await.json();
        let mut ids: Vec<String> = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let before = published(&app).await;
    assert_eq!(before.len(), 2, "the one that signs and the next");
    let old = app.token(&acme).await;
    keys::rotate(&app.operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    for service in [&app, &replica] {
        let mut tries = 0;
        while published(service).await.len() != 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tries += 1;
            assert!(tries < 50, "a rotation is heard of within a second");
        }
    }
    let new = app.token(&acme).await;
    assert_ne!(kid(&old), kid(&new));
    assert!(before.contains(&kid(&new)), "published before it signed");
    for token in [&old, &new] {
        for service in [&app, &replica] {
            assert_eq!(
                service.with_token(token).get("/api/v1/me").await.status,
                200
            );
        }
    }
    // The old key is needed for the hour of its token, an hour of slack and the clocks' difference.
    app.clock.advance(3610);
    assert_eq!(kid(&app.token(&acme).await), kid(&new));
    keys::rotate(&app.operator, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    app.clock.advance(3600 + 301);
    let fresh = keys::load(&app.ctx.db, &app.ctx.master, &app.clock)
        .await
        .unwrap();
    let left = serde_json::to_value(fresh.jwks().keys).unwrap();
    let left = left.as_array().unwrap();
    assert!(left.iter().all(|key| key["kid"] != kid(&old)), "withdrawn");
    assert!(left.iter().any(|key| key["kid"] == kid(&new)), "{left:?}");
}

#[tokio::test]
async fn each_way_in_counts_as_a_call_of_its_tenant_once_the_credentials_are_right() {
    let app = App::spawn_with(&["--rate-per-second", "0", "--rate-per-hour", "8"]).await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let key = api_key(&app, &acme, Scopes::PHOTOS).await;
    let made = application(&app, &acme, Scopes::PHOTOS).await;
    let (key, id) = (key.key.expose_secret(), made.id.as_application());
    let (token, secret) = (made.token.expose_secret(), made.secret.expose_secret());
    let client = basic(&id, secret);
    let oauth = async |path: &str, body: &str| {
        let headers = [FORM, ("authorization", client.as_str())];
        call(&app, &Method::POST, path, &headers, body).await
    };
    let grant = "grant_type=client_credentials";
    let login = async |password: &str| {
        let body = json!({ "tenantId": "acme", "username": "press", "password": password });
        app.anonymous().post_json("/api/v1/auth/login", &body).await
    };
    well_before_the_hour_ends(&app).await;
    // What is refused for its credentials is no call of the tenant's.
    for refused in [
        login("wrong").await,
        form_login(&app, key, "press", "wrong").await,
        app_login(&app, &id, token, "wrong").await,
        call(&app, &Method::POST, "/oauth2/token", &[FORM], grant).await,
    ] {
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    for round in 0..2 {
        for passed in [
            login(PASSWORD).await,
            form_login(&app, key, "press", PASSWORD).await,
            app_login(&app, &id, token, secret).await,
            oauth("/oauth2/token", grant).await,
        ] {
            assert_eq!(passed.status, 200, "round {round}: {passed:?}");
        }
    }
    let mut contract = Contract::new();
    for (name, refused) in [
        ("login", login(PASSWORD).await),
        (
            "apiKeyLogin",
            form_login(&app, key, "press", PASSWORD).await,
        ),
        (
            "applicationLogin",
            app_login(&app, &id, token, secret).await,
        ),
        ("oauthToken", oauth("/oauth2/token", grant).await),
        (
            "oauthIntrospect",
            oauth("/oauth2/introspect", "token=x").await,
        ),
    ] {
        assert_eq!(refused.header("x-ratelimit-remaining"), "0", "{name}");
        assert!(!refused.header("retry-after").is_empty(), "{name}");
        contract.holds(name, &refused);
        refused.problem(ErrorCode::RateLimitExceeded);
    }
    let ended = oauth("/oauth2/revoke", "token=x").await;
    assert_eq!(ended.status, 200, "an end is never refused");
    app.token(&bolt).await;
}

#[tokio::test]
async fn one_application_that_signs_in_without_end_is_slowed_down_and_nobody_else() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let (one, other) = (
        application(&app, &acme, Scopes::PHOTOS).await,
        application(&app, &acme, Scopes::PHOTOS).await,
    );
    let login = async |made: &NewApplication| {
        let id = made.id.as_application();
        let (token, secret) = (made.token.expose_secret(), made.secret.expose_secret());
        app_login(&app, &id, token, secret).await
    };
    let (mut passed, mut tries) = (0, 0);
    let refused = loop {
        let answer = login(&one).await;
        if answer.status != 200 {
            break answer;
        }
        passed += 1;
        tries += 1;
        assert!(tries < 1_000, "they are counted");
    };
    assert!(passed >= 100, "{passed}");
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(ErrorCode::RateLimitExceeded);
    assert_eq!(login(&other).await.status, 200);
    app.token(&acme).await;
}

#[tokio::test]
async fn many_wrong_passwords_slow_their_source_down_and_nobody_else() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let body = json!({ "tenantId": "acme", "username": "press", "password": "wrong" });
    let right = json!({ "tenantId": "acme", "username": "press", "password": PASSWORD });
    let mut refused = 0;
    let mut wait = 0;
    for _ in 0..30 {
        let answer = app.anonymous().post_json("/api/v1/auth/login", &body).await;
        if answer.status == 401 {
            answer.problem(ErrorCode::AuthFailed);
        } else {
            answer.problem(ErrorCode::RateLimitExceeded);
            wait = answer.header("retry-after").parse().unwrap();
            refused += 1;
        }
    }
    assert_eq!(refused, 20);
    let answer = app
        .anonymous()
        .post_json("/api/v1/auth/login", &right)
        .await;
    answer.problem(ErrorCode::RateLimitExceeded);
    app.account(&acme.id, "desk", Role::User).await;
    let other = json!({ "tenantId": "acme", "username": "desk", "password": PASSWORD });
    assert_eq!(
        app.anonymous()
            .post_json("/api/v1/auth/login", &other)
            .await
            .status,
        200
    );
    app.clock.advance(wait);
    let answer = app
        .anonymous()
        .post_json("/api/v1/auth/login", &right)
        .await;
    assert_eq!(answer.status, 200, "Retry-After was true: {answer:?}");
}
