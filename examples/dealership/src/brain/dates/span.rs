//! Several days.

use jiff::{ToSpan, civil::Date};

use super::{Days, day, monday_of, month, on_or_after, plus, upcoming};
use crate::brain::{
    numbers::{cardinal, ordinal},
    words::Words,
};

/// The days that are named at `at`, and how many words they take.
pub(super) fn at(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    soon(words, at, today)
        .or_else(|| weekend(words, at, today))
        .or_else(|| part(words, at, today))
        .or_else(|| week_of(words, at, today))
        .or_else(|| following(words, at, today))
        .or_else(|| whole(words, at, today))
}

fn soon(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    const PHRASES: [&str; 8] = [
        "as soon as possible",
        "as soon as you can",
        "asap",
        "soonest",
        "earliest",
        "first available",
        "next available",
        "right away",
    ];
    let phrase = PHRASES.iter().find(|phrase| words.stands(at, phrase))?;
    // The shop spreads what it finds over the days that it is asked for.
    Some((Days { from: today, to: plus(today, 1) }, phrase.split(' ').count()))
}

fn weekend(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let next = words.stands(at, "next weekend");
    if !next && words.at(at) != "weekend" {
        return None;
    }
    let saturday = match next {
        true => plus(monday_of(today), 12),
        false => on_or_after(today, jiff::civil::Weekday::Saturday),
    };
    Some((Days { from: saturday, to: plus(saturday, 1) }, 1 + usize::from(next)))
}

/// "the next two weeks", "within a week".
fn following(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    if !matches!(words.at(at), "next" | "coming" | "within") {
        return None;
    }
    let (span, length) = day::span(words, at + 1)?;
    Some((Days { from: today, to: today.saturating_add(span) }, length + 1))
}

/// "the week of the 9th"
fn week_of(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    if !words.stands(at, "week of") {
        return None;
    }
    let article = usize::from(words.at(at + 2) == "the");
    let (day, length) = day::at(words, at + 2 + article, today)?;
    let monday = monday_of(day);
    Some((Days { from: monday, to: plus(monday, 6) }, 2 + article + length))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unit {
    Month,
    Week,
}

/// A calendar week or month.
fn period(words: &Words, at: usize, today: Date) -> Option<(Days, Unit, usize)> {
    let monday = monday_of(today);
    let week = |from| Days { from, to: plus(from, 6) };
    let of_month = |from: Date| Days { from, to: from.last_of_month() };
    let first = today.first_of_month();
    let periods = [
        ("week after next", week(plus(monday, 14)), Unit::Week),
        ("next week", week(plus(monday, 7)), Unit::Week),
        ("following week", week(plus(monday, 7)), Unit::Week),
        ("this week", week(monday), Unit::Week),
        ("the week", week(monday), Unit::Week),
        ("next month", of_month(first.saturating_add(1.month())), Unit::Month),
        ("this month", of_month(first), Unit::Month),
        ("the month", of_month(first), Unit::Month),
    ];
    if let Some((phrase, days, unit)) = periods.iter().find(|(name, ..)| words.stands(at, name)) {
        return Some((*days, *unit, phrase.split(' ').count()));
    }
    let month = month(words.at(at))?;
    // "In December, the third" names a day.
    let next = at + 1 + usize::from(words.at(at + 1) == "the");
    if ordinal(words, next).or_else(|| cardinal(words, next)).is_some() {
        return None;
    }
    let last = upcoming(today, |year| Some(Date::new(year, month, 1).ok()?.last_of_month()))?;
    Some((of_month(last.first_of_month()), Unit::Month, 1))
}

fn whole(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let (days, _, length) = period(words, at, today)?;
    // "March", "may" and "the week" are a wish only behind such words.
    let led = matches!(words.before(at), "in" | "of" | "during" | "until" | "sometime");
    let named = matches!(words.at(at), "week" | "next" | "this" | "following");
    (led || named).then(|| (Days { from: days.from.max(today), to: days.to }, length))
}

/// "the end of the week", "early next month", "the first week of May".
fn part(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    // The first and the last day, within a week and within a month, from 0.
    const PARTS: [(&str, [i64; 4]); 14] = [
        ("end of", [3, 5, 21, 30]),
        ("late in", [3, 5, 21, 30]),
        ("late", [3, 5, 21, 30]),
        ("beginning of", [0, 1, 0, 6]),
        ("start of", [0, 1, 0, 6]),
        ("early in", [0, 1, 0, 6]),
        ("early", [0, 1, 0, 6]),
        ("middle of", [1, 3, 10, 19]),
        ("mid", [1, 3, 10, 19]),
        ("first week of", [0, 6, 0, 6]),
        ("first week in", [0, 6, 0, 6]),
        ("second week of", [0, 6, 7, 13]),
        ("third week of", [0, 6, 14, 20]),
        ("last week of", [0, 6, 24, 30]),
    ];
    let from_tomorrow = words.at(at) == "later";
    let (skip, bounds) = match PARTS.iter().find(|(phrase, _)| words.stands(at, phrase)) {
        Some((phrase, bounds)) => (phrase.split(' ').count(), *bounds),
        None if from_tomorrow => (1, [0, 6, 0, 30]),
        None => return None,
    };
    let article = usize::from(words.at(at + skip) == "the" && words.at(at + skip + 1) == "next");
    let (period, unit, length) = period(words, at + skip + article, today)?;
    let [first, last] = match unit {
        Unit::Week => [bounds[0], bounds[1]],
        Unit::Month => [bounds[2], bounds[3]],
    };
    let start = if from_tomorrow { plus(today, 1) } else { today };
    let days = |period: Days| Days {
        from: plus(period.from, first).max(start).min(period.to),
        to: plus(period.from, last).min(period.to),
    };
    let found = days(period);
    let over = found.to < start;
    let following = match unit {
        Unit::Month => {
            let from = period.from.saturating_add(1.month());
            Days { from, to: from.last_of_month() }
        }
        Unit::Week => Days { from: plus(period.from, 7), to: plus(period.to, 7) },
    };
    let found = if over { days(following) } else { found };
    Some((found, skip + article + length))
}
