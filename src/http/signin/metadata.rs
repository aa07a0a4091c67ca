//! What a client of OAuth 2.0 can find out by itself: the authorization server (RFC 8414) and the
//! protected resource (RFC 9728).

use axum::{extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer;
use crate::{
    domain::Scope,
    http::openapi::{Answer, Operation, Tag, example},
    service::Context,
};

/// The metadata of the authorization server (RFC 8414 section 2).
#[derive(Serialize, JsonSchema)]
struct AuthorizationServer {
    /// The address of this server.
    issuer: Uri,
    /// Where tokens are given (RFC 6749 section 3.2).
    token_endpoint: Uri,
    /// Where tokens are ended (RFC 7009).
    revocation_endpoint: Uri,
    /// Where tokens are explained (RFC 7662).
    introspection_endpoint: Uri,
    /// The keys that check tokens (RFC 7517).
    jwks_uri: Uri,
    grant_types_supported: Vec<GrantType>,
    /// None: there is no authorization endpoint.
    response_types_supported: Vec<String>,
    scopes_supported: Vec<Scope>,
    token_endpoint_auth_methods_supported: Vec<ClientAuthentication>,
    revocation_endpoint_auth_methods_supported: Vec<ClientAuthentication>,
    introspection_endpoint_auth_methods_supported: Vec<ClientAuthentication>,
}

impl AuthorizationServer {
    fn at(url: &str) -> Self {
        let uri = |path| Uri(format!("{url}{path}"));
        let methods = || vec![ClientAuthentication::Basic, ClientAuthentication::Form];
        Self {
            issuer: uri(""),
            token_endpoint: uri("/oauth2/token"),
            revocation_endpoint: uri("/oauth2/revoke"),
            introspection_endpoint: uri("/oauth2/introspect"),
            jwks_uri: uri("/.well-known/jwks.json"),
            grant_types_supported: vec![GrantType::ClientCredentials],
            response_types_supported: Vec::new(),
            scopes_supported: Scope::ALL.to_vec(),
            token_endpoint_auth_methods_supported: methods(),
            revocation_endpoint_auth_methods_supported: methods(),
            introspection_endpoint_auth_methods_supported: methods(),
        }
    }
}

/// The metadata of the protected resource (RFC 9728 section 2).
#[derive(Serialize, JsonSchema)]
struct ProtectedResource {
    /// The address of this server.
    resource: Uri,
    authorization_servers: Vec<Uri>,
    /// The keys that check tokens (RFC 7517).
    jwks_uri: Uri,
    scopes_supported: Vec<Scope>,
    bearer_methods_supported: Vec<BearerMethod>,
}

impl ProtectedResource {
    fn at(url: &str) -> Self {
        let uri = |path| Uri(format!("{url}{path}"));
        Self {
            resource: uri(""),
            authorization_servers: vec![uri("")],
            jwks_uri: uri("/.well-known/jwks.json"),
            scopes_supported: Scope::ALL.to_vec(),
            bearer_methods_supported: vec![BearerMethod::Header],
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline, extend("format" = "uri"))]
struct Uri(String);

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum GrantType {
    ClientCredentials,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum ClientAuthentication {
    #[serde(rename = "client_secret_basic")]
    Basic,
    #[serde(rename = "client_secret_post")]
    Form,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum BearerMethod {
    Header,
}

pub(in crate::http) fn describe_authorization_server() -> Operation {
    Operation::new(
        "getAuthorizationServer",
        Tag::Server,
        "Where OAuth 2.0 is (RFC 8414)",
    )
    .old_caches_too()
    .answers(Answer::json(
        200,
        "The metadata.",
        &AuthorizationServer::at(example::URL),
    ))
}

pub(in crate::http) fn describe_protected_resource() -> Operation {
    Operation::new(
        "getProtectedResource",
        Tag::Server,
        "The same from the API's side (RFC 9728)",
    )
    .old_caches_too()
    .answers(Answer::json(
        200,
        "The metadata.",
        &ProtectedResource::at(example::URL),
    ))
}

pub(in crate::http) async fn authorization_server(State(ctx): State<Context>) -> Response {
    answer(
        StatusCode::OK,
        &AuthorizationServer::at(&ctx.settings.public_url),
    )
}

pub(in crate::http) async fn protected_resource(State(ctx): State<Context>) -> Response {
    answer(
        StatusCode::OK,
        &ProtectedResource::at(&ctx.settings.public_url),
    )
}
