use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;
use sqlx::AnyConnection;
use voiceagent_core::{
    CallId,
    transport::{Direction, LineQuality},
};

use crate::{phone::Phone, trace::Trace};

use super::{
    Fault, JobKind, Life, Outcome, Store, ids::version_7, jobs, outcomes, quality, slots::later,
};

/// How long it is remembered what a call was about that broke off.
const REMEMBERED_HOURS: i64 = 24;
/// A caller who is cut off is given so long to call again before they are written to.
const RECOVERY: SignedDuration = SignedDuration::from_mins(1);

/// What is noted of a call that nobody has noted.
const UNNOTED: &str = "The call ended before it was noted.";

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Ending {
    /// Whether it broke off.
    pub failed: bool,
    /// Whether a machine took it.
    pub by_machine: bool,
    /// Whether the machine has the whole message.
    pub message_left: bool,
    /// How well the line has carried sound, where it can tell.
    pub quality: Option<LineQuality>,
}

impl Store {
    /// Notes that a call begins, and counts the calls of its number. Returns what the last call of
    /// the number was about to book, if that broke off not long ago.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn begin_call(
        &self,
        call: &str,
        phone: Option<&Phone>,
        direction: Direction,
        now: Timestamp,
    ) -> Result<Option<Value>, Fault> {
        let mut writes = self.begin().await?;
        come_back(&mut writes, call, now).await?;
        sqlx::query(
            "INSERT INTO call_record (call, phone_e164, direction, status, started_at, updated_at,
                                      life, trace_id)
             VALUES ($1, $2, $3, 'live', $4, $4, $5, $6)
             ON CONFLICT (call) DO UPDATE SET phone_e164 = $2, direction = $3, status = 'live',
                                              started_at = $4, updated_at = $4, life = $5, trace_id = $6",
        )
        .bind(call)
        .bind(phone.map(Phone::as_str))
        .bind(match direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        })
        .bind(now.as_millisecond())
        .bind(self.life.as_ref().map(Life::id))
        .bind(Trace::of(&CallId::new(call)).id())
        .execute(&mut *writes)
        .await?;
        let mut wish = None;
        if let Some(phone) = phone {
            let kept: Option<Option<String>> = sqlx::query_scalar(
                "INSERT INTO conversation_state (phone_e164, call, updated_at) VALUES ($1, $2, $3)
                 ON CONFLICT (phone_e164) DO UPDATE SET
                     call = $2, broke_at = NULL, updated_at = $3,
                     call_count = conversation_state.call_count
                                + CASE WHEN conversation_state.call = $2 THEN 0 ELSE 1 END,
                     node = CASE WHEN conversation_state.call = $2
                                 THEN conversation_state.node END,
                     verified = CASE WHEN conversation_state.call = $2
                                     THEN conversation_state.verified ELSE 0 END,
                     appointment_booked = CASE WHEN conversation_state.call = $2
                                               THEN conversation_state.appointment_booked
                                               ELSE 0 END,
                      wish = CASE WHEN conversation_state.broke_at > $4
                                                  THEN conversation_state.wish END
                 RETURNING wish",
            )
            .bind(phone.as_str())
            .bind(call)
            .bind(now.as_millisecond())
            .bind(later(now, (-REMEMBERED_HOURS).hours()).as_millisecond())
            .fetch_optional(&mut *writes)
            .await?;
            wish = kept.flatten().and_then(|wish| serde_json::from_str(&wish).ok());
        }
        writes.commit().await?;
        Ok(wish)
    }

    /// Notes what a call is about to book, for the case that it breaks off.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_wish(&self, call: &str, wish: &Value, now: Timestamp) -> Result<(), Fault> {
        self.write(
            sqlx::query("UPDATE conversation_state SET wish = $2, updated_at = $3 WHERE call = $1")
                .bind(call)
                .bind(wish.to_string())
                .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// Notes how a call went that is over: by what it left behind, if nobody has noted it, and once.
    /// What follows is noted with it: a text to somebody whose call broke off, the end of a call
    /// that we made and what is to be tried next. Returns whether nobody had noted it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future notes all of it, or nothing.
    pub async fn conclude(
        &self,
        call: &str,
        ending: Ending,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let is_news = end(&mut writes, call, ending, now).await?;
        writes.commit().await?;
        Ok(is_news)
    }

    /// Notes that the carrier says of a call that it failed, however often it says so. One that goes
    /// on here is noted when it is over.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_failed(&self, call: &str, now: Timestamp) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        sqlx::query(
            "UPDATE call_record SET status = 'failed', updated_at = $2
             WHERE call = $1 AND status = 'completed'",
        )
        .bind(call)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        recover(&mut writes, call, now).await?;
        writes.commit().await?;
        Ok(())
    }

    /// Whose call broke off not long ago, unless they have called again since.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn cut_off(&self, call: &str, now: Timestamp) -> Result<Option<Phone>, Fault> {
        let phone: Option<String> = sqlx::query_scalar(
            "SELECT phone_e164 FROM call_record
             WHERE call = $1 AND status = 'failed' AND phone_e164 IS NOT NULL
               AND started_at > $2 AND NOT EXISTS (SELECT 1 FROM call_record AS next
                               WHERE next.phone_e164 = call_record.phone_e164
                                 AND next.started_at > call_record.started_at)
               AND EXISTS (SELECT 1 FROM interaction
                           WHERE interaction.call = $1 AND disposition = 'abandoned')",
        )
        .bind(call)
        .bind(later(now, (-REMEMBERED_HOURS).hours()).as_millisecond())
        .fetch_optional(&self.reader)
        .await?;
        Ok(phone.and_then(|phone| Phone::parse(&phone)))
    }
}

