//! The attacks on sessions that OWASP lists (Session Management and Cross-Site Request Forgery
//! sheets), each over every operation of the API that asks for a token.

use axum::http::Method;
use lumatrace::{
    domain::Username,
    http::{Access, ErrorCode, endpoints},
    service::{accounts::AccountChange, operator},
};
use serde_json::{Value, json};

use super::{Browser, COOKIE, OWN_PAGE, SESSION, credentials, request};
use crate::support::{App, PASSWORD, Tenant};

/// All operations that ask for a token: method and path, with something in place of parameters.
fn guarded() -> Vec<(Method, String)> {
    let some = "00000000-0000-4000-8000-000000000000";
    let guarded: Vec<_> = endpoints()
        .into_iter()
        .filter(|endpoint| matches!(endpoint.access, Access::Token(_)))
        .map(|endpoint| {
            let parts = endpoint.path.split('/');
            let filled = parts.map(|part| if part.starts_with('{') { some } else { part });
            (endpoint.method, filled.collect::<Vec<_>>().join("/"))
        })
        .collect();
    assert!(guarded.len() > 25);
    guarded
}

/// Headers that reach the server when somebody else than a page of ours uses the browser's session.
fn forgeries(token: &str) -> Vec<Vec<(&'static str, String)>> {
    let cookie = ("cookie", format!("{COOKIE}={token}"));
    let with = |headers: &[(&'static str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        std::iter::once(cookie.clone())
            .chain(headers)
            .collect::<Vec<_>>()
    };
    let own = "https://lumatrace.test";
    let mut all = vec![
        // The cookie alone: no browser's page sent it.
        with(&[]),
        with(&[("referer", "https://lumatrace.test/console/")]),
        with(&[("x-requested-with", "XMLHttpRequest")]),
    ];
    // Fetch Metadata that says anything but that the page is ours.
    for site in [
        "cross-site",
        "same-site",
        "none",
        "",
        "Same-Origin",
        "same-origin, same-origin",
    ] {
        all.push(with(&[("sec-fetch-site", site)]));
        all.push(with(&[("sec-fetch-site", site), ("origin", own)]));
    }
    all.push(with(&[
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "cross-site"),
    ]));
    // Origins that look like ours.
    for origin in [
        "https://evil.example",
        "https://lumatrace.test.evil.example",
        "https://evil-lumatrace.test",
        "https://lumatrace.test:444",
        "https://lumatrace.test/",
        "https://lumatrace.test@evil.example",
        "null",
        "",
        "file://",
        "chrome-extension://lumatrace.test",
        "https://sub.lumatrace.test",
    ] {
        all.push(with(&[("origin", origin)]));
        // What a proxy might be told does not make an origin ours.
        all.push(with(&[
            ("origin", origin),
            ("x-forwarded-host", "evil.example"),
        ]));
    }
    all.push(with(&[("origin", own), ("origin", "https://evil.example")]));
    // The cookie under other names, twice, or as somebody at a neighbouring host may set it.
    let own_page = |cookie: String| {
        let headers = OWN_PAGE.map(|(name, value)| (name, value.to_owned()));
        std::iter::once(("cookie", cookie))
            .chain(headers)
            .collect::<Vec<_>>()
    };
    for cookie in [
        format!("lumatrace={token}"),
        format!("__host-lumatrace={token}"),
        format!("__Secure-lumatrace={token}"),
        format!("{COOKIE} ={token}"),
        format!("session={token}"),
        format!("{COOKIE}={token}; {COOKIE}={token}"),
        format!("{COOKIE}={token}; {COOKIE}=other"),
        format!("{COOKIE}=\"{token}\""),
        format!("{COOKIE}="),
        format!("{COOKIE}=Bearer {token}"),
    ] {
        all.push(own_page(cookie));
    }
    all
}

