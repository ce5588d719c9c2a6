//! A PostgreSQL's tables as files, and back. Names of tables and columns are those of our migrations.

use std::path::Path;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufReader, BufWriter},
};

use crate::store::{
    StoreError,
    database::{POSTGRES_MIGRATIONS, parse, without_password},
};

/// What the folder says of itself.
const SCHEMA: &str = "schema.json";

/// The schema that the copied tables have.
#[derive(Debug, Serialize, Deserialize)]
struct Schema {
    /// The last migration.
    version: i64,
    tables: Vec<Table>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Table {
    /// `"name" ("column", ...)`
    fn sql(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| quoted(column)).collect();
        format!("{} ({})", quoted(&self.name), columns.join(", "))
    }

    fn file(&self) -> String {
        format!("{}.copy", self.name)
    }
}

/// Copies every one of these tables that is there, as one transaction sees them.
pub(super) async fn take(url: &str, tables: &[String], folder: &Path) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
    let (version,): (i64,) =
        sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations WHERE success").fetch_one(&mut connection).await?;
    let mut schema = Schema { version, tables: Vec::new() };
    for name in tables {
        let columns = columns(&mut connection, name).await?;
        if columns.is_empty() {
            continue;
        }
        let table = Table { name: name.clone(), columns };
        let path = folder.join(table.file());
        let failed = |source| StoreError::File { path: path.clone(), source };
        let mut file = BufWriter::new(File::create(&path).await.map_err(failed)?);
        let mut rows = connection.copy_out_raw(&format!("COPY {} TO STDOUT", table.sql())).await?;
        while let Some(part) = rows.try_next().await? {
            file.write_all(&part).await.map_err(failed)?;
        }
        drop(rows);
        file.flush().await.map_err(failed)?;
        schema.tables.push(table);
    }
    let path = folder.join(SCHEMA);
    let text = serde_json::to_vec_pretty(&schema).expect("a schema is JSON");
    tokio::fs::write(&path, text).await.map_err(|source| StoreError::File { path, source })?;
    sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Refuses a database in which one of these tables has a row of an operator's making.
pub(super) async fn require_empty(url: &str, tables: &[String]) -> Result<(), StoreError> {
    let mut connection = connect(url).await?;
    refuse_used(&mut connection, tables).await?;
    Ok(connection.close().await?)
}

async fn refuse_used(connection: &mut PgConnection, tables: &[String]) -> Result<(), StoreError> {
    // The counter of events has its row from the first migration on, with the number 0.
    for name in tables {
        let filter = if name == "event_counter" { "seq > 0" } else { "TRUE" };
        if columns(connection, name).await?.is_empty() {
            continue;
        }
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {filter})", quoted(name));
        let (is_used,): (bool,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        if is_used {
            return Err(StoreError::NotEmpty { what: format!("the table {name} of the database") });
        }
    }
    Ok(())
}

/// Brings the schema to that of the copy, and fills it, in one transaction; the next start brings it up to date.
pub(super) async fn load(url: &str, tables: &[String], folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(SCHEMA);
    let text = tokio::fs::read(&path).await.map_err(|source| StoreError::File { path: path.clone(), source })?;
    let no_schema = |error: serde_json::Error| StoreError::File { path, source: error.into() };
    let schema: Schema = serde_json::from_slice(&text).map_err(no_schema)?;
    if let Some(foreign) = schema.tables.iter().find(|table| !tables.contains(&table.name)) {
        return Err(StoreError::NotEmpty { what: format!("a table {} that this drover does not know", foreign.name) });
    }
    let mut connection = connect(url).await?;
    refuse_used(&mut connection, tables).await?;
    POSTGRES_MIGRATIONS.run_to(schema.version, &mut connection).await.map_err(StoreError::Migrate)?;
    let mut transaction = connection.begin().await?;
    let names: Vec<_> = schema.tables.iter().map(|table| quoted(&table.name)).collect();
    let emptied = format!("TRUNCATE {}", names.join(", "));
    sqlx::raw_sql(AssertSqlSafe(emptied)).execute(&mut *transaction).await?;
    for table in referenced_first(&mut transaction, &schema.tables).await? {
        let path = folder.join(table.file());
        let file = File::open(&path).await.map_err(|source| StoreError::File { path, source })?;
        let mut rows = transaction.copy_in_raw(&format!("COPY {} FROM STDIN", table.sql())).await?;
        rows.read_from(BufReader::new(file)).await?;
        rows.finish().await?;
        go_on_counting(&mut transaction, table).await?;
    }
    transaction.commit().await?;
    Ok(connection.close().await?)
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    let shown = without_password(&parse(url)?);
    PgConnection::connect(url).await.map_err(|source| StoreError::Open { url: shown, source })
}

/// The columns of a table; none when it is not there.
async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
    let rows: Vec<(String,)> = sqlx::query_as(sql).bind(table.to_owned()).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// The tables in an order in which each comes behind those that it refers to.
async fn referenced_first<'t>(
    connection: &mut PgConnection,
    tables: &'t [Table],
) -> Result<Vec<&'t Table>, StoreError> {
    let sql = "SELECT f.relname::text, t.relname::text FROM pg_constraint c JOIN pg_class f ON f.oid = c.conrelid \
               JOIN pg_class t ON t.oid = c.confrelid WHERE c.contype = 'f' AND f.relnamespace = current_schema()::regnamespace";
    let references: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(connection).await?;
    let mut left: Vec<&Table> = tables.iter().collect();
    let mut ordered: Vec<&Table> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |table: &&Table| {
            let needed = references.iter().filter(|(from, to)| *from == table.name && *to != table.name);
            needed.into_iter().any(|(_, to)| left.iter().any(|other| other.name == *to))
        };
        let (waiting, ready): (Vec<_>, Vec<_>) = left.iter().copied().partition(waits);
        // Tables that refer to each other in a ring cannot be ordered; there is none.
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        left = waiting;
    }
    Ok(ordered)
}

/// Lets the numbers that a table gives by itself go on behind those that were copied.
async fn go_on_counting(connection: &mut PgConnection, table: &Table) -> Result<(), StoreError> {
    let sql = "SELECT column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND table_name = $1 AND is_identity = 'YES'";
    let counted: Vec<(String,)> = sqlx::query_as(sql).bind(table.name.clone()).fetch_all(&mut *connection).await?;
    for (column,) in counted {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), COALESCE(MAX({column}), 0) + 1, false) FROM {name}",
            name = table.name
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
