//! A session at the console: what it is, how long it lasts, and how it ends.

use std::time::{Duration, Instant};

use axum::http::Method;
use lumatrace::{
    domain::{Role, Username},
    http::ErrorCode,
    service::accounts::AccountChange,
};
use serde_json::json;

use super::{Browser, COOKIE, SESSION, credentials, request};
use crate::{
    openapi::Contract,
    support::{App, PASSWORD, Tenant},
};

const ACCOUNTS: &str = "/api/v1/admin/accounts";
const ME: &str = "/api/v1/me";

#[tokio::test]
async fn the_token_is_in_a_cookie_that_no_script_reads_and_in_no_body() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let mut browser = Browser::new(&app);
    let answer = browser.sign_in(&acme, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = browser.token();
    assert_eq!(
        answer.header("set-cookie"),
        format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Secure")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let signature = token.rsplit('.').next().unwrap();
    assert!(!text.contains(signature), "{text}");
    let session = answer.json();
    assert_eq!(
        (&session["tenantId"], &session["username"], &session["role"]),
        (&json!("acme"), &json!("press"), &json!("ROLE_USER"))
    );
    for (moment, time) in [
        ("signedInAt", "2027-01-15T08:00:00Z"),
        ("passwordNeededAt", "2027-01-15T08:15:00Z"),
        ("expiresAt", "2027-01-15T09:00:00Z"),
        ("endsAt", "2027-01-15T20:00:00Z"),
    ] {
        assert_eq!(session[moment], time, "{moment}");
    }
    assert_eq!(browser.get(SESSION).await.json(), session);
    assert_eq!(browser.get(ME).await.json()["username"], "press");
    let events = chief.get("/api/v1/audit?limit=5").await.json();
    let started = events["items"].as_array().unwrap().iter();
    let started = started
        .filter(|event| event["action"] == "session.started" && event["actor"] == "account:press");
    let ways: Vec<_> = started.map(|event| &event["detail"]["by"]).collect();
    assert_eq!(ways, [&json!("console")]);
}

#[tokio::test]
async fn what_is_answered_about_sessions_is_what_is_described() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut contract = Contract::new();
    let mut browser = Browser::new(&app);
    let stranger = request(&Method::POST, SESSION, &[], Some(&json!({})));
    contract.holds("beginConsoleSession", &app.anonymous().send(stranger).await);
    for password in ["wrong", PASSWORD] {
        contract.holds(
            "beginConsoleSession",
            &browser.sign_in(&acme, password).await,
        );
    }
    contract.holds("getConsoleSession", &browser.get(SESSION).await);
    for _ in 0..2 {
        let end = browser.call(&Method::DELETE, SESSION, None).await;
        contract.holds("endConsoleSession", &end);
    }
    contract.holds("getConsoleSession", &browser.get(SESSION).await);
    // A program has no session here.
    contract.holds(
        "getConsoleSession",
        &app.client(&acme).await.get(SESSION).await,
    );
    println!("{} answers", contract.used.len());
    assert_eq!(contract.used.len(), 8, "{:?}", contract.used);
}

#[tokio::test]
async fn a_session_goes_on_while_it_is_used_and_no_longer_than_twelve_hours() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut browser = Browser::signed_in(&app, &acme).await;
    let first = browser.token();
    app.clock.advance(299);
    browser.get(ME).await;
    assert_eq!(browser.token(), first, "not yet");
    app.clock.advance(1);
    browser.get(ME).await;
    assert_ne!(browser.token(), first);
    let begun = browser.get(SESSION).await.json();
    assert_eq!(begun["signedInAt"], "2027-01-15T08:00:00Z");
    assert_eq!(begun["expiresAt"], "2027-01-15T09:05:00Z");
    let mut used = 0;
    // 55 minutes pass between two calls, until the last token ends with the session.
    let end = app.clock.now().unix_timestamp() - 300 + 12 * 3600;
    while app.clock.now().unix_timestamp() + 55 * 60 < end {
        app.clock.advance(55 * 60);
        assert_eq!(browser.get(ME).await.status, 200, "{used}");
        used += 1;
    }
    assert!(used >= 12, "{used}");
    let session = browser.get(SESSION).await.json();
    assert_eq!(session["expiresAt"], session["endsAt"]);
    app.clock
        .advance(end - app.clock.now().unix_timestamp() + 31);
    browser.get(ME).await.problem(ErrorCode::AuthExpired);
    // One that nobody uses ends after an hour.
    let mut idle = Browser::signed_in(&app, &acme).await;
    app.clock.advance(3600 + 31);
    idle.get(ME).await.problem(ErrorCode::AuthExpired);
}

