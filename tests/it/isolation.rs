//! Tenants do not see each other: in the database, whatever the code above asks, and over HTTP.

use axum::http::Method;
use lumatrace::{
    db::{DbError, accounts},
    domain::{
        CheckPolicy, CredentialId, PublicationPolicy, Scopes, SeenTransactions, TenantId, Username,
        audit::By,
    },
    http::ErrorCode,
    service::{
        credentials,
        operator::{self, PolicyChange},
    },
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{App, EACH_CALL_ASKS, Part, Tenant, TestDatabase, pictures};

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
    let app = App::spawn_with(&EACH_CALL_ASKS).await;
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
                days: Some(30),
            },
        )
        .await
        .unwrap();
        let check = PolicyChange {
            check: Some(CheckPolicy::On),
            publication: Some(PublicationPolicy::On),
            ..PolicyChange::default()
        };
        let (master, clock) = (&app.ctx.master, &app.clock);
        operator::set_policy(&app.operator, master, clock, &tenant.id, check)
            .await
            .unwrap();
        let path = format!("/api/v1/check/{name}");
        let checked = app
            .anonymous()
            .post_form(&path, &[Part::image(b"no image")])
            .await;
        checked.problem(ErrorCode::UnsupportedImage);
        let stored = client
            .post_bytes("/c2pa/v1/manifests", "application/c2pa", "text".into())
            .await;
        let id = stored.json()["manifestId"].clone();
        let bound = json!({ "bindingValue": "value", "manifestId": id });
        let bound = client.post_json("/c2pa/v1/bindings", &bound).await;
        assert_eq!(bound.status, 204, "{bound:?}");
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
}

#[tokio::test]
async fn functions_pin_what_they_name_and_those_with_the_owners_rights_are_few() {
    let database = TestDatabase::create().await;
    let mut owner = PgConnection::connect_with(&database.owner()).await.unwrap();
    let functions = sqlx::query(
        "select proname::text as name, prosecdef as definer, coalesce(proconfig::text, '') as settings,
                has_function_privilege('lumatrace_app', oid, 'execute') as served,
                exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0) as public
         from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let (mut definers, mut served) = (Vec::new(), Vec::new());
    for function in &functions {
        let name: String = function.get("name");
        assert_eq!(
            function.get::<String, _>("settings"),
            r#"{"search_path=pg_catalog, pg_temp"}"#,
            "{name}"
        );
        assert!(
            !function.get::<bool, _>("public"),
            "everybody may call {name}"
        );
        if function.get("definer") {
            definers.push(name.clone());
        }
        if function.get("served") {
            served.push(name);
        }
    }
    assert_eq!(
        definers,
        [
            "account_access",
            "credential_access",
            "credential_route",
            "fold_ended_tokens",
            "is_publishing",
            "keep_signing_key",
            "tenant_access",
            "tidy_access_states",
            "token_access",
        ]
    );
    assert_eq!(
        served,
        [
            "access_key",
            "credential_route",
            "current_tenant",
            "fold_ended_tokens",
            "is_publishing",
            "keep_signing_key",
            "tidy_access_states",
        ]
    );
}

