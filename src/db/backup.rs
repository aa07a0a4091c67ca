//! All tables as they were at one moment, for a backup.
//!
//! `COPY ... TO STDOUT` of each table in one REPEATABLE READ transaction, and not `pg_dump`: it
//! needs no client tool of the server's own version, works with a remote `DATABASE_URL` as with the
//! private PostgreSQL, and with the owner of the tables, whom forced row-level security holds
//! (`pg_dump` stops there). What a dump would bring besides is made by our own migrations: the
//! archive names its schema's version, and a restore migrates to that version, loads, and goes on.
//! The binary format is half as long as text for sealed records, and the same in every version of
//! PostgreSQL for the types that we use.
//!
//! The tables are those of the catalogue, so that a new one is never forgotten.

use std::{collections::HashSet, pin::Pin};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, Postgres, Transaction};
use time::OffsetDateTime;

use super::{DbError, Operator};

/// Advisory lock: shared by backups, and held alone by who puts another master key in place, so
/// that no backup has values under a key that it does not hold. Any number that nothing else uses.
pub(super) const MASTER_KEY_LOCK: i64 = 0x4c75_6d61_4b65_7973;

/// A table, as the catalogue describes it.
#[derive(Debug, Clone)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Whether its rows are seen for one tenant at a time only.
    pub is_per_tenant: bool,
    /// Whether row-level security holds its owner, too.
    pub(super) is_forced: bool,
    /// The tables that its rows refer to.
    references: Vec<String>,
}

impl CopiedTable {
    /// Its name in a statement.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// Its columns in a statement.
    pub(super) fn column_list(columns: &[String]) -> String {
        let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
        columns.join(", ")
    }
}

/// An identifier in a statement (PostgreSQL's manual, 4.1.1).
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables of the schema but that of the migrations, each after those that it refers to.
pub(super) async fn tables(db: impl PgExecutor<'_>) -> Result<Vec<CopiedTable>, DbError> {
    let rows = sqlx::query_as!(
        CopiedTable,
        r#"select c.relname::text as "name!",
                  array(select attname::text from pg_attribute
                        where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
                        order by attnum) as "columns!",
                  c.relforcerowsecurity as "is_forced!",
                  c.relforcerowsecurity and not exists (
                      select from pg_policy
                      where polrelid = c.oid and pg_get_expr(polqual, polrelid) = 'true') as "is_per_tenant!",
                  array(select distinct r.relname::text from pg_constraint f join pg_class r on r.oid = f.confrelid
                        where f.conrelid = c.oid and f.contype = 'f' and r.oid <> c.oid) as "references!"
           from pg_class c
           where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> '_sqlx_migrations'
           order by c.relname"#
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows))
}

/// Each table after those that it refers to; tables that refer to each other, at the end.
fn in_order(mut tables: Vec<CopiedTable>) -> Vec<CopiedTable> {
    let (mut done, mut ordered) = (HashSet::new(), Vec::with_capacity(tables.len()));
    while !tables.is_empty() {
        let is_ready =
            |table: &CopiedTable| table.references.iter().all(|name| done.contains(name));
        let (ready, rest): (Vec<_>, Vec<_>) = tables.into_iter().partition(is_ready);
        if ready.is_empty() {
            ordered.extend(rest);
            break;
        }
        done.extend(ready.iter().map(|table| table.name.clone()));
        ordered.extend(ready);
        tables = rest;
    }
    ordered
}

/// The database at one moment.
#[derive(Debug)]
pub struct Snapshot {
    tx: Transaction<'static, Postgres>,
    tables: Vec<CopiedTable>,
}

