//! The tenant's administration: accounts, API keys, applications.

use serde_json::{Value, json};

use super::{
    operation::{Answer, Operation},
    schema::{line, object, one_of, or_null, page, text, time, uuid, word},
};
use crate::{domain::Scope, http::ErrorCode};

const TAG: &str = "Administration";

const KEY: &str = "6f0e1d2c-3b4a-4958-8776-655443322110";
const APPLICATION: &str = "LCUID-LAP-6f0e1d2c-3b4a-4958-8776-655443322110";
const ROLES: [&str; 2] = ["ROLE_USER", "ROLE_ADMIN"];
const STATUSES: [&str; 2] = ["enabled", "disabled"];
const SCOPES: &str = "Scopes between single spaces.";

/// `GET /api/v1/admin/accounts`.
pub(in crate::http) fn list_accounts() -> Operation {
    Operation::new("listAccounts", TAG, "The tenant's accounts, by name").answers(Answer::json(
        200,
        "All accounts.",
        "AccountPage",
        &json!({
            "items": [{
                "username": "press",
                "role": "ROLE_USER",
                "status": "enabled",
                "createdAt": "2027-01-15T08:00:00Z",
            }],
            "next": null,
        }),
    ))
}

/// `POST /api/v1/admin/accounts`.
pub(in crate::http) fn create_account() -> Operation {
    Operation::new("createAccount", TAG, "A new account")
        .about("A password that is not sent is generated, and shown in this answer alone.")
        .takes_json(
            "NewAccount",
            &json!({ "username": "press", "role": "ROLE_USER" }),
        )
        .answers(Answer::json(
            201,
            "The account.",
            "CreatedAccount",
            &json!({
                "username": "press",
                "role": "ROLE_USER",
                "status": "enabled",
                "password": "shown in this answer alone",
            }),
        ))
        .refuses(&[ErrorCode::Conflict, ErrorCode::ServerBusy])
}

/// `PATCH /api/v1/admin/accounts/{username}`.
pub(in crate::http) fn change_account() -> Operation {
    Operation::new("changeAccount", TAG, "An account's status or password")
        .about(
            "Either, not both. Each ends the account's tokens; a status that it has already changes nothing. Nobody disables himself.",
        )
        .path("username", &word("The account."), "press")
        .takes_json("AccountChange", &json!({ "status": "disabled" }))
        .answers(Answer::empty(204, "Changed."))
        .refuses(&[ErrorCode::Conflict, ErrorCode::ServerBusy])
}

/// `DELETE /api/v1/admin/accounts/{username}/sessions`.
pub(in crate::http) fn end_sessions() -> Operation {
    Operation::new("endSessions", TAG, "The end of all tokens of an account")
        .path("username", &word("The account."), "press")
        .answers(Answer::empty(
            204,
            "All its tokens are refused from now on.",
        ))
}

/// `GET /api/v1/admin/api-keys`.
pub(in crate::http) fn list_api_keys() -> Operation {
    Operation::new("listApiKeys", TAG, "The tenant's API keys, newest first").answers(Answer::json(
        200,
        "All API keys.",
        "ApiKeyPage",
        &json!({ "items": [listed("id", KEY)], "next": null }),
    ))
}

/// `POST /api/v1/admin/api-keys`.
pub(in crate::http) fn create_api_key() -> Operation {
    Operation::new("createApiKey", TAG, "A new API key")
        .takes_json(
            "NewApiKey",
            &json!({ "name": "desk", "scope": "photos:verify photos:read" }),
        )
        .answers(Answer::json(
            201,
            "The key, shown in this answer alone.",
            "CreatedApiKey",
            &json!({
                "id": KEY,
                "apiKey": "shown in this answer alone",
                "name": "desk",
                "scope": "photos:verify photos:read",
            }),
        ))
}

/// `DELETE /api/v1/admin/api-keys/{id}`.
pub(in crate::http) fn revoke_api_key() -> Operation {
    Operation::new("revokeApiKey", TAG, "The end of an API key and its tokens")
        .path("id", &uuid("The API key."), KEY)
        .answers(Answer::empty(
            204,
            "It and its tokens are refused from now on.",
        ))
}

/// `GET /api/v1/admin/applications`.
pub(in crate::http) fn list_applications() -> Operation {
    Operation::new(
        "listApplications",
        TAG,
        "The tenant's applications, newest first",
    )
    .answers(Answer::json(
        200,
        "All applications.",
        "ApplicationPage",
        &json!({ "items": [listed("appId", APPLICATION)], "next": null }),
    ))
}

/// `POST /api/v1/admin/applications`.
pub(in crate::http) fn create_application() -> Operation {
    Operation::new("createApplication", TAG, "A new application")
        .about("It signs in at `POST /api/v3/auth`, and is a client of OAuth 2.0.")
        .takes_json(
            "NewApplication",
            &json!({ "name": "archive", "scope": "photos:verify photos:read", "tokenDays": 365 }),
        )
        .answers(Answer::json(
            201,
            "The application; its token and secret are shown in this answer alone.",
            "CreatedApplication",
            &json!({
                "appId": APPLICATION,
                "token": "shown in this answer alone",
                "secret": "shown in this answer alone",
                "name": "archive",
                "scope": "photos:verify photos:read",
            }),
        ))
}

