use super::{
    Found, Line,
    numbers::{cardinal, ordinal, year},
};

const MONTHS: [&str; 12] = [
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

/// A date in numbers, or with the name of its month.
pub(super) fn date(line: &Line<'_>, at: usize) -> Option<Found> {
    if let Some(spoken) = in_numbers(line.core(at), line.day_first) {
        return line.found(at, 1, spoken);
    }
    if let Some(month) = month(line, at) {
        return after_month(line, at, month);
    }
    let day = day(line.core(at))?;
    let month = month(line, at + 1).filter(|_| line.goes_on(at))?;
    let article = if at > 0 && line.core(at - 1).eq_ignore_ascii_case("the") { "" } else { "the " };
    let spoken = format!("{article}{} of {month}", ordinal(day));
    match year_of(line.core(at + 2)).filter(|_| line.goes_on(at + 1)) {
        Some(of) => line.found(at, 3, format!("{spoken}, {}", year(of))),
        None => line.found_with_stop(at, 2, spoken),
    }
}

/// `Nov. 22, 2026`, and `Nov. 2026`.
fn after_month(line: &Line<'_>, at: usize, month: &str) -> Option<Found> {
    if line.behind(at).contains(|c| c != '.') {
        return None;
    }
    if let Some(of) = year_of(line.core(at + 1)) {
        return line.found(at, 2, format!("{month} {}", year(of)));
    }
    let day = day(line.core(at + 1))?;
    let spoken = format!("{month} {}", ordinal(day));
    let joined = matches!(line.behind(at + 1), "" | ",");
    match year_of(line.core(at + 2)).filter(|_| joined) {
        Some(of) => line.found(at, 3, format!("{spoken}, {}", year(of))),
        None => line.found(at, 2, spoken),
    }
}

/// The month that a token names, in full or by its first letters.
fn month(line: &Line<'_>, at: usize) -> Option<&'static str> {
    let name = line.core(at);
    if !name.starts_with(char::is_uppercase) || name.len() < 3 {
        return None;
    }
    let is_short = name.len() == 3 || name == "Sept";
    let month = MONTHS.iter().find(|month| month.get(..name.len()) == Some(name));
    month.copied().filter(|month| is_short || month.len() == name.len())
}

fn day(text: &str) -> Option<u64> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|end| text.strip_suffix(end));
    let number = number.unwrap_or(text);
    let is_short = number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit());
    number.parse().ok().filter(|day| is_short && (1..=31).contains(day))
}

fn year_of(text: &str) -> Option<u64> {
    let is_year = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|year| is_year && (1_100..2_100).contains(year))
}

/// `2026-11-22`, `11/22/2026` and `22.11.2026`.
fn in_numbers(text: &str, day_first: bool) -> Option<String> {
    let sign = text.chars().find(|c| !c.is_ascii_digit())?;
    let parts: Vec<&str> = text.split(sign).collect();
    let &[first, second, third] = &parts[..] else { return None };
    let number = |text: &str| {
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (day, month, of) = match sign {
        '-' if first.len() == 4 => (number(third)?, number(second)?, year_of(first)?),
        '/' if day_first => (number(first)?, number(second)?, short_year(third)?),
        '/' => (number(second)?, number(first)?, short_year(third)?),
        '.' => (number(first)?, number(second)?, year_of(third)?),
        _ => return None,
    };
    let month = MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    (1..=31).contains(&day).then(|| format!("{month} {}, {}", ordinal(day), year(of)))
}

/// A year of which the century may be left out: this one.
fn short_year(text: &str) -> Option<u64> {
    if text.len() == 2 {
        return text.parse::<u64>().ok().map(|year| 2_000 + year);
    }
    year_of(text)
}

/// A time of the day, or two.
pub(super) fn time(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let half = half_of_day(line.core(at + 1)).filter(|_| line.goes_on(at));
    if let Some((from, until)) = core.split_once(['-', '–']) {
        let (from, until) = (clock(from)?, clock(until)?);
        if !(until.is_sure() || from.is_sure() || half.is_some()) {
            return None;
        }
        let spoken = format!("{} to {}", from.words(None), until.words(half));
        return finish(line, at, until.half.is_some(), half.is_some(), spoken);
    }
    let clock = clock(core)?;
    if !clock.is_sure() && half.is_none() {
        return None;
    }
    finish(line, at, clock.half.is_some(), half.is_some(), clock.words(half))
}

/// "a.m." ends with a full stop of its own.
fn finish(line: &Line<'_>, at: usize, within: bool, apart: bool, spoken: String) -> Option<Found> {
    let tokens = 1 + usize::from(apart);
    let last = line.core(at + tokens - 1);
    if (within || apart) && last.contains('.') {
        return line.found_with_stop(at, tokens, spoken);
    }
    line.found(at, tokens, spoken)
}

/// What a clock shows.
#[derive(Clone, Copy)]
struct Clock {
    hour: u64,
    minute: Option<u64>,
    half: Option<&'static str>,
}

impl Clock {
    /// Whether it can be nothing else.
    fn is_sure(self) -> bool {
        self.minute.is_some() || self.half.is_some()
    }

    fn words(self, half: Option<&str>) -> String {
        let half = self.half.or(half);
        let hour = cardinal(self.hour);
        let time = match self.minute {
            Some(0) | None if half.is_some() => hour,
            None => hour,
            Some(0) if (1..=12).contains(&self.hour) => format!("{hour} o'clock"),
            Some(0) => format!("{hour} hundred"),
            Some(minute @ 1..10) => format!("{hour} oh {}", cardinal(minute)),
            Some(minute) => format!("{hour} {}", cardinal(minute)),
        };
        half.map_or(time.clone(), |half| format!("{time} {half}"))
    }
}

fn clock(text: &str) -> Option<Clock> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let (time, behind) = text.split_at(end);
    let half = half_of_day(behind);
    if half.is_none() && !behind.is_empty() {
        return None;
    }
    let (hour, minute) = match time.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, Some(minute.parse::<u64>().ok()?)),
        Some(_) => return None,
        None => (time, None),
    };
    let is_short = (1..=2).contains(&hour.len());
    let hour = hour.parse().ok().filter(|hour: &u64| is_short && *hour <= 24)?;
    minute.is_none_or(|minute| minute < 60).then_some(Clock { hour, minute, half })
}

fn half_of_day(text: &str) -> Option<&'static str> {
    match text {
        "am" | "AM" | "a.m" | "A.M" => Some("AM"),
        "pm" | "PM" | "p.m" | "P.M" => Some("PM"),
        _ => None,
    }
}
