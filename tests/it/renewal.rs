//! Credentials that end by themselves, or overlap with the one that takes their place; and when one
//! was last used.

use std::time::Duration;

use axum::http::Method;
use lumatrace::{
    db::credentials::Credential,
    domain::{CredentialId, CredentialKind, Scopes, TenantId, audit::By},
    http::ErrorCode,
    service::{
        Error,
        credentials::{self, NewApiKey, NewApplication, Renewal},
        operator::{self, TenantChange},
    },
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    signin::{FORM, api_key_for, app_login, application_for, basic, call, form_login},
    support::{Answer, App, PASSWORD, Tenant},
};

const DAY_SECONDS: i64 = 86_400;

async fn renew(
    app: &App,
    tenant: &TenantId,
    id: CredentialId,
    hours: i64,
) -> Result<Renewal<NewApiKey>, Error> {
    let tx = app.operator.begin_for(tenant).await.unwrap();
    let (master, overlap) = (&app.ctx.master, time::Duration::hours(hours));
    credentials::renew_api_key(tx, master, &app.clock, By::OPERATOR, id, overlap).await
}

async fn renew_application(app: &App, tenant: &TenantId, id: CredentialId) -> NewApplication {
    let tx = app.operator.begin_for(tenant).await.unwrap();
    let (master, overlap) = (&app.ctx.master, time::Duration::HOUR);
    credentials::renew_application(tx, master, &app.clock, By::OPERATOR, id, overlap)
        .await
        .unwrap()
        .made
}

async fn listed(app: &App, tenant: &Tenant, id: CredentialId) -> Credential {
    let tx = app.operator.begin_for(&tenant.id).await.unwrap();
    let page = credentials::list(tx, CredentialKind::ApiKey, None, 200).await;
    let found = page.unwrap().items.into_iter().find(|key| key.id == id);
    found.unwrap()
}

/// Seconds from now until a moment.
fn ahead(app: &App, moment: Option<time::OffsetDateTime>) -> i64 {
    (moment.unwrap() - app.clock.now()).whole_seconds()
}

/// What an account is told that signs in with a key: the token and its lifetime.
async fn sign_in(app: &App, key: &NewApiKey) -> (String, i64) {
    let answer = form_login(app, key.key.expose_secret(), "press", PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let token = body["access_token"].as_str().unwrap().to_owned();
    (token, body["expires_in"].as_i64().unwrap())
}

async fn me(app: &App, token: &str, key: &NewApiKey) -> Answer {
    let headers = [
        ("authorization", token),
        ("x-api-key", key.key.expose_secret()),
    ];
    call(app, &Method::GET, "/api/v1/me", &headers, "").await
}

/// Asks until every server has heard of an end, which takes a second at most.
async fn until_heard(apps: &[&App], token: &str, key: &NewApiKey) {
    for app in apps {
        let mut tries = 0;
        while me(app, token, key).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            tries += 1;
            assert!(tries < 100, "an end is heard of within a second");
        }
    }
}

#[tokio::test]
async fn a_key_signs_nobody_in_from_its_end_on_and_its_tokens_end_with_it() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let acme = app.tenant("acme").await;
    let key = api_key_for(&app, &acme, Scopes::PHOTOS, Some(2)).await;
    let (_, whole) = sign_in(&app, &key).await;
    assert_eq!(whole, DAY_SECONDS);
    app.clock.advance(2 * DAY_SECONDS - 3600);
    let (token, rest) = sign_in(&app, &key).await;
    assert_eq!(rest, 3600, "no token outlives its key");
    app.clock.advance(3599);
    for app in [&app, &replica] {
        assert_eq!(me(app, &token, &key).await.status, 200);
        sign_in(app, &key).await;
    }
    app.clock.advance(1);
    let unknown = form_login(&app, "ltk_unknown", "press", PASSWORD).await;
    for app in [&app, &replica] {
        let ended = me(app, &token, &key).await;
        ended.problem(ErrorCode::AuthRevoked);
        let refused = form_login(app, key.key.expose_secret(), "press", PASSWORD).await;
        assert_eq!((refused.status, unknown.status), (401, 401));
        assert_eq!(refused.json(), unknown.json());
    }
}