/// What is not of the tenant `acme`: a hash of the rows of each table, and the least date until
/// which signing keys are kept.
async fn beyond_acme(owner: &mut PgConnection) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for table in all_tables(owner).await {
        let others = match table.as_str() {
            // Whose a row is, its slot says.
            "word_sets" => "slot not in (select slot from photo_words where tenant_id = 'acme')",
            "publication_words" => "slot not in (select slot from publications where tenant_id = 'acme')",
            // Under hashed names: those of the other tenant.
            "access_states" => {
                "access_key in (select access_key('tenant', 'bolt', '')
                     union select access_key('account', 'bolt', username) from accounts where tenant_id = 'bolt'
                     union select access_key(state, 'bolt', credential_id::text)
                         from credentials, unnest('{credential, not_after}'::text[]) state where tenant_id = 'bolt'
                     union select access_key('token', 'bolt', token_id::text) from revoked_tokens
                         where tenant_id = 'bolt')"
            }
            "credential_routes" => {
                "lookup not in (select key_hash from credentials where tenant_id = 'acme')"
            }
            _ if tenant_tables(owner).await.contains(&table) => "tenant_id <> 'acme'",
            _ => "true",
        };
        let row = match table.as_str() {
            "signing_keys" => "(key_id, sealed_private_key, created_at, activated_at, retired_at)",
            "access_states" => "(access_key, least, expires_at)",
            _ => "t",
        };
        let question = format!(
            "select count(*) || ' rows ' || coalesce(hashtextextended(string_agg({row}::text, ' ' order by {row}::text), 0), 0)
             from {table} t where {others}"
        );
        let rows: String = sqlx::query_scalar(AssertSqlSafe(question))
            .fetch_one(&mut *owner)
            .await
            .unwrap();
        found.push((table, rows));
    }
    found
}

async fn all_tables(owner: &mut PgConnection) -> Vec<String> {
    let tables = "select relname::text from pg_class
         where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1";
    sqlx::query_scalar(tables).fetch_all(owner).await.unwrap()
}

