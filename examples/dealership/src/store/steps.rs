use std::time::Duration;

use jiff::Timestamp;

use crate::phone::Phone;

use super::{AppointmentId, Fault, Store, instant};

/// A step of a call in the conversation graph.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct CallStep {
    /// The node that was come to.
    pub node: String,
    /// Its phase.
    pub phase: String,
    /// What the caller wanted in the turn that led there, if one did.
    pub intent: Option<String>,
    /// `facts`, `limit`, `stuck` or `words`.
    pub cause: String,
}

/// A tool that was used in a call.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers state every field")]
pub struct ToolUse {
    /// Its name.
    pub name: String,
    /// `OK`, or why not.
    pub code: String,
}

/// What the tables say of a call so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// The tools that it used, in order.
    pub tools: Vec<ToolUse>,
    /// Whether its number is a customer's.
    pub is_customers: bool,
    /// Whether anything was booked in it, or in another by a lead with its number.
    pub has_own_visit: bool,
    /// Whether the lead with its number qualifies; `None` if nobody knows, or there is none.
    pub qualified: Option<bool>,
    /// How far the code is that confirms what was booked in it: `sent`, `verified` or `locked`.
    pub code: Option<String>,
    /// How its last hand-over went: `transferring` or `failed`.
    pub handed: Option<String>,
    /// Whether somebody is to call back.
    pub has_callback: bool,
}

impl Store {
    /// Notes where a call went.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future notes all of it, or nothing.
    pub async fn note_steps(
        &self,
        call: &str,
        steps: &[CallStep],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut writes = self.begin().await?;
        for CallStep { node, phase, intent, cause } in steps {
            sqlx::query(
                "INSERT INTO call_step (call, no, node, phase, intent, cause, at)
                 SELECT $1, coalesce(max(no), 0) + 1, $2, $3, $4, $5, $6
                 FROM call_step WHERE call = $1",
            )
            .bind(call)
            .bind(node)
            .bind(phase)
            .bind(intent)
            .bind(cause)
            .bind(now.as_millisecond())
            .execute(&mut *writes)
            .await?;
        }
        if let Some(last) = steps.last() {
            sqlx::query("UPDATE conversation_state SET node = $2, updated_at = $3 WHERE call = $1")
                .bind(call)
                .bind(&last.node)
                .bind(now.as_millisecond())
                .execute(&mut *writes)
                .await?;
        }
        writes.commit().await?;
        Ok(())
    }

    /// Where a call went, in order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn steps(&self, call: &str) -> Result<Vec<CallStep>, Fault> {
        let rows: Vec<(String, String, Option<String>, String)> = sqlx::query_as(
            "SELECT node, phase, intent, cause FROM call_step WHERE call = $1 ORDER BY no",
        )
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        let step = |(node, phase, intent, cause)| CallStep { node, phase, intent, cause };
        Ok(rows.into_iter().map(step).collect())
    }

    /// Where a call went and when, in order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn timed_steps(
        &self,
        call: &str,
    ) -> Result<Vec<(CallStep, Timestamp)>, Fault> {
        let times: Vec<i64> =
            sqlx::query_scalar("SELECT at FROM call_step WHERE call = $1 ORDER BY no")
                .bind(call)
                .fetch_all(&self.reader)
                .await?;
        let times: Vec<Timestamp> = times.into_iter().map(instant).collect::<Result<_, _>>()?;
        Ok(self.steps(call).await?.into_iter().zip(times).collect())
    }

    /// Notes that a call used a tool in a node, what came of it and how long it took.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_tool(
        &self,
        call: &str,
        (ToolUse { name, code }, node, took): (&ToolUse, &str, Duration),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let noted = sqlx::query(
            "INSERT INTO tool_call (call, no, name, code, node, at, took_ms)
             SELECT $1, coalesce(max(no), 0) + 1, $2, $3, $4, $5, $6
             FROM tool_call WHERE call = $1",
        )
        .bind(call)
        .bind(name)
        .bind(code)
        .bind(node)
        .bind(now.as_millisecond())
        .bind(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        self.write(noted).await?;
        Ok(())
    }

    /// What the tables say of a call so far.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn progress(&self, call: &str, phone: Option<&Phone>) -> Result<Progress, Fault> {
        let tools: Vec<(String, String)> =
            sqlx::query_as("SELECT name, code FROM tool_call WHERE call = $1 ORDER BY no")
                .bind(call)
                .fetch_all(&self.reader)
                .await?;
        let phone = phone.map(Phone::as_str);
        // A truth is a number here: the two databases name truths differently.
        let (customers, visits, callbacks): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM customer_phone WHERE phone_e164 = $2),
                    (SELECT count(*) FROM appointment
                     WHERE source_call = $1
                        OR lead_id IN (SELECT id FROM lead WHERE phone_e164 = $2)),
                    (SELECT count(*) FROM callback WHERE call = $1)",
        )
        .bind(call)
        .bind(phone)
        .fetch_one(&self.reader)
        .await?;
        let (qualified, code, handed): (Option<i64>, Option<String>, Option<String>) =
            sqlx::query_as(
                "SELECT (SELECT qualified FROM lead WHERE phone_e164 = $2),
                        (SELECT state FROM verification_code
                         WHERE appointment_id IN
                             (SELECT id FROM appointment WHERE source_call = $1)
                         ORDER BY created_at DESC, id DESC LIMIT 1),
                        (SELECT state FROM escalation WHERE call = $1
                         ORDER BY created_at DESC, id DESC LIMIT 1)",
            )
            .bind(call)
            .bind(phone)
            .fetch_one(&self.reader)
            .await?;
        Ok(Progress {
            tools: tools.into_iter().map(|(name, code)| ToolUse { name, code }).collect(),
            is_customers: customers > 0,
            has_own_visit: visits > 0,
            qualified: qualified.map(|truth| truth != 0),
            code,
            handed,
            has_callback: callbacks > 0,
        })
    }

    /// Whether an appointment is still to come.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn stands(&self, id: AppointmentId, now: Timestamp) -> Result<bool, Fault> {
        let standing: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM appointment
             WHERE id = $1 AND status <> 'cancelled' AND starts_at > $2",
        )
        .bind(id.to_string())
        .bind(now.as_millisecond())
        .fetch_one(&self.reader)
        .await?;
        Ok(standing > 0)
    }
}
