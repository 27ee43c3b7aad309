//! Phone numbers as people say them.

use std::ops::Range;

use super::{
    numbers::{digit, tens, unit},
    words::Words,
};

/// What was found of a North American number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Phone {
    /// The whole number, as E.164.
    Whole(String),
    /// Digits of a number that is not complete.
    Part(String),
}

/// Finds a phone number, and blanks its words.
///
/// Fewer than seven digits are a part of a number only where one was asked for.
pub(crate) fn take(words: &mut Words, asked: bool) -> Option<Phone> {
    let (digits, range) = longest_run(words)?;
    let phone = match whole(&digits) {
        Some(number) => Phone::Whole(number),
        None if digits.len() == 7 || (asked && (3..=10).contains(&digits.len())) => {
            Phone::Part(digits)
        }
        None => return None,
    };
    words.take(range);
    Some(phone)
}

/// Finds a ZIP code, and blanks its words.
pub(crate) fn take_zip(words: &mut Words) -> Option<String> {
    let (digits, range) = longest_run(words)?;
    if digits.len() != 5 {
        return None;
    }
    words.take(range);
    Some(digits)
}

/// Puts a part that was said before and one that was said now together.
///
/// "five five five, one two three four" - "and the area code?" - "six three zero".
pub(crate) fn joined(earlier: &str, now: &str) -> Phone {
    let by_order = format!("{earlier}{now}");
    let area_code_last = format!("{now}{earlier}");
    let number = if earlier.len() == 7 && now.len() == 3 { area_code_last } else { by_order };
    match whole(&number) {
        Some(number) => Phone::Whole(number),
        None => Phone::Part(now.to_owned()),
    }
}

/// "630 555 0141", for an E.164 number of North America; other numbers digit by digit.
pub(crate) fn spoken(number: &str) -> String {
    match number.strip_prefix("+1") {
        Some(digits) if digits.len() == 10 && digits.is_ascii() => {
            format!("{} {} {}", &digits[..3], &digits[3..6], &digits[6..])
        }
        Some(_) | None => number.trim_start_matches('+').to_owned(),
    }
}

fn whole(digits: &str) -> Option<String> {
    let international = digits.strip_prefix('+');
    if let Some(number) = international.filter(|number| !number.starts_with('1')) {
        let plausible = (8..=15).contains(&number.len()) && !number.starts_with('0');
        return plausible.then(|| digits.to_owned());
    }
    let national = international.unwrap_or(digits);
    let national = match national.len() {
        11 => national.strip_prefix('1')?,
        _ => national,
    };
    let valid = national.len() == 10 && !national.starts_with(['0', '1']);
    valid.then(|| format!("+1{national}"))
}

fn longest_run(words: &Words) -> Option<(String, Range<usize>)> {
    let mut best: Option<(String, Range<usize>)> = None;
    let mut at = 0;
    while at < words.len() {
        let (digits, end) = run(words, at);
        if digits.len() > best.as_ref().map_or(0, |(best, _)| best.len()) {
            best = Some((digits, at..end));
        }
        at = end.max(at + 1);
    }
    best
}

/// The digits from `at` on, and where they end.
fn run(words: &Words, start: usize) -> (String, usize) {
    let (mut digits, mut at, mut end) = (String::new(), start, start);
    while at < words.len() {
        let word = words.at(at);
        if let Some((more, length)) = digits_at(words, at) {
            digits.push_str(&more);
            at += length;
            end = at;
        } else if !digits.is_empty() && is_filler(word) {
            at += 1;
        } else {
            break;
        }
    }
    (digits, end)
}

fn is_filler(word: &str) -> bool {
    matches!(word, "and" | "then" | "uh" | "um" | "dash" | "hyphen" | "space")
}

