use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use crate::phone::Phone;

use super::{Fault, Store, instant};

/// A call, as a line of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallSummary {
    /// The carrier's name for it.
    pub call: String,
    /// The other side's number.
    pub phone: Option<Phone>,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// `live`, `completed` or `failed`.
    pub status: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// By which its lines are found in the logs.
    pub trace_id: Option<String>,
    /// From its beginning to the agent's first sound, in milliseconds.
    pub first_response_ms: Option<i64>,
    /// Which template answered it, and which version of that.
    pub template: Option<(String, i64)>,
    /// Where it is in the conversation graph, or was at its end.
    pub node: Option<String>,
    /// What came of it.
    pub disposition: Option<String>,
    /// What was said and done, in a few sentences.
    pub summary: Option<String>,
    /// How the caller felt.
    pub sentiment: Option<String>,
    /// Whether it may be recorded: `not_asked`, `granted` or `refused`.
    pub recording: String,
}

/// Which calls are listed.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers state what they look for")]
pub struct CallFilter {
    /// Those that stand so: `live`, `completed` or `failed`.
    pub status: Option<String>,
    /// Those of which this came.
    pub disposition: Option<String>,
    /// Those with this number.
    pub phone: Option<Phone>,
    /// Those that began before this.
    pub before: Option<Timestamp>,
    /// So many, at most.
    pub most: u32,
}

/// The last words of either side of a call, and how long the last answer took.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LastWords {
    /// The agent's.
    pub agent: Option<String>,
    /// The caller's.
    pub caller: Option<String>,
    /// From the caller's last sound to the agent's first, in milliseconds.
    pub response_ms: Option<i64>,
}

/// A tool that a call used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolRun {
    /// Its name.
    pub name: String,
    /// `OK`, or why not.
    pub code: String,
    /// Where the call was.
    pub node: String,
    /// When it was done.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
}

/// How the calls since a moment went.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallStatistics {
    /// Those that go on.
    pub live: i64,
    /// Those that are over, by what came of them; `failed` are those that failed, whatever came of
    /// them.
    pub outcomes: BTreeMap<String, i64>,
    /// How long the answers took, in milliseconds, sorted.
    pub responses: Vec<i64>,
    /// How many callers gave so many stars.
    pub ratings: BTreeMap<u8, i64>,
}

impl CallStatistics {
    /// The share of calls that did not fail, of those that are over; `None` if there are none.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let all: i64 = self.outcomes.values().sum();
        let failed = self.outcomes.get("failed").copied().unwrap_or_default();
        (all > 0).then(|| (all - failed) as f64 / all as f64)
    }

    /// How many stars callers gave, on average; `None` if nobody gave any.
    #[must_use]
    pub fn rating(&self) -> Option<f64> {
        let count: i64 = self.ratings.values().sum();
        let stars: i64 = self.ratings.iter().map(|(stars, count)| i64::from(*stars) * count).sum();
        (count > 0).then(|| stars as f64 / count as f64)
    }

    /// What so many percent of the answers do not exceed, by nearest rank.
    #[must_use]
    pub fn response(&self, percent: usize) -> Option<i64> {
        let rank = (self.responses.len() * percent).div_ceil(100);
        self.responses.get(rank.checked_sub(1)?).copied()
    }
}

const SELECT: &str = "SELECT call_record.call, call_record.phone_e164,
        call_record.direction, call_record.status, call_record.started_at, call_record.ended_at,
        call_record.end_reason, call_record.trace_id, call_record.first_response_ms,
        call_record.recording, call_record.template_slug, call_record.template_version,
        interaction.disposition, interaction.summary,
        interaction.sentiment,
        (SELECT node FROM call_step WHERE call_step.call = call_record.call
         ORDER BY no DESC LIMIT 1) AS node
    FROM call_record LEFT JOIN interaction ON interaction.call = call_record.call";

/// Answers of which the times are looked at: the latest.
const MOST_RESPONSES: i64 = 1_000;

