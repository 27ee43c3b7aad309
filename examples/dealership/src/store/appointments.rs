use jiff::{Timestamp, Zoned, tz::TimeZone};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use voiceagent_core::{Error, ErrorKind};

use super::{
    AppointmentId, CustomerId, Fault, LeadId, LocationId, Refusal, Store, VehicleId,
    claims::{Booked, Choice, claim_all, claim_vehicle, move_along, preferred_by, release},
    conversation,
    ids::version_7,
    instant, jobs, mirrors, services,
    slots::later,
    vehicles::label,
};

/// A promise to a customer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Appointment {
    /// The identifier.
    pub id: AppointmentId,
    /// Who comes; a lead need not be a customer.
    pub customer: Option<CustomerId>,
    /// The lead that it is for.
    pub lead: Option<LeadId>,
    /// The broker with whom it is, as the name is spoken.
    pub broker: Option<String>,
    /// `service`, `test_drive`, `sales_consult` or `broker_consult`.
    pub kind: String,
    /// The code of the service.
    pub service: String,
    /// The name of the service, as it is spoken.
    pub service_name: String,
    /// The start, on the location's clocks.
    pub start: Zoned,
    /// The end.
    pub end: Zoned,
    /// The start before it was last moved.
    pub moved_from: Option<Zoned>,
    /// Where it is.
    pub location_id: LocationId,
    /// The name of that place, as it is spoken.
    pub location: String,
    /// Whether that is another place than the first.
    pub is_elsewhere: bool,
    /// The vehicle, as it is spoken.
    pub vehicle: Option<String>,
    /// Whether it stands.
    pub status: AppointmentStatus,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// A short code to quote.
    pub confirmation_code: String,
    /// The call in which it was booked.
    pub call: Option<String>,
    change_key: Option<String>,
}

/// Whether an appointment stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AppointmentStatus {
    /// It stands.
    Booked,
    /// It was cancelled.
    Cancelled,
    /// It stands, and was confirmed with a code.
    Confirmed,
}

/// What is to be booked.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct BookingRequest {
    /// The code of the service.
    pub service: String,
    /// The start.
    pub start: Timestamp,
    /// The number of the advisor who was promised.
    pub advisor: Option<i64>,
    /// Where; `None` is the first place.
    pub location: Option<LocationId>,
    /// Who comes.
    pub customer: CustomerId,
    /// With which vehicle.
    pub vehicle: Option<VehicleId>,
    /// The customer's words about it.
    pub notes: Option<String>,
    /// The call in which it is booked.
    pub call: Option<String>,
    /// A repeat with the same key returns the first booking.
    pub key: String,
}

/// A change of an appointment, and the key by which a repeat is known.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Change {
    /// Which.
    pub appointment: AppointmentId,
    /// A repeat with the same key returns the first result.
    pub key: String,
}

impl Store {
    /// Books, with everything that the service needs, or changes nothing.
    ///
    /// A repeat with the same key, or by the same customer for the same service and start, returns
    /// the first booking.
    ///
    /// # Errors
    ///
    /// [`Refusal::SlotTaken`], [`Refusal::VehicleBusy`], [`Refusal::NotFound`] for a vehicle that
    /// is not the customer's, [`Refusal::InPast`], [`Refusal::UnknownService`],
    /// [`Refusal::AlreadyCancelled`] for a repeat after the booking was cancelled, or when the
    /// store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future books nothing, or all.
    pub async fn book(
        &self,
        request: &BookingRequest,
        now: Timestamp,
    ) -> Result<Appointment, Fault> {
        let location = self.location_at(request.location).await?;
        let mut writes = self.begin().await?;
        if let Some(first) = by_key(&mut writes, &request.key).await? {
            return first.standing();
        }
        let service = services::find(&mut writes, &request.service).await?;
        if let Some(same) = same_promise(&mut writes, request).await? {
            return Ok(same);
        }
        if request.start <= now {
            return Err(Refusal::InPast.into());
        }
        let id = AppointmentId::new(now);
        let span = Booked {
            id,
            location: location.id,
            zone: location.zone,
            start: request.start,
            end: later(request.start, service.duration),
        };
        insert(&mut writes, request, &span, now).await?;
        let preferred = preferred_by(&mut writes, Some(request.customer)).await?;
        let choice = Choice { ranker: &*self.ranker, advisor: request.advisor, preferred };
        claim_all(&mut writes, &span, &service, &choice).await?;
        if let Some(vehicle) = request.vehicle {
            claim_vehicle(&mut writes, &span, vehicle, request.customer).await?;
        }
        jobs::remind(&mut writes, &span, now).await?;
        conversation::note_booked(&mut writes, request.call.as_deref()).await?;
        mirrors::want(&mut writes, span.id, now).await?;
        let booked = find(&mut writes, id).await?.ok_or(Refusal::NotFound)?;
        writes.commit().await?;
        Ok(booked)
    }

