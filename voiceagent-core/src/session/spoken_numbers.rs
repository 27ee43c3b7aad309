//! Numbers in words, and whether two texts are the same however their numbers are spelled.

use super::user_turn::normalised;
use crate::spoken::{ONES, TENS};

/// Whether two texts differ in nothing but case, punctuation and the spelling of numbers: a
/// recognizer writes "twenty five" in an interim and "25" in a final. English words only; in other
/// languages numbers are compared as they are written.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// The words alone, numbers in digits and all digits of a number together.
fn canonical(text: &str) -> String {
    let words = normalised(text);
    let mut canonical = String::with_capacity(words.len());
    let mut number: Option<u64> = None;
    for word in words.split(' ') {
        match (value(word), number) {
            (Some(ones @ 1..10), Some(tens)) if tens % 100 >= 20 && tens % 10 == 0 => {
                number = Some(tens + ones);
                continue;
            }
            (Some(rest @ 1..100), Some(hundreds)) if hundreds > 0 && hundreds % 100 == 0 => {
                number = Some(hundreds + rest);
                continue;
            }
            (None, Some(count @ 1..1_000)) if word == "hundred" || word == "thousand" => {
                number = Some(count * if word == "hundred" { 100 } else { 1_000 });
                continue;
            }
            (value, before) => {
                push_number(&mut canonical, before);
                number = value;
            }
        }
        if number.is_none() {
            push_word(&mut canonical, word);
        }
    }
    push_number(&mut canonical, number);
    canonical
}

/// What a word means that is a number by itself, in letters.
pub(super) fn value(word: &str) -> Option<u64> {
    let ones = ONES.iter().zip(0..).find(|(name, _)| **name == word);
    let tens = TENS.iter().zip(2..).find(|(name, _)| **name == word);
    ones.map(|(_, value)| value).or_else(|| tens.map(|(_, value): (_, u64)| value * 10))
}

fn push_number(text: &mut String, number: Option<u64>) {
    if let Some(number) = number {
        push_word(text, &number.to_string());
    }
}

/// Digits join the digits before them: a phone number is written in groups or digit by digit.
fn push_word(text: &mut String, word: &str) {
    let joins = text.ends_with(|c: char| c.is_ascii_digit())
        && word.starts_with(|c: char| c.is_ascii_digit());
    if !joins && !text.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_the_spelling_of_numbers_does_not_make_another_text() {
        for (one, other) in [
            ("Twenty-five, please.", "25 please"),
            ("at ten thirty", "at 10:30"),
            ("four one five, five five five", "415 555"),
            ("one thousand", "1,000"),
            ("twelve thousand", "12,000"),
            ("two hundred and three", "200 and 3"),
            ("two hundred thirty four", "234"),
            ("Book it!", "book it"),
            ("", "?"),
        ] {
            assert!(
                is_same(one, other),
                "{one:?} {other:?}: {} {}",
                canonical(one),
                canonical(other)
            );
        }
    }

    #[test]
    fn p4_other_numbers_are_other_words() {
        for (one, other) in [
            ("twenty five", "20"),
            ("at ten", "at 10:30"),
            ("fifteen", "50"),
            ("one thousand", "100"),
            ("book it", "book it at ten"),
            ("ten o'clock", "clock ten o"),
            ("zero five", "5"),
        ] {
            assert!(!is_same(one, other), "{one:?} {other:?}");
        }
    }
}