impl Store {
    /// Notes how a call as a whole went: the time to the agent's first sound, and why it ended.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn note_ending(
        &self,
        call: &str,
        (first_response_ms, reason): (Option<i64>, Option<&str>),
    ) -> Result<(), Fault> {
        let noted = sqlx::query(
            "UPDATE call_record SET first_response_ms = coalesce($2, first_response_ms),
                                    end_reason = coalesce($3, end_reason)
             WHERE call = $1",
        )
        .bind(call)
        .bind(first_response_ms)
        .bind(reason);
        self.write(noted).await?;
        Ok(())
    }

    /// Calls, the latest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallSummary>, Fault> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE started_at IS NOT NULL
                AND call_record.status = coalesce($1, call_record.status)
                AND ($2 IS NULL OR interaction.disposition = $2)
                AND ($3 IS NULL OR call_record.phone_e164 = $3)
                AND started_at < $4
              ORDER BY started_at DESC, call_record.call LIMIT $5"
        )))
        .bind(&filter.status)
        .bind(&filter.disposition)
        .bind(filter.phone.as_ref().map(Phone::as_str))
        .bind(filter.before.map_or(i64::MAX, Timestamp::as_millisecond))
        .bind(i64::from(filter.most))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(CallSummary::read).collect()
    }

    /// One call; `None` if there is none of this name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn call(&self, call: &str) -> Result<Option<CallSummary>, Fault> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE call_record.call = $1")))
            .bind(call)
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(CallSummary::read).transpose()
    }

    /// What was said last in each call that goes on.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn last_words(&self) -> Result<BTreeMap<String, LastWords>, Fault> {
        let rows: Vec<(String, String, String, Option<i64>)> = sqlx::query_as(
            "SELECT call_turn.call, speaker, words, response_ms FROM call_turn
             WHERE no = (SELECT max(no) FROM call_turn AS later
                         WHERE later.call = call_turn.call AND later.speaker = call_turn.speaker)
               AND call_turn.call IN (SELECT call FROM call_record WHERE status = 'live')",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut last: BTreeMap<String, LastWords> = BTreeMap::new();
        for (call, speaker, words, response_ms) in rows {
            let one = last.entry(call).or_default();
            match speaker.as_str() {
                "agent" => one.agent = Some(words),
                _ => (one.caller, one.response_ms) = (Some(words), response_ms),
            }
        }
        Ok(last)
    }

    /// The tools that a call used, in order.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn tool_runs(&self, call: &str) -> Result<Vec<ToolRun>, Fault> {
        let rows: Vec<(String, String, String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT name, code, node, at, took_ms FROM tool_call WHERE call = $1 ORDER BY no",
        )
        .bind(call)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter()
            .map(|(name, code, node, at, took_ms)| {
                Ok(ToolRun { name, code, node, at: instant(at)?, took_ms })
            })
            .collect()
    }

    /// How the calls went that began since a moment.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn call_statistics(&self, since: Timestamp) -> Result<CallStatistics, Fault> {
        let ratings = self.ratings(since).await?;
        let since = since.as_millisecond();
        let counted: Vec<(String, Option<String>, i64)> = sqlx::query_as(
            "SELECT status, disposition, count(*)
             FROM call_record LEFT JOIN interaction ON interaction.call = call_record.call
             WHERE started_at >= $1 GROUP BY status, disposition",
        )
        .bind(since)
        .fetch_all(&self.reader)
        .await?;
        let mut statistics = CallStatistics { ratings, ..CallStatistics::default() };
        for (status, disposition, count) in counted {
            match status.as_str() {
                "live" => statistics.live += count,
                status => {
                    let outcome = if status == "failed" { None } else { disposition };
                    let outcome = outcome.unwrap_or_else(|| status.to_owned());
                    *statistics.outcomes.entry(outcome).or_default() += count;
                }
            }
        }
        statistics.responses = sqlx::query_scalar(
            "SELECT response_ms FROM call_turn JOIN call_record ON call_record.call = call_turn.call
             WHERE started_at >= $1 AND response_ms IS NOT NULL
             ORDER BY started_at DESC LIMIT $2",
        )
        .bind(since)
        .bind(MOST_RESPONSES)
        .fetch_all(&self.reader)
        .await?;
        statistics.responses.sort_unstable();
        Ok(statistics)
    }
}

impl CallSummary {
    fn read(row: &AnyRow) -> Result<Self, Fault> {
        let moment = |column| -> Result<Option<Timestamp>, Fault> {
            let millis: Option<i64> = row.try_get(column)?;
            Ok(millis.map(instant).transpose()?)
        };
        let phone: Option<&str> = row.try_get("phone_e164")?;
        let slug: Option<String> = row.try_get("template_slug")?;
        let version: Option<i64> = row.try_get("template_version")?;
        Ok(Self {
            call: row.try_get("call")?,
            phone: phone.and_then(Phone::parse),
            direction: row.try_get("direction")?,
            status: row.try_get("status")?,
            started_at: moment("started_at")?,
            ended_at: moment("ended_at")?,
            end_reason: row.try_get("end_reason")?,
            trace_id: row.try_get("trace_id")?,
            first_response_ms: row.try_get("first_response_ms")?,
            template: slug.zip(version),
            node: row.try_get("node")?,
            disposition: row.try_get("disposition")?,
            summary: row.try_get("summary")?,
            sentiment: row.try_get("sentiment")?,
            recording: row.try_get("recording")?,
        })
    }
}