    /// Moves an appointment to a new start, or leaves it where it is.
    ///
    /// # Errors
    ///
    /// [`Refusal::SlotTaken`], [`Refusal::VehicleBusy`], [`Refusal::NotFound`],
    /// [`Refusal::AlreadyCancelled`], [`Refusal::InPast`] for one whose time or whose new time has
    /// passed, or when the store cannot be written. The old time stands after every error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future moves it or does not.
    pub async fn reschedule(
        &self,
        change: &Change,
        start: Timestamp,
        advisor: Option<i64>,
        now: Timestamp,
    ) -> Result<Appointment, Fault> {
        let mut writes = self.begin().await?;
        let old =
            find(&mut writes, change.appointment).await?.ok_or(Refusal::NotFound)?.standing()?;
        if old.change_key.as_ref() == Some(&change.key) || old.start.timestamp() == start {
            return Ok(old);
        }
        if old.start.timestamp() <= now || start <= now {
            return Err(Refusal::InPast.into());
        }
        let service = services::find(&mut writes, &old.service).await?;
        // A broker's times are on the broker's clocks.
        let zone = old.start.time_zone().clone();
        release(&mut writes, change.appointment).await?;
        let span = Booked {
            id: change.appointment,
            location: old.location_id,
            zone,
            start,
            end: later(start, service.duration),
        };
        let preferred = preferred_by(&mut writes, old.customer).await?;
        let choice = Choice { ranker: &*self.ranker, advisor, preferred };
        claim_all(&mut writes, &span, &service, &choice).await?;
        move_along(&mut writes, &span).await?;
        sqlx::query(
            "UPDATE appointment SET moved_from = starts_at, starts_at = $2, ends_at = $3,
                    local_start = $4, change_key = $5, version = version + 1, updated_at = $6
             WHERE id = $1",
        )
        .bind(change.appointment.to_string())
        .bind(span.start.as_millisecond())
        .bind(span.end.as_millisecond())
        .bind(span.local_start())
        .bind(&change.key)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        jobs::remind(&mut writes, &span, now).await?;
        mirrors::want(&mut writes, span.id, now).await?;
        let moved = find(&mut writes, change.appointment).await?.ok_or(Refusal::NotFound)?;
        writes.commit().await?;
        Ok(moved)
    }

