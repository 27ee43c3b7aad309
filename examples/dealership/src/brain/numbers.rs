//! Numbers as people say them.

use super::words::Words;

/// The number from 0 to 99 that begins at `at`, and how many words it takes.
pub(crate) fn cardinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.at(at);
    if !word.is_empty() && word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((word.parse().ok()?, 1));
    }
    if let Some(tens) = tens(word) {
        return Some(match unit(words.at(at + 1)) {
            Some(unit @ 1..=9) => (tens + unit, 2),
            Some(_) | None => (tens, 1),
        });
    }
    unit(word).map(|unit| (unit, 1))
}

/// The ordinal from 1 to 31 that begins at `at`, and how many words it takes.
pub(crate) fn ordinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.at(at);
    if let Some(tens @ (20 | 30)) = tens(word)
        && let Some(unit @ 1..=9) = ordinal_word(words.at(at + 1))
    {
        return Some((tens + unit, 2));
    }
    ordinal_word(word).or_else(|| ordinal_digits(word)).map(|number| (number, 1))
}

/// The digit that a word stands for in a spoken number, "oh" included.
pub(crate) fn digit(word: &str) -> Option<u32> {
    match word {
        "oh" | "o" => Some(0),
        _ => unit(word).filter(|unit| *unit < 10),
    }
}

/// 0 to 19.
pub(crate) fn unit(word: &str) -> Option<u32> {
    const UNITS: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen \
        fourteen fifteen sixteen seventeen eighteen nineteen";
    index(UNITS, word)
}

/// 20, 30, to 90.
pub(crate) fn tens(word: &str) -> Option<u32> {
    const TENS: &str = "twenty thirty forty fifty sixty seventy eighty ninety";
    index(TENS, word).map(|index| (index + 2) * 10)
}

fn ordinal_word(word: &str) -> Option<u32> {
    const ORDINALS: &str = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh \
        twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth \
        nineteenth twentieth";
    if word == "thirtieth" { Some(30) } else { index(ORDINALS, word).map(|index| index + 1) }
}

fn ordinal_digits(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|suffix| word.strip_suffix(suffix))?;
    digits.parse().ok().filter(|number| (1..=31).contains(number))
}

/// The place of `word` in a list whose words are set apart by spaces.
fn index(list: &str, word: &str) -> Option<u32> {
    list.split(' ').position(|entry| entry == word).and_then(|index| u32::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_are_read_as_digits_and_as_words() {
        for (text, number, length) in
            [("7", 7, 1), ("twelve", 12, 1), ("twenty", 20, 1), ("forty-five", 45, 2)]
        {
            assert_eq!(cardinal(&Words::new(text), 0), Some((number, length)), "{text}");
        }
        assert_eq!(cardinal(&Words::new("730"), 0), None, "no number from 0 to 99");
        assert_eq!(cardinal(&Words::new("car"), 0), None);
    }

    #[test]
    fn ordinals_are_read_as_digits_and_as_words() {
        for (text, number, length) in [
            ("3rd", 3, 1),
            ("24th", 24, 1),
            ("third", 3, 1),
            ("twenty-fourth", 24, 2),
            ("thirty first", 31, 2),
            ("thirtieth", 30, 1),
        ] {
            assert_eq!(ordinal(&Words::new(text), 0), Some((number, length)), "{text}");
        }
        assert_eq!(ordinal(&Words::new("north"), 0), None);
        assert_eq!(ordinal(&Words::new("45th"), 0), None);
    }
}
