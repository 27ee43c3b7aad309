//! One day.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

use super::{Doubt, holiday, monday_of, month, on_or_after, plus, upcoming};
use crate::{
    brain::{
        numbers::{cardinal, ordinal, tens},
        words::Words,
    },
    spoken,
};

/// The day that is named at `at`, and how many words it takes.
pub(super) fn at(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    distance(words, at, today)
        .or_else(|| beside(words, at, today))
        .or_else(|| named(words, at, today))
}

/// Whether an expression of `length` words is a weekday and no more.
pub(super) fn is_weekday(words: &Words, at: usize, length: usize) -> bool {
    let led = length == 2 && matches!(words.at(at), "next" | "this" | "coming");
    (length == 1 || led) && weekday_called(words.at(at + length - 1)).is_some()
}

/// A day by its own name.
fn named(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    phrase(words, at, today)
        .or_else(|| holiday::at(words, at, today))
        .or_else(|| weekday_of_month(words, at, today))
        .or_else(|| weekday(words, at, today))
        .or_else(|| month_and_day(words, at, today))
        .or_else(|| day_of_month(words, at, today))
}

/// Words of somebody who tells what was.
const TOLD: [&str; 16] = [
    "broke", "brought", "called", "came", "dropped", "got", "had", "saw", "since", "spoke",
    "started", "stopped", "talked", "told", "was", "were",
];

fn phrase(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    if words.at(at) == "tomorrow" {
        return Some((plus(today, 1), 1));
    }
    // "I called yesterday" is no wish for a day that is over.
    if words.at(at) == "yesterday" && !words.any(&TOLD) {
        return Some((plus(today, -1), 1));
    }
    let here = matches!(words.at(at), "today" | "tonight");
    if here && !matches!(words.before(at), "you" | "doing" | "going") {
        return Some((today, 1));
    }
    // The part of the day is read by whoever reads times.
    let part = matches!(words.at(at + 1), "morning" | "afternoon" | "evening");
    (words.at(at) == "this" && part).then_some((today, 1))
}

/// "in two days", "two weeks from today", "a week from Monday".
fn distance(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (span, length) = span(words, at)?;
    let before = words.before(at);
    if before == "in" || (before == "about" && words.before(at - 1) == "in") {
        return Some((today.saturating_add(span), length));
    }
    if !matches!(words.at(at + length), "from" | "after") {
        return None;
    }
    let mut length = length + 1;
    length += usize::from(words.at(at + length) == "the");
    let (start, more) = match words.at(at + length) {
        "now" => (today, 1),
        _ => beside(words, at + length, today).or_else(|| named(words, at + length, today))?,
    };
    Some((start.saturating_add(span), length + more))
}

/// "two weeks", "a couple of days", "a month".
pub(super) fn span(words: &Words, at: usize) -> Option<(jiff::Span, usize)> {
    let phrases =
        [("a couple of", 2), ("a couple", 2), ("a few", 3), ("few", 3), ("a", 1), ("an", 1)];
    let (number, length) = match phrases.iter().find(|(phrase, _)| words.stands(at, phrase)) {
        Some((phrase, number)) => (*number, phrase.split(' ').count()),
        None => cardinal(words, at)?,
    };
    let number = i64::from(number);
    let span = match words.at(at + length) {
        "day" | "days" => number.days(),
        "week" | "weeks" => number.weeks(),
        "month" | "months" => number.months(),
        _ => return None,
    };
    Some((span, length + 1))
}

/// "the day after tomorrow", "the day before Thanksgiving".
fn beside(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let step = match (words.at(at), words.at(at + 1)) {
        ("day", "after") => 1,
        ("day", "before") => -1,
        _ => return None,
    };
    let (day, length) = named(words, at + 2, today)?;
    Some((plus(day, step), length + 2))
}

/// "Thursday", "this Thursday", "next Thursday", "last Thursday".
///
/// "Next" means the following calendar week, which begins on Monday; the agent always says the
/// date with the day, so that whoever meant another week hears it.
fn weekday(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (skip, which) = match words.at(at) {
        which @ ("next" | "this" | "coming" | "last") => (1, which),
        _ => (0, ""),
    };
    let weekday = weekday_called(words.at(at + skip))?;
    let coming = on_or_after(today, weekday);
    let day = match which {
        "next" => on_or_after(plus(monday_of(today), 7), weekday),
        "last" => plus(coming, -7),
        "this" => coming,
        _ if coming == today => plus(today, 7),
        _ => coming,
    };
    Some((day, skip + 1))
}

/// "the first Monday in December", "the last Friday of the month".
fn weekday_of_month(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (nth, length) = match words.at(at) {
        "last" => (-1, 1),
        _ => ordinal(words, at)
            .filter(|(nth, _)| *nth <= 5)
            .map(|(nth, length)| (i8::try_from(nth).unwrap_or_default(), length))?,
    };
    let weekday = weekday_called(words.at(at + length))?;
    let mut end = at + length + 1;
    if !matches!(words.at(end), "in" | "of") {
        return None;
    }
    end += 1;
    let this = today.first_of_month();
    let next = this.saturating_add(1.month());
    let day = if words.stands(end, "the month") || words.stands(end, "this month") {
        let day = this.nth_weekday_of_month(nth, weekday).ok().filter(|day| *day >= today);
        (day.or_else(|| next.nth_weekday_of_month(nth, weekday).ok())?, 2)
    } else if words.stands(end, "next month") {
        (next.nth_weekday_of_month(nth, weekday).ok()?, 2)
    } else {
        let month = month(words.at(end))?;
        let in_year =
            |year: i16| Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok();
        match year(words, end + 1) {
            Some((year, length)) => (in_year(year)?, 1 + length),
            None => (upcoming(today, in_year)?, 1),
        }
    };
    Some((day.0, end + day.1 - at))
}

