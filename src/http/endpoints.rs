//! The route table: every line says who may call and how it is described.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, delete, get, patch, post, put},
};

use super::{
    c2pa, console,
    openapi::{self, Operation},
    signin, v1,
};
use crate::{
    domain::{Scope, Scopes},
    service::{Context, admission::limits::LimitMode},
};

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The holder of a live token with these scopes; [`ANY_TOKEN`] for none in particular.
    Token(Scopes),
    /// Anybody; but who shows a token must have a live one with these scopes.
    Optional(Scopes),
}

/// A live token is enough.
pub(super) const ANY_TOKEN: Access = Access::Token(Scopes::NONE);
/// Registers and protects.
const PROTECT: Access = Access::Token(Scopes::of(Scope::Protect));
/// Verifies.
const VERIFY: Access = Access::Token(Scopes::of(Scope::Verify));
/// Learns which photos there are from an image.
const IDENTIFY: Access = Access::Token(Scopes::of(Scope::Verify).or(Scopes::of(Scope::Read)));
/// Reads.
const READ: Access = Access::Token(Scopes::of(Scope::Read));
/// Reads the manifests that were signed.
const READ_MANIFESTS: Access = Access::Token(Scopes::of(Scope::ReadManifests));
/// Finds and fetches manifests that are published, or are the caller's own.
const FETCH_MANIFESTS: Access = Access::Optional(Scopes::of(Scope::FetchManifests));
/// Stores and deletes manifests that were made elsewhere.
const STORE_MANIFESTS: Access = Access::Token(Scopes::of(Scope::StoreManifests));
/// Binds values to manifests.
const STORE_BINDINGS: Access = Access::Token(Scopes::of(Scope::StoreBindings));
/// Deletes.
const DELETE: Access = Access::Token(Scopes::of(Scope::Delete));
/// Administers the tenant.
const ADMIN: Access = Access::Token(Scopes::of(Scope::Admin));

/// One line of the route table.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The verb.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Takes an image, which has to pass the gate.
    pub(super) takes_image: bool,
    /// Whether its calls are refused above the tenant's limits.
    pub(super) limit: LimitMode,
    pub(super) describe: fn() -> Operation,
    pub(super) route: MethodRouter<Context>,
}

impl Endpoint {
    fn new(
        method: Method,
        path: &'static str,
        access: Access,
        route: MethodRouter<Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self {
            method,
            path,
            access,
            takes_image: false,
            limit: LimitMode::Enforce,
            describe,
            route,
        }
    }

    /// The same, which is refused where there is no room for work on its image.
    fn with_image(self) -> Self {
        Self {
            takes_image: true,
            ..self
        }
    }

    /// The same, whose calls count and are never refused for a limit: everybody must be able to end
    /// a session.
    pub(super) fn never_limited(self) -> Self {
        Self {
            limit: LimitMode::CountOnly,
            ..self
        }
    }

    pub(super) fn get<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self::new(Method::GET, path, access, get(handler), describe)
    }

    pub(super) fn post<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self::new(Method::POST, path, access, post(handler), describe)
    }

    fn put<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self::new(Method::PUT, path, access, put(handler), describe)
    }

    fn patch<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self::new(Method::PATCH, path, access, patch(handler), describe)
    }

    pub(super) fn delete<T: 'static>(
        path: &'static str,
        access: Access,
        handler: impl Handler<T, Context>,
        describe: fn() -> Operation,
    ) -> Self {
        Self::new(Method::DELETE, path, access, delete(handler), describe)
    }
}

/// The route table. A line without a word on who may call, or without a description, does not
/// compile.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = public();
    all.extend(sign_in());
    all.extend(caller());
    all.extend(photos());
    all.extend(soft_bindings());
    all.extend(stored_manifests());
    all.extend(audit());
    all.extend(administration());
    all.extend(console::endpoints());
    all
}

/// What is done with photos.
fn photos() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/api/v1/photos/register",
            PROTECT,
            v1::register::handler,
            v1::register::describe,
        ),
        Endpoint::post(
            "/api/v1/photos/protect",
            PROTECT,
            v1::protect::handler,
            v1::protect::describe,
        )
        .with_image(),
        Endpoint::post(
            "/api/v1/photos/verify",
            VERIFY,
            v1::verify::handler,
            v1::verify::describe,
        )
        .with_image(),
        Endpoint::post(
            "/api/v1/photos/identify",
            IDENTIFY,
            v1::identify::handler,
            v1::identify::describe,
        )
        .with_image(),
        Endpoint::get(
            "/api/v1/photos",
            READ,
            v1::photos::list,
            v1::photos::describe_list,
        ),
        Endpoint::get(
            "/api/v1/photos/count",
            READ,
            v1::photos::count,
            v1::photos::describe_count,
        ),
        Endpoint::get(
            "/api/v1/photos/{photoId}",
            READ,
            v1::photos::get,
            v1::photos::describe_get,
        ),
        Endpoint::get(
            "/api/v1/photos/{photoId}/manifest",
            READ_MANIFESTS,
            v1::manifest::handler,
            v1::manifest::describe,
        ),
        Endpoint::patch(
            "/api/v1/photos/{photoId}",
            PROTECT,
            v1::photos::change,
            v1::photos::describe_change,
        ),
        Endpoint::delete(
            "/api/v1/photos/{photoId}",
            DELETE,
            v1::photos::delete,
            v1::photos::describe_delete,
        ),
    ]
}

