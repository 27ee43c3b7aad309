use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use voiceagent_core::{Error, ErrorKind};

use crate::spoken;

use super::{Fault, Location, Store, fault::strange};

/// When a location is open.
#[derive(Clone, Debug)]
pub struct Hours {
    zone: TimeZone,
    /// By ISO weekday, Monday 1.
    weekly: BTreeMap<i8, Vec<(Time, Time)>>,
    closures: BTreeMap<Date, Closure>,
}

/// A date on which the usual hours do not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a date is closed, or open at special hours")]
pub struct Closure {
    /// What it is closed for, as it is spoken: `Thanksgiving`.
    pub reason: String,
    /// The special hours, if it is not closed all day.
    pub open: Option<(Time, Time)>,
}

/// An unbroken stretch of open time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "an interval has two ends")]
pub struct OpenInterval {
    /// When the doors open.
    pub opens: Timestamp,
    /// When they close.
    pub closes: Timestamp,
}

impl Hours {
    /// Hours without exceptions: for each ISO weekday (Monday 1), local opening and closing times.
    #[must_use]
    pub fn weekly(zone: TimeZone, hours: impl IntoIterator<Item = (i8, Time, Time)>) -> Self {
        let mut weekly: BTreeMap<i8, Vec<(Time, Time)>> = BTreeMap::new();
        for (weekday, opens, closes) in hours {
            weekly.entry(weekday).or_default().push((opens, closes));
        }
        Self { zone, weekly, closures: BTreeMap::new() }
    }

    /// Adds an exception.
    #[must_use]
    pub fn with_closure(mut self, date: Date, closure: Closure) -> Self {
        self.closures.insert(date, closure);
        self
    }

    /// The usual hours of an ISO weekday (Monday 1), without exceptions.
    #[must_use]
    pub fn usual(&self, weekday: i8) -> &[(Time, Time)] {
        self.weekly.get(&weekday).map_or(&[], Vec::as_slice)
    }

    /// The open intervals of a local date, as instants.
    ///
    /// Across a change of the clocks an interval is shorter or longer than its wall-clock times
    /// suggest: an hour that is skipped is not there, an hour that is repeated is there twice.
    #[must_use]
    pub fn on(&self, date: Date) -> Vec<OpenInterval> {
        self.local(date)
            .into_iter()
            .filter_map(|(opens, closes)| {
                let opens = self.instant(date.to_datetime(opens), Edge::Opens)?;
                let closes = self.instant(date.to_datetime(closes), Edge::Closes)?;
                (opens < closes).then_some(OpenInterval { opens, closes })
            })
            .collect()
    }

    /// Why a date is closed all day, such as `closed on Sundays`; `None` if it is not.
    #[must_use]
    pub fn closed_on(&self, date: Date) -> Option<String> {
        if !self.local(date).is_empty() {
            return None;
        }
        Some(match self.closures.get(&date) {
            Some(closure) => format!("closed for {}", closure.reason),
            None => format!("closed on {}s", spoken::weekday(date.weekday())),
        })
    }

    fn local(&self, date: Date) -> Vec<(Time, Time)> {
        match self.closures.get(&date) {
            Some(closure) => closure.open.into_iter().collect(),
            None => {
                let weekday = date.weekday().to_monday_one_offset();
                self.weekly.get(&weekday).cloned().unwrap_or_default()
            }
        }
    }

