use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{Attempt, Fault, JobKind, LeadId, Purpose, Store, campaigns, ids::version_7, jobs};

/// What became of a contact that was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A person took the call.
    Answered,
    /// The line was busy.
    Busy,
    /// It could not be made, or broke off at once.
    Failed,
    /// A machine took the call, and has no message.
    Machine,
    /// Nobody took the call.
    NoAnswer,
    /// A machine took the call, and has a message.
    Voicemail,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Machine => "machine",
            Self::NoAnswer => "no_answer",
            Self::Voicemail => "voicemail",
        }
    }
}

impl Store {
    /// Notes that a call was made, by the carrier's name for it; with that its job is done.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_placed(
        &self,
        attempt: &Attempt,
        provider: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        sqlx::query(
            "UPDATE contact_attempt SET state = 'placed', provider_id = $2, updated_at = $3
             WHERE id = $1 AND state = 'intent'",
        )
        .bind(&attempt.id)
        .bind(provider)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        finish_job(&mut writes, &attempt.id, "called", now).await?;
        writes.commit().await?;
        Ok(())
    }

    /// Notes that a message was sent, by the carrier's name for it and the kind that it is; with
    /// that its job is done.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_sent(
        &self,
        attempt: &Attempt,
        (provider, template): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        let sent = sqlx::query(
            "UPDATE contact_attempt
             SET state = 'completed', outcome = 'sent', provider_id = $2, updated_at = $3
             WHERE id = $1 AND state = 'intent'",
        )
        .bind(&attempt.id)
        .bind(provider)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        finish_job(&mut writes, &attempt.id, "sent", now).await?;
        if sent.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO message (id, channel, to_addr, template, status, provider_id,
                                      created_at)
                 VALUES ($1, $2, $3, $4, 'sent', $5, $6)",
            )
            .bind(version_7(now).to_string())
            .bind(attempt.channel.word())
            .bind(attempt.phone.as_str())
            .bind(template)
            .bind(provider)
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
            if attempt.purpose == Purpose::Campaign {
                campaigns::message_sent(&mut writes, &attempt.about, now).await?;
            }
        }
        writes.commit().await?;
        Ok(())
    }

    /// Notes of a contact that was intended that it was not made, or that nobody can tell: then it
    /// is not tried again.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_unmade(
        &self,
        attempt: &Attempt,
        (is_certain, reason): (bool, &str),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        sqlx::query(
            "UPDATE contact_attempt SET state = $2, reason = $3, updated_at = $4
             WHERE id = $1 AND state = 'intent'",
        )
        .bind(&attempt.id)
        .bind(if is_certain { "failed" } else { "unknown" })
        .bind(reason)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(())
    }

    /// Whether the carrier's name for a call or a message is one that is known here.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn is_known(&self, provider: &str) -> Result<bool, Fault> {
        let known: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM contact_attempt WHERE provider_id = $1)
                  + (SELECT count(*) FROM message WHERE provider_id = $1)",
        )
        .bind(provider)
        .fetch_one(&self.reader)
        .await?;
        Ok(known > 0)
    }

    /// The calls that were made and are not known to be over, of which nothing was heard since then.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn silent_calls(&self, since: Timestamp) -> Result<Vec<Attempt>, Fault> {
        let columns = Attempt::COLUMNS;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns} FROM contact_attempt
             WHERE state IN ('placed', 'answered') AND provider_id IS NOT NULL
               AND updated_at <= $1 ORDER BY updated_at, id"
        )))
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(Attempt::read).collect()
    }

    /// Notes that the carrier was asked for a call, and that it goes on.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_alive(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "UPDATE contact_attempt SET updated_at = $2
             WHERE id = $1 AND state IN ('placed', 'answered')",
            )
            .bind(&attempt.id)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// Notes how a call ended that we made, by the carrier's name for it, and what is to follow.
    /// One that is known to be over stays as it is; with `unless_taken`, so does one that somebody
    /// talks in. Returns whether it was news.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_outcome(
        &self,
        provider: &str,
        (outcome, unless_taken): (Outcome, bool),
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut writes = self.begin().await?;
        let is_news = complete(&mut writes, provider, (outcome, unless_taken), now).await?;
        writes.commit().await?;
        Ok(is_news)
    }
}

