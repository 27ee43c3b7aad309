use jiff::Timestamp;
use sqlx::Row;

use super::{Fault, Store, fault::strange};
use crate::analysis::Analysis;

/// Calls that are analysed in one round.
const ROUND: i64 = 200;

/// What a person makes of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Label {
    /// The call.
    pub(crate) call: String,
    /// Who says it.
    pub(crate) labeller: String,
    /// What came of it, in the words of `save_interaction`.
    pub(crate) outcome: String,
    /// Whether who called is worth a consultation; `None` if they do not know.
    pub(crate) qualified: Option<bool>,
}

impl Store {
    /// Notes what the rules make of a call.
    pub(crate) async fn note_analysis(&self, call: &str, analysis: &Analysis) -> Result<(), Fault> {
        let written = serde_json::json!(analysis).to_string();
        self.write(
            sqlx::query("UPDATE call_record SET analysis = $2 WHERE call = $1")
                .bind(call)
                .bind(written),
        )
        .await?;
        Ok(())
    }

    /// Why we made a call, and how it was taken; `None` for one that came in.
    pub(crate) async fn errand_of(
        &self,
        call: &str,
    ) -> Result<Option<(String, Option<String>)>, Fault> {
        let found =
            sqlx::query_as("SELECT purpose, outcome FROM contact_attempt WHERE provider_id = $1")
                .bind(call)
                .fetch_optional(&self.reader)
                .await?;
        Ok(found)
    }

    /// What the rules have made of a call; `None` if they have not yet.
    pub(crate) async fn analysis(&self, call: &str) -> Result<Option<Analysis>, Fault> {
        let written: Option<Option<String>> =
            sqlx::query_scalar("SELECT analysis FROM call_record WHERE call = $1")
                .bind(call)
                .fetch_optional(&self.reader)
                .await?;
        let strange = |_| strange("call_record", "an analysis that is none");
        let read = |text: String| serde_json::from_str(&text).map_err(strange);
        Ok(written.flatten().map(read).transpose()?)
    }

    /// Calls that are over and of which the rules have made nothing, the latest first.
    pub(crate) async fn calls_without_analysis(&self) -> Result<Vec<String>, Fault> {
        let calls = sqlx::query_scalar(
            "SELECT call FROM call_record
             WHERE analysis IS NULL AND status <> 'live' AND ended_at IS NOT NULL
             ORDER BY ended_at DESC LIMIT $1",
        )
        .bind(ROUND)
        .fetch_all(&self.reader)
        .await?;
        Ok(calls)
    }

    /// Notes what a person makes of a call; what they made of it before counts no more.
    pub(crate) async fn label_call(&self, label: &Label, now: Timestamp) -> Result<(), Fault> {
        self.write(
            sqlx::query(
                "INSERT INTO call_label (call, labeller, outcome, qualified, labelled_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (call, labeller) DO UPDATE SET outcome = excluded.outcome,
                     qualified = excluded.qualified, labelled_at = excluded.labelled_at",
            )
            .bind(&label.call)
            .bind(&label.labeller)
            .bind(&label.outcome)
            .bind(label.qualified.map(i64::from))
            .bind(now.as_millisecond()),
        )
        .await?;
        Ok(())
    }

    /// What people make of calls: of one, or of all.
    pub(crate) async fn labels(&self, call: Option<&str>) -> Result<Vec<Label>, Fault> {
        let rows = sqlx::query(
            "SELECT call, labeller, outcome, qualified FROM call_label
             WHERE call = coalesce($1, call) ORDER BY call, labeller",
        )
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let qualified: Option<i64> = row.try_get("qualified")?;
                Ok(Label {
                    call: row.try_get("call")?,
                    labeller: row.try_get("labeller")?,
                    outcome: row.try_get("outcome")?,
                    qualified: qualified.map(|qualified| qualified == 1),
                })
            })
            .collect()
    }
}