/// `DELETE /api/v1/admin/applications/{id}`.
pub(in crate::http) fn revoke_application() -> Operation {
    Operation::new(
        "revokeApplication",
        TAG,
        "The end of an application and its tokens",
    )
    .path("id", &application_id(), APPLICATION)
    .answers(Answer::empty(
        204,
        "It and its tokens are refused from now on.",
    ))
}

fn listed(id: &str, value: &str) -> Value {
    json!({
        id: value,
        "name": "desk",
        "scope": "photos:verify photos:read",
        "createdAt": "2027-01-15T08:00:00Z",
        "revokedAt": null,
    })
}

fn application_id() -> Value {
    json!({
        "type": "string",
        "pattern": "^LCUID-LAP-[0-9a-fA-F-]{36}$",
        "description": "The application.",
    })
}

/// The schemas of this file's bodies.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut all = accounts();
    all.extend(credentials());
    all
}

fn accounts() -> Vec<(&'static str, Value)> {
    let username = line(1, 256, "1 to 256 characters, no control characters.");
    let password = json!({
        "type": "string", "minLength": 8, "maxLength": 1024, "pattern": r"^[^\r\n]*$",
        "description": "8 to 1024 characters, no line break.",
    });
    let new = object(
        &["role", "password"],
        [
            ("username", username),
            ("role", or_null(one_of(&ROLES, "`ROLE_USER` without it."))),
            ("password", or_null(password.clone())),
        ],
    );
    let created = object(
        &["password"],
        [
            ("username", text("Its name.")),
            ("role", one_of(&ROLES, "Its role.")),
            ("status", one_of(&STATUSES, "Whether it may log in.")),
            ("password", text("The generated password.")),
        ],
    );
    let account = object(
        &[],
        [
            ("username", text("Its name.")),
            ("role", one_of(&ROLES, "Its role.")),
            ("status", one_of(&STATUSES, "Whether it may log in.")),
            ("createdAt", time("When it was made.")),
        ],
    );
    let mut change = object(
        &["status", "password"],
        [
            (
                "status",
                or_null(one_of(&STATUSES, "Whether it may log in.")),
            ),
            ("password", or_null(password)),
        ],
    );
    change["oneOf"] = json!([
        { "required": ["status"], "properties": { "status": { "type": "string" }, "password": { "type": "null" } } },
        { "required": ["password"], "properties": { "password": { "type": "string" }, "status": { "type": "null" } } },
    ]);
    vec![
        ("NewAccount", new),
        ("CreatedAccount", created),
        ("Account", account),
        ("AccountPage", page("Account")),
        ("AccountChange", change),
    ]
}

fn wanted_scopes() -> Value {
    let names: Vec<&str> = Scope::ALL.into_iter().map(Scope::as_str).collect();
    let one = format!("({})", names.join("|"));
    json!({
        "type": "string", "pattern": format!("^{one}( {one})*$"),
        "description": "Scopes between single spaces; all about photos without it.",
    })
}

fn credentials() -> Vec<(&'static str, Value)> {
    let name = || {
        let about = "For people. 1 to 128 characters, no control characters.";
        ("name", line(1, 128, about))
    };
    let scope = || ("scope", text(SCOPES));
    let wanted = || ("scope", or_null(wanted_scopes()));
    let created_at = || ("createdAt", time("When it was made."));
    let revoked_at = || {
        (
            "revokedAt",
            or_null(time("When it was revoked; null while it is good.")),
        )
    };
    let days = json!({
        "type": ["integer", "null"], "minimum": 1, "maximum": 3650,
        "description": "Days that its tokens last; 365 without it.",
    });
    let secret = |about: &str| word(about);
    let key = object(
        &[],
        [
            ("id", uuid("The API key.")),
            name(),
            scope(),
            created_at(),
            revoked_at(),
        ],
    );
    let application = object(
        &[],
        [
            ("appId", application_id()),
            name(),
            scope(),
            created_at(),
            revoked_at(),
        ],
    );
    let created_key = object(
        &[],
        [
            ("id", uuid("The API key.")),
            ("apiKey", secret("For `x-api-key`.")),
            name(),
            scope(),
        ],
    );
    let created_application = object(
        &[],
        [
            ("appId", application_id()),
            ("token", secret("For `POST /api/v3/auth`.")),
            (
                "secret",
                secret("For `POST /api/v3/auth`, and the `client_secret` of OAuth 2.0."),
            ),
            name(),
            scope(),
        ],
    );
    vec![
        ("ApiKey", key),
        ("ApiKeyPage", page("ApiKey")),
        ("NewApiKey", object(&["scope"], [name(), wanted()])),
        ("CreatedApiKey", created_key),
        ("Application", application),
        ("ApplicationPage", page("Application")),
        (
            "NewApplication",
            object(
                &["scope", "tokenDays"],
                [name(), wanted(), ("tokenDays", days)],
            ),
        ),
        ("CreatedApplication", created_application),
    ]
}
