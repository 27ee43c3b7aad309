//! Days as people name them.

mod day;
mod holiday;
mod span;

use std::ops::Range;

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

use super::{intent::is_refused, words::Words};
use crate::spoken;

/// How many days "any day" stands for.
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

    /// Without such a weekday at either end; `None` where nothing is left.
    pub(crate) fn without(self, weekday: Option<Weekday>) -> Option<Self> {
        let is_out = |day: Date| Some(day.weekday()) == weekday;
        let from = if is_out(self.from) { plus(self.from, 1) } else { self.from };
        let to = if is_out(self.to) { plus(self.to, -1) } else { self.to };
        Some(Self { from, to }).filter(|days| days.from <= days.to)
    }

    /// The day after `day`.
    pub(crate) fn after(day: Date) -> Date {
        plus(day, 1)
    }

    /// The first such weekday among them.
    fn first(self, weekday: Weekday) -> Option<Date> {
        Some(on_or_after(self.from, weekday)).filter(|day| *day <= self.to)
    }
}

/// Why nobody can come on the day that was named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Doubt {
    /// No month has such a day; or not in that year, where it depends on the year.
    Missing { month: i8, number: i8, year: Option<i16> },
    /// The day, the last of several, is over.
    Past(Date),
    /// Two different days were named as one, like "tomorrow, the 25th".
    Two(Date, Date),
    /// The day is not such a weekday.
    Weekday(Date, Weekday),
}

impl Doubt {
    /// What is wrong, as a sentence.
    pub(crate) fn sentence(self, today: Date) -> String {
        match self {
            Self::Missing { month, number, year } => {
                let day = spoken::month_and_day(month, number);
                let year = year.map_or_else(String::new, |year| format!(" in {year}"));
                format!("There is no {day}{year}.")
            }
            Self::Past(day) if day.year() == today.year() => {
                format!("{} is in the past.", spoken::date(day))
            }
            Self::Past(day) => format!("{}, {}, is in the past.", spoken::date(day), day.year()),
            Self::Two(one, other) => {
                format!("{} and {} are two different days.", spoken::date(one), spoken::date(other))
            }
            Self::Weekday(day, said) => format!(
                "{} is a {}, not a {}.",
                spoken::month_and_day(day.month(), day.day()),
                spoken::weekday(day.weekday()),
                spoken::weekday(said)
            ),
        }
    }
}

/// Finds the days that are meant, and blanks their words.
///
/// Of several, the last one counts ("not Monday, Tuesday"; "move it from Monday to Friday"),
/// except in a choice ("Monday or Tuesday"). Names side by side mean the same day.
///
/// # Errors
///
/// What is wrong with the days that are meant.
pub(crate) fn take(words: &mut Words, today: Date) -> Option<Result<Days, Doubt>> {
    let mut chosen: Option<Result<Days, Doubt>> = None;
    let mentions = mentions(words, today);
    for (range, days) in together(words, mentions) {
        let start = range.start;
        if is_refused(words, range) {
            continue;
        }
        let days = days.and_then(|days| match days.to < today {
            true => Err(Doubt::Past(days.to)),
            false => Ok(days),
        });
        chosen = Some(match (chosen, days) {
            (Some(Ok(first)), Ok(days)) if words.before(start) == "or" => Ok(either(first, days)),
            (_, days) => days,
        });
    }
    chosen
}

/// Finds a day that is named by one that is talked about, and blanks its words: "the same day", "the
/// day after that", "Wednesday that week".
pub(crate) fn take_relative(words: &mut Words, anchor: Date) -> Option<Days> {
    const PHRASES: [(&str, i64); 8] = [
        ("same day", 0),
        ("that day", 0),
        ("day after that", 1),
        ("the day after", 1),
        ("the next day", 1),
        ("the following day", 1),
        ("day before that", -1),
        ("the day before", -1),
    ];
    let whole = |at: usize, phrase: &str| {
        // "The day after tomorrow" has a name of its own.
        let end = at + phrase.split(' ').count();
        let goes_on = phrase.ends_with("after") || phrase.ends_with("before");
        (!goes_on || words.at(end).is_empty() || words.has_comma(end - 1)).then_some(at..end)
    };
    let found = PHRASES.iter().find_map(|(phrase, days)| {
        Some((whole(words.position(phrase)?, phrase)?, plus(anchor, *days)))
    });
    let weeks = ["that week", "the same week", "of that week", "in that week"];
    let found = found.or_else(|| {
        weeks.iter().find_map(|phrase| {
            let at = words.position(phrase)?;
            let weekday = day::weekday_called(words.before(at))?;
            let end = at + phrase.split(' ').count();
            Some((at - 1..end, on_or_after(monday_of(anchor), weekday)))
        })
    });
    let (range, day) = found?;
    words.take(range);
    Some(Days::one(day))
}

/// The weekday that is ruled out: "any day but Friday".
pub(crate) fn refused(words: &Words, today: Date) -> Option<Weekday> {
    let mut found = mentions(&mut words.clone(), today).into_iter();
    found
        .find_map(|Mention { at, end, weekday, .. }| weekday.filter(|_| is_refused(words, at..end)))
}

