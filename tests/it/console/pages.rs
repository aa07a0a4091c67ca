//! The pages: what they may do, how they are sent, and where they lead people who came by accident.

use axum::http::Method;
use lumatrace::http::ErrorCode;

use super::request;
use crate::support::{Answer, App};

/// What a browser asks for that goes to an address.
const HTML: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = request(&Method::GET, path, headers, None);
    app.anonymous().send(request).await
}

#[tokio::test]
async fn every_screen_is_one_page_that_may_load_what_this_server_has_and_nothing_else() {
    let app = App::spawn().await;
    let start = get(&app, "/console/", &[]).await;
    assert_eq!(start.status, 200, "{start:?}");
    let mut screens = 0;
    for path in [
        "/console/sign-in",
        "/console/verify",
        "/console/protect",
        "/console/photos",
        "/console/photo/00000000-0000-4000-8000-000000000000",
        "/console/audit",
        "/console/accounts",
        "/console/keys",
        "/console/settings",
        "/console/check/acme",
    ] {
        let page = get(&app, path, &[]).await;
        assert_eq!((page.status, &page.body), (200, &start.body), "{path}");
        screens += 1;
    }
    println!("{screens} screens");
    let policy = start.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob:",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    for word in ["unsafe", "http:", "https:", "*", "data:"] {
        assert!(!policy.contains(word), "{policy}");
    }
    assert_eq!(start.header("referrer-policy"), "no-referrer");
    assert_eq!(start.header("cross-origin-opener-policy"), "same-origin");
    let drawing = get(&app, "/console/icon.svg", &[]).await;
    assert_eq!(drawing.header("content-security-policy"), policy);
    let html = String::from_utf8(start.body.to_vec()).unwrap();
    let mut files = 0;
    for address in html.split('"').filter(|part| part.starts_with("/console/")) {
        let file = get(&app, address, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(file.status, 200, "{address}");
        assert_eq!(file.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(file.header("cache-control"), "no-cache");
        // A few lines are not worth it.
        let is_short = file.body.len() < 2_000;
        let encoding = file.header("content-encoding");
        assert!(encoding == "br" || is_short, "{address}");
        let again = get(&app, address, &[("if-none-match", file.header("etag"))]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{address}");
        files += 1;
    }
    println!("{files} files of the page");
    assert!(files > 8, "{files}");
    for path in [
        "/console/none",
        "/console/js/none.js",
        "/console/../Cargo.toml",
        "/console/%2e%2e/mod.rs",
        "/console/js",
        "/console/photo/a/b",
    ] {
        get(&app, path, &[]).await.problem(ErrorCode::NotFound);
    }
    let moved = get(&app, "/console", &[]).await;
    assert_eq!((moved.status, moved.header("location")), (308, "/console/"));
}

#[tokio::test]
async fn who_comes_by_accident_with_a_browser_gets_a_page_and_programs_get_json() {
    let app = App::spawn().await;
    let start = get(&app, "/", &[HTML]).await;
    assert_eq!((start.status, start.header("location")), (307, "/console/"));
    get(&app, "/", &[]).await.problem(ErrorCode::NotFound);
    let mut pages = 0;
    for (path, status, says) in [
        ("/errors/AUTH_REVOKED", 200, "The token has been revoked"),
        (
            "/errors/UNSUPPORTED_MEDIA_TYPE",
            200,
            "The content type of the request",
        ),
        ("/errors/NONE", 404, "There is no such thing"),
        (
            "/nowhere/<script>alert(1)</script>",
            404,
            "There is no such thing",
        ),
        ("/api/v1/me", 401, "No token was sent"),
        ("/api/v1/health", 200, "This server answers"),
        ("/readyz", 200, "This server works"),
    ] {
        let path = path.replace('<', "%3C").replace('>', "%3E");
        let page = get(&app, &path, &[HTML]).await;
        assert_eq!(page.status, status, "{page:?}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(html.contains(says), "{path}: {html}");
        assert!(!html.contains("<script"), "{path}: {html}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert_eq!(page.header("vary"), "accept");
        if status >= 400 {
            assert!(html.contains(page.header("x-request-id")), "{path}");
        }
        let program = get(&app, &path, &[("accept", "application/json, */*")]).await;
        assert_eq!(program.status, status, "{program:?}");
        assert_eq!(program.header("content-type"), "application/json");
        pages += 1;
    }
    println!("{pages} pages");
    let app = App::spawn_with(&["--console", "off"]).await;
    let start = get(&app, "/", &[HTML]).await;
    assert_eq!((start.status, start.header("location")), (307, "/docs"));
}
