//! Times of day as people name them.

use jiff::civil::{Time, time};

use super::{
    numbers::{cardinal, digit, unit},
    words::Words,
};

/// A part of the day, as the tools name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PartOfDay {
    Morning,
    Midday,
    Afternoon,
    Evening,
}

impl PartOfDay {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Midday => "midday",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }
}

/// When in the day somebody would come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TimeWish {
    pub(crate) exact: Option<Time>,
    pub(crate) earliest: Option<Time>,
    pub(crate) latest: Option<Time>,
    pub(crate) part: Option<PartOfDay>,
}

/// Finds the time that is meant, and blanks its words.
///
/// A bare number is a time only where one was asked for.
pub(crate) fn take(words: &mut Words, asked: bool) -> Option<TimeWish> {
    let part = part_of_day(words);
    let mut clocks = clocks(words, part, asked);
    clocks.retain(|clock| words.before(clock.at) != "not");
    for clock in &clocks {
        words.take(clock.at..clock.at + clock.length);
    }
    let (Some(first), Some(last)) = (clocks.first(), clocks.last()) else {
        return part.map(|part| TimeWish { part: Some(part), ..TimeWish::default() });
    };
    let mut wish = TimeWish::default();
    if first.time < last.time && first.bound != Bound::Before {
        wish.earliest = Some(first.time);
        wish.latest = Some(last.time);
        return Some(wish);
    }
    match last.bound {
        Bound::After => wish.earliest = Some(last.time),
        Bound::Before => wish.latest = Some(last.time),
        Bound::None => wish.exact = Some(last.time),
    }
    Some(wish)
}

/// Every time that a text names and where, in its order. For reading what the agent offered.
pub(crate) fn all(words: &Words) -> Vec<(usize, Time)> {
    let clocks = clocks(words, part_of_day(words), false);
    clocks.iter().map(|clock| (clock.at, clock.time)).collect()
}