/// Runs a statement as a tenant's server would, and commits it if it can be.
async fn attempt(serving: &mut PgConnection, statement: &str) -> Result<u64, sqlx::Error> {
    let mut tx = serving.begin().await?;
    tx.execute("set local lumatrace.tenant = 'acme'").await?;
    let done = tx.execute(AssertSqlSafe(statement.to_owned())).await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[tokio::test]
async fn the_serving_role_changes_nothing_outside_of_its_tenant_whatever_it_calls() {
    let (app, mut serving) = two_tenants().await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    let before = beyond_acme(&mut owner).await;
    let kept = "select min(coalesce(tokens_until, 'infinity')) from signing_keys";
    let kept_before: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(format!("select ({kept})::text")))
            .fetch_one(&mut owner)
            .await
            .unwrap();
    let (mut done, mut refused) = (Vec::new(), 0);
    let mut statements = Vec::new();
    let tables = all_tables(&mut owner).await;
    for table in &tables {
        let columns: Vec<String> = sqlx::query_scalar(
            "select quote_ident(attname) from pg_attribute
             where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
        )
        .bind(table)
        .fetch_all(&mut owner)
        .await
        .unwrap();
        statements.push(format!("select * from {table}"));
        statements.push(format!("insert into {table} select * from {table}"));
        statements.push(format!("insert into {table} default values"));
        let foreign: Vec<&str> = columns
            .iter()
            .map(|column| match column.as_str() {
                "tenant_id" => "'bolt'",
                column => column,
            })
            .collect();
        statements.push(format!(
            "insert into {table} ({}) select {} from {table} limit 1",
            columns.join(", "),
            foreign.join(", ")
        ));
        for column in &columns {
            statements.push(format!("update {table} set {column} = {column}"));
            statements.push(format!("update {table} set {column} = null"));
            statements.push(format!("update {table} set {column} = default"));
        }
        statements.push(format!("update {table} set tenant_id = 'bolt'"));
        statements.push(format!("drop table {table}"));
        statements.push(format!("alter table {table} disable trigger all"));
    }
    let written = statements.len();
    let functions = sqlx::query(
        "select oid::regprocedure::text as name, proname::text as bare,
                array(select format_type(unnest, null) from unnest(proargtypes::oid[])) as takes
         from pg_proc where pronamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    for function in &functions {
        let mut calls = vec![String::new()];
        for kind in function.get::<Vec<String>, _>("takes") {
            let values: &[&str] = match kind.as_str() {
                "text" => &[
                    "null",
                    "''",
                    "'tenant'",
                    "'account'",
                    "'bolt'",
                    "'press'",
                    "(select min(key_id) from signing_keys)",
                    "(select max(key_id) from signing_keys)",
                ],
                "bytea" => &["null", "''", "access_key('tenant', 'bolt', '')"],
                "bigint" | "integer" => &["null", "0", "-1", "2147483647"],
                "timestamp with time zone" => {
                    &["null", "'epoch'", "now()", "'infinity'", "'-infinity'"]
                }
                other => panic!("values of {other} are to be tried, too"),
            };
            let longer = |call: &String| {
                values
                    .iter()
                    .map(|value| format!("{call}, {value}"))
                    .collect()
            };
            calls = calls
                .iter()
                .flat_map(|call| -> Vec<String> { longer(call) })
                .collect();
        }
        let name: String = function.get("bare");
        let text = |call: &String| format!("select {name}({})", call.trim_start_matches(", "));
        statements.extend(calls.iter().map(text));
    }
    let called = statements.len() - written;
    for other in [
        "create temporary table tenants (tenant_id text)",
        "create table mine (x int)",
        "create schema mine",
        "create function mine() returns int language sql as 'select 1'",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select lo_import('/etc/passwd')",
        "copy tenants to program 'id'",
        "set session_replication_role = replica",
        "alter role lumatrace_app bypassrls",
        "create publication mine for all tables",
        "alter system set fsync = off",
        "create trigger mine before insert on photos for each row execute function token_access()",
    ] {
        statements.push(other.to_owned());
    }
    // Last, since nothing can be tried on what is gone.
    for table in &tables {
        statements.push(format!("delete from {table}"));
        statements.push(format!("truncate {table} cascade"));
    }
    for statement in &statements {
        match attempt(&mut serving, statement).await {
            Ok(rows) if !statement.starts_with("select * ") => {
                done.push(format!("{statement} ({rows} rows)"));
            }
            Ok(_) => {}
            Err(sqlx::Error::Database(_)) => refused += 1,
            Err(error) => panic!("{statement}: {error}"),
        }
    }
    let after = beyond_acme(&mut owner).await;
    let kept_after: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(format!("select ({kept})::text")))
            .fetch_one(&mut owner)
            .await
            .unwrap();
    println!(
        "{} tables, {} functions; {} statements tried, {refused} refused",
        tables.len(),
        functions.len(),
        statements.len()
    );
    for statement in &done {
        println!("let through, for the rows of the tenant: {statement}");
    }
    let changed: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(was, is)| was != is)
        .collect();
    println!(
        "what it can change outside of its tenant: {}",
        if changed.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{changed:?}")
        }
    );
    assert!(changed.is_empty(), "{changed:?}");
    assert!(kept_after >= kept_before, "a key is never dropped earlier");
    assert!(tables.len() >= 15 && called >= 30, "{tables:?}, {called}");
    for never in [
        "create",
        "truncate",
        "drop",
        "alter",
        "copy",
        "select set_access",
        "select lo_",
    ] {
        let let_through = done.iter().find(|statement| statement.starts_with(never));
        assert_eq!(let_through, None);
    }
    // The other tenant is served as before.
    let bolt = Tenant {
        id: TenantId::parse("bolt").unwrap(),
        username: Username::parse("press").unwrap(),
    };
    let bolt = app.client(&bolt).await;
    assert_eq!(bolt.get("/api/v1/me").await.status, 200);
}

