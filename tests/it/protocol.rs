//! What HTTP asks for around the API: `HEAD`, `OPTIONS`, CORS; and clients that hash something
//! else.

use axum::{
    body::Body,
    http::{Method, Request},
};
use lumatrace::{
    domain::ContentHashPolicy,
    http::{ErrorCode, endpoints},
    service::operator::{self, PolicyChange},
};
use serde_json::json;

use crate::support::{Answer, App, Part, pictures};

async fn options(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(Method::OPTIONS).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.anonymous()
        .send(request.body(Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn options_names_the_methods_of_every_route() {
    let app = App::spawn().await;
    let mut asked = 0;
    for endpoint in endpoints() {
        let answer = options(&app, endpoint.path, &[]).await;
        assert_eq!(answer.status, 204, "{}: {answer:?}", endpoint.path);
        let allow = answer.header("allow");
        assert!(
            allow.split(',').any(|one| one.trim() == endpoint.method),
            "{}: {allow}",
            endpoint.path
        );
        assert_eq!(answer.header("access-control-allow-origin"), "");
        asked += 1;
    }
    println!("{asked} routes asked");
    options(&app, "/nowhere", &[])
        .await
        .problem(ErrorCode::NotFound);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = App::spawn().await;
    for path in ["/livez", "/api/v1/health", "/.well-known/jwks.json"] {
        let answer = app.anonymous().call(&Method::HEAD, path).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    let refused = app.anonymous().call(&Method::HEAD, "/api/v1/me").await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn only_pages_of_named_origins_may_call() {
    let app = App::spawn_with(&["--cors-origins", "https://app.example.com"]).await;
    let asked = |origin: &'static str| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,idempotency-key",
            ),
        ]
    };
    let path = "/api/v1/photos/protect";
    let answer = options(&app, path, &asked("https://app.example.com")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .contains("idempotency-key")
    );
    for other in [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com.evil.com",
        "null",
    ] {
        let answer = options(&app, path, &asked(other)).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
    }
    let request = Request::get("/api/v1/me")
        .header("origin", "https://app.example.com")
        .body(Body::empty())
        .unwrap();
    let answer = app.anonymous().send(request).await;
    answer.problem(ErrorCode::AuthMissing);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example.com",
        "errors can be read too"
    );
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("x-photo-id")
    );
    assert!(answer.header("vary").contains("origin"));
}

#[tokio::test]
async fn a_wrong_hash_passes_where_the_tenant_asks_for_its_form_alone() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let client = app.client(&acme).await;
    let image = pictures::png(&pictures::scene(200, 150, 71));
    let with_hash = async |hash: &str| {
        let request = json!({ "contentHash": hash }).to_string();
        let parts = [Part::image(&image), Part::text("request", &request)];
        client.post_form("/api/v1/photos/protect", &parts).await
    };
    let wrong = "0".repeat(64);
    with_hash(&wrong)
        .await
        .problem(ErrorCode::InvalidContentHash);
    let change = PolicyChange {
        content_hash: Some(ContentHashPolicy::Format),
        ..PolicyChange::default()
    };
    operator::set_policy(&app.operator, &app.ctx.master, &app.clock, &acme.id, change)
        .await
        .unwrap();
    let protected = with_hash(&wrong).await;
    assert_eq!(protected.status, 200, "{protected:?}");
    let kept = client.get(protected.header("location")).await.json();
    assert_ne!(kept["contentHash"], wrong, "what is kept is the image's");
    with_hash("not a hash")
        .await
        .problem(ErrorCode::InvalidContentHash);
}
