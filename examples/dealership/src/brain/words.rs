//! What a person said, as words: lower case, without punctuation, split where speech would.

use std::ops::Range;

/// The words of one utterance.
///
/// Typed text ("Tomorrow at 9:30am!") and recognized text ("tomorrow at nine thirty am") become
/// alike, as far as spelling goes. Words that a parser has understood are blanked, so that no
/// other parser reads them a second time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    lower: Vec<String>,
    marks: Vec<Marks>,
}

/// How a word was written.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    capital: bool,
    /// A hyphen joins it to the word before.
    joined: bool,
    /// A comma follows it.
    comma: bool,
}

/// The most words of one utterance that are looked at: more than anybody says in one breath, and
/// few enough that no text costs noticeable time.
const MOST: usize = 400;

/// The longest word that is looked at, in bytes: no word, number or address is longer.
const LONGEST: usize = 100;

impl Words {
    pub(crate) fn new(text: &str) -> Self {
        let mut words = Self::default();
        for chunk in text.split_whitespace() {
            if words.len() >= MOST {
                break;
            }
            if chunk.len() > LONGEST {
                continue;
            }
            let comma = chunk.ends_with(',');
            let chunk = chunk.replace(['’', '`'], "'");
            let chunk = chunk.trim_matches(|c: char| !is_letter(c) && c != '+');
            let before = words.len();
            words.push_chunk(chunk);
            if let Some(marks) = words.marks[before..].last_mut() {
                marks.comma = comma;
            }
        }
        words
    }

    pub(crate) fn len(&self) -> usize {
        self.lower.len()
    }

    /// The word at `at`; empty beyond either end and where it was taken.
    pub(crate) fn at(&self, at: usize) -> &str {
        self.lower.get(at).map_or("", String::as_str)
    }

    /// The word before `at`.
    pub(crate) fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |before| self.at(before))
    }

    /// Whether the word at `at` was written with a capital.
    pub(crate) fn is_capitalized(&self, at: usize) -> bool {
        self.marks.get(at).is_some_and(|marks| marks.capital)
    }

    /// Whether a hyphen joins the word at `at` to the one before.
    pub(crate) fn is_joined(&self, at: usize) -> bool {
        self.marks.get(at).is_some_and(|marks| marks.joined)
    }

    /// Whether a comma follows the word at `at`.
    pub(crate) fn has_comma(&self, at: usize) -> bool {
        self.marks.get(at).is_some_and(|marks| marks.comma)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.lower.iter().map(String::as_str)
    }

    /// Whether any of `words` occurs.
    pub(crate) fn any(&self, words: &[&str]) -> bool {
        self.iter().any(|word| words.contains(&word))
    }

    /// Where `phrase` begins.
    pub(crate) fn position(&self, phrase: &str) -> Option<usize> {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        self.lower.windows(phrase.len()).position(|window| window == phrase)
    }

    /// Whether any of `phrases` occurs as whole words.
    pub(crate) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.position(phrase).is_some())
    }

    /// Whether `phrase` stands at `at`.
    pub(crate) fn stands(&self, at: usize, phrase: &str) -> bool {
        phrase.split(' ').enumerate().all(|(offset, word)| self.at(at + offset) == word)
    }

    /// Whether `phrase` stands right before `at`.
    pub(crate) fn ends(&self, at: usize, phrase: &str) -> bool {
        at.checked_sub(phrase.split(' ').count()).is_some_and(|start| self.stands(start, phrase))
    }

    /// Adds what was said after.
    pub(crate) fn extend(&mut self, later: &Self) {
        self.lower.extend_from_slice(&later.lower);
        self.marks.extend_from_slice(&later.marks);
    }

    /// Blanks what has been understood.
    pub(crate) fn take(&mut self, range: Range<usize>) {
        for word in self.lower.iter_mut().take(range.end).skip(range.start) {
            word.clear();
        }
    }

    fn push_chunk(&mut self, chunk: &str) {
        if chunk.is_empty() {
            return;
        }
        let numeric = chunk.chars().all(|c| c.is_ascii_digit() || "+-/:.".contains(c));
        if numeric {
            return self.push(chunk);
        }
        let plain: String = chunk.chars().filter(|c| *c != '.').collect();
        if matches!(plain.to_lowercase().as_str(), "am" | "pm") {
            return self.push(&plain);
        }
        let mut hyphen = false;
        for part in chunk.split_inclusive(|c: char| !is_letter(c) && c != '\'' && c != ':') {
            let before = self.len();
            self.push_part(part.trim_matches(|c: char| !is_letter(c)));
            if let Some(marks) = self.marks.get_mut(before) {
                marks.joined = hyphen;
            }
            hyphen = part.ends_with('-');
        }
    }

    /// Splits "9:30am" and "3pm", which people type and nobody says as one word.
    fn push_part(&mut self, part: &str) {
        let lower = part.to_lowercase();
        for suffix in ["am", "pm"] {
            let clock = lower.strip_suffix(suffix).unwrap_or_default();
            if !clock.is_empty() && clock.chars().all(|c| c.is_ascii_digit() || c == ':') {
                self.push(clock);
                return self.push(suffix);
            }
        }
        match lower.as_str() {
            "" => {}
            "oclock" => self.push("o'clock"),
            _ => self.push(part),
        }
    }

    fn push(&mut self, word: &str) {
        if self.len() >= MOST {
            return;
        }
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        self.marks.push(Marks { capital, ..Marks::default() });
        self.lower.push(word.to_lowercase());
    }
}

/// Whether a word can hold this character; "é" may come as "e" and an accent (U+0301).
pub(crate) fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_and_recognized_text_become_alike() {
        let split = |text| Words::new(text).iter().collect::<Vec<_>>().join(" ");
        assert_eq!(split("Tomorrow, at 9:30am!"), "tomorrow at 9:30 am");
        assert_eq!(split("three p.m., twenty-third"), "three pm twenty third");
        assert_eq!(split("K-O-W. (630) 555-0141"), "k o w 630 555-0141");
        assert_eq!(split("It’s nine oclock"), "it's nine o'clock");
        assert_eq!(split("  "), "");
    }

    #[test]
    fn only_as_much_is_looked_at_as_anybody_says() {
        let long = "a day from ".repeat(3000);
        assert_eq!(Words::new(&long).len(), MOST);
        assert_eq!(Words::new(&format!("x{} ok", "-y".repeat(9000))).at(0), "ok");
    }

    #[test]
    fn hyphens_and_commas_are_remembered() {
        let words = Words::new("Anne-Marie Smith, yes");
        assert!(words.is_joined(1) && !words.is_joined(2));
        assert!(words.has_comma(2) && !words.has_comma(3));
    }

    #[test]
    fn taken_words_are_not_found_again() {
        let mut words = Words::new("an oil change please");
        let at = words.position("oil change").unwrap();
        words.take(at..at + 2);
        assert!(!words.says(&["oil change"]) && words.any(&["please"]));
    }
}