#[tokio::test]
async fn no_forged_request_of_any_operation_gets_through() {
    let app = App::spawn().await;
    let (acme, _) = app.administered("acme").await;
    let chief = Tenant {
        id: acme.id.clone(),
        username: Username::parse("chief").unwrap(),
    };
    let browser = Browser::signed_in(&app, &chief).await;
    let token = browser.token();
    let (mut tried, mut through) = (0, Vec::new());
    for (method, path) in guarded() {
        for forgery in forgeries(&token) {
            let headers: Vec<_> = (forgery.iter())
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let body = (method != Method::GET).then(|| json!({}));
            let answer = app
                .anonymous()
                .send(request(&method, &path, &headers, body.as_ref()))
                .await;
            tried += 1;
            if answer.status != 401 {
                through.push(format!("{method} {path} {forgery:?}: {answer:?}"));
            }
        }
    }
    println!("{tried} forged requests tried, {} through", through.len());
    assert!(through.is_empty(), "{through:#?}");
    assert!(tried > 1_000, "{tried}");
    let mut browser = browser;
    assert_eq!(
        browser.get("/api/v1/me").await.status,
        200,
        "and the session is good"
    );
}

/// Tokens in places where they do not belong, and what is no token of a session.
#[tokio::test]
async fn no_token_is_good_in_the_place_of_another() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let browser = Browser::signed_in(&app, &acme).await;
    let session = browser.token();
    let login = app.token(&acme).await;
    let made = chief
        .post_json("/api/v1/admin/api-keys", &json!({ "name": "desk" }))
        .await
        .json();
    let key = made["apiKey"].as_str().unwrap().to_owned();
    let made = chief
        .post_json("/api/v1/admin/applications", &json!({ "name": "app" }))
        .await
        .json();
    let app_id = made["appId"].as_str().unwrap().to_owned();
    let body = json!({ "token": made["token"], "secret": made["secret"] });
    let v3 = request(
        &Method::POST,
        "/api/v3/auth",
        &[("appidv3", &app_id)],
        Some(&body),
    );
    let application = app.anonymous().send(v3).await.json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let cookie = |token: &str| format!("{COOKIE}={token}");
    let bearer = |token: &str| format!("Bearer {token}");
    let (head, rest) = session.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let admin = forged(claims, "auth", &json!("ROLE_ADMIN"));
    let elsewhere = forged(claims, "tenant_id", &json!("bolt"));
    let own = |more: &[(&'static str, String)]| {
        let page = OWN_PAGE.map(|(name, value)| (name, value.to_owned()));
        page.into_iter()
            .chain(more.iter().cloned())
            .collect::<Vec<_>>()
    };
    let places: Vec<(&str, Vec<(&str, String)>)> = vec![
        (
            "session as bearer",
            vec![("authorization", bearer(&session))],
        ),
        (
            "session as bearer, own page",
            own(&[("authorization", bearer(&session))]),
        ),
        (
            "session bare beside a key",
            vec![
                ("authorization", session.clone()),
                ("x-api-key", key.clone()),
            ],
        ),
        ("login in the cookie", own(&[("cookie", cookie(&login))])),
        (
            "application in the cookie",
            own(&[
                ("cookie", cookie(&application)),
                ("appidv3", app_id.clone()),
            ]),
        ),
        (
            "application in the cookie alone",
            own(&[("cookie", cookie(&application))]),
        ),
        (
            "cookie beside a bad bearer",
            own(&[("cookie", cookie(&session)), ("authorization", bearer("x"))]),
        ),
        (
            "cookie beside basic",
            own(&[
                ("cookie", cookie(&session)),
                ("authorization", "Basic eDp5".to_owned()),
            ]),
        ),
        (
            "cookie beside an empty header",
            own(&[
                ("cookie", cookie(&session)),
                ("authorization", String::new()),
            ]),
        ),
        (
            "cookie beside a key",
            own(&[("cookie", cookie(&session)), ("x-api-key", key.clone())]),
        ),
        (
            "cookie beside an application",
            own(&[("cookie", cookie(&session)), ("appidv3", app_id.clone())]),
        ),
        (
            "no signature",
            own(&[("cookie", cookie(&format!("{head}.{claims}.")))]),
        ),
        ("algorithm none", own(&[("cookie", cookie(&unsigned))])),
        (
            "a role written in",
            own(&[("cookie", cookie(&format!("{head}.{admin}.{signature}")))]),
        ),
        (
            "another tenant",
            own(&[("cookie", cookie(&format!("{head}.{elsewhere}.{signature}")))]),
        ),
        ("nonsense", own(&[("cookie", cookie("x"))])),
        ("very long", own(&[("cookie", cookie(&"x".repeat(9_000)))])),
        (
            "the session's id",
            own(&[("cookie", cookie(&claim(claims, "sid")))]),
        ),
    ];
    let (mut tried, mut through) = (0, Vec::new());
    for (what, headers) in &places {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for (method, path) in guarded() {
            let answer = app
                .anonymous()
                .send(request(&method, &path, &headers, None))
                .await;
            tried += 1;
            if answer.status != 401 {
                through.push(format!("{what}: {method} {path}: {answer:?}"));
            }
        }
    }
    // In an address or a form, where a token is seen by others (RFC 6750 section 5.3).
    for path in ["/api/v1/me?access_token=", "/api/v1/me?token="] {
        let uri = format!("{path}{session}");
        let answer = app
            .anonymous()
            .send(request(&Method::GET, &uri, &OWN_PAGE, None))
            .await;
        tried += 1;
        if answer.status != 401 {
            through.push(uri);
        }
    }
    println!(
        "{tried} tokens out of place tried, {} through",
        through.len()
    );
    assert!(through.is_empty(), "{through:#?}");
}