/// Every day that a text names and where, in its order; blanks their words.
pub(crate) fn all(words: &mut Words, today: Date) -> Vec<(usize, Days)> {
    let mentions = mentions(words, today);
    let days = together(words, mentions).into_iter();
    days.filter_map(|(range, days)| Some((range.start, days.ok()?))).collect()
}

/// Days that were named in one expression.
#[derive(Clone, Copy, Debug)]
struct Mention {
    at: usize,
    end: usize,
    days: Result<Days, Doubt>,
    /// The weekday, where nothing but one was named.
    weekday: Option<Weekday>,
}

fn mentions(words: &mut Words, today: Date) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some((days, weekday, length)) = mention(words, at, today) else {
            at += 1;
            continue;
        };
        found.push(Mention { at, end: at + length, days, weekday });
        at += length;
    }
    for mention in &found {
        // "Tonight" tells the part of the day too.
        if words.at(mention.at) != "tonight" {
            words.take(mention.at..mention.end);
        }
    }
    found
}

fn mention(
    words: &Words,
    at: usize,
    today: Date,
) -> Option<(Result<Days, Doubt>, Option<Weekday>, usize)> {
    // "Have a good weekend" is no wish for one.
    let before = words.before(at);
    let wished = matches!(before, "good" | "great" | "nice" | "lovely");
    if matches!(before, "merry" | "happy") || (wished && words.before(at - 1) == "a") {
        return None;
    }
    if let Some((doubt, length)) = day::missing(words, at, today) {
        return Some((Err(doubt), None, length));
    }
    if let Some((days, length)) = span::at(words, at, today) {
        return Some((Ok(days), None, length));
    }
    let (day, length) = day::at(words, at, today)?;
    let weekday = day::is_weekday(words, at, length).then(|| day.weekday());
    Some((Ok(Days::one(day)), weekday, length))
}

/// Puts names that stand side by side together: "Tuesday the 24th", "Thursday of next week".
fn together(words: &Words, mentions: Vec<Mention>) -> Vec<(Range<usize>, Result<Days, Doubt>)> {
    let mut found: Vec<(Range<usize>, Result<Days, Doubt>)> = Vec::new();
    let mut last: Option<Mention> = None;
    for mention in mentions {
        let side_by_side = |last: &Mention| {
            (last.end..mention.at)
                .all(|at| matches!(words.at(at), "the" | "on" | "of" | "in" | "a" | "during"))
        };
        let joint = last.filter(side_by_side).and_then(|last| same(last, mention));
        match (joint, found.last_mut()) {
            (Some(joint), Some((range, days))) => {
                range.end = mention.end;
                *days = joint;
            }
            _ => found.push((mention.at..mention.end, mention.days)),
        }
        last = Some(mention);
    }
    found
}

/// The one day that two names mean; `None` where each stands for itself.
fn same(one: Mention, other: Mention) -> Option<Result<Days, Doubt>> {
    let (first, second) = match (one.days, other.days) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(doubt), _) | (_, Err(doubt)) => return Some(Err(doubt)),
    };
    let (weekday, rest) = match (one.weekday, other.weekday) {
        (Some(weekday), None) => (weekday, second),
        (None, Some(weekday)) => (weekday, first),
        (Some(_), Some(_)) => return None,
        (None, None) if first.is_one() && second.is_one() => {
            let (one, other) = (first.from, second.from);
            return Some(if one == other {
                Ok(Days::one(one))
            } else {
                Err(Doubt::Two(one, other))
            });
        }
        (None, None) => {
            return Some(Ok(if first.is_one() { first } else { second }));
        }
    };
    match rest.first(weekday) {
        Some(day) => Some(Ok(Days::one(day))),
        None if rest.is_one() => Some(Err(Doubt::Weekday(rest.from, weekday))),
        None => None,
    }
}

fn either(first: Days, second: Days) -> Days {
    let (early, late) = if first.from <= second.from { (first, second) } else { (second, first) };
    if late.from == plus(early.to, 1) { Days { from: early.from, to: late.to } } else { first }
}

fn monday_of(day: Date) -> Date {
    plus(day, -i64::from(day.weekday().to_monday_zero_offset()))
}

fn on_or_after(day: Date, weekday: Weekday) -> Date {
    plus(day, i64::from(day.weekday().until(weekday)))
}

fn plus(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

/// This year's day of that number, or next year's if it is over.
fn upcoming(today: Date, in_year: impl Fn(i16) -> Option<Date>) -> Option<Date> {
    in_year(today.year()).filter(|day| *day >= today).or_else(|| in_year(today.year() + 1))
}

fn month(word: &str) -> Option<i8> {
    const SHORT: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sept", "oct", "nov", "dec"];
    (1..=12).zip(SHORT).find_map(|(month, short)| {
        let is = spoken::month(month).eq_ignore_ascii_case(word) || short == word;
        is.then_some(month)
    })
}

#[cfg(test)]
mod tests;
