//! Days as people name them.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

use super::{
    numbers::{cardinal, ordinal, with_suffix},
    words::Words,
};

/// How many days "any day" and "as soon as possible" stand for.
const SOON: i64 = 14;

/// The days that somebody would come on, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Days {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

impl Days {
    pub(crate) const fn one(day: Date) -> Self {
        Self { from: day, to: day }
    }

    pub(crate) fn contains(self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }

    pub(crate) fn is_one(self) -> bool {
        self.from == self.to
    }

    /// The two weeks from `start` on.
    pub(crate) fn soon(start: Date) -> Self {
        Self { from: start, to: plus(start, SOON) }
    }

    /// The day after `day`.
    pub(crate) fn after(day: Date) -> Date {
        plus(day, 1)
    }
}

/// Finds the days that are meant, and blanks their words.
///
/// Of several, the last one counts ("not Monday, Tuesday"; "move it from Monday to Friday"),
/// except in a choice ("Monday or Tuesday").
pub(crate) fn take(words: &mut Words, today: Date) -> Option<Days> {
    let mut chosen: Option<Days> = None;
    for (at, days) in all(words, today) {
        let before = words.before(at);
        if before == "not" || (before == "of" && words.before(at - 1) == "instead") {
            continue;
        }
        chosen = Some(match chosen {
            Some(first) if before == "or" => either(first, days),
            Some(_) | None => days,
        });
    }
    chosen
}

/// Every day that a text names and where, in its order; blanks their words.
pub(crate) fn all(words: &mut Words, today: Date) -> Vec<(usize, Days)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some((days, length)) = days_at(words, at, today) else {
            at += 1;
            continue;
        };
        words.take(at..at + length);
        found.push((at, days));
        at += length;
    }
    found
}

/// "Wednesday, March 4th".
pub(crate) fn spoken(day: Date) -> String {
    let weekday = WEEKDAYS[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())].0;
    let month = MONTHS[usize::from(day.month().unsigned_abs()) - 1].0;
    let number = with_suffix(u32::from(day.day().unsigned_abs()));
    format!("{}, {} {number}", capital(weekday), capital(month))
}

const WEEKDAYS: [(&str, &[&str]); 7] = [
    ("monday", &["mon", "mondays"]),
    ("tuesday", &["tue", "tues", "tuesdays"]),
    ("wednesday", &["wed", "weds", "wednesdays"]),
    ("thursday", &["thu", "thur", "thurs", "thursdays"]),
    ("friday", &["fri", "fridays"]),
    ("saturday", &["saturdays"]),
    ("sunday", &["sundays"]),
];

const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sept"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

fn days_at(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    phrase(words, at, today)
        .or_else(|| distance(words, at, today))
        .or_else(|| weekday(words, at, today))
        .or_else(|| written(words.at(at), today).map(|day| (Days::one(day), 1)))
        .or_else(|| month_and_day(words, at, today))
        .or_else(|| day_of_month(words, at, today))
}

/// Fixed phrases.
fn phrase(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let monday = plus(today, -i64::from(today.weekday().to_monday_zero_offset()));
    let span = |from, days| Days { from, to: plus(from, days) };
    let saturday = monday_based(today, Weekday::Saturday);
    let phrases = [
        ("day after tomorrow", Days::one(plus(today, 2))),
        ("tomorrow", Days::one(plus(today, 1))),
        ("next week", span(plus(monday, 7), 6)),
        ("later this week", Days { from: plus(today, 1), to: plus(monday, 6) }),
        ("this week", Days { from: today, to: plus(monday, 6) }),
        ("next weekend", span(plus(monday, 12), 1)),
        ("weekend", span(saturday, 1)),
        ("next few days", span(plus(today, 1), 4)),
        ("as soon as possible", Days::soon(today)),
        ("asap", Days::soon(today)),
        ("soonest", Days::soon(today)),
        ("earliest", Days::soon(today)),
        ("first available", Days::soon(today)),
        ("next available", Days::soon(today)),
        ("any day", Days::soon(today)),
        ("whenever", Days::soon(today)),
    ];
    let found = phrases.iter().find(|(phrase, _)| words.stands(at, phrase));
    if let Some((phrase, days)) = found {
        return Some((*days, phrase.split(' ').count()));
    }
    let asks_after_us = matches!(words.before(at), "you" | "doing" | "going");
    let here = matches!(words.at(at), "today" | "tonight") && !asks_after_us;
    here.then_some((Days::one(today), 1))
}