#[tokio::test]
async fn an_application_ends_as_a_key_does_in_each_of_its_ways_in() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let made = application_for(&app, &acme, Scopes::PHOTOS, Some(1)).await;
    let id = made.id.as_application();
    let (token, secret) = (made.token.expose_secret(), made.secret.expose_secret());
    let client = basic(&id, secret);
    let oauth = async || {
        let headers = [FORM, ("authorization", client.as_str())];
        let body = "grant_type=client_credentials";
        call(&app, &Method::POST, "/oauth2/token", &headers, body).await
    };
    let long_lived = app_login(&app, &id, token, secret).await.json()["token"].clone();
    let bearer = format!("Bearer {}", long_lived.as_str().unwrap());
    let with_token = async || {
        let headers = [("authorization", bearer.as_str()), ("AppIdV3", &id)];
        call(&app, &Method::GET, "/api/v1/me", &headers, "").await
    };
    app.clock.advance(DAY_SECONDS - 60);
    let minted = oauth().await.json();
    assert_eq!(minted["expires_in"], 60);
    assert_eq!(with_token().await.status, 200);
    app.clock.advance(60);
    let ended = with_token().await;
    ended.problem(ErrorCode::AuthRevoked);
    let client_token = app.with_token(minted["access_token"].as_str().unwrap());
    let ended = client_token.get("/api/v1/me").await;
    ended.problem(ErrorCode::AuthRevoked);
    assert_eq!(oauth().await.json()["error"], "invalid_client");
    let refused = app_login(&app, &id, token, secret).await.json();
    assert_eq!(refused["data"]["auth_error_code"], "app_is_invalid");

    // Another takes its place, as long after the end as one likes.
    let new = renew_application(&app, &acme.id, made.id).await;
    assert_eq!(ahead(&app, new.expires_at), DAY_SECONDS);
    let (id, token) = (new.id.as_application(), new.token.expose_secret());
    let answer = app_login(&app, &id, token, new.secret.expose_secret()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(oauth().await.status, 401, "the old one stays ended");
}

#[tokio::test]
async fn a_renewed_key_works_beside_the_new_one_until_the_overlap_ends() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let acme = app.tenant("acme").await;
    let scopes = Scopes::parse("photos:read").unwrap();
    let old = api_key_for(&app, &acme, scopes, Some(30)).await;
    let (before, lifetime) = sign_in(&app, &old).await;
    assert_eq!(lifetime, DAY_SECONDS);
    let renewed = renew(&app, &acme.id, old.id, 2).await.unwrap();
    let new = &renewed.made;
    assert_eq!(
        (renewed.name.as_str(), renewed.scopes),
        ("the desk", scopes)
    );
    assert_eq!(ahead(&app, Some(renewed.old_expires_at)), 2 * 3600);
    assert_eq!(ahead(&app, new.expires_at), 30 * DAY_SECONDS);
    assert_ne!(old.key.expose_secret(), new.key.expose_secret());

    let (token, lifetime) = sign_in(&app, new).await;
    assert_eq!(lifetime, DAY_SECONDS, "the new one works at once");
    assert_eq!(
        me(&app, &token, &old).await.status,
        401,
        "each beside its own"
    );
    app.clock.advance(2 * 3600 - 1);
    let (last, lifetime) = sign_in(&replica, &old).await;
    assert_eq!(lifetime, 1);
    for app in [&app, &replica] {
        assert_eq!(me(app, &before, &old).await.status, 200);
    }
    app.clock.advance(1);
    until_heard(&[&app, &replica], &before, &old).await;
    for app in [&app, &replica] {
        for token in [&before, &last] {
            me(app, token, &old).await.problem(ErrorCode::AuthRevoked);
        }
        let refused = form_login(app, old.key.expose_secret(), "press", PASSWORD).await;
        assert_eq!(refused.status, 401);
        assert_eq!(me(app, &token, new).await.status, 200);
        sign_in(app, new).await;
    }
}

