//! Dates of birth as people say them.

use jiff::civil::{Date, date};

use super::{
    numbers::{cardinal, ordinal},
    words::Words,
};

/// Finds a date of birth, and blanks its words: a month, a day and a year, in words or in digits.
pub(crate) fn take(words: &mut Words, today: Date) -> Option<Date> {
    let (born, start, end) = (0..words.len()).find_map(|at| {
        let (born, length) = in_words(words, at, today).or_else(|| in_digits(words, at))?;
        (born < today).then_some((born, at, at + length))
    })?;
    words.take(start..end);
    Some(born)
}

/// "January fifteenth, nineteen ninety", "the second of June 84".
fn in_words(words: &Words, start: usize, today: Date) -> Option<(Date, usize)> {
    let mut at = start;
    let (month, day) = match month(words.at(at)) {
        Some(month) => {
            at += 1 + usize::from(words.at(at + 1) == "the");
            let (day, length) = ordinal(words, at).or_else(|| cardinal(words, at))?;
            at += length;
            (month, day)
        }
        None => {
            let (day, length) = ordinal(words, at).or_else(|| cardinal(words, at))?;
            at += length + usize::from(words.at(at + length) == "of");
            let month = month(words.at(at))?;
            at += 1;
            (month, day)
        }
    };
    at += usize::from(matches!(words.at(at), "of" | "in"));
    let (year, length) = year(words, at, today)?;
    let born = Date::new(year, month, i8::try_from(day).ok()?).ok()?;
    Some((born, at + length - start))
}

/// "6/2/1984", month first.
fn in_digits(words: &Words, at: usize) -> Option<(Date, usize)> {
    let number = |at: usize| words.at(at).parse::<i16>().ok();
    if let Some((month, rest)) = words.at(at).split_once('/') {
        let (day, year) = rest.split_once('/')?;
        let born = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        return Some((born, 1));
    }
    let (month, day, year) = (number(at)?, number(at + 1)?, number(at + 2)?);
    let born = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    (year >= 1900).then_some((born, 3))
}

/// The year that begins at `at`, and how many words it takes: "1984", "nineteen eighty-four", "two
/// thousand and one", "eighty-four".
pub(super) fn year(words: &Words, at: usize, today: Date) -> Option<(i16, usize)> {
    if words.at(at).len() == 4
        && let Ok(year) = words.at(at).parse()
    {
        return (1900..=today.year() + 1).contains(&year).then_some((year, 1));
    }
    if words.stands(at, "two thousand") {
        let skip = 2 + usize::from(words.at(at + 2) == "and");
        let (more, length) = cardinal(words, at + skip).unwrap_or((0, 0));
        return Some((
            2000 + i16::try_from(more).ok()?,
            if length > 0 { skip + length } else { 2 },
        ));
    }
    let (first, length) = cardinal(words, at)?;
    let second = || {
        let oh = usize::from(matches!(words.at(at + length), "oh" | "o"));
        let (second, more) = cardinal(words, at + length + oh)?;
        Some((second, oh + more))
    };
    let (year, length) = match (first, second()) {
        (19 | 20, Some((second, more))) => (first * 100 + second, length + more),
        // Of two digits, the last year that ends so.
        (30..=99, _) => (1900 + first, length),
        _ => return None,
    };
    Some((i16::try_from(year).ok()?, length)).filter(|(year, _)| *year <= today.year() + 1)
}

fn month(word: &str) -> Option<i8> {
    let long = |month: &i8| {
        let name = date(2024, *month, 1).strftime("%B").to_string().to_lowercase();
        word == name || (word.len() == 3 && name.starts_with(word))
    };
    (1..=12).find(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_birth_are_found_as_people_say_them() {
        let table = [
            ("april seventh, nineteen fifty-eight", "1958-04-07"),
            ("it's the second of may 1990", "1990-05-02"),
            ("Aug 30 1966", "1966-08-30"),
            ("3/12/1969", "1969-03-12"),
            ("november twenty third, seventy one", "1971-11-23"),
            ("June first two thousand and three", "2003-06-01"),
            ("march the fourth, nineteen oh five", "1905-03-04"),
        ];
        for (text, born) in table {
            let found = take(&mut Words::new(text), date(2026, 3, 1));
            assert_eq!(found.map(|date| date.to_string()).as_deref(), Some(born), "{text}");
        }
        for text in ["june twelfth", "next friday at nine", "six oh five six three"] {
            assert_eq!(take(&mut Words::new(text), date(2026, 3, 1)), None, "{text}");
        }
    }
}