    /// Cancels an appointment and frees what it occupied.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::AlreadyCancelled`], [`Refusal::InPast`], or when the
    /// store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels it or does not.
    pub async fn cancel(
        &self,
        change: &Change,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Appointment, Fault> {
        let mut writes = self.begin().await?;
        let old = find(&mut writes, change.appointment).await?.ok_or(Refusal::NotFound)?;
        if old.status == AppointmentStatus::Cancelled
            && old.change_key.as_ref() == Some(&change.key)
        {
            return Ok(old);
        }
        if old.standing()?.start.timestamp() <= now {
            return Err(Refusal::InPast.into());
        }
        release(&mut writes, change.appointment).await?;
        jobs::forget(&mut writes, change.appointment, now).await?;
        mirrors::want(&mut writes, change.appointment, now).await?;
        sqlx::query(
            "UPDATE appointment SET status = 'cancelled', cancelled_at = $2, cancel_reason = $3,
                    change_key = $4, version = version + 1, updated_at = $2
             WHERE id = $1",
        )
        .bind(change.appointment.to_string())
        .bind(now.as_millisecond())
        .bind(reason)
        .bind(&change.key)
        .execute(&mut *writes)
        .await?;
        sqlx::query(
            "INSERT INTO billing_event (id, appointment_id, broker_id, kind, amount_cents,
                                        created_at)
             SELECT $1, appointment_id, broker_id, 'reversal', -amount_cents, $3
             FROM billing_event WHERE appointment_id = $2 AND kind = 'appointment'",
        )
        .bind(version_7(now).to_string())
        .bind(change.appointment.to_string())
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        let cancelled = find(&mut writes, change.appointment).await?.ok_or(Refusal::NotFound)?;
        writes.commit().await?;
        Ok(cancelled)
    }

    /// An appointment, whatever its status.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn appointment(&self, id: AppointmentId) -> Result<Option<Appointment>, Fault> {
        let mut connection = self.reader.acquire().await?;
        find(&mut connection, id).await
    }

    /// The appointments of a customer that stand and have not begun, soonest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn upcoming(
        &self,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Vec<Appointment>, Fault> {
        let columns = Appointment::COLUMNS;
        sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns} FROM appointment_detail
             WHERE customer_id = $1 AND status <> 'cancelled' AND starts_at > $2 ORDER BY starts_at"
        )))
        .bind(customer.to_string())
        .bind(now.as_millisecond())
        .fetch_all(&self.reader)
        .await?
        .iter()
        .map(Appointment::read)
        .collect()
    }
}

impl Appointment {
    /// What [`read`](Self::read) reads, in `appointment_detail`.
    pub(super) const COLUMNS: &str = "appointment_detail.id, appointment_detail.customer_id,
        appointment_detail.lead_id, appointment_detail.broker_name, appointment_detail.kind,
        appointment_detail.type_code, appointment_detail.type_name, appointment_detail.starts_at,
        appointment_detail.ends_at, appointment_detail.tz, appointment_detail.moved_from,
        appointment_detail.location_id, appointment_detail.location_name,
        appointment_detail.elsewhere, appointment_detail.vehicle_id, appointment_detail.year,
        appointment_detail.make, appointment_detail.model, appointment_detail.status,
        appointment_detail.cancelled_at, appointment_detail.confirmation_code,
        appointment_detail.source_call, appointment_detail.change_key";

    pub(super) fn standing(self) -> Result<Self, Fault> {
        match self.status {
            AppointmentStatus::Booked | AppointmentStatus::Confirmed => Ok(self),
            AppointmentStatus::Cancelled => Err(Refusal::AlreadyCancelled.into()),
        }
    }

