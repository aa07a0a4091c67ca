//! The console: pages for people under `/console/`, a client of the API and of nothing else.
//!
//! The pages are the plain files of `assets`, part of the program. What they may do, [`POLICY`]
//! says: load what this server has, and nothing from anywhere else. Their session is a cookie
//! ([`session`]), which the API takes only from them ([`same_origin`]).

mod cookie;
mod same_origin;
mod session;

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    middleware::{Next, from_fn},
    response::{Redirect, Response},
    routing::get,
};
use memory_serve::{CacheControl, MemoryServe};
use tracing::subscriber::{NoSubscriber, with_default};

pub(super) use self::{cookie::SessionCookie, same_origin::Sender};
use super::{ANY_TOKEN, Access, Endpoint, ErrorCode, error::ApiError, page};
use crate::service::Context;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The files of the pages, as `script/build.rs` takes them up.
const FILES: &[memory_serve::Asset] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// What the pages may do. Lit makes its templates by the one policy for trusted types that is
/// named.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html",
);

/// The addresses of screens: each is the same page, whose script shows the one that is asked for.
const SCREENS: [&str; 12] = [
    "/sign-in",
    "/verify",
    "/protect",
    "/photos",
    "/photo/{photoId}",
    "/audit",
    "/accounts",
    "/keys",
    "/settings",
    "/more",
    "/check",
    "/check/{tenantId}",
];

/// The session, as the API's description has it.
pub(super) fn endpoints() -> [Endpoint; 3] {
    let path = "/console/session";
    [
        Endpoint::post(
            path,
            Access::Public,
            session::begin,
            session::describe_begin,
        ),
        Endpoint::get(path, ANY_TOKEN, session::get, session::describe_get),
        Endpoint::delete(path, ANY_TOKEN, session::end, session::describe_end).never_limited(),
    ]
}

/// The pages, and the way to them.
pub(super) fn pages() -> Router<Context> {
    let files = MemoryServe::new(FILES)
        .index_file(Some("/index.html"))
        .enable_brotli(true)
        .enable_gzip(true)
        // Asked for anew each time, and sent only if changed: all files belong to one version.
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::NoCache);
    let files = SCREENS.iter().fold(files, |files, screen| {
        files.add_alias(screen, "/index.html")
    });
    // It announces every file.
    let files = with_default(NoSubscriber::default(), || files.into_router());
    Router::new()
        .nest("/console/", files.layer(from_fn(guard)))
        .route("/console", get(async || Redirect::permanent("/console/")))
}

/// `GET /`: where a person begins. Programs have no start page.
pub(super) async fn start(
    State(has_console): State<bool>,
    headers: HeaderMap,
) -> Result<Redirect, ApiError> {
    if !page::is_wanted(&headers) {
        return Err(ApiError::new(ErrorCode::NotFound));
    }
    Ok(Redirect::temporary(if has_console {
        "/console/"
    } else {
        "/docs"
    }))
}

/// Adds what keeps other sites out of the pages. What a page may do is said with the page: a script
/// or a style sheet does nothing by itself, and the policy is longer than some of them.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let same_origin = HeaderValue::from_static("same-origin");
    let is_document = (headers.get(CONTENT_TYPE))
        .is_some_and(|kind| kind == "text/html" || kind == "image/svg+xml");
    if is_document {
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CROSS_ORIGIN_OPENER_POLICY, same_origin.clone());
    }
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, same_origin);
    response
}
