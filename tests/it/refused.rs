//! Refused sign-ins can be followed: a line of the log each, and a summary in the audit log.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use axum::{body::Body, http::Request};
use lumatrace::{
    domain::{Role, Scopes},
    service::admission::refusals,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::{
    process::{DataDir, Server, curl, lumatrace_on},
    signin::{api_key, application},
    support::{App, Client, TestDatabase},
};

async fn refusals_told(chief: &Client) -> Vec<Value> {
    let page = chief.get("/api/v1/audit?limit=200").await.json();
    let events = page["items"].as_array().unwrap().iter();
    let told = events.filter(|event| event["action"] == "session.refused");
    told.cloned().collect()
}

#[tokio::test]
async fn a_tenants_log_has_one_summary_an_hour_of_each_account_and_credential() {
    let app = App::spawn_with(&["--trusted-proxies", "::/128"]).await;
    let (acme, chief) = app.administered("acme").await;
    let key = api_key(&app, &acme, Scopes::PHOTOS).await;
    let made = application(&app, &acme, Scopes::PHOTOS).await;
    app.account(&acme.id, "desk", Role::User).await;
    let send = async |source: &str, path: &str, headers: &[(&str, &str)], body: String| {
        let mut request = Request::post(path).header("x-forwarded-for", source);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        app.anonymous().send(request).await
    };
    let json_type = ("content-type", "application/json");
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let login = async |source: &str, username: &str, password: &str| {
        let body = json!({ "tenantId": "acme", "username": username, "password": password });
        let answer = send(source, "/api/v1/auth/login", &[json_type], body.to_string()).await;
        answer.status
    };
    for number in 0..30 {
        let source = format!("198.51.100.{}", number % 12);
        assert_eq!(login(&source, "press", "wrong").await, 401);
    }
    for _ in 0..12 {
        login("198.51.100.99", "desk", "wrong").await;
    }
    for name in ["SECRET-1", "SECRET-2"] {
        assert_eq!(login("198.51.100.1", name, "wrong").await, 401);
    }
    let headers = [form_type, ("x-api-key", key.key.expose_secret())];
    let body = "username=press&password=wrong".to_owned();
    let answer = send("198.51.100.2", "/auth", &headers, body).await;
    assert_eq!(answer.status, 401);
    let id = made.id.as_application();
    let headers = [json_type, ("appidv3", id.as_str())];
    let body = json!({ "token": made.token.expose_secret(), "secret": "wrong" }).to_string();
    let answer = send("198.51.100.3", "/api/v3/auth", &headers, body).await;
    assert_eq!(answer.status, 401);
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret=wrong");
    let answer = send("198.51.100.3", "/oauth2/token", &[form_type], body).await;
    assert_eq!(answer.status, 401);

    app.clock.advance(3599);
    refusals::write(&app.ctx, false).await;
    assert!(
        refusals_told(&chief).await.is_empty(),
        "a guess writes nothing"
    );
    app.clock.advance(1);
    let chief = app
        .client(&crate::support::Tenant {
            id: acme.id.clone(),
            username: lumatrace::domain::Username::parse("chief").unwrap(),
        })
        .await;
    for _ in 0..2 {
        refusals::write(&app.ctx, false).await;
    }
    let told = refusals_told(&chief).await;
    let of = |subject: &str| {
        let found = told.iter().find(|event| event["subject"] == subject);
        found.unwrap_or_else(|| panic!("{subject}: {told:?}"))["detail"].clone()
    };
    assert_eq!(told.len(), 4, "once: {told:?}");
    assert!(told.iter().all(|event| event["actor"] == "server"));
    let press = of("account:press");
    assert_eq!(press["refusals"], "31");
    assert_eq!(press["by"], "api_key login");
    assert_eq!(press["reasons"], "wrong_password:31");
    assert_eq!(press["sources"].as_str().unwrap().split(' ').count(), 8);
    assert!(
        press["fromOtherSources"]
            .as_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    let desk = of("account:desk");
    assert_eq!(desk["reasons"], "throttled:2 wrong_password:10");
    assert_eq!(desk["sources"], "198.51.100.99");
    assert_eq!(desk["until"], "2027-01-15T08:00:00Z");
    let application = of(&format!("application:{}", made.id));
    assert_eq!(application["by"], "application client_credentials");
    assert_eq!(application["reasons"], "wrong_secret:2");
    assert_eq!(of("tenant:acme")["reasons"], "unknown_account:2");
    assert!(!Value::from(told).to_string().contains("SECRET"));
}

#[tokio::test]
async fn an_event_says_which_call_caused_it_and_from_where() {
    let app = App::spawn_with(&["--trusted-proxies", "::/128"]).await;
    let (_, chief) = app.administered("acme").await;
    let request = Request::post("/api/v1/admin/accounts")
        .header("content-type", "application/json")
        .header("x-forwarded-for", "2001:db8::7")
        .header("x-request-id", "call-17")
        .body(Body::from(json!({ "username": "desk" }).to_string()));
    assert_eq!(chief.send(request.unwrap()).await.status, 201);
    let page = chief.get("/api/v1/audit").await.json();
    let told = |at: usize| page["items"][at]["detail"].clone();
    let made = json!({ "role": "ROLE_USER", "source": "2001:db8::7", "traceId": "call-17" });
    assert_eq!(told(0), made);
    let started = told(1);
    assert_eq!(
        (&started["by"], &started["source"]),
        (&json!("login"), &json!("::"))
    );
    assert_eq!(started["traceId"].as_str().unwrap().len(), 36);
    assert_eq!(told(2), json!({ "role": "ROLE_ADMIN" }), "the operator's");
}

#[test]
fn each_refused_sign_in_is_a_line_of_the_log_that_tells_no_secret() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let folder = DataDir::new();
    let mut command = lumatrace_on(&database, &folder);
    command
        .env("LUMATRACE_LOG_FORMAT", "json")
        .stderr(Stdio::piped());
    let mut server = Server::start(command);
    let log = BufReader::new(server.child.stderr.take().unwrap());
    let post = |path: &str, headers: &[&str], body: &str| {
        let url = format!("{}{path}", server.url);
        let mut arguments = vec!["-d", body, &url];
        for header in headers {
            arguments.extend(["-H", header]);
        }
        curl(&arguments).0
    };
    let json_type = "content-type: application/json";
    let login = |tenant: &str, username: &str| {
        let body = json!({ "tenantId": tenant, "username": username, "password": "SECRET-PW" });
        post("/api/v1/auth/login", &[json_type], &body.to_string())
    };
    let nobody = "AppIdV3: LCUID-LAP-00000000-0000-4000-8000-000000000000";
    let statuses = [
        login("acme", "press"),
        login("acme", "SECRET-NAME"),
        login("SECRET-TENANT", "press"),
        post(
            "/auth",
            &["x-api-key: SECRET-KEY"],
            "username=press&password=SECRET-PW",
        ),
        post(
            "/api/v3/auth",
            &[json_type, nobody],
            r#"{"token":"SECRET-T","secret":"SECRET-S"}"#,
        ),
        post(
            "/oauth2/token",
            &["authorization: Basic !"],
            "grant_type=client_credentials",
        ),
        post(
            "/oauth2/introspect",
            &[],
            "token=x&client_id=y&client_secret=SECRET-C",
        ),
    ];
    assert_eq!(statuses, [401; 7]);
    server.signal("-TERM");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(server.child.wait().unwrap().success());
    let text = Value::from(lines.clone()).to_string();
    assert!(
        !text.contains("SECRET") && !text.contains("Basic"),
        "{text}"
    );

    let of = |message: &str| -> Vec<&Value> {
        lines
            .iter()
            .filter(|line| line["message"] == message)
            .collect()
    };
    let told = of("sign-in refused");
    let field = |name: &str| -> Vec<&str> {
        told.iter()
            .map(|line| line[name].as_str().unwrap_or(""))
            .collect()
    };
    assert_eq!(
        field("signin.way"),
        [
            "login",
            "login",
            "login",
            "api_key",
            "application",
            "client_credentials",
            "client_credentials"
        ]
    );
    assert_eq!(
        field("signin.reason"),
        [
            "wrong_password",
            "unknown_account",
            "unknown_tenant",
            "unknown_api_key",
            "unknown_application",
            "unknown_application",
            "unknown_application",
        ]
    );
    assert_eq!(field("source.address"), ["127.0.0.1"; 7]);
    assert_eq!(
        field("signin.subject"),
        ["account:press", "", "", "", "", "", ""]
    );
    assert_eq!(field("tenant.id"), ["acme", "acme", "", "", "", "", ""]);
    let hashes = field("name.hash");
    assert!(hashes[0].is_empty() && hashes[1..].iter().all(|hash| hash.len() == 32));
    assert_eq!(hashes[2], hashes[3], "the same name");
    let codes: Vec<&str> = of("answered")
        .iter()
        .map(|line| line["error.code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "AUTH_FAILED",
            "AUTH_FAILED",
            "AUTH_FAILED",
            "api_key_00018",
            "app_is_invalid",
            "invalid_client",
            "invalid_client",
        ]
    );

    // What was not summed up yet is written when the server stops.
    let told: Vec<String> = runtime.block_on(async {
        let mut owner = PgConnection::connect_with(&database.owner()).await.unwrap();
        sqlx::query_scalar(
            "select subject from audit_events where action = 'session.refused' order by 1",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap()
    });
    assert_eq!(told, ["account:press", "tenant:acme"]);
}