/// The Soft Binding Resolution API of C2PA 2.4, and where it is found.
fn soft_bindings() -> Vec<Endpoint> {
    use Access::Public;
    use c2pa::{manifests, matches, services};
    vec![
        Endpoint::get(
            "/c2pa/v1/matches/byBinding",
            FETCH_MANIFESTS,
            matches::by_binding,
            matches::describe_by_binding,
        ),
        Endpoint::post(
            "/c2pa/v1/matches/byBinding",
            FETCH_MANIFESTS,
            matches::by_long_binding,
            matches::describe_by_long_binding,
        ),
        Endpoint::post(
            "/c2pa/v1/matches/byContent",
            FETCH_MANIFESTS,
            matches::by_content,
            matches::describe_by_content,
        ),
        Endpoint::get(
            "/c2pa/v1/manifests/{manifestId}",
            FETCH_MANIFESTS,
            manifests::fetch,
            manifests::describe_fetch,
        ),
        Endpoint::get(
            "/c2pa/v1/services/supportedAlgorithms",
            Public,
            services::algorithms,
            services::describe_algorithms,
        ),
        Endpoint::get(
            "/c2pa/v1/services/capabilities",
            Public,
            services::capabilities,
            services::describe_capabilities,
        ),
        Endpoint::get(
            "/c2pa/v1/services/status",
            Public,
            services::status,
            services::describe_status,
        ),
        Endpoint::get(
            "/.well-known/c2pa-soft-binding-resolution",
            Public,
            services::discovery,
            services::describe_discovery,
        ),
    ]
}

/// What clients store for others to find by the Soft Binding Resolution API.
fn stored_manifests() -> Vec<Endpoint> {
    use c2pa::{bindings, manifests, receipts};
    vec![
        Endpoint::post(
            "/c2pa/v1/manifests",
            STORE_MANIFESTS,
            manifests::store,
            manifests::describe_store,
        ),
        Endpoint::delete(
            "/c2pa/v1/manifests/{manifestId}",
            STORE_MANIFESTS,
            manifests::delete,
            manifests::describe_delete,
        ),
        Endpoint::get(
            "/c2pa/v1/manifests/{manifestId}/receipts",
            FETCH_MANIFESTS,
            receipts::issue,
            receipts::describe_issue,
        ),
        Endpoint::post(
            "/c2pa/v1/manifests/{manifestId}/receipts",
            FETCH_MANIFESTS,
            receipts::check,
            receipts::describe_check,
        ),
        Endpoint::post(
            "/c2pa/v1/bindings",
            STORE_BINDINGS,
            bindings::bind,
            bindings::describe_bind,
        ),
        Endpoint::put(
            "/c2pa/v1/bindings",
            STORE_BINDINGS,
            bindings::rebind,
            bindings::describe_rebind,
        ),
    ]
}

/// What a caller may ask and change of itself.
fn caller() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/api/v1/auth/logout",
            ANY_TOKEN,
            v1::logout::handler,
            v1::logout::describe,
        )
        .never_limited(),
        Endpoint::get("/api/v1/me", ANY_TOKEN, v1::me::handler, v1::me::describe),
        Endpoint::post(
            "/api/v1/me/password",
            ANY_TOKEN,
            v1::own_account::set_password,
            v1::own_account::describe_set_password,
        ),
        Endpoint::delete(
            "/api/v1/me/sessions",
            ANY_TOKEN,
            v1::own_account::end_sessions,
            v1::own_account::describe_end_sessions,
        ),
        Endpoint::get(
            "/api/v1/usage",
            ANY_TOKEN,
            v1::usage::handler,
            v1::usage::describe,
        ),
        Endpoint::get(
            "/api/v1/tenant/policy",
            ANY_TOKEN,
            v1::tenant_policy::handler,
            v1::tenant_policy::describe,
        ),
    ]
}

/// What an administrator of the tenant may read of its log.
fn audit() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/audit", ADMIN, v1::audit::list, v1::audit::describe),
        Endpoint::get(
            "/api/v1/audit/head",
            ADMIN,
            v1::audit::head,
            v1::audit::describe_head,
        ),
        Endpoint::get(
            "/api/v1/audit/export",
            ADMIN,
            v1::audit_export::handler,
            v1::audit_export::describe,
        ),
    ]
}