/// The claims of a token with another value.
fn forged(claims: &str, name: &str, value: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims[name] = value.clone();
    URL_SAFE_NO_PAD.encode(claims.to_string())
}

fn claim(claims: &str, name: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_is_signed_in_by_another_site_nor_into_a_session_that_was_laid_for_him() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let body = credentials(&acme, PASSWORD);
    let mut tried = 0;
    // Sign-in from elsewhere: the victim would work in the attacker's account.
    for forgery in forgeries("x").into_iter().filter(|headers| {
        !headers.iter().any(|(name, value)| {
            *name == "sec-fetch-site" && value == "same-origin" && headers.len() == 3
        })
    }) {
        let headers: Vec<_> = forgery
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = app
            .anonymous()
            .send(request(&Method::POST, SESSION, &headers, Some(&body)))
            .await;
        answer.problem(ErrorCode::OriginRefused);
        assert_eq!(answer.header("set-cookie"), "", "{forgery:?}");
        tried += 1;
    }
    // A form of another site can send text, but no JSON.
    let form = axum::http::Request::post(SESSION)
        .header("content-type", "text/plain")
        .header("sec-fetch-site", "same-origin")
        .body(body.to_string().into())
        .unwrap();
    let answer = app.anonymous().send(form).await;
    answer.problem(ErrorCode::UnsupportedContentType);
    tried += 1;
    // Fixation: a cookie that was there before is not the one after.
    let mut attacker = Browser::signed_in(&app, &acme).await;
    let laid = attacker.token();
    let mut victim = Browser::new(&app);
    victim.cookie = Some(laid.clone());
    assert_eq!(victim.sign_in(&acme, PASSWORD).await.status, 200);
    assert_ne!(victim.token(), laid);
    attacker
        .get("/api/v1/me")
        .await
        .problem(ErrorCode::AuthRevoked);
    tried += 1;
    // No page of another origin may read an answer with the cookie.
    let app = App::spawn_with(&["--cors-origins", "https://partner.example"]).await;
    let acme = app.tenant("acme").await;
    let browser = Browser::signed_in(&app, &acme).await;
    let cookie = browser.header().unwrap();
    for method in [Method::OPTIONS, Method::GET] {
        let headers = [
            ("origin", "https://partner.example"),
            ("sec-fetch-site", "cross-site"),
            ("access-control-request-method", "GET"),
            ("cookie", cookie.as_str()),
        ];
        let answer = app
            .anonymous()
            .send(request(&method, "/api/v1/me", &headers, None))
            .await;
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(
            method == Method::OPTIONS || answer.status == 401,
            "{answer:?}"
        );
        tried += 1;
    }
    println!("{tried} ways of laying a session tried, 0 through");
}

