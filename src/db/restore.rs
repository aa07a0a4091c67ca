//! Loads a backup into an empty database, in one transaction: it is there whole, or not at all.
//!
//! The owner of the tables is enough. `COPY ... FROM` is not allowed where row-level security holds
//! the role, and triggers would write again what is loaded (ways to tenants, ends of tokens, heads
//! of audit logs). So the transaction lifts the force of the policies and rests the triggers, which
//! an owner may, and puts both back before it ends; nobody else sees the tables meanwhile. Foreign
//! keys stay: each row is checked as it is loaded.

use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction, postgres::PgCopyIn};

use super::{
    DbError, Operator,
    backup::{CopiedTable, quoted, tables},
};

/// What a database holds, to whom it is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vacancy {
    /// Nothing.
    Empty,
    /// The tables of this migration, all of them empty: a restore was begun and came to nothing.
    Prepared(i64),
    /// This.
    Holds(String),
}

impl Operator {
    /// Whether the database can be restored into.
    pub async fn vacancy(&self) -> Result<Vacancy, DbError> {
        let mut tx = self.begin().await?;
        let foreign = sqlx::query_scalar!(
            r#"select relname::text as "name!" from pg_class
               where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
                 and relname <> '_sqlx_migrations' and to_regclass('schema_versions') is null
               order by relname limit 1"#
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(name) = foreign {
            return Ok(Vacancy::Holds(format!(
                "{name}, which is not of this program"
            )));
        }
        let mut tables = tables(&mut *tx).await?;
        if tables.is_empty() {
            return Ok(Vacancy::Empty);
        }
        // The rows of tenants hang on the tenants, who are seen at once.
        tables.retain(|table| !table.is_per_tenant);
        if let Some(table) = first_with_rows(&mut tx, &tables).await? {
            return Ok(Vacancy::Holds(format!("rows in the table {table}")));
        }
        let version = sqlx::query_scalar!(
            r#"select coalesce(max(version), 0) as "version!" from schema_versions"#
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.rollback().await?;
        Ok(Vacancy::Prepared(version))
    }

    /// Begins to load, and keeps everybody out until that ends. Nothing is kept unless
    /// [`Load::commit`] is reached.
    ///
    /// `None` when the database is not empty: a server has started on it meanwhile.
    pub async fn load(&self) -> Result<Option<Load>, DbError> {
        let mut tx = self.begin().await?;
        let tables = tables(&mut *tx).await?;
        sqlx::raw_sql(
            "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0",
        )
        .execute(&mut *tx)
        .await?;
        set_guards(&mut tx, &tables, Guards::Resting).await?;
        let empty = first_with_rows(&mut tx, &tables).await?.is_none();
        Ok(empty.then_some(Load { tx, tables }))
    }
}

/// The first of these tables that has a row.
async fn first_with_rows<'a>(
    tx: &mut Transaction<'static, Postgres>,
    tables: &'a [CopiedTable],
) -> Result<Option<&'a str>, DbError> {
    for table in tables {
        let any = format!("select exists (select from {})", table.quoted());
        if sqlx::query_scalar(AssertSqlSafe(any))
            .fetch_one(&mut **tx)
            .await?
        {
            return Ok(Some(&table.name));
        }
    }
    Ok(None)
}

/// Policies that hold the owner, and triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guards {
    InForce,
    Resting,
}

/// Changes the guards of all tables, until the transaction ends or changes them again.
async fn set_guards(
    tx: &mut Transaction<'static, Postgres>,
    tables: &[CopiedTable],
    guards: Guards,
) -> Result<(), DbError> {
    let (triggers, force) = match guards {
        Guards::Resting => ("disable", "no force"),
        Guards::InForce => ("enable", "force"),
    };
    for table in tables {
        let name = table.quoted();
        let mut change = format!("alter table {name} {triggers} trigger user");
        if table.is_forced {
            change = format!("{change}; alter table {name} {force} row level security");
        }
        sqlx::raw_sql(AssertSqlSafe(change))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// A database that is being loaded.
#[derive(Debug)]
pub struct Load {
    tx: Transaction<'static, Postgres>,
    tables: Vec<CopiedTable>,
}

/// Rows on their way into a table.
pub struct LoadedCopy<'a>(PgCopyIn<&'a mut PgConnection>);

impl std::fmt::Debug for LoadedCopy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoadedCopy")
    }
}

impl Load {
    /// The tables that there are.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.name.as_str())
    }

    /// Begins to load rows of these columns into a table.
    ///
    /// # Errors
    ///
    /// [`DbError::Corrupt`] when there is no such table or column.
    pub async fn copy(
        &mut self,
        table: &str,
        columns: &[String],
    ) -> Result<LoadedCopy<'_>, DbError> {
        let table = self.tables.iter().find(|known| known.name == table);
        let fits = |table: &&CopiedTable| columns.iter().all(|name| table.columns.contains(name));
        let table = table
            .filter(fits)
            .ok_or(DbError::Corrupt("the backup's table"))?;
        let copy = format!(
            "copy {} ({}) from stdin (format binary)",
            table.quoted(),
            CopiedTable::column_list(columns)
        );
        Ok(LoadedCopy(self.tx.copy_in_raw(&copy).await?))
    }

    /// Ends what must not live again, and what belongs to the cluster that the backup is of:
    ///
    /// * No token from before is accepted: the keys that signed them are withdrawn, with those that
    ///   were to come next. What was ended after the backup cannot be known here; that would need
    ///   each number to be raised, and a key that is gone refuses more than any number.
    /// * Ends of tokens are told by transactions, which another cluster counts anew.
    /// * Numbers that are given in turn go on behind the largest.
    pub async fn begin_anew(&mut self) -> Result<(), DbError> {
        // Not now: a key that was retired a moment ago would be published for some minutes.
        sqlx::query!(
            "update signing_keys set activated_at = coalesce(activated_at, created_at), retired_at = 'epoch', tokens_until = null"
        )
        .execute(&mut *self.tx)
        .await?;
        sqlx::query!("update access_states set changed_in = pg_current_xact_id()")
            .execute(&mut *self.tx)
            .await?;
        let identities = sqlx::query!(
            r#"select c.relname::text as "table_name!", a.attname::text as "column_name!"
               from pg_attribute a join pg_class c on c.oid = a.attrelid
               where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and a.attidentity <> ''"#
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for identity in identities {
            let (table, column) = (quoted(&identity.table_name), quoted(&identity.column_name));
            let next = format!(
                "select setval(pg_get_serial_sequence('{table}', '{}'), coalesce(max({column}), 0) + 1, false) from {table}",
                identity.column_name
            );
            sqlx::raw_sql(AssertSqlSafe(next))
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    /// Puts policies and triggers in force again, and keeps all that was loaded.
    pub async fn commit(mut self) -> Result<(), DbError> {
        set_guards(&mut self.tx, &self.tables, Guards::InForce).await?;
        Ok(self.tx.commit().await?)
    }
}

impl LoadedCopy<'_> {
    /// Sends bytes of COPY's binary format, as many as there are.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), DbError> {
        self.0.send(bytes).await?;
        Ok(())
    }

    /// Ends the rows, and returns how many there were.
    pub async fn finish(self) -> Result<u64, DbError> {
        Ok(self.0.finish().await?)
    }
}