    pub(super) fn read(row: &AnyRow) -> Result<Self, Fault> {
        let zone = TimeZone::get(row.try_get("tz")?).map_err(|cause| {
            Error::new(ErrorKind::Config, "store", "an appointment's time zone is unknown")
                .with_source(cause)
        })?;
        let status = match row.try_get("status")? {
            "cancelled" => AppointmentStatus::Cancelled,
            "confirmed" => AppointmentStatus::Confirmed,
            _ => AppointmentStatus::Booked,
        };
        let customer: Option<&str> = row.try_get("customer_id")?;
        let lead: Option<&str> = row.try_get("lead_id")?;
        let vehicle: Option<&str> = row.try_get("vehicle_id")?;
        let moved_from: Option<i64> = row.try_get("moved_from")?;
        let cancelled_at: Option<i64> = row.try_get("cancelled_at")?;
        Ok(Self {
            id: AppointmentId::stored(row.try_get("id")?)?,
            customer: customer.map(CustomerId::stored).transpose()?,
            lead: lead.map(LeadId::stored).transpose()?,
            broker: row.try_get("broker_name")?,
            kind: row.try_get("kind")?,
            service: row.try_get("type_code")?,
            service_name: row.try_get("type_name")?,
            start: instant(row.try_get("starts_at")?)?.to_zoned(zone.clone()),
            end: instant(row.try_get("ends_at")?)?.to_zoned(zone.clone()),
            moved_from: moved_from.map(instant).transpose()?.map(|from| from.to_zoned(zone)),
            location_id: LocationId::stored(row.try_get("location_id")?)?,
            location: row.try_get("location_name")?,
            is_elsewhere: row.try_get::<i64, _>("elsewhere")? != 0,
            vehicle: match vehicle {
                Some(_) => {
                    Some(label(row.try_get("year")?, row.try_get("make")?, row.try_get("model")?))
                }
                None => None,
            },
            status,
            cancelled_at: cancelled_at.map(instant).transpose()?,
            confirmation_code: row.try_get("confirmation_code")?,
            call: row.try_get("source_call")?,
            change_key: row.try_get("change_key")?,
        })
    }
}

pub(super) async fn find(
    connection: &mut AnyConnection,
    id: AppointmentId,
) -> Result<Option<Appointment>, Fault> {
    let columns = Appointment::COLUMNS;
    let sql = format!("SELECT {columns} FROM appointment_detail WHERE id = $1");
    let row =
        sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(connection).await?;
    row.as_ref().map(Appointment::read).transpose()
}

pub(super) async fn by_key(
    connection: &mut AnyConnection,
    key: &str,
) -> Result<Option<Appointment>, Fault> {
    let columns = Appointment::COLUMNS;
    let sql = format!("SELECT {columns} FROM appointment_detail WHERE idempotency_key = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(key).fetch_optional(connection).await?;
    row.as_ref().map(Appointment::read).transpose()
}

/// A model that repeats itself makes a new tool call, with a new key, for the same promise.
async fn same_promise(
    connection: &mut AnyConnection,
    request: &BookingRequest,
) -> Result<Option<Appointment>, Fault> {
    let columns = Appointment::COLUMNS;
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT {columns} FROM appointment_detail
         WHERE customer_id = $1 AND type_code = $2 AND starts_at = $3
           AND vehicle_id IS NOT DISTINCT FROM $4 AND status <> 'cancelled'"
    )))
    .bind(request.customer.to_string())
    .bind(&request.service)
    .bind(request.start.as_millisecond())
    .bind(request.vehicle.map(|vehicle| vehicle.to_string()))
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(Appointment::read).transpose()
}

async fn insert(
    connection: &mut AnyConnection,
    request: &BookingRequest,
    span: &Booked,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO appointment (id, location_id, type_code, customer_id, vehicle_id, starts_at,
                                  ends_at, tz, local_start, confirmation_code, notes, source_call,
                                  idempotency_key, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
    )
    .bind(span.id.to_string())
    .bind(span.location.to_string())
    .bind(&request.service)
    .bind(request.customer.to_string())
    .bind(request.vehicle.map(|vehicle| vehicle.to_string()))
    .bind(span.start.as_millisecond())
    .bind(span.end.as_millisecond())
    .bind(span.zone.iana_name().unwrap_or("UTC"))
    .bind(span.local_start())
    .bind(confirmation_code(now))
    .bind(&request.notes)
    .bind(&request.call)
    .bind(&request.key)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Six characters that are not mistaken for one another on the phone or on paper.
pub(super) fn confirmation_code(now: Timestamp) -> String {
    const LETTERS: &[u8] = b"ACEFHJKLMNPQRTWXY34679";
    let random = version_7(now);
    let tail = &random.as_bytes()[10..];
    tail.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
