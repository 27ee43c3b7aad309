mod columns;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use voiceagent_core::{Error, Result};

use self::columns::{Row, identifier, written};
use super::scenario::Scenario;
use crate::store::Store;

/// The names that scenarios have for rows, by the identifiers that these have here.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// Puts names in the place of all identifiers that have one.
    pub(super) fn translate(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(name) = self.0.get(text.as_str()) {
                    text.clone_from(name);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.translate(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.translate(field)),
            Value::Bool(_) | Value::Null | Value::Number(_) => {}
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.values().any(|known| known == name)
    }
}

/// The place of business that a scenario is about.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) zone: String,
}

pub(super) fn place(scenario: &Scenario) -> Place {
    let base = base();
    let location = base["location"].iter().find(|one| one["id"] == *scenario.call.location);
    let text =
        |field: &str| location.and_then(|one| one[field].as_str()).unwrap_or_default().to_owned();
    Place { name: text("name"), zone: text("tz") }
}

/// Writes the rows of a scenario into an empty database.
///
/// # Errors
///
/// When the scenario has a row that there is no place for.
pub(super) async fn furnish(store: &Store, scenario: &Scenario) -> Result<Names> {
    let mut rows = base();
    let fixture = &scenario.fixture;
    for (table, added) in &fixture.add {
        rows.entry(table.clone()).or_default().extend(added.iter().cloned());
    }
    for (table, changes) in &fixture.patch {
        for (id, change) in changes {
            let row = rows.get_mut(table).and_then(|rows| {
                rows.iter_mut().find(|row| row.get("id").and_then(Value::as_str) == Some(id))
            });
            let row = row.ok_or_else(|| unfit(table, "there is no such row to change"))?;
            row.extend(change.clone());
        }
    }
    let only = |row: &Map<String, Value>, field: &str| match row.get(field) {
        Some(Value::String(place)) => *place == scenario.call.location,
        _ => true,
    };
    for (table, field) in
        [("location", "id"), ("resource", "location_id"), ("business_hours", "location_id")]
    {
        rows.entry(table.to_owned()).or_default().retain(|row| only(row, field));
    }
    let place = scenario.call.location.clone();
    for row in rows.get_mut("closure").into_iter().flatten() {
        row.insert("location_id".to_owned(), place.clone().into());
    }
    // A talk on the phone is of the place that calls.
    for row in rows.get_mut("appointment").into_iter().flatten() {
        row.entry("location_id").or_insert_with(|| scenario.call.location.clone().into());
    }
    set_rules(&mut rows);
    set_occasions(&mut rows);
    let injected = fixture.inject.iter().flat_map(|one| &one.insert);
    let names = names(rows.iter().chain(injected));
    insert(store, &rows).await?;
    Ok(names)
}

/// Writes rows, in an order in which each finds what it refers to.
///
/// # Errors
///
/// When there is no place for a row.
pub(super) async fn insert(
    store: &Store,
    rows: &BTreeMap<String, Vec<Map<String, Value>>>,
) -> Result<()> {
    if let Some(table) = rows.keys().find(|table| !ORDER.contains(&table.as_str())) {
        return Err(unfit(table, "it is not kept here"));
    }
    for table in ORDER {
        for row in rows.get(table).into_iter().flatten() {
            let row = Value::Object(row.clone());
            for Row(table, row) in written(table, &row)? {
                store
                    .insert(table, &row)
                    .await
                    .map_err(|fault| unfit(table, &Error::from(fault).to_string()))?;
            }
        }
    }
    Ok(())
}

/// The tables of scenarios, each behind those that it refers to.
const ORDER: [&str; 21] = [
    "location",
    "business_hours",
    "closure",
    "appointment_type",
    "resource",
    "broker",
    "territory",
    "customer",
    "vehicle",
    "lead",
    "campaign",
    "enrollment",
    "consent",
    "tracking_number",
    "knowledge",
    "ticket",
    "dnc_entry",
    "appointment",
    "contact_attempt",
    // What the program writes by itself, and what is data of scenarios only.
    "vin_service",
    "message",
];

fn names<'a>(rows: impl Iterator<Item = (&'a String, &'a Vec<Map<String, Value>>)>) -> Names {
    let ids = rows.flat_map(|(_, rows)| rows).filter_map(|row| row.get("id")?.as_str());
    Names(ids.map(|name| (identifier(name), name.to_owned())).collect())
}

/// What holds for the bookings of a place stands in its row here.
fn set_rules(rows: &mut BTreeMap<String, Vec<Map<String, Value>>>) {
    let rules = rows.remove("booking_rules").unwrap_or_default();
    for (place, rules) in rows.get_mut("location").into_iter().flatten().zip(rules.iter().cycle()) {
        place.extend(rules.clone());
    }
}

/// What somebody was called about is their visit at its time.
fn set_occasions(rows: &mut BTreeMap<String, Vec<Map<String, Value>>>) {
    let visits = rows.get("appointment").cloned().unwrap_or_default();
    for attempt in rows.get_mut("contact_attempt").into_iter().flatten() {
        let about = attempt.get("appointment_id");
        let visit = visits.iter().find(|visit| about.is_some() && visit.get("id") == about);
        if let Some(start) = visit.and_then(|visit| visit.get("starts_at")).cloned() {
            attempt.insert("occasion".to_owned(), start);
        }
    }
}

fn base() -> BTreeMap<String, Vec<Map<String, Value>>> {
    let text = include_str!("../../testdata/eval/base.yaml");
    let read: BTreeMap<String, Value> =
        serde_saphyr::from_str(text).expect("the base is part of the program");
    let rows = |(table, rows): (String, Value)| {
        let rows = match rows {
            Value::Array(rows) => rows,
            one => vec![one],
        };
        let rows = rows.into_iter().filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        });
        (table, rows.collect::<Vec<_>>())
    };
    read.into_iter().map(rows).filter(|(_, rows)| !rows.is_empty()).collect()
}

fn unfit(table: &str, why: &str) -> Error {
    Error::config(format!("table {table}: {why}"))
}
