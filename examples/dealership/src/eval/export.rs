use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use voiceagent_core::Result;

use super::{fixture::Names, tables::Tables};
use crate::store::Store;

/// The tables of scenarios, by the query whose columns have the names of their fields.
const QUERIES: [(&str, &str); 17] = [
    (
        "appointment",
        "SELECT id, location_id, customer_id, lead_id, vehicle_id, type_code AS service_type,
                (SELECT kind FROM appointment_type WHERE code = type_code) AS kind, tz, status,
                coalesce(broker_id, (
                    SELECT resource.id FROM claim JOIN resource ON resource.no = claim.claimable_no
                    WHERE claim.appointment_id = appointment.id AND claim.active = 1
                      AND resource.kind <> 'advisor' LIMIT 1)) AS resource_id,
                starts_at, ends_at
         FROM appointment ORDER BY created_at, id",
    ),
    ("audit", "SELECT 'identity_failed' AS kind, customer_id FROM identity_failure ORDER BY id"),
    ("billing_event", "SELECT appointment_id, broker_id, kind FROM billing_event ORDER BY id"),
    (
        "call",
        "SELECT row_number() OVER (ORDER BY started_at, call_record.call) AS seq, call_record.call,
                status, disposition
         FROM call_record LEFT JOIN interaction ON interaction.call = call_record.call
         WHERE started_at IS NOT NULL ORDER BY started_at, call_record.call",
    ),
    (
        "callback",
        "SELECT id, phone_e164 AS phone, department, reason, state FROM callback ORDER BY id",
    ),
    (
        "contact_attempt",
        "SELECT id, phone_e164 AS phone, channel, attempt_no,
                CASE purpose WHEN 'reminder' THEN about_id END AS appointment_id,
                CASE purpose WHEN 'campaign' THEN about_id END AS enrollment_id,
                state, outcome, reason
         FROM contact_attempt ORDER BY created_at, id",
    ),
    (
        "conversation_state",
        "SELECT phone_e164 AS phone, call_count FROM conversation_state ORDER BY phone_e164",
    ),
    (
        "customer",
        "SELECT id, first_name, last_name, email, postal_code, dob, language, phone_e164 AS phone
         FROM customer JOIN customer_phone ON customer_id = id ORDER BY created_at, id",
    ),
    ("dnc_entry", "SELECT id, phone_e164 AS phone, channel FROM dnc_entry ORDER BY id"),
    ("enrollment", "SELECT id, campaign_id, lead_id, node, attempts FROM enrollment ORDER BY id"),
    ("escalation", "SELECT id, reason, department, state, summary FROM escalation ORDER BY id"),
    ("job", "SELECT kind, ref_id, state, run_at FROM job ORDER BY id"),
    (
        "lead",
        "SELECT id, phone_e164 AS phone, first_name, last_name, status, qualified, broker_id,
                budget_monthly_usd
         FROM lead ORDER BY created_at, id",
    ),
    (
        "message",
        "SELECT channel, to_addr AS \"to\", template, status
         FROM message WHERE status = 'sent' ORDER BY id",
    ),
    ("mfa_session", "SELECT id, appointment_id, state FROM verification_code ORDER BY id"),
    (
        "tracking_number",
        "SELECT phone_e164 AS number, state, lead_id, broker_id
         FROM tracking_number ORDER BY phone_e164",
    ),
    ("vehicle", "SELECT id, customer_id, year, make, model, vin, mileage FROM vehicle ORDER BY id"),
];

/// What the database holds, in the words of scenarios.
///
/// # Errors
///
/// When the store cannot be read.
pub(super) async fn tables(store: &Store, names: &Names) -> Result<Tables> {
    let mut tables = BTreeMap::new();
    for (table, query) in QUERIES {
        let mut rows = store.export(query).await?;
        for row in &mut rows {
            say(table, row);
            names.translate(row);
            let is_new = row["id"].as_str().is_none_or(|id| !names.has(id));
            row["new"] = is_new.into();
        }
        tables.insert(table.to_owned(), rows);
    }
    Ok(Tables(tables))
}

/// Says what is stored as scenarios say it: moments as text, what is true or not, and lists.
fn say(table: &str, row: &mut Value) {
    let Value::Object(row) = row else { return };
    for field in ["starts_at", "ends_at", "run_at"] {
        let moment = row.get(field).and_then(Value::as_i64);
        if let Some(moment) = moment.and_then(|at| Timestamp::from_millisecond(at).ok()) {
            row.insert(field.to_owned(), moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        }
    }
    if let Some(qualified) = row.get("qualified").and_then(Value::as_i64) {
        row.insert("qualified".to_owned(), (qualified != 0).into());
    }
    if table == "dnc_entry"
        && let Some(channel) = row.remove("channel")
    {
        row.insert("channels".to_owned(), vec![channel].into());
    }
}