#[tokio::test]
async fn every_statement_of_a_server_runs_as_the_serving_role() {
    let app = App::spawn().await;
    let acme = app.tenant("acme").await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    // What the connection's own role may do is not taken: were one statement its, it would pass.
    for statement in [
        "revoke all on all tables in schema public from lumatrace_app",
        "revoke all on all functions in schema public from lumatrace_app",
    ] {
        owner.execute(statement).await.unwrap();
    }
    let db = &app.ctx.db;
    let seen = SeenTransactions("1:1:".to_owned());
    let mut tenant = db.begin(&acme.id).await.unwrap();
    for (what, refused) in [
        (
            "accounts",
            accounts::list(&mut tenant, None, 100).await.err(),
        ),
        ("signing keys", db.signing_keys().await.err()),
        (
            "a key's date",
            db.keep_signing_key("x", OffsetDateTime::UNIX_EPOCH)
                .await
                .err(),
        ),
        ("position", db.access_position(None).await.err()),
        ("changes", db.access_changes(&seen).await.err()),
        ("a page", db.access_page(None).await.err()),
        ("signers", db.signers().await.err()),
        ("the root", db.root().await.err()),
        ("trust lists", db.trust_lists().await.err()),
        ("what expired", db.tidy_access_states().await.err()),
        ("an API key", db.api_key_route(&[0; 32]).await.err()),
        (
            "an application",
            db.application_route(CredentialId::random()).await.err(),
        ),
    ] {
        assert!(
            matches!(refused, Some(DbError::NotPermitted(_))),
            "{what}: {refused:?}"
        );
    }
    drop(tenant);
    // Nor does anything stay behind on a connection that another client of a pooler may be lent.
    let free = app.operator.begin_for(&acme.id).await;
    assert_eq!(
        accounts::list(&mut free.unwrap(), None, 100)
            .await
            .unwrap()
            .len(),
        1
    );
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
async fn a_transaction_of_nobodys_sees_what_is_published_at_that_moment_and_nothing_else() {
    let (app, mut serving) = two_tenants().await;
    let mut owner = PgConnection::connect_with(&app.database.owner())
        .await
        .unwrap();
    for (publishing, change) in [
        (2, "select"),
        (
            1,
            "update tenants set publication_policy = 'off' where tenant_id = 'acme'",
        ),
        (
            0,
            "update tenants set status = 'suspended' where tenant_id = 'bolt'",
        ),
    ] {
        owner.execute(change).await.unwrap();
        let mut tx = serving.begin().await.unwrap();
        tx.execute("set local lumatrace.public = 'on'")
            .await
            .unwrap();
        for table in tenant_tables(&mut owner).await {
            if !may_read(&mut owner, &table).await {
                continue;
            }
            // Both tenants did the same.
            let of_one = count(&mut owner, &table).await / 2;
            let public = ["bindings", "publications", "stored_manifests"];
            let expected = if public.contains(&table.as_str()) {
                of_one * publishing
            } else {
                0
            };
            assert!(of_one > 0, "{table}");
            assert_eq!(count(&mut tx, &table).await, expected, "{table}: {change}");
        }
        for forbidden in [
            "update publications set manifest_id = 'x'",
            "insert into publications (tenant_id, photo_id, manifest_id) select tenant_id, photo_id, 'x' from publications",
        ] {
            let mut inner = tx.begin().await.unwrap();
            let refused = inner.execute(forbidden).await;
            assert!(refused.is_err() || refused.unwrap().rows_affected() == 0);
        }
        let deleted = tx.execute("delete from publications").await.unwrap();
        assert_eq!(deleted.rows_affected(), 0, "it only reads");
    }
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
        "update credentials set expires_at = null",
        "update credentials set lifetime_days = 3650",
        "update credentials set scope = 'admin'",
        "insert into signing_keys (key_id, sealed_private_key, created_at) values ('x', '', now())",
        "insert into signers select gen_random_uuid(), tenant_key, origin, algorithm, chain, sealed_key, not_after, created_at
             from signers",
        "update signers set chain = chain",
        "delete from signers",
        "insert into trust_lists values ('x', gen_random_uuid(), 'manifest', array['x'::bytea], null, now())",
        "update certificate_authority set root = root",
        "delete from certificate_authority",
        "select sealed_root_key from certificate_authority",
        "select sealed_issuing_key from certificate_authority",
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
    let label = json!({ "label": "theirs" });
    let [foreign, none] = [&theirs, &nobodys].map(|photo| format!("/api/v1/photos/{photo}"));
    let foreign = other
        .patch_json(&foreign, &label)
        .await
        .problem(ErrorCode::NotFound);
    let none = other
        .patch_json(&none, &label)
        .await
        .problem(ErrorCode::NotFound);
    assert_eq!(anonymise(foreign), anonymise(none));
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