/// "9:30 AM", "9 AM".
pub(crate) fn spoken(time: Time) -> String {
    let (hour, half) = match time.hour() {
        0 => (12, "AM"),
        hour @ 1..=11 => (hour, "AM"),
        12 => (12, "PM"),
        hour => (hour - 12, "PM"),
    };
    match time.minute() {
        0 => format!("{hour} {half}"),
        minute => format!("{hour}:{minute:02} {half}"),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Bound {
    After,
    Before,
    None,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    time: Time,
    at: usize,
    length: usize,
    bound: Bound,
}

fn part_of_day(words: &Words) -> Option<PartOfDay> {
    let part = (0..words.len()).rev().find_map(|at| match words.at(at) {
        _ if words.before(at) == "good" => None,
        "morning" | "mornings" => Some(PartOfDay::Morning),
        "midday" | "lunch" | "lunchtime" => Some(PartOfDay::Midday),
        "afternoon" | "afternoons" => Some(PartOfDay::Afternoon),
        "evening" | "evenings" | "tonight" | "night" => Some(PartOfDay::Evening),
        _ => None,
    });
    part.or_else(|| words.says(&["first thing"]).then_some(PartOfDay::Morning))
}

fn clocks(words: &Words, part: Option<PartOfDay>, asked: bool) -> Vec<Clock> {
    let mut found: Vec<Clock> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some(reading) = Reading::at(words, at) else {
            at += 1;
            continue;
        };
        let before = words.before(at);
        let prompted = matches!(
            before,
            "at" | "around"
                | "about"
                | "by"
                | "after"
                | "before"
                | "until"
                | "till"
                | "between"
                | "past"
                | "than"
        );
        // "between nine and eleven", "from nine to eleven", "nine or ten".
        let joined = matches!(before, "and" | "to" | "or")
            && found.last().is_some_and(|last| last.at + last.length + 1 == at);
        let from = before == "from" && matches!(words.at(at + reading.length), "to" | "until");
        if reading.sure || prompted || joined || from || asked {
            if let Some(time) = reading.time(part) {
                let bound = bound(words, at, reading.length);
                found.push(Clock { time, at, length: reading.length, bound });
            }
            at += reading.length;
        } else {
            at += 1;
        }
    }
    found
}

fn bound(words: &Words, at: usize, length: usize) -> Bound {
    let end = at + length;
    let before = words.before(at);
    let two_before = words.before(at.saturating_sub(1));
    if words.stands(end, "or later") || words.stands(end, "or after") {
        return Bound::After;
    }
    if words.stands(end, "or earlier") || words.stands(end, "or before") {
        return Bound::Before;
    }
    match (two_before, before) {
        ("not", "before") | ("earlier", "than") | (_, "after" | "past") => {
            if (two_before, before) == ("earlier", "than")
                && words.before(at.saturating_sub(2)) != "no"
            {
                Bound::Before
            } else {
                Bound::After
            }
        }
        ("later", "than") if words.before(at.saturating_sub(2)) != "no" => Bound::After,
        ("later", "than") | (_, "before" | "by" | "until" | "till") => Bound::Before,
        _ => Bound::None,
    }
}

/// A clock reading as it was said, before it is known which half of the day is meant.
#[derive(Clone, Copy, Debug)]
struct Reading {
    hour: u32,
    minute: u32,
    half: Option<Half>,
    length: usize,
    /// Whether the words can be nothing but a time.
    sure: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Half {
    Am,
    Pm,
}

impl Reading {
    fn at(words: &Words, at: usize) -> Option<Self> {
        let mut reading = Self::relative(words, at)
            .or_else(|| Self::written(words.at(at)))
            .or_else(|| Self::said(words, at))?;
        let end = at + reading.length;
        let (half, length) = match words.at(end) {
            "am" => (Some(Half::Am), 1),
            "pm" => (Some(Half::Pm), 1),
            "a" if words.at(end + 1) == "m" => (Some(Half::Am), 2),
            "p" if words.at(end + 1) == "m" => (Some(Half::Pm), 2),
            _ if words.stands(end, "in the morning") => (Some(Half::Am), 3),
            _ if words.stands(end, "in the afternoon") => (Some(Half::Pm), 3),
            _ if words.stands(end, "in the evening") => (Some(Half::Pm), 3),
            _ if words.stands(end, "at night") => (Some(Half::Pm), 2),
            _ => (None, 0),
        };
        reading.half = half.or(reading.half);
        reading.sure |= half.is_some();
        reading.length += length;
        Some(reading)
    }

    /// "half past nine", "quarter to ten", "ten past eight", "noon".
    fn relative(words: &Words, at: usize) -> Option<Self> {
        if words.at(at) == "noon" {
            return Some(Self { hour: 12, minute: 0, half: Some(Half::Pm), length: 1, sure: true });
        }
        let article = usize::from(words.at(at) == "a");
        let (minutes, mut length) = match words.at(at + article) {
            "half" => (30, article + 1),
            "quarter" => (15, article + 1),
            _ => cardinal(words, at).filter(|(minutes, _)| (1..=29).contains(minutes))?,
        };
        length += usize::from(words.at(at + length) == "minutes");
        let to = match words.at(at + length) {
            "past" | "after" => false,
            "to" | "before" | "of" | "till" => true,
            _ => return None,
        };
        // "nine to eleven" is a span; only a round number of minutes goes before an hour.
        if to && !minutes.is_multiple_of(5) {
            return None;
        }
        let hour = hour(words.at(at + length + 1))?;
        if to && minutes == 10 && words.before(at) == "from" {
            return None;
        }
        let (hour, minute) = match (to, hour) {
            (false, hour) => (hour, minutes),
            (true, 1) => (12, 60 - minutes),
            (true, hour) => (hour - 1, 60 - minutes),
        };
        let mut length = length + 2;
        length += usize::from(words.at(at + length) == "o'clock");
        Some(Self { hour, minute, half: None, length, sure: true })
    }

    /// "9:30", "15:30", "930".
    fn written(word: &str) -> Option<Self> {
        let (hour, minute, sure) = match word.split_once(':') {
            Some((hour, minute)) => (hour, minute, true),
            None if matches!(word.len(), 3 | 4) => {
                let (hour, minute) = word.split_at_checked(word.len() - 2)?;
                (hour, minute, false)
            }
            None => return None,
        };
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'))
            .then_some(Self { hour, minute, half: None, length: 1, sure })
    }

    /// "nine", "nine thirty", "nine oh five", "nine o'clock", "9".
    fn said(words: &Words, at: usize) -> Option<Self> {
        const POINTERS: [&str; 13] = [
            "first", "second", "third", "last", "latest", "latter", "middle", "earlier", "later",
            "other", "that", "this", "which",
        ];
        // "The first one" is a choice, not one o'clock.
        if words.at(at) == "one" && POINTERS.contains(&words.before(at)) {
            return None;
        }
        let hour = hour(words.at(at))?;
        let reading = |minute, length, sure| Self { hour, minute, half: None, length, sure };
        let next = words.at(at + 1);
        if next == "o'clock" {
            return Some(reading(0, 2, true));
        }
        if next == "o" && words.at(at + 2) == "clock" {
            return Some(reading(0, 3, true));
        }
        if matches!(next, "oh" | "o")
            && let Some(minute @ 1..=9) = digit(words.at(at + 2))
        {
            return Some(reading(minute, 3, true));
        }
        if let Some((minute @ 10..=59, length)) = cardinal(words, at + 1)
            && minute.is_multiple_of(5)
        {
            return Some(reading(minute, 1 + length, hour <= 12));
        }
        Some(reading(0, 1, false))
    }

    /// The time of day. Without a hint the hours of business decide: seven to eleven are in the
    /// morning, one to six in the afternoon.
    fn time(self, part: Option<PartOfDay>) -> Option<Time> {
        let by_part = part.and_then(|part| match part {
            PartOfDay::Morning => Some(Half::Am),
            PartOfDay::Midday => None,
            PartOfDay::Afternoon | PartOfDay::Evening => Some(Half::Pm),
        });
        let hour = match (self.half.or(by_part), self.hour) {
            (_, hour @ (0 | 13..=23)) => hour,
            (Some(Half::Am), 12) => 0,
            (Some(Half::Am), hour) => hour,
            (Some(Half::Pm), 12) => 12,
            (Some(Half::Pm), hour) => hour + 12,
            (None, hour @ 1..=6) => hour + 12,
            (None, hour) => hour,
        };
        Time::new(i8::try_from(hour).ok()?, i8::try_from(self.minute).ok()?, 0, 0).ok()
    }
}

fn hour(word: &str) -> Option<u32> {
    if !word.is_empty() && word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok().filter(|hour| *hour < 24);
    }
    unit(word).filter(|hour| (1..=12).contains(hour))
}

/// `time` moved by `minutes`, within the day.
pub(crate) fn shifted(time_of_day: Time, minutes: i16) -> Time {
    let of_day = i16::from(time_of_day.hour()) * 60 + i16::from(time_of_day.minute());
    let moved = (of_day + minutes).clamp(0, 23 * 60 + 59);
    let part = |number| i8::try_from(number).unwrap_or_default();
    time(part(moved / 60), part(moved % 60), 0, 0)
}

#[cfg(test)]
mod tests;