/// Notes how a call went that is over. Returns whether nobody had noted it.
pub(super) async fn end(
    connection: &mut AnyConnection,
    call: &str,
    ending: Ending,
    now: Timestamp,
) -> Result<bool, Fault> {
    let is_news = sum_up(connection, call, now).await?;
    sqlx::query(
        "UPDATE call_record SET status = $2, ended_at = $3, updated_at = $3
         WHERE call = $1 AND status = 'live'",
    )
    .bind(call)
    .bind(if ending.failed { "failed" } else { "completed" })
    .bind(now.as_millisecond())
    .execute(&mut *connection)
    .await?;
    if let Some(quality) = &ending.quality {
        quality::note(connection, call, quality).await?;
    }
    // What was done or given up needs not be gone on with.
    let is_owed = ending.failed && is_abandoned(connection, call).await?;
    sqlx::query(
        "UPDATE conversation_state SET wish = CASE $2 WHEN 1 THEN wish END,
                broke_at = CASE $2 WHEN 1 THEN $3 END, updated_at = $3
         WHERE call = $1",
    )
    .bind(call)
    .bind(i64::from(is_owed))
    .bind(now.as_millisecond())
    .execute(&mut *connection)
    .await?;
    let outcome = match ending {
        Ending { message_left: true, .. } => Outcome::Voicemail,
        Ending { by_machine: true, .. } => Outcome::Machine,
        _ => Outcome::Answered,
    };
    outcomes::complete(connection, call, (outcome, false), now).await?;
    if ending.failed {
        recover(connection, call, now).await?;
    }
    Ok(is_news)
}

/// Notes a call by what it left behind. Returns whether nobody had noted it.
async fn sum_up(connection: &mut AnyConnection, call: &str, now: Timestamp) -> Result<bool, Fault> {
    let noted = sqlx::query(
        "INSERT INTO interaction (id, call, phone_e164, disposition, summary, topics, commitments,
                                  created_at)
         SELECT $1, $2, (SELECT phone_e164 FROM call_record WHERE call = $2), CASE
             WHEN EXISTS (SELECT 1 FROM appointment
                          WHERE source_call = $2 AND status <> 'cancelled') THEN 'booked'
             WHEN EXISTS (SELECT 1 FROM escalation
                          WHERE call = $2 AND state = 'transferring') THEN 'transferred'
             WHEN EXISTS (SELECT 1 FROM callback WHERE call = $2) THEN 'callback_scheduled'
             WHEN EXISTS (SELECT 1 FROM identity_failure WHERE call = $2) THEN 'identity_failed'
             ELSE 'abandoned' END,
             $4, '[]', '[]', $3
         WHERE true
         ON CONFLICT (call) DO NOTHING",
    )
    .bind(version_7(now).to_string())
    .bind(call)
    .bind(now.as_millisecond())
    .bind(UNNOTED)
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Takes back what was noted of the end of a call that broke off, where the call is back.
async fn come_back(
    connection: &mut AnyConnection,
    call: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let failed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM call_record WHERE call = $1 AND status = 'failed'",
    )
    .bind(call)
    .fetch_one(&mut *connection)
    .await?;
    if failed == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM interaction WHERE call = $1 AND summary = $2")
        .bind(call)
        .bind(UNNOTED)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE job SET state = 'cancelled', updated_at = $2
         WHERE kind = 'recovery_text' AND ref_id = $1 AND state = 'ready'",
    )
    .bind(call)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn is_abandoned(connection: &mut AnyConnection, call: &str) -> Result<bool, Fault> {
    let abandoned: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM interaction WHERE call = $1 AND disposition = 'abandoned'",
    )
    .bind(call)
    .fetch_one(connection)
    .await?;
    Ok(abandoned > 0)
}

/// Has somebody written to whose call to us failed before anything came of it; once.
async fn recover(connection: &mut AnyConnection, call: &str, now: Timestamp) -> Result<(), Fault> {
    let owed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM call_record
         WHERE call = $1 AND status = 'failed' AND direction = 'inbound'
           AND phone_e164 IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM job WHERE kind = 'recovery_text' AND ref_id = $1
                           AND state <> 'cancelled')",
    )
    .bind(call)
    .fetch_one(&mut *connection)
    .await?;
    if owed > 0 && is_abandoned(connection, call).await? {
        let at = jobs::after(now, RECOVERY);
        jobs::schedule(connection, (JobKind::RecoveryText, call), at, now).await?;
    }
    Ok(())
}
