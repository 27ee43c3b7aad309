//! How calls went, week by week.

use clap::Args;
use jiff::Timestamp;
use voiceagent_core::{Error, ErrorKind, Result};

use crate::{
    attendance,
    store::{Store, Week},
};

/// Shows how calls went, week by week.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct ReportCommand {
    /// For so many weeks, this one among them.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=520))]
    pub weeks: u32,
    /// As comma-separated values, for a spreadsheet.
    #[arg(long)]
    pub csv: bool,
}

impl ReportCommand {
    /// Reads it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<String> {
        let zone = store.location().await?.zone;
        let weeks = store.weeks((self.weeks, &zone), now).await?;
        if self.csv {
            return csv(&weeks);
        }
        let since = weeks.first().and_then(|first| first.monday.to_zoned(zone).ok());
        let since = since.map_or(now, |since| since.timestamp());
        let attendance = store.attendance(since, now).await?;
        Ok(table(&weeks) + &attendance::told(&attendance))
    }
}

fn csv(weeks: &[Week]) -> Result<String> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Protocol, "report", "the weeks cannot be written").with_source(cause)
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for week in weeks {
        writer.serialize(week).map_err(|cause| failed(cause.into()))?;
    }
    let written = writer.into_inner().map_err(|cause| failed(cause.to_string().into()))?;
    String::from_utf8(written).map_err(|cause| failed(cause.into()))
}

fn table(weeks: &[Week]) -> String {
    let mut lines = "week of     calls  in    out   booked  to a person  abandoned  failed  \
                     minutes  answers p50/p95 ms  interrupted  dollars\n"
        .to_owned();
    for week in weeks {
        let answers = match (week.response_p50_ms, week.response_p95_ms) {
            (Some(half), Some(most)) => format!("{half}/{most}"),
            _ => "-".to_owned(),
        };
        lines.push_str(&format!(
            "{}  {:>5}  {:<4}  {:<4}  {:>6}  {:>11}  {:>9}  {:>6}  {:>7}  {answers:>18}  {:>11}  {:>7.2}\n",
            week.monday,
            week.calls,
            week.inbound,
            week.outbound,
            week.booked,
            week.handed_over,
            week.abandoned,
            week.failed,
            week.seconds / 60,
            week.interruptions,
            week.cost_micros as f64 / 1e6,
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use voiceagent_core::{observer::CallUsage, transport::Direction};

    use super::*;
    use crate::store::{CallTurn, Ending, Stages};

    /// Friday noon in Chicago.
    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn call(store: &Store, name: &str, hours_ago: i64, response: i64) {
        let at = now() - SignedDuration::from_hours(hours_ago);
        store.begin_call(name, None, Direction::Inbound, at).await.unwrap();
        let turn = CallTurn {
            by_agent: false,
            from_ms: 0,
            to_ms: 900,
            words: "hello".to_owned(),
            interrupted: true,
            stages: Stages { response: Some(response), ..Stages::default() },
        };
        store.note_turns(name, &[(0, turn)]).await.unwrap();
        let ended = at + SignedDuration::from_secs(90);
        store.conclude(name, Ending::default(), ended).await.unwrap();
        let used = (&CallUsage::default(), Some(250_000));
        store.note_usage(name, used, ended).await.unwrap();
    }

    #[tokio::test]
    async fn calls_are_reported_by_weeks_that_begin_on_monday_by_the_clocks_of_the_house() {
        let store = Store::fresh().await;
        store.seed(now()).await.unwrap();
        // Monday 00:30 and Sunday 23:30 in Chicago, and a week in which nobody calls.
        call(&store, "CA1", 2, 700).await;
        call(&store, "CA2", 4 * 24 + 11, 900).await;
        call(&store, "CA3", 4 * 24 + 12 + 1, 400).await;
        call(&store, "CA4", 90 * 24, 400).await;
        let command = ReportCommand { weeks: 3, csv: true };
        let told = command.run(&store, now()).await.unwrap();
        assert_eq!(
            told,
            "monday,calls,inbound,outbound,failed,booked,handed_over,abandoned,seconds,\
             cost_micros,response_p50_ms,response_p95_ms,interruptions\n\
             2026-11-02,0,0,0,0,0,0,0,0,0,,,0\n\
             2026-11-09,1,1,0,0,0,0,1,90,250000,400,400,1\n\
             2026-11-16,2,2,0,0,0,0,2,180,500000,700,900,2\n"
        );
        let shown = ReportCommand { weeks: 1, csv: false }.run(&store, now()).await.unwrap();
        assert!(shown.lines().nth(1).unwrap().starts_with("2026-11-16      2  2 "), "{shown}");
        assert!(shown.contains("700/900") && shown.trim_end().ends_with("0.50"), "{shown}");
    }
}
