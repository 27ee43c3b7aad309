use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{Fault, Store, instant, reports::percentile};

/// By what calls are put together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a calendar has both, and months are long")]
pub enum Grain {
    /// Days by the clocks of the house.
    Day,
    /// Weeks that begin on Monday.
    Week,
}

/// How the calls of a day or a week went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Trend {
    /// Its first day.
    pub from: Date,
    /// The calls that are over, by what came of them; `failed` are those that failed, whatever came
    /// of them before.
    pub outcomes: BTreeMap<String, i64>,
    /// What they cost together, in millionths of a dollar, as far as it is known.
    pub cost_micros: i64,
    /// What half of the answers did not exceed, in milliseconds.
    pub response_p50_ms: Option<i64>,
    /// What 95 of 100 answers did not exceed.
    pub response_p95_ms: Option<i64>,
    /// How many callers rated their call then.
    pub ratings: i64,
    /// How many stars they gave together.
    pub stars: i64,
}

impl Trend {
    /// The calls that are over.
    #[must_use]
    pub fn calls(&self) -> i64 {
        self.outcomes.values().sum()
    }

    /// How many stars callers gave, on average; `None` where nobody gave any.
    #[must_use]
    pub fn rating(&self) -> Option<f64> {
        (self.ratings > 0).then(|| self.stars as f64 / self.ratings as f64)
    }

    /// How many of 100 calls did not fail; `None` where there was no call.
    #[must_use]
    pub fn success_percent(&self) -> Option<f64> {
        let failed = self.outcomes.get("failed").copied().unwrap_or_default();
        let all = self.calls();
        (all > 0).then(|| (all - failed) as f64 * 100.0 / all as f64)
    }
}

impl Grain {
    /// The first day of the one that a day is in.
    fn first(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days())
            }
        }
    }

    fn before(self, day: Date, many: i64) -> Date {
        match self {
            Self::Day => day.saturating_sub(many.days()),
            Self::Week => day.saturating_sub(many.weeks()),
        }
    }
}

impl Store {
    /// How the calls of so many days or weeks went, by the clocks of a zone, that of `now` last. One
    /// without calls is there too.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn trends(
        &self,
        (grain, most): (Grain, u32),
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Vec<Trend>, Fault> {
        let first = |moment: Timestamp| grain.first(moment.to_zoned(zone.clone()).date());
        let this = first(now);
        let all = (0..i64::from(most)).rev().map(|ago| grain.before(this, ago));
        let mut trends: BTreeMap<Date, Trend> =
            all.map(|from| (from, Trend { from, ..Trend::default() })).collect();
        let since = began(trends.keys().next().copied(), zone);
        let calls: Vec<(i64, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT started_at, status, disposition, coalesce(cost_micros, 0)
             FROM call_record LEFT JOIN interaction ON interaction.call = call_record.call
             WHERE started_at >= $1 AND status <> 'live'",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        for (at, status, disposition, cost) in calls {
            let Some(trend) = trends.get_mut(&first(instant(at)?)) else { continue };
            let outcome = disposition.filter(|_| status != "failed").unwrap_or(status);
            *trend.outcomes.entry(outcome).or_default() += 1;
            trend.cost_micros += cost;
        }
        let rated: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT rated_at, stars FROM follow_up WHERE stars IS NOT NULL AND rated_at >= $1",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        for (at, stars) in rated {
            let Some(trend) = trends.get_mut(&first(instant(at)?)) else { continue };
            trend.ratings += 1;
            trend.stars += stars;
        }
        let answers: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT started_at, response_ms FROM call_turn
             JOIN call_record ON call_record.call = call_turn.call
             WHERE started_at >= $1 AND response_ms IS NOT NULL ORDER BY response_ms",
        )
        .bind(since.as_millisecond())
        .fetch_all(&self.reader)
        .await?;
        let mut sorted: BTreeMap<Date, Vec<i64>> = BTreeMap::new();
        for (at, response) in answers {
            sorted.entry(first(instant(at)?)).or_default().push(response);
        }
        for (from, responses) in sorted {
            let Some(trend) = trends.get_mut(&from) else { continue };
            trend.response_p50_ms = percentile(&responses, 50);
            trend.response_p95_ms = percentile(&responses, 95);
        }
        Ok(trends.into_values().collect())
    }

    /// How many appointments that stand were made at each place since a day began, the most first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn places_booked(
        &self,
        since: Date,
        zone: &TimeZone,
    ) -> Result<Vec<(String, i64)>, Fault> {
        Ok(sqlx::query_as(
            "SELECT location_name, count(*) FROM appointment_detail
             WHERE created_at >= $1 AND status <> 'cancelled'
             GROUP BY location_name ORDER BY count(*) DESC, location_name",
        )
        .bind(began(Some(since), zone).as_millisecond())
        .fetch_all(&self.reader)
        .await?)
    }
}