#[tokio::test]
async fn a_session_that_ended_stays_ended_however_it_ended() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let (mut tried, seconds) = (0, 12 * 3600);
    let kept = Browser::signed_in(&app, &acme).await;
    let mut out = kept.at(&app);
    out.call(&Method::DELETE, SESSION, None).await;
    let suspended = app.tenant("bolt").await;
    let of_suspended = Browser::signed_in(&app, &suspended).await;
    let suspend = operator::TenantChange::Suspend;
    operator::change_tenant(
        &app.operator,
        &app.ctx.master,
        &app.clock,
        &suspended.id,
        suspend,
    )
    .await
    .unwrap();
    let changed = app.tenant("core").await;
    let of_changed = Browser::signed_in(&app, &changed).await;
    app.change_account(&changed.id, &changed.username, AccountChange::Disable)
        .await;
    for browser in [kept, of_suspended, of_changed] {
        let cookie = browser.header().unwrap();
        for (method, path) in guarded() {
            let headers = [OWN_PAGE[0], OWN_PAGE[1], ("cookie", cookie.as_str())];
            let mut answer = app
                .anonymous()
                .send(request(&method, &path, &headers, None))
                .await;
            // The end is known within a second.
            let started = std::time::Instant::now();
            while answer.status != 401 && started.elapsed().as_secs() < 1 {
                answer = app
                    .anonymous()
                    .send(request(&method, &path, &headers, None))
                    .await;
            }
            answer.problem(ErrorCode::AuthRevoked);
            tried += 1;
        }
    }
    let old = Browser::signed_in(&app, &acme).await;
    app.clock.advance(seconds);
    let cookie = old.header().unwrap();
    for (method, path) in guarded() {
        let headers = [OWN_PAGE[0], OWN_PAGE[1], ("cookie", cookie.as_str())];
        let answer = app
            .anonymous()
            .send(request(&method, &path, &headers, None))
            .await;
        answer.problem(ErrorCode::AuthExpired);
        tried += 1;
    }
    println!("{tried} calls of ended sessions tried, 0 through");
}

#[tokio::test]
async fn guessing_at_the_console_is_slowed_down_as_at_the_login_and_tells_no_names() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut browser = Browser::new(&app);
    let mut answers = Vec::new();
    for (tenant, name) in [("acme", "press"), ("acme", "nobody"), ("none", "press")] {
        let body = json!({ "tenantId": tenant, "username": name, "password": "wrong" });
        let answer = browser.call(&Method::POST, SESSION, Some(&body)).await;
        let mut problem = answer.problem(ErrorCode::AuthFailed);
        problem["traceId"] = Value::Null;
        answers.push(problem);
    }
    assert!(
        answers.windows(2).all(|two| two[0] == two[1]),
        "{answers:?}"
    );
    let mut refused = None;
    for guess in 0..20 {
        let answer = browser.sign_in(&acme, &format!("guess {guess}")).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            refused = Some(guess);
            break;
        }
    }
    println!("guess {refused:?} waits");
    assert!(refused.is_some_and(|guess| guess <= 10));
    // One throttle for both doors.
    let login = app
        .anonymous()
        .post_json("/api/v1/auth/login", &credentials(&acme, PASSWORD))
        .await;
    assert_eq!(login.status, 429, "{login:?}");
}