/// "2026-03-24", "3/24", "3/24/26".
fn in_digits(word: &str) -> Option<(i8, i8, Option<i16>)> {
    let numbers: Vec<i16> =
        word.split(['/', '-']).map(str::parse).collect::<Result<_, _>>().ok()?;
    let (month, number, year) = match numbers[..] {
        [year @ 1900..=9999, month, number] if word.len() == 10 => (month, number, Some(year)),
        [month, number, year @ 0..100] => (month, number, Some(2000 + year)),
        [month, number, year] => (month, number, Some(year)),
        // "9-11" is a span of hours as well.
        [month, number] if word.contains('/') => (month, number, None),
        _ => return None,
    };
    let month = i8::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
    Some((month, i8::try_from(number).ok()?, year))
}

/// "December 3rd", "the third of December", "3 December", "December 3rd, 2026", "12/3".
fn month_and_day(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (month, number, year, length) = calendar(words, at)?;
    let in_year = |year: i16| Date::new(year, month, number).ok();
    let day = year.map_or_else(|| upcoming(today, in_year), in_year)?;
    Some((day, length))
}

/// A day that the calendar does not have, "November 31st", and how many words it takes.
pub(super) fn missing(words: &Words, at: usize, today: Date) -> Option<(Doubt, usize)> {
    let (month, number, year, length) = calendar(words, at)?;
    if !(1..=31).contains(&number) {
        return None;
    }
    let in_year = |year: i16| Date::new(year, month, number).ok();
    if year.map_or_else(|| upcoming(today, in_year), in_year).is_some() {
        return None;
    }
    let year = year.unwrap_or(today.year() + i16::from(today.month() > month));
    // Only of the leap day it depends on the year.
    let year = in_year(LEAP).map(|_| year);
    Some((Doubt::Missing { month, number, year }, length))
}

/// A year that has every day.
const LEAP: i16 = 2028;

/// A month, a day of it, and the year if it is named; and how many words that takes.
fn calendar(words: &Words, at: usize) -> Option<(i8, i8, Option<i16>, usize)> {
    if let Some((month, number, year)) = in_digits(words.at(at)) {
        return Some((month, number, year, 1));
    }
    let (month, number, length) = month_and_number(words, at)?;
    Some(match year(words, at + length) {
        Some((year, more)) => (month, number, Some(year), length + more),
        None => (month, number, None, length),
    })
}

fn month_and_number(words: &Words, at: usize) -> Option<(i8, i8, usize)> {
    let (month, number, length) = if let Some(month) = month(words.at(at)) {
        let skip = 1 + usize::from(words.at(at + 1) == "the");
        let (number, length) = ordinal(words, at + skip).or_else(|| cardinal(words, at + skip))?;
        (month, number, skip + length)
    } else {
        let skip = usize::from(words.at(at) == "the");
        let (number, length) = ordinal(words, at + skip).or_else(|| cardinal(words, at + skip))?;
        let of = usize::from(words.at(at + skip + length) == "of");
        (month(words.at(at + skip + length + of))?, number, skip + length + of + 1)
    };
    Some((month, i8::try_from(number).ok()?, length))
}

/// "2026", "twenty twenty-six".
fn year(words: &Words, at: usize) -> Option<(i16, usize)> {
    let word = words.at(at);
    if word.len() == 4 && (word.starts_with("19") || word.starts_with("20")) {
        return Some((word.parse().ok()?, 1));
    }
    let (rest, length) = cardinal(words, at + 1)?;
    let spoken = tens(word) == Some(20) && tens(words.at(at + 1)).is_some();
    spoken.then_some((2000 + i16::try_from(rest).ok()?, 1 + length))
}

/// "the 24th". Small ordinals in words are left alone: "the second" is a choice more often.
fn day_of_month(words: &Words, at: usize, today: Date) -> Option<(Date, usize)> {
    let (number, length) = ordinal(words, at)?;
    let digits = words.at(at).starts_with(|c: char| c.is_ascii_digit());
    let is_choice =
        matches!(words.at(at + length), "one" | "option" | "slot" | "time" | "available");
    // After a month it is a day that the month does not have.
    let misfit = month(words.before(at)).is_some();
    let of_weekday = words.before(at) == "the" && weekday_called(words.before(at - 1)).is_some();
    let is_said = digits || of_weekday || number >= 6;
    if is_choice || misfit || !is_said {
        return None;
    }
    let number = i8::try_from(number).ok()?;
    let mut first = today.first_of_month();
    // Two months on there is a day of every number, whatever the months' lengths.
    for _ in 0..3 {
        if let Ok(day) = Date::new(first.year(), first.month(), number)
            && day >= today
        {
            return Some((day, length));
        }
        first = first.checked_add(1.month()).ok()?;
    }
    None
}

pub(super) fn weekday_called(word: &str) -> Option<Weekday> {
    const SHORT: [&[&str]; 7] =
        [&["mon"], &["tue", "tues"], &["weds"], &["thu", "thur", "thurs"], &["fri"], &[], &[]];
    Weekday::Monday.cycle_forward().zip(SHORT).find_map(|(day, short)| {
        let name = spoken::weekday(day);
        let plural = word.strip_suffix('s').unwrap_or(word);
        let is = name.eq_ignore_ascii_case(word)
            || name.eq_ignore_ascii_case(plural)
            || short.contains(&word);
        is.then_some(day)
    })
}
