use jiff::{Timestamp, ToSpan, civil::time};
use sqlx::SqliteConnection;

use super::{AppointmentId, Fault, claims::Booked, ids::version_7};

/// Notes that somebody is to be reminded of a visit: on the evening before, by the clocks of the
/// visit. A visit that was moved is reminded of anew, one of this evening or tomorrow's early hours
/// not at all.
pub(super) async fn remind(
    connection: &mut SqliteConnection,
    span: &Booked,
    now: Timestamp,
) -> Result<(), Fault> {
    forget(connection, span.id).await?;
    let day = span.start.to_zoned(span.zone.clone()).date().saturating_sub(1.day());
    let evening = day.to_datetime(time(18, 0, 0, 0)).to_zoned(span.zone.clone());
    let Some(at) = evening.ok().map(|evening| evening.timestamp()).filter(|at| *at > now) else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO job (id, kind, ref_id, run_at, created_at) VALUES (?1, 'reminder', ?2, ?3, ?4)",
    )
    .bind(version_7(now).to_string())
    .bind(span.id.to_string())
    .bind(at.as_millisecond())
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Reminds nobody of a visit any more.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    appointment: AppointmentId,
) -> Result<(), Fault> {
    sqlx::query("UPDATE job SET state = 'cancelled' WHERE ref_id = ?1 AND state = 'ready'")
        .bind(appointment.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
