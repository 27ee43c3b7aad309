use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AppointmentId, BrokerId, CustomerId, Fault, LeadId, LocationId, Refusal, Store, VehicleId,
    fault::strange, rows::object,
};

/// All that is known of an appointment, and how it stands in its calendar.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct BookingRecord {
    /// The identifier.
    pub id: AppointmentId,
    /// Where it is.
    pub location_id: LocationId,
    /// `service`, `test_drive`, `sales_consult` or `broker_consult`.
    pub kind: String,
    /// The code of the service.
    pub service_type: String,
    /// Who comes.
    pub customer_id: Option<CustomerId>,
    /// The lead that it is for.
    pub lead_id: Option<LeadId>,
    /// The broker with whom it is.
    pub broker_id: Option<BrokerId>,
    /// With which vehicle.
    pub vehicle_id: Option<VehicleId>,
    /// The start.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub starts_at: Timestamp,
    /// The end.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub ends_at: Timestamp,
    /// On whose clocks, by IANA name.
    pub tz: String,
    /// The start on those clocks.
    pub local_start: String,
    /// `booked`, `confirmed` or `cancelled`.
    pub status: String,
    /// The code to quote.
    pub confirmation_code: String,
    /// When it was confirmed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub confirmed_at: Option<Timestamp>,
    /// `code` or `person`.
    pub confirmation_method: Option<String>,
    /// The customer's words about it.
    pub concern: Option<String>,
    /// The call in which it was booked.
    pub source_call: Option<String>,
    /// By what a repeat is known.
    pub idempotency_key: String,
    /// The calendar that shows it.
    pub calendar: Option<String>,
    /// What it is called there.
    pub calendar_event_id: Option<String>,
    /// How it was left there.
    pub calendar_etag: Option<String>,
    /// `none`, `pending`, `synced` or `failed`.
    pub calendar_state: String,
    /// When it was cancelled.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub cancelled_at: Option<Timestamp>,
    /// Why.
    pub cancel_reason: Option<String>,
    /// The start before it was last moved.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub moved_from: Option<Timestamp>,
    /// Higher with each change, from 1.
    pub version: i64,
    /// When it was booked.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub updated_at: Timestamp,
}

impl Store {
    /// All that is known of an appointment.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], or when the store cannot be read.
    pub async fn booking(&self, id: AppointmentId) -> Result<BookingRecord, Fault> {
        let row = sqlx::query(
            "SELECT id, location_id, kind, type_code AS service_type, customer_id, lead_id,
                    broker_id, vehicle_id, starts_at, ends_at, tz, local_start, status,
                    confirmation_code, confirmed_at, confirmation_method, notes AS concern,
                    source_call, idempotency_key, calendar_name AS calendar, calendar_event_id,
                    calendar_tag AS calendar_etag, calendar_state, cancelled_at, cancel_reason,
                    moved_from, version, created_at, updated_at
             FROM appointment_detail WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?
        .ok_or(Refusal::NotFound)?;
        let read = serde_json::from_value(object(&row)?);
        let strange = || strange("appointment", "what is no appointment");
        Ok(read.map_err(|cause| strange().with_source(cause))?)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, civil::date};
    use serde_json::json;

    use super::*;
    use crate::{
        calendar::Written,
        phone::Phone,
        store::{
            Change, CodeVerdict, MirrorEnd,
            tests::{customer, friday, request},
        },
    };

    const FIELDS: [&str; 29] = [
        "broker_id",
        "calendar",
        "calendar_etag",
        "calendar_event_id",
        "calendar_state",
        "cancel_reason",
        "cancelled_at",
        "concern",
        "confirmation_code",
        "confirmation_method",
        "confirmed_at",
        "created_at",
        "customer_id",
        "ends_at",
        "id",
        "idempotency_key",
        "kind",
        "lead_id",
        "local_start",
        "location_id",
        "moved_from",
        "service_type",
        "source_call",
        "starts_at",
        "status",
        "tz",
        "updated_at",
        "vehicle_id",
        "version",
    ];

    #[tokio::test]
    async fn an_appointment_has_29_fields_with_its_calendar_and_a_version_for_each_change() {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        store.run("DELETE FROM calendar_entry").await;
        let zoe = customer(&store, "Zoe").await;
        let at = |hour| date(2026, 11, 23).at(hour, 0, 0, 0).in_tz("America/Chicago").unwrap();
        let booked = request(zoe, at(11).timestamp(), "k");
        let id = store.book(&booked, friday()).await.unwrap().id;
        let first = store.booking(id).await.unwrap();
        let known = json!(first);
        assert_eq!(known.as_object().unwrap().keys().collect::<Vec<_>>(), FIELDS);
        assert_eq!((first.version, &*first.calendar_state), (1, "pending"));

        let task = store.claim_mirror(SignedDuration::from_mins(2), friday()).await.unwrap();
        let task = task.unwrap();
        let written = Written { name: "e1".to_owned(), tag: Some("t1".to_owned()) };
        let end = MirrorEnd::Written("house".to_owned(), written);
        store.end_mirror(&task, &end, friday()).await.unwrap();
        let change = |key: &str| Change { appointment: id, key: key.to_owned() };
        let phone = Phone::parse("+16305550199").unwrap();
        let code = store.note_code((id, &phone), |_| "h".to_owned(), friday()).await.unwrap();
        let verdict = store.try_code(code.id, "h", friday()).await.unwrap();
        assert!(matches!(verdict, CodeVerdict::Verified(_)));
        let shown = store.booking(id).await.unwrap();
        assert_eq!((&*shown.calendar_state, shown.version), ("synced", 2));
        assert_eq!(shown.calendar_event_id.as_deref(), Some("e1"));
        assert_eq!(shown.confirmed_at, Some(friday()));
        assert_eq!(shown.confirmation_method.as_deref(), Some("code"));

        store.reschedule(&change("b"), at(13).timestamp(), None, friday()).await.unwrap();
        store.cancel(&change("c"), Some("ill"), friday()).await.unwrap();
        let last = store.booking(id).await.unwrap();
        assert_eq!(
            (last.version, &*last.status, &*last.calendar_state),
            (4, "cancelled", "pending")
        );
        assert_eq!(
            (last.moved_from, last.cancel_reason.as_deref()),
            (Some(at(11).timestamp()), Some("ill"))
        );
    }
}
