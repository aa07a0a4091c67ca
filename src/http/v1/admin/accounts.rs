//! `/api/v1/admin/accounts`: the accounts of the caller's tenant.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    auth::generate_password,
    db::accounts::Account,
    domain::{AccountStatus, Role, Username},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example, schema::ONE_LINE},
        v1::page,
        wire::{self, PageJson, Time},
    },
    service::{
        Context,
        admin::{self, AccountRequest},
    },
};

/// An account, without its password.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Account")]
struct AccountJson {
    /// Its name.
    username: String,
    /// Its role.
    role: Role,
    /// Whether it may log in.
    status: AccountStatus,
    /// When it was made.
    created_at: Time,
}

impl From<Account> for AccountJson {
    fn from(account: Account) -> Self {
        Self {
            username: account.username,
            role: account.role,
            status: account.status,
            created_at: Time(account.created_at),
        }
    }
}

/// The account that is to be made.
#[derive(JsonSchema)]
#[schemars(rename = "NewAccount")]
struct CreateRequest {
    /// A name by RFC 8265 (`UsernameCasePreserved`), words between single spaces. `LCUID-LU-`
    /// begins the names of applications.
    #[schemars(with = "String", length(min = 1, max = 256), regex(pattern = ONE_LINE))]
    username: Username,
    /// The role; `ROLE_USER` without it.
    #[schemars(with = "Option<Role>")]
    role: Role,
    /// 8 to 1024 characters, no line break; none of the commonest, and more than the account's or
    /// tenant's name.
    #[schemars(
        with = "Option<String>",
        length(min = 8, max = 1024),
        regex(pattern = r"^[^\r\n]*$")
    )]
    password: Option<SecretString>,
}

/// The account that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedAccount")]
struct CreateResponse<'a> {
    /// Its name.
    username: &'a str,
    /// Its role.
    role: Role,
    /// Whether it may log in.
    status: AccountStatus,
    /// The password that was generated because none was sent. Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    password: Option<&'a str>,
}

/// A status, a role or a password.
#[derive(JsonSchema)]
#[schemars(rename = "AccountChange", extend("oneOf" = one_change()))]
struct ChangeRequest {
    /// Whether it may log in.
    status: Option<AccountStatus>,
    /// The role.
    role: Option<Role>,
    /// 8 to 1024 characters, no line break; none of the commonest, and more than the account's or
    /// tenant's name.
    #[schemars(
        with = "Option<String>",
        length(min = 8, max = 1024),
        regex(pattern = r"^[^\r\n]*$")
    )]
    password: Option<SecretString>,
}

fn one_change() -> Value {
    let members = ["status", "role", "password"];
    let one = |given: &str| {
        let kinds = members.map(|member| {
            let kind = if member == given { "string" } else { "null" };
            (member.to_owned(), json!({ "type": kind }))
        });
        json!({ "required": [given], "properties": Map::from_iter(kinds) })
    };
    Value::from(members.map(one).to_vec())
}

pub(in crate::http) fn describe_list() -> Operation {
    let account = AccountJson {
        username: "press".to_owned(),
        role: Role::User,
        status: AccountStatus::Enabled,
        created_at: Time::EXAMPLE,
    };
    Operation::new(
        "listAccounts",
        Tag::Administration,
        "The tenant's accounts, by name",
    )
    .paged(r"^[A-Za-z0-9_-]{1,1400}$")
    .answers(Answer::json(
        200,
        "A page of accounts.",
        &PageJson::whole(vec![account]),
    ))
}

pub(in crate::http) fn describe_create() -> Operation {
    Operation::new("createAccount", Tag::Administration, "A new account")
        .about("A password that is not sent is generated, and shown in this answer alone.")
        .takes_json::<CreateRequest>(&json!({ "username": "press", "role": "ROLE_USER" }))
        .answers(Answer::json(
            201,
            "The account.",
            &CreateResponse {
                username: "press",
                role: Role::User,
                status: AccountStatus::Enabled,
                password: Some(example::SECRET),
            },
        ))
        .refuses(&[ErrorCode::Conflict, ErrorCode::ServerBusy])
}

pub(in crate::http) fn describe_change() -> Operation {
    Operation::new(
        "changeAccount",
        Tag::Administration,
        "An account's status, role or password",
    )
    .about(
        "One of them. Each ends the account's tokens; a status or role that it has already changes nothing. No administrator can \
         disable their own account or change its role.",
    )
    .path::<Username>("username", "The account.", "press")
    .takes_json::<ChangeRequest>(&json!({ "status": "disabled" }))
    .answers(Answer::empty(204, "Changed."))
    .refuses(&[ErrorCode::Conflict, ErrorCode::ServerBusy])
}

