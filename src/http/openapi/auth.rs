//! The ways in and out: account, API key, application.

use serde_json::{Value, json};

use super::{
    TOKEN,
    operation::{Answer, Operation},
    schema::{count, list, object, one_of, only, text, word},
};
use crate::http::ErrorCode;

pub(super) const TAG: &str = "Signing in";

pub(super) const USER: &str = "LCUID-LU-6f0e1d2c-3b4a-4958-8776-655443322110";

/// `POST /api/v1/auth/login`.
pub(in crate::http) fn login() -> Operation {
    Operation::new("login", TAG, "Account and password for a token")
        .about("Unknown tenants, unknown accounts, wrong passwords, disabled accounts and suspended tenants are answered alike.")
        .takes_json(
            "Login",
            &json!({ "tenantId": "demo", "username": "demo", "password": "correct horse battery staple" }),
        )
        .answers(Answer::json(
            200,
            "The token, twice: under its own name, and under that of OAuth 2.0.",
            "Session",
            &json!({ "token": TOKEN, "expires_in": 3600, "token_type": "Bearer", "access_token": TOKEN }),
        ))
        .refuses(&[
            ErrorCode::AuthFailed,
            ErrorCode::RateLimitExceeded,
            ErrorCode::ServerBusy,
            ErrorCode::DatabaseUnavailable,
        ])
}

/// `POST /api/v1/auth/logout`.
pub(in crate::http) fn logout() -> Operation {
    Operation::new("logout", TAG, "The end of the token that calls")
        .about("Counts as a call, and is never refused for a limit.")
        .never_limited()
        .answers(Answer::json(
            200,
            "The token is refused from now on.",
            "Farewell",
            &json!({ "message": "Session successfully terminated" }),
        ))
}

/// `POST /auth`.
pub(in crate::http) fn api_key() -> Operation {
    Operation::new(
        "apiKeyLogin",
        TAG,
        "API key, user name and password for a token",
    )
    .old_caches_too()
    .about("The token is good beside the key only: send `x-api-key` with every call.")
    .guarded(json!([{ "apiKey": [] }]))
    .takes_form(
        "ApiKeyLogin",
        &json!({ "username": "demo", "password": "correct horse battery staple" }),
    )
    .answers(Answer::json(
        200,
        "The token.",
        "ApiKeySession",
        &json!({ "access_token": TOKEN, "expires_in": 86_400 }),
    ))
    .answers(Answer::json(
        400,
        "`00001`: `username` or `password` is missing.",
        "ApiKeyRefusal",
        &api_key_refusal(
            400,
            "00001",
            "BadRequest",
            "username and password are required.",
        ),
    ))
    .answers(
        Answer::json(
            401,
            "`00018`: the API key is not right. `00019`: the user name or password is not.",
            "ApiKeyRefusal",
            &api_key_refusal(
                401,
                "00018",
                "Unauthorized",
                "API key invalid or not provided.",
            ),
        )
        .headers(&["WWW-Authenticate"]),
    )
    .refuses(&[
        ErrorCode::RateLimitExceeded,
        ErrorCode::ServerBusy,
        ErrorCode::DatabaseUnavailable,
    ])
}

fn api_key_refusal(status: u16, code: &str, kind: &str, message: &str) -> Value {
    json!({ "error": {
        "errors": [{ "error_code": code, "error_type": kind, "message": message }],
        "code": status,
        "message": kind,
    } })
}

/// `POST /api/v3/auth`.
pub(in crate::http) fn application() -> Operation {
    Operation::new("applicationLogin", TAG, "An application's token and secret for a long-lived token")
        .old_caches_too()
        .about("The token is good beside the application's id only: send `AppIdV3` with every call.")
        .guarded(json!([{ "application": [] }]))
        .takes_json(
            "ApplicationLogin",
            &json!({ "token": "the token of the application", "secret": "the secret of the application" }),
        )
        .answers(Answer::json(
            200,
            "The token.",
            "ApplicationSession",
            &json!({ "ok": true, "token": TOKEN, "user_lcuid": USER }),
        ))
        .answers(
            Answer::json(
                401,
                "The application, its token or its secret is not right.",
                "ApplicationRefusal",
                &json!({
                    "ok": false,
                    "http_code": 401,
                    "code": "secret_invalid",
                    "message": "The secret is invalid.",
                    "data": [],
                    "lucore_error_response": true,
                }),
            )
            .headers(&["WWW-Authenticate"]),
        )
        .refuses(&[ErrorCode::DatabaseUnavailable])
}

/// The schemas of this file's bodies.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = own();
    all.extend(of_api_keys());
    all.extend(of_applications());
    all
}

fn own() -> Vec<(&'static str, Value)> {
    let login = object(
        &[],
        [
            ("tenantId", word("The tenant's name.")),
            ("username", word("The account's name.")),
            ("password", word("Its password.")),
        ],
    );
    let session = object(
        &[],
        [
            ("token", word("The token, a JWT.")),
            ("expires_in", count("Seconds that it lasts.")),
            ("token_type", only(&json!("Bearer"))),
            ("access_token", word("The same token.")),
        ],
    );
    let farewell = object(&[], [("message", text("For a person."))]);
    vec![
        ("Login", login),
        ("Session", session),
        ("Farewell", farewell),
    ]
}

fn of_api_keys() -> Vec<(&'static str, Value)> {
    let key_login = object(
        &[],
        [
            (
                "username",
                word("The account's name; it is of the key's tenant."),
            ),
            ("password", word("Its password.")),
        ],
    );
    let key_session = object(
        &[],
        [
            ("access_token", word("The token, a JWT.")),
            ("expires_in", count("Seconds that it lasts.")),
        ],
    );
    let reason = object(
        &[],
        [
            (
                "error_code",
                one_of(&["00001", "00018", "00019"], "What is wrong."),
            ),
            ("error_type", text("The kind of error.")),
            ("message", text("For a person.")),
        ],
    );
    let key_refusal = object(
        &[],
        [
            ("errors", list(&reason)),
            ("code", count("The status.")),
            ("message", text("The kind of error.")),
        ],
    );
    vec![
        ("ApiKeyLogin", key_login),
        ("ApiKeySession", key_session),
        ("ApiKeyRefusal", object(&[], [("error", key_refusal)])),
    ]
}

fn of_applications() -> Vec<(&'static str, Value)> {
    let app_login = object(
        &[],
        [
            (
                "token",
                word("The token that was shown when the application was made."),
            ),
            ("secret", word("Its secret.")),
        ],
    );
    let app_session = object(
        &[],
        [
            ("ok", only(&json!(true))),
            ("token", word("The token, a JWT.")),
            (
                "user_lcuid",
                text("The name under which the application acts."),
            ),
        ],
    );
    let detail = object(
        &[],
        [
            ("auth_error_code", only(&json!("app_is_invalid"))),
            ("auth_error_details", text("For a person.")),
        ],
    );
    let nothing = json!({ "type": "array", "maxItems": 0 });
    let codes = [
        "unauthorized",
        "token_invalid_or_unauthorized",
        "secret_invalid",
    ];
    let app_refusal = object(
        &[],
        [
            ("ok", only(&json!(false))),
            ("http_code", only(&json!(401))),
            ("code", one_of(&codes, "What is wrong.")),
            ("message", text("For a person.")),
            ("data", json!({ "anyOf": [detail, nothing] })),
            ("lucore_error_response", only(&json!(true))),
        ],
    );
    vec![
        ("ApplicationLogin", app_login),
        ("ApplicationSession", app_session),
        ("ApplicationRefusal", app_refusal),
    ]
}