#[tokio::test]
async fn its_end_ends_all_of_its_tokens_on_every_server_and_no_others() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let acme = app.tenant("acme").await;
    let mut browser = Browser::signed_in(&app, &acme).await;
    let mut other = Browser::signed_in(&app, &acme).await;
    let before = browser.at(&app);
    app.clock.advance(600);
    browser.get(ME).await;
    assert_ne!(browser.token(), before.token());
    let mut renewed = browser.at(&replica);
    assert_eq!(renewed.get(ME).await.status, 200);
    let out = browser.call(&Method::DELETE, SESSION, None).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_eq!(out.header("clear-site-data"), r#""cache", "storage""#);
    assert_eq!(browser.cookie, None);
    for server in [&app, &replica] {
        for token in [before.token(), renewed.token()] {
            let mut thief = Browser::new(server);
            thief.cookie = Some(token);
            let started = Instant::now();
            while thief.get(ME).await.status == 200 {
                assert!(started.elapsed() < Duration::from_secs(1));
            }
            thief.get(ME).await.problem(ErrorCode::AuthRevoked);
        }
    }
    assert_eq!(other.get(ME).await.status, 200);
    // For as long as one of them could have lasted.
    app.clock.advance(11 * 3600);
    let mut thief = browser.at(&app);
    thief.cookie = Some(before.token());
    assert_ne!(thief.get(ME).await.status, 200);
}

#[tokio::test]
async fn administration_asks_for_the_password_again_and_programs_are_not_asked() {
    let app = App::spawn().await;
    let (acme, program) = app.administered("acme").await;
    let chief = Tenant {
        id: acme.id.clone(),
        username: Username::parse("chief").unwrap(),
    };
    let mut browser = Browser::signed_in(&app, &chief).await;
    let new = |name: &str| json!({ "username": name });
    let made = browser
        .call(&Method::POST, ACCOUNTS, Some(&new("one")))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    app.clock.advance(15 * 60);
    assert_eq!(browser.get(ACCOUNTS).await.status, 200, "reading is free");
    let mut asked = 0;
    for (method, path, body) in [
        (Method::POST, ACCOUNTS, Some(new("two"))),
        (
            Method::PATCH,
            "/api/v1/admin/accounts/one",
            Some(json!({ "status": "disabled" })),
        ),
        (Method::DELETE, "/api/v1/admin/accounts/one", None),
        (Method::DELETE, "/api/v1/admin/accounts/one/sessions", None),
        (
            Method::POST,
            "/api/v1/admin/api-keys",
            Some(json!({ "name": "x" })),
        ),
        (
            Method::POST,
            "/api/v1/admin/applications",
            Some(json!({ "name": "x" })),
        ),
    ] {
        let refused = browser.call(&method, path, body.as_ref()).await;
        refused.problem(ErrorCode::AuthReauthenticate);
        assert_eq!(
            refused.header("www-authenticate"),
            r#"Bearer error="insufficient_user_authentication", max_age=900"#
        );
        asked += 1;
    }
    println!("{asked} changes asked for the password");
    let late = program.post_json(ACCOUNTS, &new("three")).await;
    assert_eq!(late.status, 201, "a program's token is no older for that");
    let mut old = browser.at(&app);
    let wrong = browser.sign_in(&chief, "wrong").await;
    wrong.problem(ErrorCode::AuthFailed);
    assert_eq!(browser.sign_in(&chief, PASSWORD).await.status, 200);
    let made = browser
        .call(&Method::POST, ACCOUNTS, Some(&new("two")))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    old.get(ME).await.problem(ErrorCode::AuthRevoked);
}

