//! HTTP: the route table and the order of layers, on one screen.
//!
//! May use `service` and `domain` (and the plain types that use cases return). A request goes outside in through
//! [`middleware::trace`] (request id, span, access line, security headers), [`error::render`] (the one writer of error bodies),
//! [`middleware::body`] (pace and end of the body), and for every endpoint that is not public [`middleware::authenticate`],
//! which alone can make a [`extract::Caller`]. To add an endpoint, add a line to [`endpoints`] and a file to `v1`.

mod error;
mod extract;
mod middleware;
mod v1;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, delete, get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

pub use error::{ErrorCode, ErrorRow};

use crate::service::Context;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The holder of a live token.
    Token,
}

/// One line of the route table.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The verb.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    route: MethodRouter<Context>,
}

impl Endpoint {
    fn get<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
    ) -> Self {
        Self {
            method: Method::GET,
            path,
            access,
            route: get(handler),
        }
    }

    fn post<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
    ) -> Self {
        Self {
            method: Method::POST,
            path,
            access,
            route: post(handler),
        }
    }

    fn delete<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
    ) -> Self {
        Self {
            method: Method::DELETE,
            path,
            access,
            route: delete(handler),
        }
    }
}

/// The route table.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/livez", Access::Public, v1::health::live),
        Endpoint::get("/readyz", Access::Public, v1::health::ready),
        Endpoint::get("/.well-known/jwks.json", Access::Public, v1::jwks::handler),
        Endpoint::get("/errors/{code}", Access::Public, v1::errors::handler),
        Endpoint::get("/api/v1/health", Access::Public, v1::health::handler),
        Endpoint::post("/api/v1/auth/login", Access::Public, v1::login::handler),
        Endpoint::post("/api/v1/auth/logout", Access::Token, v1::logout::handler),
        Endpoint::get("/api/v1/me", Access::Token, v1::me::handler),
        Endpoint::post(
            "/api/v1/photos/register",
            Access::Token,
            v1::register::handler,
        ),
        Endpoint::post(
            "/api/v1/photos/protect",
            Access::Token,
            v1::protect::handler,
        ),
        Endpoint::post("/api/v1/photos/verify", Access::Token, v1::verify::handler),
        Endpoint::post(
            "/api/v1/photos/identify",
            Access::Token,
            v1::identify::handler,
        ),
        Endpoint::get("/api/v1/photos", Access::Token, v1::photos::list),
        Endpoint::get("/api/v1/photos/{photoId}", Access::Token, v1::photos::get),
        Endpoint::delete(
            "/api/v1/photos/{photoId}",
            Access::Token,
            v1::photos::delete,
        ),
        Endpoint::get("/api/v1/audit", Access::Token, v1::audit::list),
    ]
}

/// The service as axum serves it.
pub fn router(ctx: Context) -> Router {
    let authenticate = from_fn_with_state(ctx.clone(), middleware::authenticate);
    let mut router = Router::new();
    for endpoint in endpoints() {
        let route = match endpoint.access {
            Access::Public => endpoint.route,
            Access::Token => endpoint.route.route_layer(authenticate.clone()),
        };
        router = router.route(endpoint.path, route);
    }
    router
        .fallback(error::not_found)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(middleware::body))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(ctx.clone(), error::render))
        .layer(from_fn(middleware::trace))
        .with_state(ctx)
}