/// When a day began by the clocks of a zone.
fn began(day: Option<Date>, zone: &TimeZone) -> Timestamp {
    let midnight = day.and_then(|day| day.to_zoned(zone.clone()).ok());
    midnight.map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use voiceagent_core::transport::Direction;

    use super::*;
    use crate::store::{CallTurn, Ending, Interaction, Stages, tests::friday};

    async fn call(store: &Store, name: &str, at: Timestamp, (outcome, ms): (&str, i64)) {
        store.begin_call(name, None, Direction::Inbound, at).await.unwrap();
        let turn = CallTurn {
            by_agent: false,
            from_ms: 0,
            to_ms: 900,
            words: "hello".to_owned(),
            interrupted: false,
            stages: Stages { response: Some(ms), ..Stages::default() },
        };
        store.note_turns(name, &[(0, turn)]).await.unwrap();
        let interaction = Interaction {
            disposition: outcome.to_owned(),
            summary: String::new(),
            topics: Vec::new(),
            commitments: Vec::new(),
            sentiment: None,
            follow_up: None,
        };
        store.note_interaction((name, None), &interaction, at).await.unwrap();
        store.conclude(name, Ending::default(), at).await.unwrap();
    }

    #[tokio::test]
    async fn outcomes_success_and_speed_are_counted_by_the_days_of_the_house() {
        let store = Store::fresh().await;
        let zone = TimeZone::get("America/Chicago").unwrap();
        let ago = |hours| friday() - SignedDuration::from_hours(hours);
        // Friday at noon; Thursday, 11 PM; Monday, and the Sunday before.
        call(&store, "CA1", ago(0), ("booked", 700)).await;
        call(&store, "CA2", ago(13), ("abandoned", 900)).await;
        call(&store, "CA3", ago(13), ("booked", 400)).await;
        call(&store, "CA4", ago(5 * 24), ("booked", 500)).await;
        store.begin_call("CA5", None, Direction::Inbound, friday()).await.unwrap();
        store.run("UPDATE call_record SET status = 'failed' WHERE call = 'CA3'").await;
        let days = store.trends((Grain::Day, 2), &zone, friday()).await.unwrap();
        let told: Vec<_> = days.iter().map(|one| (one.from.to_string(), one.calls())).collect();
        assert_eq!(told, [("2026-11-19".to_owned(), 2), ("2026-11-20".to_owned(), 1)]);
        assert_eq!(days[0].outcomes["failed"], 1, "whatever came of it before");
        assert_eq!(days[0].success_percent(), Some(50.0));
        assert_eq!((days[0].response_p50_ms, days[0].response_p95_ms), (Some(400), Some(900)));
        let weeks = store.trends((Grain::Week, 3), &zone, friday()).await.unwrap();
        let told: Vec<_> = weeks.iter().map(|one| (one.from.to_string(), one.calls())).collect();
        assert_eq!(
            told,
            [
                ("2026-11-02".to_owned(), 0),
                ("2026-11-09".to_owned(), 1),
                ("2026-11-16".to_owned(), 3),
            ]
        );
        assert_eq!(weeks[0].success_percent(), None, "nobody knows of no calls");
    }
}
