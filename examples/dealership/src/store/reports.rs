use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::{Fault, Store, instant};

/// How the calls of a week went.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Week {
    /// Its Monday.
    pub monday: Date,
    /// The calls that began in it.
    pub calls: i64,
    /// Those that came in.
    pub inbound: i64,
    /// Those that we made.
    pub outbound: i64,
    /// Those that failed.
    pub failed: i64,
    /// Those in which something was booked that stands.
    pub booked: i64,
    /// Those that were handed to a person.
    pub handed_over: i64,
    /// Those that ended before anything came of them.
    pub abandoned: i64,
    /// How long they took together, in seconds.
    pub seconds: i64,
    /// What they cost together, in millionths of a dollar, as far as it is known.
    pub cost_micros: i64,
    /// What half of the answers did not exceed, in milliseconds.
    pub response_p50_ms: Option<i64>,
    /// What 95 of 100 answers did not exceed.
    pub response_p95_ms: Option<i64>,
    /// How often the agent was interrupted.
    pub interruptions: i64,
}

/// What is counted of a call: when it began and ended, whether it came in, failed, and what came of
/// it, what it cost.
type Counted = (i64, Option<i64>, i64, i64, i64, i64, i64, i64);

impl Store {
    /// How the calls of so many weeks went, by the clocks of a zone, the week of `now` last. A week
    /// without calls is there too.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn weeks(
        &self,
        (most, zone): (u32, &TimeZone),
        now: Timestamp,
    ) -> Result<Vec<Week>, Fault> {
        let monday = |moment: Timestamp| {
            let date = moment.to_zoned(zone.clone()).date();
            date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
        };
        let this = monday(now);
        let mondays = (0..i64::from(most)).rev().map(|ago| this.saturating_sub(ago.weeks()));
        let mut weeks: BTreeMap<Date, Week> =
            mondays.map(|monday| (monday, Week { monday, ..Week::default() })).collect();
        let Some(first) = weeks.keys().next().copied() else { return Ok(Vec::new()) };
        let midnight = first.to_zoned(zone.clone());
        let since = midnight.map_or(Timestamp::MIN, |first| first.timestamp()).as_millisecond();
        let calls: Vec<Counted> = sqlx::query_as(
            "SELECT started_at, ended_at,
                    CASE direction WHEN 'inbound' THEN 1 ELSE 0 END,
                    CASE status WHEN 'failed' THEN 1 ELSE 0 END,
                    CASE WHEN EXISTS (SELECT 1 FROM appointment
                                      WHERE source_call = call_record.call
                                        AND status <> 'cancelled') THEN 1 ELSE 0 END,
                    CASE WHEN EXISTS (SELECT 1 FROM escalation
                                      WHERE escalation.call = call_record.call
                                        AND state = 'transferring') THEN 1 ELSE 0 END,
                    CASE WHEN EXISTS (SELECT 1 FROM interaction
                                      WHERE interaction.call = call_record.call
                                        AND disposition = 'abandoned') THEN 1 ELSE 0 END,
                    coalesce(cost_micros, 0)
             FROM call_record WHERE started_at >= $1",
        )
        .bind(since)
        .fetch_all(&self.reader)
        .await?;
        for (began, ended, inbound, failed, booked, handed_over, abandoned, cost) in calls {
            let Some(week) = weeks.get_mut(&monday(instant(began)?)) else { continue };
            week.calls += 1;
            week.inbound += inbound;
            week.outbound += 1 - inbound;
            week.failed += failed;
            week.booked += booked;
            week.handed_over += handed_over;
            week.abandoned += abandoned;
            week.cost_micros += cost;
            week.seconds += ended.map_or(0, |ended| (ended - began).max(0) / 1_000);
        }
        let turns: Vec<(i64, Option<i64>, i64)> = sqlx::query_as(
            "SELECT started_at, response_ms, interrupted FROM call_turn
             JOIN call_record ON call_record.call = call_turn.call
             WHERE started_at >= $1 ORDER BY response_ms",
        )
        .bind(since)
        .fetch_all(&self.reader)
        .await?;
        let mut responses: BTreeMap<Date, Vec<i64>> = BTreeMap::new();
        for (began, response, interrupted) in turns {
            let monday = monday(instant(began)?);
            responses.entry(monday).or_default().extend(response);
            if let Some(week) = weeks.get_mut(&monday) {
                week.interruptions += interrupted;
            }
        }
        for (monday, sorted) in responses {
            if let Some(week) = weeks.get_mut(&monday) {
                week.response_p50_ms = percentile(&sorted, 50);
                week.response_p95_ms = percentile(&sorted, 95);
            }
        }
        Ok(weeks.into_values().collect())
    }
}

/// What so many percent of sorted values do not exceed, by nearest rank.
pub(super) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