fn digits_at(words: &Words, at: usize) -> Option<(String, usize)> {
    let word = words.at(at);
    let times = match word {
        "double" => 2,
        "triple" => 3,
        _ => 1,
    };
    if times > 1 {
        let repeated = single(words.at(at + 1))?;
        return Some((repeated.repeat(times), 2));
    }
    if word == "plus" {
        return Some(("+".to_owned(), 1));
    }
    if word == "hundred" && digit(words.before(at)).is_some() {
        return Some(("00".to_owned(), 1));
    }
    if let Some(tens) = tens(word) {
        return Some(match digit(words.at(at + 1)) {
            Some(unit @ 1..=9) => ((tens + unit).to_string(), 2),
            Some(_) | None => (tens.to_string(), 1),
        });
    }
    if let Some(number) = unit(word).filter(|number| *number >= 10) {
        return Some((number.to_string(), 1));
    }
    single(word).or_else(|| written(word)).map(|digits| (digits, 1))
}

fn single(word: &str) -> Option<String> {
    let one = digit(word).map(|digit| digit.to_string());
    one.or_else(|| {
        let is_digit = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_digit());
        is_digit.then(|| word.to_owned())
    })
}

/// "6305550141", "630-555-0141", "+1.630.555.0141"; not "9:30", "3/24" or "2026-03-24".
fn written(word: &str) -> Option<String> {
    let plain = word.chars().all(|c| c.is_ascii_digit() || "+-.".contains(c));
    let is_date = word.parse::<jiff::civil::Date>().is_ok() && word.contains('-');
    if !plain || is_date || !word.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(word.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, asked: bool) -> Option<Phone> {
        take(&mut Words::new(text), asked)
    }

    #[test]
    fn whole_numbers_are_found_in_each_phrase() {
        for text in [
            "630-555-0141",
            "(630) 555-0141",
            "+1 630 555 0141",
            "+16305550141",
            "16305550141",
            "630.555.0141",
            "six three zero, five five five, zero one four one",
            "This one is fine, six three oh, triple five, oh one four one.",
            "six three oh, five fifty five, zero one forty one",
            "it's six three zero and then five double five oh one four one thanks",
            "my number is 6 3 0 5 5 5 0 1 4 1 and I need an oil change",
        ] {
            assert_eq!(found(text, false), Some(Phone::Whole("+16305550141".into())), "{text}");
        }
        assert_eq!(
            found("eight hundred five five five one two one two", false),
            Some(Phone::Whole("+18005551212".into()))
        );
        assert_eq!(found("+44 20 7946 0958", false), Some(Phone::Whole("+442079460958".into())));
    }

    #[test]
    fn parts_of_numbers_are_kept() {
        let part = |digits: &str| Some(Phone::Part(digits.into()));
        assert_eq!(found("five five five, one two three four", false), part("5551234"));
        assert_eq!(found("six three zero", true), part("630"));
        assert_eq!(found("six three zero", false), None);
        assert_eq!(joined("5551234", "630"), Phone::Whole("+16305551234".into()));
        assert_eq!(joined("630", "5551234"), Phone::Whole("+16305551234".into()));
        assert_eq!(joined("63", "12"), Phone::Part("12".into()));
    }

    #[test]
    fn dates_times_and_years_are_no_numbers() {
        for text in ["2026-03-24", "9:30 or 10:30", "a 2023 honda", "zero five five five one"] {
            assert_eq!(found(text, false), None, "{text}");
        }
        assert_eq!(found("055 555 0141", false), None, "no area code begins with zero");
    }

    #[test]
    fn zip_codes_have_five_digits() {
        let zip = |text: &str| take_zip(&mut Words::new(text));
        for text in ["Six oh five six three.", "it's 60563", "six zero five sixty three"] {
            assert_eq!(zip(text).as_deref(), Some("60563"), "{text}");
        }
        assert_eq!(zip("six oh five six"), None);
    }

    #[test]
    fn numbers_are_spoken_in_groups() {
        assert_eq!(spoken("+16305550141"), "630 555 0141");
        assert_eq!(spoken("+442079460958"), "442079460958");
    }
}