#[tokio::test]
async fn a_renewal_puts_no_end_off_and_repeats_the_length_of_life() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let short = api_key_for(&app, &acme, Scopes::PHOTOS, Some(1)).await;
    let first = renew(&app, &acme.id, short.id, 720).await.unwrap();
    assert_eq!(ahead(&app, Some(first.old_expires_at)), DAY_SECONDS);
    let again = renew(&app, &acme.id, short.id, 1).await.unwrap();
    assert_eq!(ahead(&app, Some(again.old_expires_at)), 3600);
    assert_eq!(ahead(&app, again.made.expires_at), DAY_SECONDS);

    let endless = api_key_for(&app, &acme, Scopes::PHOTOS, None).await;
    assert_eq!(listed(&app, &acme, endless.id).await.expires_at, None);
    let (token, _) = sign_in(&app, &endless).await;
    let renewed = renew(&app, &acme.id, endless.id, 0).await.unwrap();
    assert_eq!(renewed.made.expires_at, None);
    let shown = listed(&app, &acme, endless.id).await;
    assert_eq!(shown.expires_at, Some(app.clock.now()), "without overlap");
    until_heard(&[&app], &token, &endless).await;

    for (tenant, id) in [
        (&bolt.id, renewed.made.id),
        (&acme.id, CredentialId::random()),
    ] {
        let refused = renew(&app, tenant, id, 24).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    }
    assert_eq!(listed(&app, &acme, renewed.made.id).await.expires_at, None);
    let tx = app.operator.begin_for(&acme.id).await.unwrap();
    let (master, kind) = (&app.ctx.master, CredentialKind::ApiKey);
    credentials::revoke(tx, master, &app.clock, By::OPERATOR, kind, renewed.made.id)
        .await
        .unwrap();
    let refused = renew(&app, &acme.id, renewed.made.id, 24).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
}

#[tokio::test]
async fn a_renewal_is_one_event_that_names_both_keys() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let old = api_key_for(&app, &acme, Scopes::PHOTOS, Some(30)).await;
    let new = renew(&app, &acme.id, old.id, 24).await.unwrap().made;
    let page = chief.get("/api/v1/audit?limit=2").await.json();
    let [renewed, created] = [&page["items"][0], &page["items"][1]];
    assert_eq!(renewed["action"], "credential.renewed");
    assert_eq!(renewed["subject"], format!("api_key:{}", old.id));
    let detail = json!({ "newId": new.id.to_string(), "expiresAt": "2027-01-16T08:00:00Z" });
    assert_eq!(renewed["detail"], detail);
    assert_eq!(created["detail"]["expiresAt"], "2027-02-14T08:00:00Z");
}

#[tokio::test]
async fn a_password_changed_beside_a_key_gives_no_token_that_outlives_it() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let key = api_key_for(&app, &acme, Scopes::PHOTOS, Some(1)).await;
    app.clock.advance(DAY_SECONDS - 60);
    let (token, _) = sign_in(&app, &key).await;
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
        ("x-api-key", key.key.expose_secret()),
    ];
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "one that nobody has" });
    let path = "/api/v1/me/password";
    let changed = call(&app, &Method::POST, path, &headers, &body.to_string()).await;
    assert_eq!(changed.json()["expires_in"], 60, "{changed:?}");
}

