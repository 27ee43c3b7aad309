use jiff::Timestamp;
use serde_json::json;

use crate::phone::Phone;

use super::{Fault, JobKind, Store, ids::version_7, jobs};

/// How a call went.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Interaction {
    /// What came of it.
    pub disposition: String,
    /// What was said and done, in a few sentences.
    pub summary: String,
    /// What it was about.
    pub topics: Vec<String>,
    /// What either side promised.
    pub commitments: Vec<String>,
    /// How the caller felt.
    pub sentiment: Option<String>,
    /// What should follow.
    pub follow_up: Option<String>,
}

/// A wish to talk with a person.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct Escalation {
    /// Why.
    pub reason: String,
    /// With whom.
    pub department: String,
    /// `warm` or `cold`.
    pub mode: String,
    /// What the person should know.
    pub summary: String,
    /// Whether the call was handed over.
    pub handed_over: bool,
}

impl Store {
    /// Notes how a call went. There is one note of a call: a later one takes the place of it.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_interaction(
        &self,
        (call, phone): (&str, Option<&Phone>),
        interaction: &Interaction,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = self.begin().await?;
        let id = sqlx::query_scalar(
            "INSERT INTO interaction (id, call, phone_e164, disposition, summary, topics,
                                      commitments, sentiment, follow_up, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (call) DO UPDATE SET
                 disposition = excluded.disposition, summary = excluded.summary,
                 topics = excluded.topics, commitments = excluded.commitments,
                 sentiment = excluded.sentiment, follow_up = excluded.follow_up
             RETURNING id",
        )
        .bind(version_7(now).to_string())
        .bind(call)
        .bind(phone.map(Phone::as_str))
        .bind(&interaction.disposition)
        .bind(&interaction.summary)
        .bind(json!(interaction.topics).to_string())
        .bind(json!(interaction.commitments).to_string())
        .bind(&interaction.sentiment)
        .bind(&interaction.follow_up)
        .bind(now.as_millisecond())
        .fetch_one(&mut *writes)
        .await?;
        writes.commit().await?;
        Ok(id)
    }

    /// Notes that a caller wanted a person.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_escalation(
        &self,
        call: &str,
        escalation: &Escalation,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(sqlx::query(
            "INSERT INTO escalation (id, call, reason, department, mode, state, summary, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(version_7(now).to_string())
        .bind(call)
        .bind(&escalation.reason)
        .bind(&escalation.department)
        .bind(&escalation.mode)
        .bind(if escalation.handed_over { "transferring" } else { "failed" })
        .bind(&escalation.summary)
        .bind(now.as_millisecond())).await?;
        Ok(())
    }

    /// Notes that somebody shall be called back; `at` is when they asked for. The call is a job.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_callback(
        &self,
        (call, phone): (&str, &Phone),
        (department, reason): (&str, &str),
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = self.begin().await?;
        let id = version_7(now).to_string();
        sqlx::query(
            "INSERT INTO callback (id, call, phone_e164, department, when_at, reason, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(call)
        .bind(phone.as_str())
        .bind(department)
        .bind(at.map(Timestamp::as_millisecond))
        .bind(reason)
        .bind(now.as_millisecond())
        .execute(&mut *writes)
        .await?;
        jobs::schedule(&mut writes, (JobKind::Callback, &id), at.unwrap_or(now), now).await?;
        writes.commit().await?;
        Ok(id)
    }

    /// Notes in which language a call goes on, a BCP 47 tag.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_locale(&self, call: &str, locale: &str, now: Timestamp) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO call_record (call, locale, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (call) DO UPDATE SET locale = excluded.locale, updated_at = $3",
            )
            .bind(call)
            .bind(locale)
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// What the callers said to being recorded whose calls are over and may have left a file of this
    /// name, which has `_` in place of what no file name holds.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn said_of_recording(&self, file: &str) -> Result<Vec<String>, Fault> {
        // A call that comes again has a number behind its name.
        let first = file.rsplit_once('-').map_or(file, |(first, _)| first);
        let said = sqlx::query_scalar(
            "SELECT recording FROM call_record
             WHERE status <> 'live' AND (call LIKE $1 OR call LIKE $2)",
        )
        .bind(file)
        .bind(first)
        .fetch_all(&self.reader)
        .await?;
        Ok(said)
    }

    /// Notes whether the caller lets a call be recorded.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_recording(
        &self,
        call: &str,
        granted: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO call_record (call, recording, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (call) DO UPDATE SET recording = excluded.recording, updated_at = $3",
            )
            .bind(call)
            .bind(if granted { "granted" } else { "refused" })
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }
}
