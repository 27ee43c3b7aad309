use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use voiceagent_core::{Error, Result};

use super::scenario::Scenario;
use crate::store::Store;

type Rows = BTreeMap<String, Vec<Map<String, Value>>>;

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
    set_rules(&mut rows);
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
pub(super) async fn insert(store: &Store, rows: &Rows) -> Result<()> {
    if let Some(table) = rows.keys().find(|table| !ORDER.contains(&table.as_str())) {
        return Err(unfit(table, "it is not kept here"));
    }
    for table in ORDER {
        for row in rows.get(table).into_iter().flatten() {
            let row = Value::Object(row.clone());
            for (table, row) in written(table, &row)? {
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
const ORDER: [&str; 18] = [
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
    "consent",
    "tracking_number",
    "knowledge",
    "ticket",
    "dnc_entry",
    "appointment",
    // What the program writes by itself, and what is data of scenarios only.
    "vin_service",
    "message",
];

type Written = Vec<(&'static str, Vec<(&'static str, Value)>)>;

/// The rows here that a row of a scenario makes.
fn written(table: &str, row: &Value) -> Result<Written> {
    let id = || json!(identifier(row["id"].as_str().unwrap_or_default()));
    let of = |field: &str| match row[field].as_str() {
        Some(name) => json!(identifier(name)),
        None => Value::Null,
    };
    let get = |field: &str| row[field].clone();
    let made = || json!(0);
    Ok(match table {
        "location" => vec![(
            "location",
            vec![
                ("id", id()),
                ("name", get("name")),
                ("tz", get("tz")),
                ("phone_e164", get("phone")),
                ("step_minutes", get("grid_minutes")),
                ("lead_minutes", get("min_lead_minutes")),
                ("horizon_days", get("horizon_days")),
            ],
        )],
        // The workshop's: there is one set of hours here.
        "business_hours" if row["line"] == "service" => hours(row, &of("location_id")),
        "business_hours" | "vin_service" | "message" => Vec::new(),
        "closure" => vec![(
            "closure",
            vec![
                ("location_id", of("location_id")),
                ("local_date", get("date")),
                ("reason", get("reason")),
            ],
        )],
        "appointment_type" => kind(row),
        "resource" if row["kind"] == "broker" => Vec::new(),
        "resource" => vec![
            claimable(row),
            (
                "resource",
                vec![
                    ("id", id()),
                    ("no", number(row)),
                    ("location_id", of("location_id")),
                    ("kind", get("kind")),
                    ("name", get("name")),
                ],
            ),
        ],
        "broker" => vec![
            claimable(row),
            (
                "broker",
                vec![
                    ("id", id()),
                    ("no", number(row)),
                    ("name", get("name")),
                    ("tz", get("tz")),
                    ("languages", get("languages")),
                    ("is_fallback", json!(row["fallback"] == true)),
                ],
            ),
        ],
        "territory" => territory(row),
        "customer" => vec![
            (
                "customer",
                vec![
                    ("id", id()),
                    ("first_name", get("first_name")),
                    ("last_name", get("last_name")),
                    ("email", get("email")),
                    ("postal_code", get("postal_code")),
                    ("dob", get("dob")),
                    ("street_number", get("street_number")),
                    ("language", get("language")),
                    ("created_at", made()),
                    ("updated_at", made()),
                ],
            ),
            ("customer_phone", vec![("phone_e164", get("phone")), ("customer_id", id())]),
        ],
        "vehicle" => vec![
            claimable(row),
            (
                "vehicle",
                vec![
                    ("id", id()),
                    ("no", number(row)),
                    ("customer_id", of("customer_id")),
                    ("vin", get("vin")),
                    ("year", get("year")),
                    ("make", get("make")),
                    ("model", get("model")),
                    ("mileage", get("mileage")),
                    ("plate", get("plate")),
                ],
            ),
        ],
        "lead" => vec![(
            "lead",
            vec![
                ("id", id()),
                ("phone_e164", get("phone")),
                ("first_name", get("first_name")),
                ("last_name", get("last_name")),
                ("city", get("city")),
                ("state", get("state")),
                ("postal_code", get("postal_code")),
                ("status", get("status")),
                ("source", get("source")),
                ("vehicle_interest", get("vehicle_interest")),
                ("created_at", made()),
                ("updated_at", made()),
            ],
        )],
        "consent" => vec![(
            "consent",
            vec![
                ("phone_e164", get("phone")),
                ("channel", get("channel")),
                ("purpose", get("purpose")),
                ("status", get("status")),
                ("evidence", get("evidence")),
                ("captured_at", millis(&row["captured_at"])?),
            ],
        )],
        "tracking_number" => vec![(
            "tracking_number",
            vec![("phone_e164", get("number")), ("state", get("state")), ("changed_at", made())],
        )],
        "knowledge" => vec![(
            "knowledge_document",
            vec![
                ("id", get("doc_id")),
                ("title", get("title")),
                ("category", get("category")),
                ("body", get("text")),
                ("updated_at", made()),
            ],
        )],
        "ticket" => vec![(
            "ticket",
            vec![
                ("id", id()),
                ("customer_id", of("customer_id")),
                ("vehicle_id", of("vehicle_id")),
                ("status", get("status")),
                ("opened_on", get("opened_on")),
                ("last_note", get("last_note")),
            ],
        )],
        "dnc_entry" => vec![(
            "dnc_entry",
            vec![
                ("id", id()),
                ("phone_e164", get("phone")),
                ("channel", json!("all")),
                ("source", json!("internal")),
                ("added_at", made()),
            ],
        )],
        "appointment" => appointment(row)?,
        _ => return Err(unfit(table, "it is not kept here")),
    })
}

fn hours(row: &Value, location: &Value) -> Written {
    let days = row["hours"].as_array().into_iter().flatten();
    let day = |day: &Value| {
        (
            "business_hours",
            vec![
                ("location_id", location.clone()),
                // Monday is 0 there and 1 here.
                ("weekday", json!(day[0].as_i64().unwrap_or_default() + 1)),
                ("opens", day[1].clone()),
                ("closes", day[2].clone()),
            ],
        )
    };
    days.map(day).collect()
}

fn kind(row: &Value) -> Written {
    let get = |field: &str| row[field].clone();
    let name = row["code"].as_str().unwrap_or_default().replace('_', " ");
    let mut rows = vec![(
        "appointment_type",
        vec![
            ("code", get("code")),
            ("kind", get("kind")),
            ("name", json!(name)),
            ("minutes", get("minutes")),
            ("needs_vehicle", json!(row["kind"] == "service")),
        ],
    )];
    if row["resource_kind"] != "broker" {
        rows.push((
            "appointment_need",
            vec![
                ("type_code", get("code")),
                ("resource_kind", get("resource_kind")),
                ("minutes", get("minutes")),
            ],
        ));
    }
    rows
}

fn territory(row: &Value) -> Written {
    let id = json!(identifier(row["id"].as_str().unwrap_or_default()));
    let list = |field: &str| row[field].as_array().into_iter().flatten();
    let mut rows = vec![("territory", vec![("id", id.clone()), ("name", row["name"].clone())])];
    rows.extend(
        list("zips")
            .map(|zip| ("territory_zip", vec![("zip", zip.clone()), ("territory_id", id.clone())])),
    );
    rows.extend(list("cities").filter_map(Value::as_str).filter_map(|city| {
        let (city, state) = city.split_once(", ")?;
        Some((
            "territory_city",
            vec![("city", json!(city)), ("state", json!(state)), ("territory_id", id.clone())],
        ))
    }));
    rows.extend(list("brokers").filter_map(Value::as_str).zip(1..).map(|(broker, priority)| {
        (
            "broker_territory",
            vec![
                ("territory_id", id.clone()),
                ("broker_id", json!(identifier(broker))),
                ("priority", json!(priority)),
            ],
        )
    }));
    rows
}

/// An appointment, with what it claims.
fn appointment(row: &Value) -> Result<Written> {
    let id = json!(identifier(row["id"].as_str().unwrap_or_default()));
    let of = |field: &str| row[field].as_str().map_or(Value::Null, |name| json!(identifier(name)));
    let (start, end) = (millis(&row["starts_at"])?, millis(&row["ends_at"])?);
    let zone = TimeZone::get(row["tz"].as_str().unwrap_or_default())
        .map_err(|cause| unfit("appointment", "a zone that there is not").with_source(cause))?;
    let local = start.as_i64().and_then(|at| Timestamp::from_millisecond(at).ok());
    let local = local.map(|at| at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M").to_string());
    let is_broker = row["kind"] == "broker_consult";
    let place = row["location_id"].as_str().unwrap_or("loc_nap");
    let mut rows = vec![(
        "appointment",
        vec![
            ("id", id.clone()),
            ("location_id", json!(identifier(place))),
            ("type_code", row["service_type"].clone()),
            ("customer_id", of("customer_id")),
            ("lead_id", of("lead_id")),
            ("vehicle_id", of("vehicle_id")),
            ("broker_id", if is_broker { of("resource_id") } else { Value::Null }),
            ("starts_at", start.clone()),
            ("ends_at", end.clone()),
            ("tz", row["tz"].clone()),
            ("local_start", json!(local)),
            ("status", row["status"].clone()),
            ("confirmation_code", json!("AAAAAA")),
            ("idempotency_key", id.clone()),
            ("created_at", json!(0)),
            ("updated_at", json!(0)),
        ],
    )];
    for holder in ["resource_id", "vehicle_id"] {
        if let Some(name) = row[holder].as_str() {
            rows.push((
                "claim",
                vec![
                    ("appointment_id", id.clone()),
                    ("claimable_no", json!(number_of(name))),
                    ("starts_at", start.clone()),
                    ("ends_at", end.clone()),
                    ("active", json!(row["status"] != "cancelled")),
                ],
            ));
        }
    }
    Ok(rows)
}

fn claimable(row: &Value) -> (&'static str, Vec<(&'static str, Value)>) {
    ("claimable", vec![("no", number(row))])
}

fn number(row: &Value) -> Value {
    json!(number_of(row["id"].as_str().unwrap_or_default()))
}

/// A number for something that can be claimed, from its name. The few of a scenario do not meet.
fn number_of(name: &str) -> i64 {
    let hash = Sha256::digest(name.as_bytes());
    hash.iter().take(2).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// An identifier from a name, the same in each run.
fn identifier(name: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(half).into_uuid().to_string()
}

fn names<'a>(rows: impl Iterator<Item = (&'a String, &'a Vec<Map<String, Value>>)>) -> Names {
    let ids = rows.flat_map(|(_, rows)| rows).filter_map(|row| row.get("id")?.as_str());
    Names(ids.map(|name| (identifier(name), name.to_owned())).collect())
}

/// What holds for the bookings of a place stands in its row here.
fn set_rules(rows: &mut Rows) {
    let rules = rows.remove("booking_rules").unwrap_or_default();
    for (place, rules) in rows.get_mut("location").into_iter().flatten().zip(rules.iter().cycle()) {
        place.extend(rules.clone());
    }
}

fn base() -> Rows {
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

fn millis(text: &Value) -> Result<Value> {
    let moment: Option<Timestamp> = text.as_str().and_then(|text| text.parse().ok());
    moment
        .map(|moment| json!(moment.as_millisecond()))
        .ok_or_else(|| unfit("a row", "a moment that cannot be read"))
}

fn unfit(table: &str, why: &str) -> Error {
    Error::config(format!("table {table}: {why}"))
}