    /// The instant of a wall-clock time. One that is skipped stands for the moment of the change;
    /// of one that is repeated, the doors open at the first and close at the second.
    fn instant(&self, local: DateTime, edge: Edge) -> Option<Timestamp> {
        let moment = self.zone.to_ambiguous_zoned(local);
        if !moment.is_ambiguous() {
            return Some(moment.unambiguous().ok()?.timestamp());
        }
        if matches!(moment.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
            let before = moment.earlier().ok()?.timestamp();
            return Some(self.zone.following(before).next()?.timestamp());
        }
        match edge {
            Edge::Opens => Some(moment.earlier().ok()?.timestamp()),
            Edge::Closes => Some(moment.later().ok()?.timestamp()),
        }
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Opens,
    Closes,
}

impl Store {
    /// When a location is open.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or holds a date or time that is none.
    pub async fn hours(&self, location: &Location) -> Result<Hours, Fault> {
        let id = location.id.to_string();
        let weekly: Vec<(i16, String, String)> = sqlx::query_as(
            "SELECT weekday, opens, closes FROM business_hours
             WHERE location_id = $1 ORDER BY weekday, opens",
        )
        .bind(&id)
        .fetch_all(&self.reader)
        .await?;
        let closures: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT local_date, reason, opens, closes FROM closure WHERE location_id = $1",
        )
        .bind(&id)
        .fetch_all(&self.reader)
        .await?;
        let weekly: Vec<_> = weekly
            .iter()
            .map(|(weekday, opens, closes)| {
                let weekday = i8::try_from(*weekday)
                    .map_err(|_| strange("business_hours", "a weekday that is none"))?;
                Ok((weekday, read(opens)?, read(closes)?))
            })
            .collect::<Result<_, Fault>>()?;
        let mut hours = Hours::weekly(location.zone.clone(), weekly);
        for (date, reason, opens, closes) in closures {
            let open = match (opens, closes) {
                (Some(opens), Some(closes)) => Some((read(&opens)?, read(&closes)?)),
                _ => None,
            };
            hours = hours.with_closure(read(&date)?, Closure { reason, open });
        }
        Ok(hours)
    }
}

fn read<T: std::str::FromStr<Err = jiff::Error>>(stored: &str) -> Result<T, Fault> {
    stored.parse().map_err(|cause| {
        Error::new(ErrorKind::Config, "store", "the opening hours hold no valid date or time")
            .with_source(cause)
            .into()
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn night_shop() -> Hours {
        let zone = TimeZone::get("America/Chicago").unwrap();
        Hours::weekly(zone, [(7, time(0, 0, 0, 0), time(6, 0, 0, 0))])
    }

    fn length(intervals: &[OpenInterval]) -> i64 {
        intervals.iter().map(|open| open.closes.as_second() - open.opens.as_second()).sum()
    }

    #[test]
    fn a_night_with_a_skipped_hour_is_an_hour_shorter() {
        assert_eq!(length(&night_shop().on(date(2026, 3, 8))), 5 * 3_600);
    }

    #[test]
    fn a_night_with_a_repeated_hour_is_an_hour_longer() {
        assert_eq!(length(&night_shop().on(date(2026, 11, 1))), 7 * 3_600);
    }

    #[test]
    fn doors_that_open_in_a_skipped_hour_open_when_the_clocks_change() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let hours = Hours::weekly(zone, [(7, time(2, 30, 0, 0), time(6, 0, 0, 0))]);
        let open = hours.on(date(2026, 3, 8));
        assert_eq!(open[0].opens, "2026-03-08T08:00:00Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn a_closed_date_names_its_reason() {
        let thanksgiving = Closure { reason: "Thanksgiving".to_owned(), open: None };
        let hours = night_shop().with_closure(date(2026, 11, 29), thanksgiving);
        assert_eq!(hours.closed_on(date(2026, 11, 29)).as_deref(), Some("closed for Thanksgiving"));
        assert_eq!(hours.closed_on(date(2026, 11, 30)).as_deref(), Some("closed on Mondays"));
        assert_eq!(hours.closed_on(date(2026, 12, 6)), None);
        assert!(hours.on(date(2026, 11, 29)).is_empty());
    }

    #[test]
    fn special_hours_replace_the_usual_ones() {
        let eve = Closure {
            reason: "Christmas Eve".to_owned(),
            open: Some((time(0, 0, 0, 0), time(2, 0, 0, 0))),
        };
        let hours = night_shop().with_closure(date(2026, 12, 20), eve);
        assert_eq!(length(&hours.on(date(2026, 12, 20))), 2 * 3_600);
    }
}