pub(in crate::http) fn describe_delete() -> Operation {
    Operation::new("deleteAccount", Tag::Administration, "The end of an account")
        .about("Its tokens end, too. Its name stays in the audit log, and is free for another account. No administrator can delete their own account.")
        .path::<Username>("username", "The account.", "press")
        .answers(Answer::empty(204, "It is deleted."))
        .refuses(&[ErrorCode::Conflict])
}

pub(in crate::http) fn describe_end_sessions() -> Operation {
    Operation::new(
        "endSessions",
        Tag::Administration,
        "The end of all tokens of an account",
    )
    .path::<Username>("username", "The account.", "press")
    .answers(Answer::empty(
        204,
        "All its tokens are refused from now on.",
    ))
}

/// Lists accounts by name.
pub(in crate::http) async fn list(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (query, limit) = page::read(query)?;
    let cursor = query.get("cursor").map(|text| {
        read_cursor(text).ok_or_else(|| ApiError::field("cursor", "is not one of ours"))
    });
    let after = cursor.transpose()?;
    let page = admin::list_accounts(&ctx, &caller, after.as_deref(), limit).await?;
    wire::json(&PageJson {
        items: page.items.into_iter().map(AccountJson::from).collect(),
        next: page.next.map(|last| URL_SAFE_NO_PAD.encode(last)),
    })
}

/// A cursor is the name of the last account seen, in letters that need no escape in a URL.
fn read_cursor(text: &str) -> Option<String> {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    Username::parse(&name).map(|_| name)
}

/// Adds an account; a password that was not sent is generated and shown once.
pub(in crate::http) async fn create(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let request = CreateRequest::read(&body)?;
    let generated = request.password.is_none().then(generate_password);
    let password = request.password.or_else(|| generated.clone());
    let password = password.ok_or_else(|| ApiError::new(ErrorCode::ValidationFailed))?;
    admin::create_account(&ctx, &caller, &request.username, request.role, password).await?;
    wire::created(&CreateResponse {
        username: request.username.as_str(),
        role: request.role,
        status: AccountStatus::Enabled,
        password: generated.as_ref().map(ExposeSecret::expose_secret),
    })
}

impl CreateRequest {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let name = fields.required_text("username");
        let username = Username::parse_new(name);
        if username.is_none() && !name.is_empty() {
            fields.refuse(
                "username",
                "must be 1 to 256 characters as in a name by RFC 8265, UsernameCasePreserved: letters, \
                 digits and ASCII signs, composed (NFC), words between single spaces, nothing \
                 invisible; and not begin with LCUID-LU-",
            );
        }
        let role = fields.text("role").map_or(Some(Role::User), Role::parse);
        if role.is_none() {
            fields.refuse("role", "must be ROLE_USER or ROLE_ADMIN");
        }
        let password = fields.text("password").map(SecretString::from);
        fields.finish()?;
        match (username, role) {
            (Some(username), Some(role)) => Ok(Self {
                username,
                role,
                password,
            }),
            _ => Err(ApiError::new(ErrorCode::ValidationFailed)),
        }
    }
}

/// Changes the status, the role or the password of an account.
pub(in crate::http) async fn change(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(name): Path<String>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let username = parse(&name)?;
    let request = ChangeRequest::read(&body)?.account_request()?;
    admin::change_account(&ctx, &caller, &username, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl ChangeRequest {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let (status, role) = (fields.text("status"), fields.text("role"));
        let request = Self {
            status: status.and_then(AccountStatus::parse),
            role: role.and_then(Role::parse),
            password: fields.text("password").map(SecretString::from),
        };
        if status.is_some() != request.status.is_some() {
            fields.refuse("status", "must be enabled or disabled");
        }
        if role.is_some() != request.role.is_some() {
            fields.refuse("role", "must be ROLE_USER or ROLE_ADMIN");
        }
        let given = [status.is_some(), role.is_some(), request.password.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            fields.refuse("status", "send one of status, role and password");
        }
        fields.finish()?;
        Ok(request)
    }

    fn account_request(self) -> Result<AccountRequest, ApiError> {
        match (self.status, self.role, self.password) {
            (Some(AccountStatus::Enabled), ..) => Ok(AccountRequest::Enable),
            (Some(AccountStatus::Disabled), ..) => Ok(AccountRequest::Disable),
            (None, Some(role), _) => Ok(AccountRequest::SetRole(role)),
            (None, None, Some(password)) => Ok(AccountRequest::SetPassword(password)),
            (None, None, None) => Err(ApiError::new(ErrorCode::ValidationFailed)),
        }
    }
}

/// Deletes an account.
pub(in crate::http) async fn delete(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let username = parse(&name)?;
    admin::change_account(&ctx, &caller, &username, AccountRequest::Delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all tokens of an account.
pub(in crate::http) async fn end_sessions(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let username = parse(&name)?;
    admin::change_account(&ctx, &caller, &username, AccountRequest::EndSessions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no name names no account.
fn parse(name: &str) -> Result<Username, ApiError> {
    Username::parse(name).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
}
