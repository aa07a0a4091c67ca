//! Backup and restore by the owner of the tables, whom forced row-level security holds.

use std::fs;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{AgeKey, json_of, login, protect, verdict};
use crate::{
    process::{DataDir, Server, lumatrace_on},
    support::{TestDatabase, pictures},
};

/// What guards the tables: forced policies, triggers that fire, and the numbers given next.
async fn guards(database: &TestDatabase) -> Vec<(String, i64)> {
    let mut superuser = PgConnection::connect_with(&database.owner()).await.unwrap();
    sqlx::query_as(
        "select 'forced', count(*) from pg_class where relforcerowsecurity
         union all select 'policies', count(*) from pg_policy
         union all select 'triggers', count(*) from pg_trigger where tgenabled = 'O'
         union all select 'resting', count(*) from pg_trigger where tgenabled <> 'O'
         union all select 'migrations', count(*) from _sqlx_migrations",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_no_superuser_saves_and_restores_the_rows_of_all_tenants() {
    let role = format!("owner_{}", uuid::Uuid::now_v7().simple());
    let first = TestDatabase::create().await;
    let mut superuser = PgConnection::connect_with(&first.owner()).await.unwrap();
    let make = format!("create role {role} nosuperuser nobypassrls; grant lumatrace_app to {role}");
    superuser.execute(AssertSqlSafe(make)).await.unwrap();
    {
        let (source, target) = (
            TestDatabase::empty(Some(&role)).await,
            TestDatabase::empty(Some(&role)).await,
        );
        let (files, folder) = (DataDir::new(), DataDir::new());
        let key = AgeKey::new(&files.0);
        let archive = files.0.join("backup.age");
        let picture = files.0.join("picture.jpg");
        fs::write(&picture, pictures::jpeg(&pictures::scene(160, 120, 3), 92)).unwrap();
        let program = |database: &TestDatabase, folder: &DataDir| {
            let mut command = lumatrace_on(database, folder);
            let url = format!("{}&options=-c%20role%3D{role}", database.url());
            command.env("DATABASE_URL", url);
            command
        };
        let server = Server::start(program(&source, &files));
        let (_, token) = login(&server.url, "acme");
        let photo = protect(&server.url, &token, &picture);
        let saved = json_of(
            program(&source, &files)
                .arg("backup")
                .arg(&archive)
                .args(["--recipient", &key.recipient]),
        );
        assert_eq!(saved["photos"], 1, "{saved}");
        drop(server);

        let mut restore = program(&target, &folder);
        restore
            .arg("restore")
            .arg(&archive)
            .arg("--identity-file")
            .arg(&key.file);
        let restored = json_of(&mut restore);
        assert_eq!(restored["proof"]["photo"], photo.as_str(), "{restored}");
        assert_eq!(guards(&target).await, guards(&source).await);
        let server = Server::start(program(&target, &folder));
        let (status, token) = login(&server.url, "acme");
        assert_eq!(status, 200);
        assert_eq!(verdict(&server.url, &token, &picture, &photo), "INTACT");
        let again = protect(&server.url, &token, &picture);
        assert_ne!(again, photo);
    }
    let drop = format!("drop owned by {role}; drop role {role}");
    superuser.execute(AssertSqlSafe(drop)).await.ok();
}
