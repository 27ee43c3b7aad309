use std::time::Duration;

use sqlx::{AnyConnection, Row as _};
use voiceagent_core::transport::LineQuality;

use super::{Fault, Store};

/// Only whole numbers are stored: shares are of a million, and opinions have two digits.
const MILLION: f32 = 1e6;
const HUNDRED: f32 = 100.0;

impl Store {
    /// How well the line of a call has carried sound; `None` where it could not tell, or is not over.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn line_quality(&self, call: &str) -> Result<Option<LineQuality>, Fault> {
        let row = sqlx::query(
            "SELECT received, lost, jitter_us, peer_loss_ppm, peer_jitter_us, round_trip_us,
                    estimated_mos
             FROM line_quality WHERE call = $1",
        )
        .bind(call)
        .fetch_optional(&self.reader)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let count = |at: usize| -> Result<u64, Fault> {
            Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0))
        };
        let time = |at: usize| -> Result<Option<Duration>, Fault> {
            let micros: Option<i64> = row.try_get(at)?;
            Ok(micros.and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros))
        };
        let share = |at: usize, whole: f32| -> Result<Option<f32>, Fault> {
            Ok(row.try_get::<Option<i64>, _>(at)?.map(|share| share as f32 / whole))
        };
        let mut quality = LineQuality::default();
        (quality.received, quality.lost) = (count(0)?, count(1)?);
        quality.jitter = time(2)?.unwrap_or_default();
        (quality.peer_loss, quality.peer_jitter) = (share(3, MILLION)?, time(4)?);
        (quality.round_trip, quality.estimated_mos) = (time(5)?, share(6, HUNDRED)?);
        Ok(Some(quality))
    }
}

/// Notes how well the line of a call has carried sound.
pub(super) async fn note(
    writes: &mut AnyConnection,
    call: &str,
    quality: &LineQuality,
) -> Result<(), Fault> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO line_quality (call, received, lost, jitter_us, peer_loss_ppm, peer_jitter_us,
                                   round_trip_us, estimated_mos)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (call) DO UPDATE SET
             received = excluded.received, lost = excluded.lost, jitter_us = excluded.jitter_us,
             peer_loss_ppm = excluded.peer_loss_ppm, peer_jitter_us = excluded.peer_jitter_us,
             round_trip_us = excluded.round_trip_us, estimated_mos = excluded.estimated_mos",
    )
    .bind(call)
    .bind(count(quality.received))
    .bind(count(quality.lost))
    .bind(micros(quality.jitter))
    .bind(quality.peer_loss.map(|loss| (loss * MILLION).round() as i64))
    .bind(quality.peer_jitter.map(micros))
    .bind(quality.round_trip.map(micros))
    .bind(quality.estimated_mos.map(|mos| (mos * HUNDRED).round() as i64))
    .execute(writes)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Ending;

    #[tokio::test]
    async fn the_record_of_a_call_keeps_how_well_its_line_carried_sound() {
        let store = Store::fresh().await;
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut quality = LineQuality::default();
        (quality.received, quality.lost) = (1_000, 7);
        quality.jitter = Duration::from_micros(4_321);
        (quality.peer_loss, quality.estimated_mos) = (Some(0.25), Some(4.25));
        let ending = |quality| Ending { quality, ..Ending::default() };
        store.conclude("C1", ending(Some(quality)), now).await.unwrap();
        store.conclude("C2", ending(None), now).await.unwrap();
        assert_eq!(store.line_quality("C1").await.unwrap(), Some(quality));
        assert_eq!(store.line_quality("C2").await.unwrap(), None);
        quality.lost = 8;
        quality.round_trip = Some(Duration::from_millis(40));
        store.conclude("C1", ending(Some(quality)), now).await.unwrap();
        assert_eq!(store.line_quality("C1").await.unwrap(), Some(quality));
    }
}