/// [`Store::note_outcome`], as a part of a transaction.
pub(super) async fn complete(
    connection: &mut AnyConnection,
    provider: &str,
    (outcome, unless_taken): (Outcome, bool),
    now: Timestamp,
) -> Result<bool, Fault> {
    let columns = Attempt::COLUMNS;
    let row = sqlx::query(AssertSqlSafe(format!(
        "UPDATE contact_attempt SET state = 'completed', outcome = $2, updated_at = $3
         WHERE provider_id = $1 AND (state = 'placed' OR state = 'answered' AND $4 = 0)
         RETURNING {columns}"
    )))
    .bind(provider)
    .bind(outcome.word())
    .bind(now.as_millisecond())
    .bind(i64::from(unless_taken))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    follow(connection, &Attempt::read(&row)?, outcome, now).await?;
    Ok(true)
}

/// What follows a call. How often it is tried is decided when it is to be made.
async fn follow(
    connection: &mut AnyConnection,
    call: &Attempt,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Fault> {
    /// Before somebody who did not answer is called again about their visit, or called back.
    const AGAIN: SignedDuration = SignedDuration::from_mins(45);
    let about = call.about.as_str();
    let is_reached = outcome == Outcome::Answered;
    match call.purpose {
        Purpose::Reminder => match outcome {
            Outcome::Answered => {}
            Outcome::Machine | Outcome::Voicemail => {
                jobs::schedule(connection, (JobKind::ReminderText, about), now, now).await?;
            }
            Outcome::Busy | Outcome::Failed | Outcome::NoAnswer => {
                let at = jobs::after(now, AGAIN);
                jobs::schedule(connection, (JobKind::Reminder, about), at, now).await?;
            }
        },
        Purpose::Callback if is_reached => {
            sqlx::query("UPDATE callback SET state = 'done' WHERE id = $1 AND state = 'open'")
                .bind(about)
                .execute(connection)
                .await?;
        }
        Purpose::Callback => {
            let at = jobs::after(now, AGAIN);
            jobs::schedule(connection, (JobKind::Callback, about), at, now).await?;
        }
        Purpose::Campaign if is_reached => {
            move_enrollment(connection, about, ("talked", "answered"), now).await?;
        }
        Purpose::Campaign => {
            campaigns::call_missed(connection, about, outcome, now).await?;
        }
        // Nobody is called about a call, nor about what they have just booked.
        Purpose::Confirmation | Purpose::FollowUp | Purpose::Recovery => {}
    }
    Ok(())
}

/// Moves a lead on in a campaign, unless they have left it.
async fn move_enrollment(
    connection: &mut AnyConnection,
    id: &str,
    (node, reason): (&str, &str),
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE enrollment SET node = $2, reason = $3, updated_at = $4
         WHERE id = $1 AND node IN ('call', 'message')",
    )
    .bind(id)
    .bind(node)
    .bind(reason)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a lead who has booked out of all campaigns.
pub(super) async fn leave_campaigns(
    connection: &mut AnyConnection,
    lead: LeadId,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE enrollment SET node = 'booked', reason = 'booked', updated_at = $2
         WHERE lead_id = $1 AND node IN ('call', 'message', 'talked')",
    )
    .bind(lead.to_string())
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn finish_job(
    connection: &mut AnyConnection,
    attempt: &str,
    note: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE job SET state = 'done', lease_until = NULL, note = $2, updated_at = $3
         WHERE id = (SELECT job_id FROM contact_attempt WHERE id = $1)
           AND state IN ('ready', 'running')",
    )
    .bind(attempt)
    .bind(note)
    .bind(now.as_millisecond())
    .execute(connection)
    .await?;
    Ok(())
}
