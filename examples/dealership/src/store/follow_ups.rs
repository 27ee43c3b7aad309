use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use sqlx::AnyConnection;

use super::{Fault, JobKind, Store, jobs, slots::later};
use crate::{phone::Phone, templates::FollowUp};

/// Nobody is written to after every call of a day.
const ONCE_IN_HOURS: i64 = 24;
/// A number that is written later than this is no rating of the call.
const RATED_WITHIN_DAYS: i64 = 7;
/// What is late by this is not sent any more.
const SENT_WITHIN_DAYS: i64 = 3;

/// A message after a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowUpText {
    /// Who gets it.
    pub phone: Phone,
    /// What it says.
    pub words: String,
    /// Whether they would rather have it on `WhatsApp`.
    pub prefers_whatsapp: bool,
}

impl Store {
    /// Has whoever was in a call written to as its template says: if they have agreed to texts, if it
    /// is for what came of the call, and once in a day. Returns whether they will be.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future plans it, or nothing.
    pub async fn plan_follow_up(
        &self,
        call: &str,
        (follow_up, house): (&FollowUp, &str),
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let outcome: Option<String> =
            sqlx::query_scalar("SELECT disposition FROM interaction WHERE call = $1")
                .bind(call)
                .fetch_optional(&mut *writes)
                .await?;
        if !outcome.is_some_and(|outcome| follow_up.is_for(&outcome)) {
            return Ok(false);
        }
        let planned = sqlx::query(
            "INSERT INTO follow_up (call, phone_e164, words, asks_rating, created_at)
             SELECT call, phone_e164, $2, $3, $4 FROM call_record
             WHERE call = $1 AND status = 'completed' AND phone_e164 IS NOT NULL
               AND EXISTS (SELECT 1 FROM consent
                           WHERE consent.phone_e164 = call_record.phone_e164
                             AND channel IN ('sms', 'whatsapp') AND status = 'granted')
               AND NOT EXISTS (SELECT 1 FROM follow_up AS other
                               WHERE other.phone_e164 = call_record.phone_e164
                                 AND other.created_at > $5)
             ON CONFLICT (call) DO NOTHING",
        )
        .bind(call)
        .bind(follow_up.words(house))
        .bind(i64::from(follow_up.rating))
        .bind(now.as_millisecond())
        .bind(later(now, (-ONCE_IN_HOURS).hours()).as_millisecond())
        .execute(&mut *writes)
        .await?;
        if planned.rows_affected() == 0 {
            return Ok(false);
        }
        let at = later(now, i64::from(follow_up.after_minutes).minutes());
        jobs::schedule(&mut writes, (JobKind::FollowUp, call), at, now).await?;
        writes.commit().await?;
        Ok(true)
    }

    /// What is written after a call; `None` if nothing is, or it is too late.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn follow_up(
        &self,
        call: &str,
        now: Timestamp,
    ) -> Result<Option<FollowUpText>, Fault> {
        let row: Option<(String, String, i64)> = sqlx::query_as(
            "SELECT phone_e164, words,
                    (SELECT count(*) FROM customer_phone
                     JOIN customer ON customer.id = customer_phone.customer_id
                     WHERE customer_phone.phone_e164 = follow_up.phone_e164
                       AND preferred_channel = 'whatsapp')
             FROM follow_up WHERE call = $1 AND created_at > $2",
        )
        .bind(call)
        .bind(later(now, (-SENT_WITHIN_DAYS * 24).hours()).as_millisecond())
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.and_then(|(phone, words, prefers)| {
            let phone = Phone::parse(&phone)?;
            Some(FollowUpText { phone, words, prefers_whatsapp: prefers > 0 })
        }))
    }

    /// How many ratings of so many stars there were since a moment.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn ratings(&self, since: Timestamp) -> Result<BTreeMap<u8, i64>, Fault> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT stars, count(*) FROM follow_up
             WHERE stars IS NOT NULL AND rated_at >= $1 GROUP BY stars ORDER BY stars",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let stars = rows.into_iter().filter_map(|(stars, count)| {
            let stars = u8::try_from(stars).ok()?;
            Some((stars, count))
        });
        Ok(stars.collect())
    }
}

/// Notes what somebody thinks of their last call that they were asked about, once. Who was not asked
/// has written a number.
pub(super) async fn rate(
    connection: &mut AnyConnection,
    phone: &Phone,
    stars: u8,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE follow_up SET stars = $2, rated_at = $3
         WHERE stars IS NULL AND call = (
             SELECT call FROM follow_up AS last
             WHERE last.phone_e164 = $1 AND last.asks_rating = 1 AND last.created_at > $4
               AND EXISTS (SELECT 1 FROM contact_attempt
                           WHERE purpose = 'follow_up' AND about_id = last.call
                             AND state IN ('intent', 'placed', 'completed', 'unknown'))
             ORDER BY last.created_at DESC, last.call LIMIT 1)",
    )
    .bind(phone.as_str())
    .bind(i64::from(stars))
    .bind(now.as_millisecond())
    .bind(later(now, (-RATED_WITHIN_DAYS * 24).hours()).as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}
