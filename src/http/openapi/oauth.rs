//! OAuth 2.0: tokens, revocation, introspection.

use serde_json::{Value, json};

use super::{
    TOKEN,
    auth::{TAG, USER},
    operation::{Answer, Operation},
    schema::{count, flag, object, one_of, only, or_null, text, word},
};
use crate::http::ErrorCode;

const APPLICATION: &str = "LCUID-LAP-6f0e1d2c-3b4a-4958-8776-655443322110";

/// `POST /oauth2/token`.
pub(in crate::http) fn token() -> Operation {
    oauth("oauthToken", "OAuth 2.0 client credentials for a token")
        .about("RFC 6749 section 4.4. The client is an application. It authenticates by HTTP Basic or in the form, not both.")
        .takes_form(
            "OauthTokenRequest",
            &json!({ "grant_type": "client_credentials", "scope": "photos:verify" }),
        )
        .answers(Answer::json(
            200,
            "The token.",
            "OauthToken",
            &json!({
                "access_token": TOKEN,
                "token_type": "Bearer",
                "expires_in": 3600,
                "scope": "photos:verify",
            }),
        ))
        .answers(refused("invalid_scope", "a scope is unknown or was not granted to the client"))
}

/// `POST /oauth2/revoke`.
pub(in crate::http) fn revoke() -> Operation {
    oauth("oauthRevoke", "The end of a token of the client")
        .about("RFC 7009. A token that is not the client's, or none at all, is 200 without effect.")
        .takes_form("OauthTokenQuestion", &json!({ "token": TOKEN }))
        .answers(Answer::json(
            200,
            "Done, or nothing to do.",
            "Nothing",
            &json!({}),
        ))
        .answers(refused("invalid_request", "token is required"))
}

/// `POST /oauth2/introspect`.
pub(in crate::http) fn introspect() -> Operation {
    oauth(
        "oauthIntrospect",
        "What a token of the client's tenant says",
    )
    .about("RFC 7662.")
    .takes_form("OauthTokenQuestion", &json!({ "token": TOKEN }))
    .answers(Answer::json(
        200,
        "What a live token says; `active` alone for any other.",
        "OauthTokenAnswer",
        &json!({
            "active": true,
            "scope": "photos:verify",
            "client_id": APPLICATION,
            "username": USER,
            "token_type": "Bearer",
            "exp": 1_800_003_600,
            "iat": 1_800_000_000,
            "nbf": 1_800_000_000,
            "sub": USER,
            "jti": "2b9f6f0e-52a4-4a3c-8d4e-7c1f0a9b8d6e",
            "tenant_id": "demo",
        }),
    ))
    .answers(refused("invalid_request", "token is required"))
}

fn oauth(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, TAG, summary)
        .old_caches_too()
        .guarded(json!([{ "client": [] }, {}]))
        .answers(
            Answer::json(
                401,
                "The client is not known by that secret.",
                "OauthRefusal",
                &json!({
                    "error": "invalid_client",
                    "error_description": "the client id or secret is not right",
                }),
            )
            .headers(&["WWW-Authenticate"]),
        )
        .refuses(&[ErrorCode::DatabaseUnavailable])
}

fn refused(code: &str, description: &str) -> Answer {
    Answer::json(
        400,
        "The request is not right, in the words of OAuth 2.0.",
        "OauthRefusal",
        &json!({ "error": code, "error_description": description }),
    )
}

/// The schemas of this file's bodies.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let client = [
        (
            "client_id",
            text("The application's id, when it is not sent by HTTP Basic."),
        ),
        ("client_secret", text("Its secret, likewise.")),
    ];
    let [client_id, client_secret] = client.clone();
    let request = object(
        &["scope", "client_id", "client_secret"],
        [
            ("grant_type", only(&json!("client_credentials"))),
            (
                "scope",
                text("Scopes between single spaces; without it, all that the application has."),
            ),
            client_id,
            client_secret,
        ],
    );
    let [client_id, client_secret] = client;
    let question = object(
        &["client_id", "client_secret"],
        [("token", word("The token.")), client_id, client_secret],
    );
    let token = object(
        &[],
        [
            ("access_token", word("The token, a JWT.")),
            ("token_type", only(&json!("Bearer"))),
            ("expires_in", count("Seconds that it lasts.")),
            ("scope", text("The scopes that it has.")),
        ],
    );
    let refusal = object(
        &[],
        [
            (
                "error",
                one_of(
                    &[
                        "invalid_request",
                        "invalid_client",
                        "unsupported_grant_type",
                        "invalid_scope",
                    ],
                    "What is wrong (RFC 6749 section 5.2).",
                ),
            ),
            ("error_description", text("For a person.")),
        ],
    );
    vec![
        ("OauthTokenRequest", request),
        ("OauthTokenQuestion", question),
        ("OauthToken", token),
        ("OauthTokenAnswer", introspected()),
        ("OauthRefusal", refusal),
        ("Nothing", object(&[], [])),
    ]
}

fn introspected() -> Value {
    let optional = [
        "scope",
        "client_id",
        "username",
        "token_type",
        "exp",
        "iat",
        "nbf",
        "sub",
        "jti",
        "tenant_id",
    ];
    object(
        &optional,
        [
            ("active", flag("The token is good.")),
            ("scope", text("Its scopes.")),
            (
                "client_id",
                or_null(text(
                    "The application or API key that it was minted with; null for an account.",
                )),
            ),
            ("username", text("Whose it is.")),
            ("token_type", only(&json!("Bearer"))),
            ("exp", count("When it ends, in seconds since 1970.")),
            ("iat", count("When it was made.")),
            ("nbf", count("From when it is good.")),
            ("sub", text("Whose it is.")),
            ("jti", text("Its id.")),
            ("tenant_id", text("The tenant.")),
        ],
    )
}