/// The transaction that last wrote a key's row, and how often its state for servers was written.
async fn written(owner: &mut PgConnection, id: CredentialId) -> (String, i64) {
    sqlx::query_as(
        "select credentials.xmin::text, version from credentials, access_states
         where credential_id = $1
             and access_key = access_key('credential', tenant_id, credential_id::text)",
    )
    .bind(id.as_uuid())
    .fetch_one(owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_use_is_noted_once_an_hour_at_most_and_told_to_no_server() {
    let app = App::spawn().await;
    let replica = app.replica().await;
    let acme = app.tenant("acme").await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let key = api_key_for(&app, &acme, Scopes::PHOTOS, Some(30)).await;
    let made = written(&mut owner, key.id).await;
    let refused = form_login(&app, key.key.expose_secret(), "press", "wrong").await;
    assert_eq!(refused.status, 401);
    assert_eq!(listed(&app, &acme, key.id).await.last_used_at, None);

    let first = app.clock.now();
    sign_in(&app, &key).await;
    let noted = written(&mut owner, key.id).await;
    assert_ne!(noted.0, made.0);
    // Within the hour it is not even asked for: a statement would be refused.
    let taken = "revoke update (last_used_at) on credentials from lumatrace_app";
    owner.execute(taken).await.unwrap();
    for seconds in [0, 1, 3598] {
        app.clock.advance(seconds);
        sign_in(&app, &key).await;
        sign_in(&replica, &key).await;
        assert_eq!(written(&mut owner, key.id).await, noted);
        assert_eq!(listed(&app, &acme, key.id).await.last_used_at, Some(first));
    }
    let given = "grant update (last_used_at) on credentials to lumatrace_app";
    owner.execute(given).await.unwrap();
    app.clock.advance(1);
    tokio::join!(sign_in(&app, &key), sign_in(&replica, &key));
    let later = written(&mut owner, key.id).await;
    assert_ne!(later.0, noted.0);
    assert_eq!(later.1, made.1, "an end is told to servers, a use is not");
    let shown = listed(&app, &acme, key.id).await;
    assert_eq!(shown.last_used_at, Some(first + time::Duration::HOUR));
}

#[tokio::test]
async fn both_ways_in_of_an_application_note_its_use() {
    let app = App::spawn().await;
    let (acme, chief) = app.administered("acme").await;
    let made = application_for(&app, &acme, Scopes::PHOTOS, None).await;
    let id = made.id.as_application();
    let (token, secret) = (made.token.expose_secret(), made.secret.expose_secret());
    let client = basic(&id, secret);
    let oauth = async |path: &str, body: &str| {
        let headers = [FORM, ("authorization", client.as_str())];
        let answer = call(&app, &Method::POST, path, &headers, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let last = async || -> Value {
        let page = chief.get("/api/v1/admin/applications").await.json();
        page["items"][0]["lastUsedAt"].clone()
    };
    oauth("/oauth2/introspect", "token=x").await;
    assert_eq!(last().await, Value::Null, "no sign-in");
    oauth("/oauth2/token", "grant_type=client_credentials").await;
    assert_eq!(last().await, "2027-01-15T08:00:00Z");
    // As long as the administrator's token lasts, too.
    app.clock.advance(3600);
    assert_eq!(app_login(&app, &id, token, secret).await.status, 200);
    assert_eq!(last().await, "2027-01-15T09:00:00Z");
}

#[tokio::test]
async fn of_a_deleted_tenants_key_no_end_is_kept_and_its_tokens_stay_ended() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let key = api_key_for(&app, &acme, Scopes::PHOTOS, Some(30)).await;
    let (token, _) = sign_in(&app, &key).await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let ends = "select count(*) from access_states
         where access_key = access_key('not_after', 'acme', $1::text)";
    let mut kept = async || -> i64 {
        let count = sqlx::query_scalar(ends).bind(key.id.to_string());
        count.fetch_one(&mut owner).await.unwrap()
    };
    assert_eq!(kept().await, 1);
    let (master, delete) = (&app.ctx.master, TenantChange::Delete);
    operator::change_tenant(&app.operator, master, &app.clock, &acme.id, delete)
        .await
        .unwrap();
    app.ctx.db.tidy_access_states().await.unwrap();
    assert_eq!(kept().await, 0);
    until_heard(&[&app], &token, &key).await;
    let ended = me(&app, &token, &key).await;
    ended.problem(ErrorCode::AuthRevoked);
}
