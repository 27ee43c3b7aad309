use jiff::Timestamp;
use voiceagent_core::observer::CallUsage;

use super::{Fault, Store};

impl Store {
    /// Notes what a call has used, and what that cost in millionths of a dollar, if anybody knows.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_usage(
        &self,
        call: &str,
        (used, micros): (&CallUsage, Option<i64>),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let noted = sqlx::query(
            "UPDATE call_record SET used = $2, cost_micros = $3, updated_at = $4 WHERE call = $1",
        )
        .bind(call)
        .bind(serde_json::json!(used).to_string())
        .bind(micros)
        .bind(now.as_millisecond());
        self.write(noted).await?;
        Ok(())
    }

    /// What a call cost, in millionths of a dollar; `None` if nobody knows.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn cost_of(&self, call: &str) -> Result<Option<i64>, Fault> {
        let cost: Option<Option<i64>> =
            sqlx::query_scalar("SELECT cost_micros FROM call_record WHERE call = $1")
                .bind(call)
                .fetch_optional(&self.reader)
                .await?;
        Ok(cost.flatten())
    }

    /// What the calls cost together that a template answered and that began since then, in
    /// millionths of a dollar. A call that goes on counts when it is over.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn spent(&self, slug: &str, since: Timestamp) -> Result<i64, Fault> {
        let spent = sqlx::query_scalar(
            "SELECT CAST(coalesce(sum(cost_micros), 0) AS BIGINT) FROM call_record
             WHERE template_slug = $1 AND started_at > $2",
        )
        .bind(slug)
        .bind(since.as_millisecond())
        .fetch_one(&self.reader)
        .await?;
        Ok(spent)
    }
}
