//! What a client of OAuth 2.0 can find out by itself: the authorization server (RFC 8414) and the protected resource (RFC 9728).

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::answer;
use crate::{
    domain::{Scope, Scopes},
    service::Context,
};

/// `GET /.well-known/oauth-authorization-server`.
pub(in crate::http) async fn authorization_server(State(ctx): State<Context>) -> Response {
    let url = &ctx.settings.public_url;
    let by = ["client_secret_basic", "client_secret_post"];
    answer(
        StatusCode::OK,
        &json!({
            "issuer": url,
            "token_endpoint": format!("{url}/oauth2/token"),
            "revocation_endpoint": format!("{url}/oauth2/revoke"),
            "introspection_endpoint": format!("{url}/oauth2/introspect"),
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "scopes_supported": scopes(),
            "token_endpoint_auth_methods_supported": by,
            "revocation_endpoint_auth_methods_supported": by,
            "introspection_endpoint_auth_methods_supported": by,
        }),
    )
}

/// `GET /.well-known/oauth-protected-resource`.
pub(in crate::http) async fn protected_resource(State(ctx): State<Context>) -> Response {
    let url = &ctx.settings.public_url;
    answer(
        StatusCode::OK,
        &json!({
            "resource": url,
            "authorization_servers": [url],
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "scopes_supported": scopes(),
            "bearer_methods_supported": ["header"],
        }),
    )
}

fn scopes() -> Vec<&'static str> {
    Scopes::ALL.iter().map(Scope::as_str).collect()
}
