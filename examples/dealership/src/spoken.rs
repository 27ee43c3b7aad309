//! Dates and times as a receptionist says them.

use jiff::{
    Zoned,
    civil::{Date, Time, Weekday},
};

use crate::store::Hours;

/// A date without its year: `Monday, November 23rd`.
#[must_use]
pub fn date(date: Date) -> String {
    format!("{}, {}", weekday(date.weekday()), month_and_day(date.month(), date.day()))
}

/// A day of a month, which need not have it: `March 4th`.
///
/// # Panics
///
/// When the month is not one of 1 to 12.
#[must_use]
pub fn month_and_day(month: i8, day: i8) -> String {
    format!("{} {}", self::month(month), ordinal(day))
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

/// A noun with its article: `an oil change`, `a test drive`.
#[must_use]
pub fn one(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// When a business is open in a usual week, as a sentence.
#[must_use]
pub fn week(hours: &Hours) -> String {
    let mut stretches: Vec<(Weekday, Weekday)> = Vec::new();
    for day in Weekday::Monday.cycle_forward().take(7).filter(|day| !of(hours, *day).is_empty()) {
        match stretches.last_mut() {
            Some((_, last)) if last.next() == day && of(hours, *last) == of(hours, day) => {
                *last = day;
            }
            Some(_) | None => stretches.push((day, day)),
        }
    }
    let parts: Vec<String> =
        stretches.into_iter().map(|(first, last)| stretch(hours, first, last)).collect();
    match parts.split_last() {
        None => "We are closed at present.".to_owned(),
        Some((only, [])) => format!("We are open {only}."),
        Some((last, rest)) => format!("We are open {}, and {last}.", rest.join(", ")),
    }
}

fn stretch(hours: &Hours, first: Weekday, last: Weekday) -> String {
    let open: Vec<String> = of(hours, first)
        .iter()
        .map(|(opens, closes)| format!("from {} to {}", time(*opens), time(*closes)))
        .collect();
    let days = match first == last {
        true => weekday(first).to_owned(),
        false => format!("{} to {}", weekday(first), weekday(last)),
    };
    format!("{days} {}", open.join(" and "))
}

fn of(hours: &Hours, day: Weekday) -> &[(Time, Time)] {
    hours.usual(day.to_monday_one_offset())
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

/// A month of 1 to 12: `March`.
///
/// # Panics
///
/// When there is no such month.
#[must_use]
pub fn month(month: i8) -> &'static str {
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
    let index = usize::try_from(month - 1).expect("a month is 1 to 12");
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
    fn the_twelve_o_clocks_and_what_is_behind_them_are_told_apart() {
        let clock = |hour, minute| time(jiff::civil::time(hour, minute, 0, 0));
        let times = [clock(0, 0), clock(0, 5), clock(12, 0), clock(12, 30), clock(13, 0)];
        assert_eq!(times, ["midnight", "12:05 AM", "noon", "12:30 PM", "1 PM"]);
    }

    #[test]
    fn a_week_is_said_with_equal_days_together() {
        use jiff::{civil::time, tz::TimeZone};
        let nine_to_two = (time(9, 0, 0, 0), time(14, 0, 0, 0));
        let usual = |day| (day, time(8, 0, 0, 0), time(18, 0, 0, 0));
        let hours = (1..=5).map(usual).chain([(6, nine_to_two.0, nine_to_two.1)]);
        assert_eq!(
            week(&Hours::weekly(TimeZone::UTC, hours)),
            "We are open Monday to Friday from 8 AM to 6 PM, and Saturday from 9 AM to 2 PM."
        );
        assert_eq!(
            week(&Hours::weekly(TimeZone::UTC, [usual(3)])),
            "We are open Wednesday from 8 AM to 6 PM."
        );
        assert_eq!(week(&Hours::weekly(TimeZone::UTC, [])), "We are closed at present.");
    }

    #[test]
    fn a_noun_gets_the_article_of_its_sound() {
        assert_eq!(one("oil change"), "an oil change");
        assert_eq!(one("test drive"), "a test drive");
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
