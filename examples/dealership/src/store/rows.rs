use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Fault, Store, fault::strange};

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
        let columns: Vec<&str> = row.iter().map(|(column, _)| *column).collect();
        let places: Vec<String> = (1..=row.len()).map(|place| format!("?{place}")).collect();
        // Tables and columns are words of this program.
        let sql =
            format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (_, value) in row {
            query = match value {
                Value::Bool(truth) => query.bind(*truth),
                Value::Number(number) => query.bind(number.as_i64()),
                Value::String(text) => query.bind(text.clone()),
                Value::Null => query.bind(None::<String>),
                Value::Array(_) | Value::Object(_) => query.bind(value.to_string()),
            };
        }
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Reads what a query puts into its one column, as JSON.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn export(&self, query: &'static str) -> Result<Vec<Value>, Fault> {
        let rows = sqlx::query(query).fetch_all(&self.reader).await?;
        let read = |row: sqlx::sqlite::SqliteRow| -> Result<Value, Fault> {
            let text: String = row.try_get(0)?;
            Ok(serde_json::from_str(&text)
                .map_err(|cause| strange("export", "no JSON").with_source(cause))?)
        };
        rows.into_iter().map(read).collect()
    }
}
