use jiff::Timestamp;

use super::{Fault, Store, reports::percentile};

/// What came of the calls that one version of a template answered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TemplateResult {
    /// The version.
    pub version: i64,
    /// The calls.
    pub calls: i64,
    /// Those in which an appointment was made that stands.
    pub booked: i64,
    /// Those that were handed to a person.
    pub handed_over: i64,
    /// Those that ended before anything came of them.
    pub abandoned: i64,
    /// How long they took together, in seconds.
    pub seconds: i64,
    /// How long half of the answers in them took at most, in milliseconds, and 95 of 100.
    pub response_ms: Option<(i64, i64)>,
    /// How often the agent was interrupted in them.
    pub interruptions: i64,
    /// What those cost together of which that is known, in millionths of a dollar, and how many
    /// these are.
    pub cost_micros: (i64, i64),
}

/// A version, and what is counted of its calls, in the order of the columns.
type Counted = (i64, i64, i64, i64, i64, i64, i64, i64);

impl Store {
    /// Notes which version of which template answers a call.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_template(
        &self,
        call: &str,
        (slug, version): (&str, i64),
        now: Timestamp,
    ) -> Result<(), Fault> {
        let noted = sqlx::query(
            "UPDATE call_record SET template_slug = $2, template_version = $3, updated_at = $4
             WHERE call = $1",
        )
        .bind(call)
        .bind(slug)
        .bind(version)
        .bind(now.as_millisecond());
        self.write(noted).await?;
        Ok(())
    }

    /// What came of the calls that each version of a template answered, the newest first. All calls
    /// count that it was taken for, however they went.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn template_results(&self, slug: &str) -> Result<Vec<TemplateResult>, Fault> {
        let rows: Vec<Counted> = sqlx::query_as(
            "SELECT template_version, count(*),
                    count(CASE WHEN EXISTS (SELECT 1 FROM appointment
                                            WHERE source_call = call_record.call
                                              AND status <> 'cancelled') THEN 1 END),
                    count(CASE WHEN EXISTS (SELECT 1 FROM escalation
                                            WHERE escalation.call = call_record.call
                                              AND state = 'transferring') THEN 1 END),
                    count(CASE WHEN EXISTS (SELECT 1 FROM interaction
                                            WHERE interaction.call = call_record.call
                                              AND disposition = 'abandoned') THEN 1 END),
                    CAST(coalesce(sum((ended_at - started_at) / 1000), 0) AS BIGINT),
                    CAST(coalesce(sum(cost_micros), 0) AS BIGINT), count(cost_micros)
             FROM call_record WHERE template_slug = $1
             GROUP BY template_version ORDER BY template_version DESC",
        )
        .bind(slug)
        .fetch_all(&self.reader)
        .await?;
        let turns: Vec<(i64, Option<i64>, i64)> = sqlx::query_as(
            "SELECT template_version, response_ms, interrupted FROM call_turn
             JOIN call_record ON call_record.call = call_turn.call
             WHERE template_slug = $1 ORDER BY response_ms",
        )
        .bind(slug)
        .fetch_all(&self.reader)
        .await?;
        let result = |(version, calls, booked, handed_over, abandoned, seconds, cost, priced)| {
            let own = turns.iter().filter(|(of, ..)| *of == version);
            let sorted: Vec<i64> = own.clone().filter_map(|(_, response, _)| *response).collect();
            TemplateResult {
                version,
                calls,
                booked,
                handed_over,
                abandoned,
                seconds,
                response_ms: percentile(&sorted, 50).zip(percentile(&sorted, 95)),
                interruptions: own.map(|(.., interrupted)| interrupted).sum(),
                cost_micros: (cost, priced),
            }
        };
        Ok(rows.into_iter().map(result).collect())
    }
}
