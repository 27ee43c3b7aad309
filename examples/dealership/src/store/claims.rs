use jiff::{Span, Timestamp, tz::TimeZone};
use sqlx::AnyConnection;

use super::{
    AppointmentId, CustomerId, Fault, LocationId, Refusal, Service, VehicleId, fault, mirrors,
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
    advisor: Option<i64>,
) -> Result<(), Fault> {
    if !service.needs.is_empty() && mirrors::is_closed(connection, span).await? {
        return Err(Refusal::SlotTaken.into());
    }
    for need in &service.needs {
        if !claim_one(connection, span, (&need.kind, need.duration), advisor).await? {
            return Err(Refusal::SlotTaken.into());
        }
    }
    Ok(())
}

async fn claim_one(
    connection: &mut AnyConnection,
    span: &Booked,
    (kind, duration): (&str, Span),
    advisor: Option<i64>,
) -> Result<bool, Fault> {
    let candidates: Vec<i64> = sqlx::query_scalar(
        "SELECT no FROM resource
         WHERE location_id = $1 AND kind = $2 AND active = 1
           AND (kind <> 'advisor' OR no = coalesce($3, no))
         ORDER BY no",
    )
    .bind(span.location.to_string())
    .bind(kind)
    .bind(advisor)
    .fetch_all(&mut *connection)
    .await?;
    for no in candidates {
        if claim(connection, span, no, later(span.start, duration)).await? {
            return Ok(true);
        }
    }
    Ok(false)
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

/// Claims a number, unless somebody has it or a calendar says that they are busy. Who writes here has the turn, so what is free stays free
/// until the end of the transaction; what the tables themselves refuse was written past that.
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