/// What an administrator of the tenant may call besides.
fn administration() -> Vec<Endpoint> {
    use v1::admin::{accounts, credentials};
    vec![
        Endpoint::get(
            "/api/v1/admin/accounts",
            ADMIN,
            accounts::list,
            accounts::describe_list,
        ),
        Endpoint::post(
            "/api/v1/admin/accounts",
            ADMIN,
            accounts::create,
            accounts::describe_create,
        ),
        Endpoint::patch(
            "/api/v1/admin/accounts/{username}",
            ADMIN,
            accounts::change,
            accounts::describe_change,
        ),
        Endpoint::delete(
            "/api/v1/admin/accounts/{username}",
            ADMIN,
            accounts::delete,
            accounts::describe_delete,
        ),
        Endpoint::delete(
            "/api/v1/admin/accounts/{username}/sessions",
            ADMIN,
            accounts::end_sessions,
            accounts::describe_end_sessions,
        ),
        Endpoint::get(
            "/api/v1/admin/api-keys",
            ADMIN,
            credentials::list_api_keys,
            credentials::describe_list_api_keys,
        ),
        Endpoint::post(
            "/api/v1/admin/api-keys",
            ADMIN,
            credentials::create_api_key,
            credentials::describe_create_api_key,
        ),
        Endpoint::delete(
            "/api/v1/admin/api-keys/{id}",
            ADMIN,
            credentials::revoke_api_key,
            credentials::describe_revoke_api_key,
        ),
        Endpoint::get(
            "/api/v1/admin/applications",
            ADMIN,
            credentials::list_applications,
            credentials::describe_list_applications,
        ),
        Endpoint::post(
            "/api/v1/admin/applications",
            ADMIN,
            credentials::create_application,
            credentials::describe_create_application,
        ),
        Endpoint::delete(
            "/api/v1/admin/applications/{id}",
            ADMIN,
            credentials::revoke_application,
            credentials::describe_revoke_application,
        ),
    ]
}

/// The ways in.
fn sign_in() -> Vec<Endpoint> {
    use Access::Public;
    vec![
        Endpoint::post(
            "/api/v1/auth/login",
            Public,
            v1::login::handler,
            v1::login::describe,
        ),
        Endpoint::post(
            "/auth",
            Public,
            signin::api_key::handler,
            signin::api_key::describe,
        ),
        Endpoint::post(
            "/api/v3/auth",
            Public,
            signin::application::handler,
            signin::application::describe,
        ),
        Endpoint::post(
            "/oauth2/token",
            Public,
            signin::oauth::token,
            signin::oauth::describe_token,
        ),
        Endpoint::post(
            "/oauth2/revoke",
            Public,
            signin::oauth::revoke,
            signin::oauth::describe_revoke,
        ),
        Endpoint::post(
            "/oauth2/introspect",
            Public,
            signin::oauth::introspect,
            signin::oauth::describe_introspect,
        ),
    ]
}

/// What anybody may call besides: the server's health, keys and description.
fn public() -> Vec<Endpoint> {
    use Access::Public;
    vec![
        Endpoint::get(
            "/livez",
            Public,
            v1::health::live,
            v1::health::describe_live,
        ),
        Endpoint::get(
            "/readyz",
            Public,
            v1::health::ready,
            v1::health::describe_ready,
        ),
        Endpoint::get(
            "/.well-known/jwks.json",
            Public,
            v1::jwks::handler,
            v1::jwks::describe,
        ),
        Endpoint::get(
            "/.well-known/c2pa/anchors.pem",
            Public,
            v1::anchors::handler,
            v1::anchors::describe,
        ),
        Endpoint::get(
            "/.well-known/oauth-authorization-server",
            Public,
            signin::metadata::authorization_server,
            signin::metadata::describe_authorization_server,
        ),
        Endpoint::get(
            "/.well-known/oauth-protected-resource",
            Public,
            signin::metadata::protected_resource,
            signin::metadata::describe_protected_resource,
        ),
        Endpoint::get("/openapi.json", Public, openapi::handler, openapi::describe),
        Endpoint::get(
            "/docs",
            Public,
            openapi::page::handler,
            openapi::page::describe,
        ),
        Endpoint::get(
            "/errors/{code}",
            Public,
            v1::errors::handler,
            v1::errors::describe,
        ),
        Endpoint::get(
            "/api/v1/health",
            Public,
            v1::health::handler,
            v1::health::describe,
        ),
        Endpoint::post(
            "/api/v1/check/{tenantId}",
            Public,
            v1::check::handler,
            v1::check::describe,
        ),
    ]
}