#[tokio::test]
async fn a_new_password_keeps_the_session_and_shows_no_token() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut browser = Browser::signed_in(&app, &acme).await;
    let mut old = browser.at(&app);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "one that nobody has guessed" });
    let changed = browser
        .call(&Method::POST, "/api/v1/me/password", Some(&body))
        .await;
    assert_eq!(changed.status, 204, "{changed:?}");
    assert!(changed.body.is_empty());
    assert_eq!(browser.get(ME).await.status, 200);
    old.get(ME).await.problem(ErrorCode::AuthRevoked);
    // What a program gets stands in the body, as ever.
    let password = "one that nobody has guessed";
    let login = app
        .anonymous()
        .post_json("/api/v1/auth/login", &credentials(&acme, password))
        .await;
    let program = app.with_token(login.json()["token"].as_str().unwrap());
    let body =
        json!({ "currentPassword": password, "newPassword": "another that nobody has guessed" });
    let changed = program.post_json("/api/v1/me/password", &body).await;
    assert!(changed.json()["token"].is_string());
    assert_eq!(changed.header("set-cookie"), "");
}

#[tokio::test]
async fn what_ends_an_accounts_tokens_ends_its_sessions() {
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    let mut checked = 0;
    for change in [
        AccountChange::Disable,
        AccountChange::SetRole(Role::Admin),
        AccountChange::EndSessions,
        AccountChange::Delete,
    ] {
        let name = format!("desk{checked}");
        let desk = Tenant {
            id: acme.id.clone(),
            username: app.account(&acme.id, &name, Role::User).await,
        };
        let mut browser = Browser::signed_in(&app, &desk).await;
        assert_eq!(browser.get(ME).await.status, 200);
        app.clock.advance(1);
        app.change_account(&desk.id, &desk.username, change).await;
        let started = Instant::now();
        while browser.get(ME).await.status == 200 {
            assert!(started.elapsed() < Duration::from_secs(1), "{name}");
        }
        browser.get(ME).await.problem(ErrorCode::AuthRevoked);
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[tokio::test]
async fn a_password_travels_over_tls_or_on_this_machine_alone() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let body = credentials(&acme, PASSWORD);
    for (host, origin, cookie) in [
        ("luma.example", "https://luma.example", Some(COOKIE)),
        ("127.0.0.1:8081", "http://127.0.0.1:8081", Some("lumatrace")),
        ("localhost:8081", "http://localhost:8081", Some("lumatrace")),
        ("10.0.0.7:8081", "http://10.0.0.7:8081", None),
        ("luma.example", "http://luma.example", None),
    ] {
        let headers = [("host", host), ("origin", origin)];
        let answer = app
            .anonymous()
            .send(request(&Method::POST, SESSION, &headers, Some(&body)))
            .await;
        let Some(cookie) = cookie else {
            answer.problem(ErrorCode::OriginRefused);
            continue;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        let (pair, flags) = answer.header("set-cookie").split_once("; ").unwrap();
        assert_eq!(pair.split_once('=').unwrap().0, cookie);
        assert_eq!(flags.ends_with("; Secure"), cookie == COOKIE, "{flags}");
        // The cookie works where it was set.
        let headers = [("host", host), ("origin", origin), ("cookie", pair)];
        let me = request(&Method::GET, ME, &headers, None);
        assert_eq!(app.anonymous().send(me).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_server_without_a_console_has_no_sessions_either() {
    let app = App::spawn_with(&["--console", "off"]).await;
    let acme = app.tenant("acme").await;
    let mut browser = Browser::new(&app);
    let refused = browser.sign_in(&acme, PASSWORD).await;
    refused.problem(ErrorCode::NotFound);
    for path in ["/console", "/console/", "/console/verify", SESSION] {
        browser.get(path).await.problem(ErrorCode::NotFound);
    }
}
