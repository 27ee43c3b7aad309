use std::cmp::Reverse;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use sqlx::AnyConnection;

use super::{
    AppointmentId, CustomerId, Fault, LocationId, Need, Refusal, Service, SlotRanker, VehicleId,
    fault, mirrors,
    ranking::{Occasion, Resource},
    slots::later,
};

/// Which appointment occupies what, and when.
pub(super) struct Booked {
    pub(super) id: AppointmentId,
    pub(super) location: LocationId,
    pub(super) zone: TimeZone,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// By what it is decided who has a visit.
pub(super) struct Choice<'a> {
    pub(super) ranker: &'a dyn SlotRanker,
    /// The number of the advisor who was promised.
    pub(super) advisor: Option<i64>,
    /// The number of the advisor whom the customer prefers.
    pub(super) preferred: Option<i64>,
}

impl Booked {
    pub(super) fn local_start(&self) -> String {
        self.start.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
    }
}

/// Claims one free resource of each kind that the service needs.
pub(super) async fn claim_all(
    connection: &mut AnyConnection,
    span: &Booked,
    service: &Service,
    choice: &Choice<'_>,
) -> Result<(), Fault> {
    if !service.needs.is_empty() && mirrors::is_closed(connection, span).await? {
        return Err(Refusal::SlotTaken.into());
    }
    for need in &service.needs {
        if !claim_one(connection, span, (service, need), choice).await? {
            return Err(Refusal::SlotTaken.into());
        }
    }
    Ok(())
}

async fn claim_one(
    connection: &mut AnyConnection,
    span: &Booked,
    (service, need): (&Service, &Need),
    choice: &Choice<'_>,
) -> Result<bool, Fault> {
    let until = later(span.start, need.duration);
    let resources: Vec<(i64, String, Option<String>, i64)> = sqlx::query_as(
        "SELECT no, kind, skills, buffer_minutes FROM resource
         WHERE location_id = $1 AND kind = $2 AND active = 1
           AND (kind <> 'advisor' OR no = coalesce($3, no))
         ORDER BY no",
    )
    .bind(span.location.to_string())
    .bind(&need.kind)
    .bind(choice.advisor)
    .fetch_all(&mut *connection)
    .await?;
    let visits: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT claimable_no, claim.starts_at, claim.ends_at
         FROM claim JOIN resource ON resource.no = claim.claimable_no
         WHERE claim.active = 1 AND resource.location_id = $1 AND resource.kind = $2
           AND claim.starts_at < $4 AND claim.ends_at > $3",
    )
    .bind(span.location.to_string())
    .bind(&need.kind)
    .bind(later(span.start, (-24).hours()).as_millisecond())
    .bind(later(span.end, 24.hours()).as_millisecond())
    .fetch_all(&mut *connection)
    .await?;
    let occasion =
        Occasion { service: &service.code, preferred: choice.preferred, counts_load: true };
    let mut candidates = Vec::new();
    for resource in resources {
        let resource = Resource::read(resource)?;
        let own: Vec<(i64, i64)> = visits
            .iter()
            .filter(|(no, ..)| *no == resource.no)
            .map(|(_, from, to)| (*from, *to))
            .collect();
        let candidate = resource.candidate(&occasion, (span.start, until), &own);
        candidates
            .extend(choice.ranker.score(&candidate).map(|score| (Reverse(score), resource.no)));
    }
    // Of those that suit as well, the one with the lowest number.
    candidates.sort_unstable();
    for (_, no) in candidates {
        if claim(connection, span, no, until).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of the advisor whom a customer prefers.
pub(super) async fn preferred_by(
    connection: &mut AnyConnection,
    customer: Option<CustomerId>,
) -> Result<Option<i64>, Fault> {
    let no = sqlx::query_scalar(
        "SELECT resource.no FROM customer
         JOIN resource ON resource.id = preferred_advisor_id
         WHERE customer.id = $1 AND resource.active = 1",
    )
    .bind(customer.map(|customer| customer.to_string()))
    .fetch_optional(connection)
    .await?;
    Ok(no)
}

/// Claims the vehicle for the whole appointment.
pub(super) async fn claim_vehicle(
    connection: &mut AnyConnection,
    span: &Booked,
    vehicle: VehicleId,
    customer: CustomerId,
) -> Result<(), Fault> {
    let no: Option<i64> = sqlx::query_scalar(
        "SELECT no FROM vehicle WHERE id = $1 AND customer_id = $2 AND active = 1",
    )
    .bind(vehicle.to_string())
    .bind(customer.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let no = no.ok_or(Refusal::NotFound)?;
    if claim_whole(connection, span, no).await? { Ok(()) } else { Err(Refusal::VehicleBusy.into()) }
}

/// Claims a number, unless somebody has it or a calendar says that they are busy. Who writes here has
/// the turn, so what is free stays free until the end of the transaction; what the tables themselves refuse was written past that.
async fn claim(
    connection: &mut AnyConnection,
    span: &Booked,
    no: i64,
    until: Timestamp,
) -> Result<bool, Fault> {
    let inserted = sqlx::query(
        "INSERT INTO claim (appointment_id, claimable_no, starts_at, ends_at)
         SELECT $1, $2, $3, $4 WHERE NOT EXISTS (
             SELECT 1 FROM claim
             WHERE claimable_no = $2 AND active = 1 AND starts_at < $4 AND ends_at > $3)
           AND NOT EXISTS (
             SELECT 1 FROM calendar_busy
             WHERE claimable_no = $2 AND starts_at < $4 AND ends_at > $3)",
    )
    .bind(span.id.to_string())
    .bind(no)
    .bind(span.start.as_millisecond())
    .bind(until.as_millisecond())
    .execute(connection)
    .await;
    match inserted {
        Ok(done) => Ok(done.rows_affected() > 0),
        Err(cause) if fault::is_overlap(&cause) => Err(Refusal::SlotTaken.into()),
        Err(cause) => Err(cause.into()),
    }
}

/// Makes a number for something that can be in one place only.
pub(super) async fn number(connection: &mut AnyConnection) -> Result<i64, Fault> {
    let no = sqlx::query_scalar(
        "INSERT INTO claimable (no) SELECT coalesce(max(no), 0) + 1 FROM claimable RETURNING no",
    )
    .fetch_one(connection)
    .await?;
    Ok(no)
}

/// Frees everything that an appointment occupies.
pub(super) async fn release(
    connection: &mut AnyConnection,
    id: AppointmentId,
) -> Result<(), Fault> {
    sqlx::query("UPDATE claim SET active = 0 WHERE appointment_id = $1 AND active = 1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Claims the vehicle and the broker of an appointment that is being moved, if there are any.
pub(super) async fn move_along(connection: &mut AnyConnection, span: &Booked) -> Result<(), Fault> {
    let (vehicle, broker): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT vehicle.no, broker.no FROM appointment
         LEFT JOIN vehicle ON vehicle.id = vehicle_id LEFT JOIN broker ON broker.id = broker_id
         WHERE appointment.id = $1",
    )
    .bind(span.id.to_string())
    .fetch_one(&mut *connection)
    .await?;
    for (no, refusal) in [(vehicle, Refusal::VehicleBusy), (broker, Refusal::SlotTaken)] {
        if let Some(no) = no
            && !claim_whole(connection, span, no).await?
        {
            return Err(refusal.into());
        }
    }
    Ok(())
}

/// Claims a number from the beginning to the end, unless somebody has it.
pub(super) async fn claim_whole(
    connection: &mut AnyConnection,
    span: &Booked,
    no: i64,
) -> Result<bool, Fault> {
    claim(connection, span, no, span.end).await
}
