//! Vehicle identification numbers, read out letter by letter.

use super::{
    numbers::{digit, tens, unit},
    words::Words,
};

/// The length of a vehicle identification number (ISO 3779).
const LENGTH: usize = 17;

/// Finds a vehicle identification number, and blanks its words.
///
/// Where one was asked for, a wrong length is returned too: the decoder says what is wrong.
pub(crate) fn take(words: &mut Words, asked: bool) -> Option<String> {
    let mut best: Option<(String, usize, usize)> = None;
    let mut at = 0;
    while at < words.len() {
        let (characters, end) = run(words, at);
        if characters.len() > best.as_ref().map_or(0, |(best, ..)| best.len()) {
            best = Some((characters, at, end));
        }
        at = end.max(at + 1);
    }
    let (vin, start, end) = best?;
    let mixed = vin.bytes().any(|byte| byte.is_ascii_digit())
        && vin.bytes().any(|byte| byte.is_ascii_alphabetic());
    let plausible = if asked { (11..=24).contains(&vin.len()) } else { vin.len() == LENGTH };
    if !(mixed && plausible) {
        return None;
    }
    words.take(start..end);
    Some(vin)
}

fn run(words: &Words, start: usize) -> (String, usize) {
    let (mut vin, mut at) = (String::new(), start);
    while at < words.len() {
        let Some((characters, length)) = characters(words, at) else { break };
        vin.push_str(&characters);
        at += length;
        // "v as in victor", "b for bravo"
        if words.stands(at, "as in") {
            at += 3;
        } else if words.at(at) == "for" {
            at += 2;
        }
    }
    (vin, at)
}

fn characters(words: &Words, at: usize) -> Option<(String, usize)> {
    let word = words.at(at);
    if word == "double" {
        let next = one(words.at(at + 1))?;
        return Some((next.repeat(2), 2));
    }
    if let Some(tens) = tens(word) {
        return Some(match digit(words.at(at + 1)) {
            Some(unit @ 1..=9) => ((tens + unit).to_string(), 2),
            Some(_) | None => (tens.to_string(), 1),
        });
    }
    one(word).map(|characters| (characters, 1))
}

fn one(word: &str) -> Option<String> {
    if let Some(number) = unit(word) {
        return Some(number.to_string());
    }
    if let Some(letter) = SPELLING.iter().find(|name| **name == word) {
        return letter.get(..1).map(str::to_uppercase);
    }
    let letters_and_digits = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let piece = word.len() == 1 || word.bytes().any(|byte| byte.is_ascii_digit());
    (letters_and_digits && piece && !word.is_empty()).then(|| word.to_uppercase())
}

/// The spelling alphabet of radio. Each word begins with the letter it stands for.
const SPELLING: [&str; 27] = [
    "alpha", "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
    "juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra",
    "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_read_out() {
        for text in [
            "1HGCM82633A004352",
            "it's 1HGC M826 33A0 04352",
            "one h g c m eight two six three three a zero zero four three five two",
            "one hotel golf charlie mike eight twenty six double three alpha double zero four \
             three five two",
            "1 h as in hotel g c m 8 2 6 3 3 a for alpha 0 0 4 3 5 2 thanks",
        ] {
            let vin = take(&mut Words::new(text), false);
            assert_eq!(vin.as_deref(), Some("1HGCM82633A004352"), "{text}");
        }
    }

    #[test]
    fn a_wrong_length_counts_only_where_a_number_was_asked_for() {
        let text = "1HGCM82633A00435";
        assert_eq!(take(&mut Words::new(text), false), None);
        assert_eq!(take(&mut Words::new(text), true).as_deref(), Some(text));
        assert_eq!(take(&mut Words::new("I have a 2023 Honda Civic"), true), None);
        assert_eq!(
            take(&mut Words::new("six three zero five five five oh one four one"), true),
            None
        );
    }
}
