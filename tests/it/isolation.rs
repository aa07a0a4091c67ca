//! Tenants do not see each other: in the database, whatever the code above asks, and over HTTP.

use axum::http::Method;
use lumatrace::{
    domain::{Scopes, audit::By},
    http::ErrorCode,
    service::credentials,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::support::{App, Part, TestDatabase, pictures};

/// Tables of tenants: all that have a `tenant_id`.
async fn tenant_tables(connection: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname = 'tenant_id'
         order by 1",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    assert!(tables.len() >= 4, "{tables:?}");
    tables
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let question = AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(question)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Whether the serving role may read a table at all.
async fn may_read(owner: &mut PgConnection, table: &str) -> bool {
    sqlx::query_scalar("select has_table_privilege('lumatrace_app', $1::text, 'select')")
        .bind(table)
        .fetch_one(owner)
        .await
        .unwrap()
}

/// Two tenants with a row in every table, and a connection as the serving role.
async fn two_tenants() -> (App, PgConnection) {
    let app = App::spawn().await;
    for name in ["acme", "bolt"] {
        let tenant = app.tenant(name).await;
        let client = app.client(&tenant).await;
        let tx = app.operator.begin_for(&tenant.id).await.unwrap();
        credentials::create_api_key(
            tx,
            &app.ctx.master,
            &app.clock,
            By::OPERATOR,
            credentials::ApiKeyRequest {
                name: "desk",
                scopes: Scopes::PHOTOS,
            },
        )
        .await
        .unwrap();
        client
            .under("order 7")
            .protect(&pictures::png(&pictures::scene(96, 64, 5)))
            .await;
        assert_eq!(
            client
                .call(&Method::POST, "/api/v1/auth/logout")
                .await
                .status,
            200
        );
    }
    let mut serving = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    serving.execute("set role lumatrace_app").await.unwrap();
    (app, serving)
}

#[tokio::test]
async fn every_table_of_a_tenant_is_held_by_row_level_security() {
    let database = TestDatabase::create().await;
    let mut owner = PgConnection::connect_with(&database.owner()).await.unwrap();
    for table in tenant_tables(&mut owner).await {
        let row = sqlx::query(
            "select relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) = 'lumatrace_app' as owned,
                    (select pg_get_indexdef(indexrelid, 1, true) from pg_index
                     where indrelid = c.oid and indisprimary) as leads,
                    exists (select from pg_policy where polrelid = c.oid) as has_policy
             from pg_class c where relname = $1",
        )
        .bind(&table)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert!(
            row.get::<bool, _>("relrowsecurity") && row.get::<bool, _>("relforcerowsecurity"),
            "{table}"
        );
        assert!(
            row.get::<bool, _>("has_policy") && !row.get::<bool, _>("owned"),
            "{table}"
        );
        assert_eq!(
            row.get::<String, _>("leads"),
            "tenant_id",
            "the primary key of {table}"
        );
    }
    let role = sqlx::query(
        "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as strong,
                exists (select from pg_class where pg_get_userbyid(relowner) = 'lumatrace_app') as owns
         from pg_roles where rolname = 'lumatrace_app'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(!role.get::<bool, _>("strong") && !role.get::<bool, _>("owns"));
    let definers: i64 = sqlx::query_scalar(
        "select count(*) from pg_proc where prosecdef and pronamespace = 'public'::regnamespace",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(definers, 0, "no function runs with the owner's rights");
}

#[tokio::test]
async fn the_serving_role_sees_only_the_tenant_of_the_transaction() {
    let (app, mut serving) = two_tenants().await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let mut checked = 0;
    for table in tenant_tables(&mut owner).await {
        if !may_read(&mut owner, &table).await {
            assert_eq!(table, "deleted_tenants", "the one table of the operator's");
            let question = AssertSqlSafe(format!("select count(*) from {table}"));
            assert!(serving.execute(question).await.is_err(), "{table}");
            continue;
        }
        // Both tenants did the same.
        let all = count(&mut owner, &table).await;
        assert!(all >= 2 && all % 2 == 0, "{table} as a superuser: {all}");
        let own = all / 2;
        assert_eq!(
            count(&mut serving, &table).await,
            0,
            "{table} without a tenant"
        );
        for (setting, seen) in [
            ("", 0),
            ("acme", own),
            ("bolt", own),
            ("nowhere", 0),
            ("acme' or '1'='1", 0),
        ] {
            let mut tx = serving.begin().await.unwrap();
            sqlx::query("select set_config('lumatrace.tenant', $1, true)")
                .bind(setting)
                .execute(&mut *tx)
                .await
                .unwrap();
            assert_eq!(count(&mut tx, &table).await, seen, "{table} as {setting}");
            let foreign = AssertSqlSafe(format!(
                "select count(*) from {table} where tenant_id <> $1"
            ));
            let foreign: i64 = sqlx::query_scalar(foreign)
                .bind(setting)
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            assert_eq!(foreign, 0, "{table} as {setting}");
            tx.commit().await.unwrap();
            // The setting was the transaction's: the connection carries nothing over.
            assert_eq!(
                count(&mut serving, &table).await,
                0,
                "{table} after {setting}"
            );
            checked += 1;
        }
    }
    println!("{checked} views of tables held");
}

#[tokio::test]
async fn the_serving_role_writes_only_for_the_tenant_of_the_transaction() {
    let (app, mut serving) = two_tenants().await;
    let insert = format!(
        "insert into photos (tenant_id, photo_id, created_at) values ('bolt', '{}', now())",
        Uuid::new_v4()
    );
    let revoke = format!(
        "insert into revoked_tokens (tenant_id, token_id, expires_at) values ('bolt', '{}', now())",
        Uuid::new_v4()
    );
    for statement in [
        insert.as_str(),
        revoke.as_str(),
        "update photos set tenant_id = 'bolt'",
        "insert into tenants (tenant_id, sealed_secret, created_at) values ('evil', '', now())",
        "update accounts set tenant_id = 'bolt'",
        "update accounts set username = 'chief'",
        "insert into signing_keys (key_id, sealed_private_key, created_at) values ('x', '', now())",
        "alter table photos disable row level security",
        "drop policy photos_tenant on photos",
        "create table public.mine (x int)",
        "truncate photos",
        "update audit_events set detail = '{}'",
        "delete from audit_events",
        "truncate audit_events",
        "delete from audit_heads",
        "update audit_heads set sequence = 0",
        "update audit_heads set hash = hash",
        "update audit_heads set tenant_id = 'bolt'",
        "insert into audit_heads values ('acme', 0, decode(repeat('00', 32), 'hex'))",
        "insert into audit_events select 'bolt', sequence + 1000, event_id, at, actor, action, subject, detail,
             previous_hash, hash from audit_events",
        "alter table audit_events disable trigger user",
        "set session_replication_role = replica",
        "select * from deleted_tenants",
    ] {
        let mut tx = serving.begin().await.unwrap();
        tx.execute("select set_config('lumatrace.tenant', 'acme', true)")
            .await
            .unwrap();
        let refused = tx.execute(AssertSqlSafe(statement.to_owned())).await;
        assert!(refused.is_err(), "{statement}");
        tx.rollback().await.unwrap();
    }
    let mut tx = serving.begin().await.unwrap();
    tx.execute("select set_config('lumatrace.tenant', 'acme', true)")
        .await
        .unwrap();
    let deleted = tx
        .execute("delete from photos where tenant_id = 'bolt'")
        .await
        .unwrap();
    assert_eq!(deleted.rows_affected(), 0);
    tx.commit().await.unwrap();
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    assert_eq!(count(&mut owner, "photos").await, 2);
}

#[tokio::test]
async fn a_pooled_connection_never_carries_a_tenant_over() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let clients = [
        (app.client(&acme).await, "acme"),
        (app.client(&bolt).await, "bolt"),
    ];
    for (client, _) in &clients {
        client
            .post_json("/api/v1/photos/register", &json!({}))
            .await;
    }
    // Many calls over the four connections of the pool, a third of them given up half-way.
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..600_usize {
        let (client, tenant) = clients[number % 2].clone();
        calls.spawn(async move {
            let call = client.get("/api/v1/photos");
            if number % 3 == 0 {
                let wait = std::time::Duration::from_micros(200 + 7 * number as u64);
                return tokio::time::timeout(wait, call)
                    .await
                    .ok()
                    .map(|answer| (answer, tenant));
            }
            Some((call.await, tenant))
        });
    }
    let (mut answered, mut given_up) = (0, 0);
    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            Some((answer, tenant)) => {
                let items = answer.json()["items"].as_array().unwrap().clone();
                assert_eq!(items.len(), 1, "{answer:?}");
                assert_eq!(items[0]["tenantId"], tenant);
                answered += 1;
            }
            None => given_up += 1,
        }
    }
    println!("{answered} answers belong to their tenant, {given_up} calls were given up");
    assert!(answered >= 400);
}

#[tokio::test]
async fn another_tenants_photo_is_as_good_as_none() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (owner, other) = (app.client(&acme).await, app.client(&bolt).await);
    let image = pictures::png(&pictures::scene(320, 240, 1));
    let protected = owner.protect(&image).await;
    let theirs = protected.header("x-photo-id").to_owned();
    let nobodys = Uuid::new_v4().to_string();
    let anonymise = |mut problem: Value| {
        problem["traceId"] = Value::Null;
        problem["instance"] = Value::Null;
        problem
    };
    let mut pairs = 0;
    for method in [Method::GET, Method::DELETE] {
        let [foreign, none] = [&theirs, &nobodys].map(|photo| format!("/api/v1/photos/{photo}"));
        let foreign = other
            .call(&method, &foreign)
            .await
            .problem(ErrorCode::NotFound);
        let none = other
            .call(&method, &none)
            .await
            .problem(ErrorCode::NotFound);
        assert_eq!(anonymise(foreign), anonymise(none));
        pairs += 1;
    }
    let foreign = other
        .verify(&protected.body, &theirs)
        .await
        .problem(ErrorCode::NotFound);
    let none = other
        .verify(&protected.body, &nobodys)
        .await
        .problem(ErrorCode::NotFound);
    assert_eq!(anonymise(foreign), anonymise(none));
    for photo in [&theirs, &nobodys] {
        let request = json!({ "photoId": photo }).to_string();
        let parts = [Part::image(&image), Part::text("request", &request)];
        let answer = other.post_form("/api/v1/photos/protect", &parts).await;
        answer.problem(ErrorCode::NotFound);
    }
    assert_eq!(other.get("/api/v1/photos").await.json()["items"], json!([]));
    assert_eq!(
        owner.verify(&protected.body, &theirs).await.json()["authentic"],
        true
    );
    assert_eq!(pairs, 2);
}
