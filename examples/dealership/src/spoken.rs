//! Dates and times as a receptionist says them.

use jiff::{
    Zoned,
    civil::{Date, Time, Weekday},
};

/// A date without its year: `Monday, November 23rd`.
#[must_use]
pub fn date(date: Date) -> String {
    format!("{}, {} {}", weekday(date.weekday()), month(date.month()), ordinal(date.day()))
}

/// A time of day: `10 AM`, `2:30 PM`, `noon`.
#[must_use]
pub fn time(time: Time) -> String {
    let half = if time.hour() < 12 { "AM" } else { "PM" };
    match (time.hour(), time.minute()) {
        (12, 0) => "noon".to_owned(),
        (0, 0) => "midnight".to_owned(),
        (hour, 0) => format!("{} {half}", twelve(hour)),
        (hour, minute) => format!("{}:{minute:02} {half}", twelve(hour)),
    }
}

/// A date and time: `Monday, November 23rd at 10 AM`. In an hour that the clock repeats, it says
/// which one: `Sunday, November 1st at the second 1:30 AM`.
#[must_use]
pub fn moment(moment: &Zoned) -> String {
    let which = match repeat(moment) {
        Some(Repeat::First) => "the first ",
        Some(Repeat::Second) => "the second ",
        None => "",
    };
    format!("{} at {which}{}", date(moment.date()), time(moment.time()))
}

/// A weekday: `Monday`.
#[must_use]
pub fn weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

enum Repeat {
    First,
    Second,
}

fn repeat(moment: &Zoned) -> Option<Repeat> {
    let local = moment.time_zone().to_ambiguous_zoned(moment.datetime());
    if !local.is_ambiguous() {
        return None;
    }
    let second = local.later().ok()?;
    Some(if second.timestamp() == moment.timestamp() { Repeat::Second } else { Repeat::First })
}

fn twelve(hour: i8) -> i8 {
    match hour % 12 {
        0 => 12,
        hour => hour,
    }
}

fn month(month: i8) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let index = usize::try_from(month - 1).expect("a month of a date is 1 to 12");
    NAMES[index]
}

fn ordinal(day: i8) -> String {
    let ending = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn chicago(instant: &str) -> Zoned {
        instant.parse::<Timestamp>().unwrap().in_tz("America/Chicago").unwrap()
    }

    #[test]
    fn a_moment_is_said_as_a_receptionist_says_it() {
        assert_eq!(moment(&chicago("2026-11-23T16:00:00Z")), "Monday, November 23rd at 10 AM");
        assert_eq!(moment(&chicago("2026-12-01T20:30:00Z")), "Tuesday, December 1st at 2:30 PM");
        assert_eq!(moment(&chicago("2026-11-22T18:00:00Z")), "Sunday, November 22nd at noon");
    }

    #[test]
    fn days_from_eleven_to_thirteen_end_in_th() {
        let endings: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31].map(ordinal).into();
        assert_eq!(
            endings,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "30th",
                "31st"
            ]
        );
    }

    #[test]
    fn an_hour_that_the_clock_repeats_is_told_apart() {
        let first = moment(&chicago("2026-11-01T06:30:00Z"));
        let second = moment(&chicago("2026-11-01T07:30:00Z"));
        assert_eq!(first, "Sunday, November 1st at the first 1:30 AM");
        assert_eq!(second, "Sunday, November 1st at the second 1:30 AM");
    }
}
