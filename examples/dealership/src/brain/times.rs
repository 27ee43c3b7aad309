//! Times of day as people name them.

use jiff::civil::{Time, time};

use super::{
    intent::is_refused,
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

/// Where a bare number may be a time: one that neither its own words nor those before it mark
/// ("ten thirty", "at ten").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bare {
    /// Where next to nothing else is said: a time was named, and may be corrected.
    Alone,
    /// Where it does not count something ("two of us"): a time was asked for.
    Asked,
    Never,
}

/// Finds the time that is meant, and blanks its words.
pub(crate) fn take(words: &mut Words, bare: Bare) -> Option<TimeWish> {
    let part = part_of_day(words);
    let mut clocks = clocks(words, part, bare);
    clocks.retain(|clock| !is_refused(words, clock.at..clock.at + clock.length));
    for clock in &clocks {
        words.take(clock.at..clock.at + clock.length);
    }
    let (Some(first), Some(last)) = (clocks.first(), clocks.last()) else {
        let whole = || part.map(|part| TimeWish { part: Some(part), ..TimeWish::default() });
        return span(words).or_else(whole);
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

/// Whether two times look alike on a clock face: nobody says "AM" to a time that is plain.
pub(crate) fn is_like(one: Time, other: Time) -> bool {
    (one.hour() % 12, one.minute()) == (other.hour() % 12, other.minute())
}

/// Every time that a text names and where, in its order. For reading what the agent offered.
pub(crate) fn all(words: &Words) -> Vec<(usize, Time)> {
    let clocks = clocks(words, part_of_day(words), Bare::Never);
    clocks.iter().map(|clock| (clock.at, clock.time)).collect()
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

/// Spans of the day that have a name.
fn span(words: &Words) -> Option<TimeWish> {
    const SPANS: [(&str, Option<i8>, Option<i8>); 9] = [
        ("end of the day", Some(15), None),
        ("end of day", Some(15), None),
        ("late in the day", Some(15), None),
        ("late in the afternoon", Some(15), None),
        ("late afternoon", Some(15), None),
        ("after lunch", Some(13), None),
        ("before lunch", None, Some(12)),
        ("after work", Some(16), None),
        ("before work", None, Some(9)),
    ];
    let (_, from, to) = SPANS.iter().find(|(phrase, ..)| words.says(&[phrase]))?;
    let hour = |hour: i8| time(hour, 0, 0, 0);
    Some(TimeWish { earliest: from.map(hour), latest: to.map(hour), ..TimeWish::default() })
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

fn clocks(words: &Words, part: Option<PartOfDay>, bare: Bare) -> Vec<Clock> {
    let mut found: Vec<Clock> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some(reading) = Reading::at(words, at) else {
            at += 1;
            continue;
        };
        let end = at + reading.length;
        // "between nine and eleven", "from nine to eleven", "nine or ten".
        let joined = matches!(words.before(at), "and" | "to" | "or")
            && found.last().is_some_and(|last| last.at + last.length + 1 == at);
        let from = words.before(at) == "from" && matches!(words.at(end), "to" | "until");
        let marked = is_marked(words, at) || joined || from;
        let meant = match bare {
            _ if reading.sure => true,
            _ if counts(words, end) => false,
            Bare::Never => marked,
            Bare::Alone => marked || is_alone(words, at, end),
            Bare::Asked => marked || stands_free(words, at),
        };
        if meant {
            if let Some(time) = reading.time(part) {
                let bound = bound(words, at, reading.length);
                found.push(Clock { time, at, length: reading.length, bound });
            }
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// Whether the words before a number make it a time.
fn is_marked(words: &Words, at: usize) -> bool {
    const MARKS: [&str; 18] = [
        "at",
        "around",
        "about",
        "by",
        "after",
        "before",
        "until",
        "till",
        "between",
        "past",
        "than",
        "make it",
        "do it",
        "move it to",
        "change it to",
        "change that to",
        "how about",
        "what about",
    ];
    MARKS.iter().any(|mark| words.ends(at, mark))
}

/// Whether the number that ends before `end` counts what follows it ("two of us", "2 kids"): any
/// word but those that go on with the sentence.
fn counts(words: &Words, end: usize) -> bool {
    const GO_ON: &str = "please is was would will works work sounds suits should could can might \
        may on in for with at then thanks thank and or to till until if as good fine great perfect \
        ok okay right that that's it it's i i'd i'll i'm we the this next but because so since when \
        instead again exactly sharp maybe too also from by you do does doesn't don't isn't won't not \
        looks best better actually sorry yes no yeah between before after first how what's what \
        there here my your be an a ish";
    let next = words.at(end);
    if next.is_empty() || words.has_comma(end - 1) || Reading::at(words, end).is_some() {
        return false;
    }
    !GO_ON.split(' ').any(|word| word == next)
}

/// Whether nothing before a number makes it a part of something else ("option two", "I have 2").
fn stands_free(words: &Words, at: usize) -> bool {
    const LEAD: &str = "yes yeah yep sure ok okay no nope the a then so say said take do did try make \
        prefer like want give me maybe perhaps possibly is it's be for with let's please actually \
        and or to on in that's was uh um well oh hmm i'd i'll how would could can sounds not need";
    let before = words.before(at);
    let pronoun = words.at(at) == "one" && matches!(before, "the" | "a" | "that's" | "no");
    let led = before.is_empty() || LEAD.split(' ').any(|word| word == before);
    !pronoun && (led || words.ends(at, "you have"))
}

/// Whether a number is all that is said. Behind a "yes", it is no other time.
fn is_alone(words: &Words, at: usize, end: usize) -> bool {
    const AROUND: &str = "no nope nah not please then rather actually sorry wait uh um oh i i'd said \
        meant want wanted prefer need like would be is it's it should was let's try say instead for \
        better works work could can we do";
    (0..words.len()).filter(|other| !(at..end).contains(other)).all(|other| {
        let word = words.at(other);
        word.is_empty() || AROUND.split(' ').any(|entry| entry == word)
    })
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
        let named = |half| Self { hour: 12, minute: 0, half: Some(half), length: 1, sure: true };
        match words.at(at) {
            "noon" => return Some(named(Half::Pm)),
            "midnight" => return Some(named(Half::Am)),
            _ => {}
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
            // "0123" ends a number, and "2019" is a year.
            None if word.len() == 3 && word >= "1"
                || word.len() == 4 && ("1".."2").contains(&word) =>
            {
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
