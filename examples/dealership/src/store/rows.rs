use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Column, Row, any::AnyRow};

use super::{Fault, Store};

impl Store {
    /// Writes a row as it is, past all that the other functions take care of. For databases that
    /// are made up.
    ///
    /// # Errors
    ///
    /// When the row does not fit its table, or the store cannot be written.
    pub(crate) async fn insert(
        &self,
        table: &'static str,
        row: &[(&'static str, Value)],
    ) -> Result<(), Fault> {
        // What is null is left out: PostgreSQL takes no null of another type.
        let row: Vec<_> = row.iter().filter(|(_, value)| !value.is_null()).collect();
        let columns: Vec<&str> = row.iter().map(|(column, _)| *column).collect();
        let places: Vec<String> = (1..=row.len()).map(|place| format!("${place}")).collect();
        // Tables and columns are words of this program.
        let sql =
            format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (_, value) in row {
            query = match value {
                Value::Bool(truth) => query.bind(i64::from(*truth)),
                Value::Number(number) => query.bind(number.as_i64()),
                Value::String(text) => query.bind(text.clone()),
                Value::Null | Value::Array(_) | Value::Object(_) => query.bind(value.to_string()),
            };
        }
        self.write(query).await?;
        Ok(())
    }

    /// Takes every connection, so that the database hangs for everybody else until they are dropped.
    #[cfg(test)]
    pub(crate) async fn hang(&self) -> Vec<Held> {
        let mut held = self.hang_writers().await;
        // In memory both pools are one.
        if self.keeper.is_none() {
            held.extend(all(&self.reader).await);
        }
        held
    }

    /// Takes every connection that writes.
    #[cfg(test)]
    pub(crate) async fn hang_writers(&self) -> Vec<Held> {
        all(&self.writer).await
    }

    /// Writes what a test needs.
    #[cfg(test)]
    pub(crate) async fn run(&self, statement: &'static str) -> u64 {
        self.write(sqlx::query(statement)).await.unwrap()
    }

    /// Reads rows, each as an object of its columns.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn export(&self, query: &'static str) -> Result<Vec<Value>, Fault> {
        let rows = sqlx::query(query).fetch_all(&self.reader).await?;
        rows.iter().map(object).collect()
    }
}

/// A connection that nobody else has.
#[cfg(test)]
type Held = sqlx::pool::PoolConnection<sqlx::Any>;

/// Every connection of a pool.
#[cfg(test)]
async fn all(pool: &sqlx::AnyPool) -> Vec<Held> {
    let mut held = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        held.push(pool.acquire().await.unwrap());
    }
    held
}

/// All columns are text or whole numbers.
pub(super) fn object(row: &AnyRow) -> Result<Value, Fault> {
    let mut object = Map::new();
    for column in row.columns() {
        let value = match row.try_get::<Option<i64>, _>(column.ordinal()) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(row.try_get::<Option<String>, _>(column.ordinal())?),
        };
        object.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(object))
}
