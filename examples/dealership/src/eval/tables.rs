use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    matching::{at, fits, instant, row_fits},
    scenario::{Invariant, RowWant},
};

/// What the database holds, in the words of scenarios: rows by table.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables(pub(super) BTreeMap<String, Vec<Value>>);

impl Tables {
    pub(super) fn rows(&self, table: &str) -> &[Value] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }

    /// What of the rows is not as wanted.
    pub(super) fn check(&self, wanted: &[RowWant]) -> Vec<String> {
        wanted.iter().flat_map(|want| self.check_one(want)).collect()
    }

    fn check_one(&self, want: &RowWant) -> Vec<String> {
        if want.invariant == Some(Invariant::NoOverlap) {
            return self.overlap().into_iter().collect();
        }
        if !want.any_table.is_empty() {
            let count: usize = want.any_table.iter().map(|table| self.rows(table).len()).sum();
            let short = count < want.count_min.unwrap_or(1);
            return Vec::from_iter(short.then(|| format!("db {:?}: {count} rows", want.any_table)));
        }
        let table = want.table.as_deref().unwrap_or_default();
        let Some(rows) = self.0.get(table) else {
            return vec![format!("db {table}: there is no such table")];
        };
        let rows: Vec<&Value> = rows.iter().filter(|row| row_fits(&want.filter, row)).collect();
        let filter = Value::Object(want.filter.clone());
        let mut failures = Vec::new();
        if want.count.is_some_and(|count| count != rows.len())
            || want.count_min.is_some_and(|least| rows.len() < least)
        {
            failures.push(format!("db {table} {filter}: {} rows", rows.len()));
        }
        for row in rows {
            for (field, wanted) in &want.set {
                if !fits(wanted, at(row, field)) {
                    failures.push(format!("db {table}.{field} is {}, not {wanted}", row[field]));
                }
            }
        }
        failures
    }

    /// Two visits in one place at one time.
    fn overlap(&self) -> Option<String> {
        let held: Vec<(&Value, Timestamp, Timestamp)> = self
            .rows("appointment")
            .iter()
            .filter(|one| matches!(one["status"].as_str(), Some("booked" | "confirmed")))
            .filter_map(|one| {
                Some((&one["resource_id"], instant(&one["starts_at"])?, instant(&one["ends_at"])?))
            })
            .collect();
        let meets = |(nth, one): (usize, &(&Value, Timestamp, Timestamp))| {
            held[nth + 1..]
                .iter()
                .any(|other| one.0 == other.0 && one.1 < other.2 && other.1 < one.2)
        };
        held.iter().enumerate().any(meets).then(|| "db: two visits overlap".to_owned())
    }
}
