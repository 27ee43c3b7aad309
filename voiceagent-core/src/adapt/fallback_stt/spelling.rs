//! Words as they are compared between recognizers, of which each spells in its own way.

use crate::{
    adapt::words::plain_words,
    spoken::{ONES, TENS},
};

/// What people say while they think. Some recognizers write it down, others never.
const FILLERS: [&str; 9] = ["uh", "uhm", "um", "erm", "hm", "hmm", "mm", "äh", "ähm"];

/// One word of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    /// Where it begins in the text.
    pub(super) at: usize,
    /// Its letters, without case and punctuation; digits of a number that was spelled.
    pub(super) form: String,
    pub(super) is_filler: bool,
    /// Whether its digits stand in the text as they are, and nothing but hyphens between them.
    pub(super) is_digits: bool,
}

/// The words of a text. Spelled numbers, which are known in English only, become digits of which
/// each word holds its own: those of "five fifty-five" and of "555" are the same in a row.
pub(super) fn words(text: &str) -> Vec<Word> {
    let plain: Vec<(usize, String)> = plain_words(text).collect();
    let mut words = Vec::with_capacity(plain.len());
    for (index, (at, word)) in plain.iter().enumerate() {
        let next = plain.get(index + 1);
        let next_word = next.map_or("", |(_, word)| word);
        let before = words.last().map_or("", |before: &Word| &before.form);
        let form = digits(word, next_word, before);
        let end = next.map_or(text.len(), |(at, _)| *at);
        let is_digits = text[*at..end]
            .trim_end()
            .trim_end_matches(['.', ',', '?', '!'])
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '-');
        words.push(Word {
            at: *at,
            is_filler: FILLERS.contains(&word.as_str()),
            is_digits: is_digits && form.is_none(),
            form: form.unwrap_or_else(|| word.clone()),
        });
    }
    words
}

/// The digits of a word that spells some, by the words around it.
fn digits(word: &str, next: &str, before: &str) -> Option<String> {
    let ones = |word: &str| ONES.iter().position(|name| *name == word);
    let tens = |word: &str| TENS.iter().position(|name| *name == word).map(|at| at + 2);
    let digit = |word: &str| match word {
        "oh" | "o" => Some(0),
        _ => ones(word).filter(|value| *value < 10),
    };
    let follows = |it: &str| ones(it).is_some() || tens(it).is_some() || it == "and";
    if let Some(value) = digit(word).or_else(|| ones(word)) {
        return Some(value.to_string());
    }
    if let Some(value) = tens(word) {
        let has_ones = digit(next).is_some_and(|ones| ones > 0);
        return Some(if has_ones { value.to_string() } else { format!("{value}0") });
    }
    let is_number = before.ends_with(|letter: char| letter.is_ascii_digit());
    match word {
        "double" => digit(next).map(|digit| digit.to_string()),
        "triple" => digit(next).map(|digit| format!("{digit}{digit}")),
        "hundred" if is_number && !follows(next) => Some("00".to_owned()),
        "thousand" if is_number && !follows(next) => Some("000".to_owned()),
        // The hyphen of "thirty-five" is gone.
        _ => TENS.iter().zip(2..).find_map(|(name, value)| {
            let ones = digit(word.strip_prefix(name)?)?;
            (ones > 0).then(|| format!("{value}{ones}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> String {
        words(text).into_iter().map(|word| word.form).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_that_are_spelled_have_the_digits_of_those_that_are_not() {
        for (spelled, forms_of_it) in [
            ("five fifty-five", "5 55"),
            ("Thirty five, please", "3 5 please"),
            ("thirty people", "30 people"),
            ("double five one oh", "5 5 1 0"),
            ("triple two", "22 2"),
            ("nineteen", "19"),
            ("two hundred people", "2 00 people"),
            ("two hundred and five", "2 hundred and 5"),
            ("a thousand thanks", "a thousand thanks"),
            ("3:30 p.m.", "330 pm"),
        ] {
            assert_eq!(forms(spelled), forms_of_it, "{spelled:?}");
        }
    }

    #[test]
    fn digits_are_known_that_stand_as_they_are() {
        let known = |text| words(text).into_iter().map(|it| it.is_digits).collect::<Vec<_>>();
        assert_eq!(known("555-1234, please"), [true, false]);
        assert_eq!(known("five 1,000 $5 555."), [false, false, false, true]);
    }
}
