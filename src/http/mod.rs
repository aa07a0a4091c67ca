//! HTTP: the order of layers, on one screen; the route table is [`endpoints()`].
//!
//! May use `service` and `domain` (and the plain types that use cases return). A request goes
//! outside in through [`middleware::trace`] (request id, span, access line, security headers),
//! [`error::render`] (the one writer of error bodies), [`middleware::body`] (pace and end of the
//! body), and for every endpoint that is not public [`middleware::authenticate`], which alone can
//! make a [`extract::VerifiedCaller`], and [`middleware::limit`], which counts its tenant's calls.
//! To add an endpoint, add a line to [`endpoints()`], a file to `v1` and a description to
//! [`openapi`].

mod accept;
mod c2pa;
mod console;
mod endpoints;
mod error;
mod extract;
mod middleware;
pub mod openapi;
mod page;
mod signin;
mod single;
mod v1;
mod wire;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;

use endpoints::ANY_TOKEN;
pub use endpoints::{Access, Endpoint, endpoints};
pub use error::{ErrorCode, ErrorRow};
pub use extract::Peer;
pub use middleware::Departures;
use openapi::Published;

use crate::service::Context;

/// The service as axum serves it.
pub fn router(ctx: Context) -> Router {
    let authenticate = from_fn_with_state(ctx.clone(), middleware::authenticate);
    let authenticate_if_shown = from_fn_with_state(ctx.clone(), middleware::authenticate_if_shown);
    let has_console = ctx.settings.console;
    let limit = from_fn_with_state(ctx.clone(), middleware::limit);
    let shed = from_fn_with_state(ctx.clone(), middleware::shed);
    let mut router = Router::new();
    if has_console {
        router = router.merge(console::pages());
    }
    let is_there = |endpoint: &Endpoint| has_console || !endpoint.path.starts_with("/console/");
    for endpoint in endpoints().into_iter().filter(is_there) {
        let route = match endpoint.access {
            Access::Public => endpoint.route,
            Access::Token(scopes) | Access::Optional(scopes) => {
                // The last one is the first that a request meets.
                let mut route = endpoint
                    .route
                    .route_layer(from_fn_with_state(
                        (ctx.clone(), scopes),
                        middleware::authorise,
                    ))
                    .route_layer(limit.clone());
                if endpoint.takes_image {
                    route = route.route_layer(shed.clone());
                }
                let route = if matches!(endpoint.access, Access::Optional(_)) {
                    route.route_layer(authenticate_if_shown.clone())
                } else {
                    route.route_layer(authenticate.clone())
                };
                route.route_layer(Extension(endpoint.limit))
            }
        };
        router = router.route(endpoint.path, route);
    }
    let mut router = router
        .route("/", get(console::start).with_state(has_console))
        .fallback(error::not_found)
        .layer(from_fn(middleware::options))
        .layer(Extension(Published::new(&ctx.settings.public_url)))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(middleware::body))
        .layer(from_fn(middleware::framing))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(ctx.clone(), error::render))
        .layer(from_fn(middleware::answer));
    let origins = &ctx.settings.cors_origins;
    if !origins.is_empty() {
        router = router.layer(middleware::cors(origins));
    }
    let last_answers = from_fn_with_state(ctx.clone(), middleware::last_answers);
    let trace = from_fn_with_state(ctx.clone(), middleware::trace);
    router.layer(last_answers).layer(trace).with_state(ctx)
}