/// "in two days", "two weeks from today", "a week from Monday".
fn distance(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let (number, mut length) = if words.stands(at, "a couple of") {
        (2, 3)
    } else if matches!(words.at(at), "a" | "an") {
        (1, 1)
    } else {
        cardinal(words, at)?
    };
    let days = match words.at(at + length) {
        "day" | "days" => i64::from(number),
        "week" | "weeks" => i64::from(number) * 7,
        _ => return None,
    };
    length += 1;
    if words.before(at) == "in" {
        return Some((Days::one(plus(today, days)), length));
    }
    if words.at(at + length) != "from" {
        return None;
    }
    length += 1;
    let (start, more) = match words.at(at + length) {
        "now" => (today, 1),
        _ => days_at(words, at + length, today).map(|(days, more)| (days.from, more))?,
    };
    Some((Days::one(plus(start, days)), length + more))
}

/// "Thursday", "this Thursday", "next Thursday".
///
/// "Next" means the following calendar week, which begins on Monday; the agent always says the
/// date with the day, so that whoever meant another week hears it.
fn weekday(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let (skip, which) = match words.at(at) {
        which @ ("next" | "this" | "coming") => (1, which),
        _ => (0, ""),
    };
    let word = words.at(at + skip);
    let index = WEEKDAYS.iter().position(|(name, short)| *name == word || short.contains(&word))?;
    let weekday = Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()?;
    let day = match which {
        "next" => plus(monday_of(today), 7 + i64::try_from(index).ok()?),
        "this" => monday_based(today, weekday),
        _ => match monday_based(today, weekday) {
            day if day == today => plus(today, 7),
            day => day,
        },
    };
    Some((Days::one(day), skip + 1))
}

/// "2026-03-24", "3/24", "3/24/26".
fn written(word: &str, today: Date) -> Option<Date> {
    if let Ok(day) = word.parse::<Date>()
        && word.len() == 10
    {
        return Some(day);
    }
    let numbers: Vec<i16> = word.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
    let (month, day, year) = match numbers[..] {
        [month, day] => (month, day, None),
        [month, day, year] if year < 100 => (month, day, Some(2000 + year)),
        [month, day, year] => (month, day, Some(year)),
        _ => return None,
    };
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    match year {
        Some(year) => Date::new(year, month, day).ok(),
        None => upcoming(today, month, day),
    }
}

/// "December 3rd", "the third of December", "3 December".
fn month_and_day(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    if let Some(month) = month(words.at(at)) {
        let skip = 1 + usize::from(words.at(at + 1) == "the");
        let (day, length) = ordinal(words, at + skip).or_else(|| cardinal(words, at + skip))?;
        let day = upcoming(today, month, i8::try_from(day).ok()?)?;
        return Some((Days::one(day), skip + length));
    }
    let skip = usize::from(words.at(at) == "the");
    let (day, length) = ordinal(words, at + skip).or_else(|| cardinal(words, at + skip))?;
    let of = usize::from(words.at(at + skip + length) == "of");
    let month = month(words.at(at + skip + length + of))?;
    let day = upcoming(today, month, i8::try_from(day).ok()?)?;
    Some((Days::one(day), skip + length + of + 1))
}

/// "the 24th". Small ordinals in words are left alone: "the second" is a choice more often.
fn day_of_month(words: &Words, at: usize, today: Date) -> Option<(Days, usize)> {
    let (number, length) = ordinal(words, at)?;
    let digits = words.at(at).starts_with(|c: char| c.is_ascii_digit());
    let is_choice = matches!(words.at(at + length), "one" | "option" | "slot" | "time");
    // After a month it is a day that the month does not have.
    let misfit = month(words.before(at)).is_some();
    if is_choice || misfit || (!digits && number < 6) {
        return None;
    }
    let number = i8::try_from(number).ok()?;
    let mut first = today.first_of_month();
    // Two months on there is a day of every number, whatever the months' lengths.
    for _ in 0..3 {
        if let Ok(day) = Date::new(first.year(), first.month(), number)
            && day >= today
        {
            return Some((Days::one(day), length));
        }
        first = first.checked_add(1.month()).ok()?;
    }
    None
}

fn month(word: &str) -> Option<i8> {
    let index = MONTHS.iter().position(|(name, short)| *name == word || *short == word)?;
    i8::try_from(index + 1).ok()
}

fn upcoming(today: Date, month: i8, day: i8) -> Option<Date> {
    let this_year = Date::new(today.year(), month, day).ok();
    match this_year {
        Some(day) if day >= today => Some(day),
        Some(_) | None => Date::new(today.year() + 1, month, day).ok(),
    }
}

fn either(first: Days, second: Days) -> Days {
    let (early, late) = if first.from <= second.from { (first, second) } else { (second, first) };
    if late.from == plus(early.to, 1) { Days { from: early.from, to: late.to } } else { first }
}

fn monday_of(day: Date) -> Date {
    plus(day, -i64::from(day.weekday().to_monday_zero_offset()))
}

/// The first such weekday from `today` on.
fn monday_based(today: Date, weekday: Weekday) -> Date {
    plus(today, i64::from(today.weekday().until(weekday)))
}

fn plus(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