/// The head of a tenant's audit log.
#[derive(Debug)]
pub struct ChainHead {
    /// The tenant.
    pub tenant: String,
    /// The sequence of the last event.
    pub sequence: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// Where a snapshot was taken.
#[derive(Debug)]
pub struct Origin {
    /// The moment.
    pub taken_at: OffsetDateTime,
    /// The version of the server.
    pub postgres: String,
    /// The last migration.
    pub schema_version: i64,
}

/// What COPY sends.
pub type CopyStream<'a> = Pin<Box<dyn Stream<Item = Result<Bytes, DbError>> + Send + 'a>>;

impl Operator {
    /// Holds the database as it is now, for as long as the value lives. Servers go on; a migration
    /// waits.
    ///
    /// `None` while another master key is being put in place.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, DbError> {
        let mut before = self.begin().await?;
        let tables = tables(&mut *before).await?;
        before.rollback().await?;
        let mut tx = self.begin_snapshot().await?;
        // Before the first query, which the snapshot is taken for: tables stay as they are now.
        let names: Vec<_> = tables.iter().map(CopiedTable::quoted).collect();
        let begin = format!(
            "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; \
             set local lock_timeout = 5000; lock table {} in access share mode",
            names.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(begin))
            .execute(&mut *tx)
            .await?;
        let free = sqlx::query_scalar!(
            r#"select pg_try_advisory_xact_lock_shared($1) as "free!""#,
            MASTER_KEY_LOCK
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok(free.then_some(Snapshot { tx, tables }))
    }
}

impl Snapshot {
    /// The tables, each after those that it refers to.
    pub fn tables(&self) -> Vec<CopiedTable> {
        self.tables.clone()
    }

    /// When and where it was taken.
    pub async fn origin(&mut self) -> Result<Origin, DbError> {
        let origin = sqlx::query_as!(
            Origin,
            r#"select now() as "taken_at!", current_setting('server_version') as "postgres!",
                      max(version) as "schema_version!" from schema_versions"#
        )
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(origin)
    }

    /// The names of all tenants.
    pub async fn tenants(&mut self) -> Result<Vec<String>, DbError> {
        let names = sqlx::query_scalar!("select tenant_id from tenants order by tenant_id")
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(names)
    }

    /// How far the audit logs of tenants go.
    pub async fn chains(&mut self) -> Result<Vec<ChainHead>, DbError> {
        let rows = sqlx::query_as!(
            ChainHead,
            "select tenant_id as tenant, sequence, hash from audit_heads order by tenant_id"
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows)
    }

    /// Counts the rows of a table; of one tenant, where it is seen for one at a time.
    pub async fn count(
        &mut self,
        table: &CopiedTable,
        tenant: Option<&str>,
    ) -> Result<u64, DbError> {
        show(&mut self.tx, tenant).await?;
        let count = format!("select count(*) from {}{}", table.quoted(), of(tenant));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut *self.tx)
            .await?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    /// Reads those rows, in PostgreSQL's binary format.
    pub async fn copy(
        &mut self,
        table: &CopiedTable,
        tenant: Option<&str>,
    ) -> Result<CopyStream<'_>, DbError> {
        show(&mut self.tx, tenant).await?;
        let copy = format!(
            "copy (select {} from {}{}) to stdout (format binary)",
            CopiedTable::column_list(&table.columns),
            table.quoted(),
            of(tenant)
        );
        let rows = self.tx.copy_out_raw(&copy).await?;
        Ok(Box::pin(rows.map_err(DbError::from)))
    }
}

/// Lets row-level security show the rows of a tenant. A role that it does not hold sees all.
async fn show(db: &mut PgConnection, tenant: Option<&str>) -> Result<(), DbError> {
    sqlx::query!(
        "select set_config('lumatrace.tenant', $1, true)",
        tenant.unwrap_or_default()
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// The condition for the rows of a tenant.
fn of(tenant: Option<&str>) -> String {
    tenant.map_or_else(String::new, |tenant| {
        format!(" where tenant_id = '{}'", tenant.replace('\'', "''"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let table = |name: &str, references: &[&str]| CopiedTable {
            name: name.to_owned(),
            columns: Vec::new(),
            is_per_tenant: false,
            is_forced: false,
            references: references.iter().map(|&name| name.to_owned()).collect(),
        };
        let ordered = in_order(vec![
            table("accounts", &["tenants"]),
            table("known_sources", &["accounts"]),
            table("tenants", &[]),
            table("x", &["y"]),
            table("y", &["x"]),
        ]);
        let names: Vec<_> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["tenants", "accounts", "known_sources", "x", "y"]);
    }
}
