use std::collections::BTreeMap;

use voiceagent_core::Result;

use super::{fixture::Names, tables::Tables};
use crate::store::Store;

/// The tables of scenarios, by the query that makes a row an object.
const QUERIES: [(&str, &str); 17] = [
    (
        "appointment",
        "SELECT json_object(
             'id', id, 'location_id', location_id, 'customer_id', customer_id, 'lead_id', lead_id,
             'vehicle_id', vehicle_id, 'service_type', type_code, 'kind',
             (SELECT kind FROM appointment_type WHERE code = type_code), 'tz', tz,
             'status', status, 'resource_id', coalesce(broker_id, (
                 SELECT resource.id FROM claim JOIN resource ON resource.no = claim.claimable_no
                 WHERE claim.appointment_id = appointment.id AND claim.active = 1
                   AND resource.kind <> 'advisor' LIMIT 1)),
             'starts_at', strftime('%Y-%m-%dT%H:%M:%SZ', starts_at / 1000, 'unixepoch'),
             'ends_at', strftime('%Y-%m-%dT%H:%M:%SZ', ends_at / 1000, 'unixepoch'))
         FROM appointment ORDER BY created_at, id",
    ),
    (
        "audit",
        "SELECT json_object('kind', 'identity_failed', 'customer_id', customer_id)
         FROM identity_failure ORDER BY id",
    ),
    (
        "billing_event",
        "SELECT json_object('appointment_id', appointment_id, 'broker_id', broker_id, 'kind', kind)
         FROM billing_event ORDER BY id",
    ),
    (
        "call",
        "SELECT json_object('seq', row_number() OVER (ORDER BY started_at, call_record.call),
                            'call', call_record.call, 'status', status,
                            'disposition', disposition)
         FROM call_record LEFT JOIN interaction ON interaction.call = call_record.call
         WHERE started_at IS NOT NULL ORDER BY started_at, call_record.call",
    ),
    (
        "callback",
        "SELECT json_object('id', id, 'phone', phone_e164, 'department', department,
                            'reason', reason, 'state', state)
         FROM callback ORDER BY id",
    ),
    (
        "contact_attempt",
        "SELECT json_object(
             'id', id, 'phone', phone_e164, 'channel', channel, 'attempt_no', attempt_no,
             'appointment_id', iif(purpose = 'reminder', about_id, NULL),
             'enrollment_id', iif(purpose = 'campaign', about_id, NULL),
             'state', state, 'outcome', outcome, 'reason', reason)
         FROM contact_attempt ORDER BY created_at, id",
    ),
    (
        "conversation_state",
        "SELECT json_object('phone', phone_e164, 'call_count', call_count)
         FROM conversation_state ORDER BY phone_e164",
    ),
    (
        "customer",
        "SELECT json_object(
             'id', id, 'first_name', first_name, 'last_name', last_name, 'email', email,
             'postal_code', postal_code, 'dob', dob, 'language', language, 'phone', phone_e164)
         FROM customer JOIN customer_phone ON customer_id = id ORDER BY created_at, id",
    ),
    (
        "dnc_entry",
        "SELECT json_object('id', id, 'phone', phone_e164, 'channels', json_array(channel))
         FROM dnc_entry ORDER BY id",
    ),
    (
        "enrollment",
        "SELECT json_object('id', id, 'campaign_id', campaign_id, 'lead_id', lead_id, 'node', node,
                            'attempts', attempts)
         FROM enrollment ORDER BY id",
    ),
    (
        "escalation",
        "SELECT json_object('id', id, 'reason', reason, 'department', department, 'state', state,
                            'summary', summary)
         FROM escalation ORDER BY id",
    ),
    (
        "job",
        "SELECT json_object('kind', kind, 'ref_id', ref_id, 'state', state, 'run_at',
                            strftime('%Y-%m-%dT%H:%M:%SZ', run_at / 1000, 'unixepoch'))
         FROM job ORDER BY id",
    ),
    (
        "lead",
        "SELECT json_object(
             'id', id, 'phone', phone_e164, 'first_name', first_name, 'last_name', last_name,
             'status', status, 'qualified', json(iif(qualified IS NULL, 'null',
                 iif(qualified, 'true', 'false'))),
             'broker_id', broker_id, 'budget_monthly_usd', budget_monthly_usd)
         FROM lead ORDER BY created_at, id",
    ),
    (
        "message",
        "SELECT json_object('channel', channel, 'to', to_addr, 'template', template,
                            'status', status)
         FROM message WHERE status = 'sent' ORDER BY id",
    ),
    (
        "mfa_session",
        "SELECT json_object('id', id, 'appointment_id', appointment_id, 'state', state)
         FROM verification_code ORDER BY id",
    ),
    (
        "tracking_number",
        "SELECT json_object('number', phone_e164, 'state', state, 'lead_id', lead_id,
                            'broker_id', broker_id)
         FROM tracking_number ORDER BY phone_e164",
    ),
    (
        "vehicle",
        "SELECT json_object('id', id, 'customer_id', customer_id, 'year', year, 'make', make,
                            'model', model, 'vin', vin, 'mileage', mileage)
         FROM vehicle ORDER BY id",
    ),
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
            names.translate(row);
            let is_new = row["id"].as_str().is_none_or(|id| !names.has(id));
            row["new"] = is_new.into();
        }
        tables.insert(table.to_owned(), rows);
    }
    Ok(Tables(tables))
}
