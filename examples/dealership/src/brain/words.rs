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
    capitalized: Vec<bool>,
}

impl Words {
    pub(crate) fn new(text: &str) -> Self {
        let mut words = Self::default();
        for chunk in text.split_whitespace() {
            let chunk = chunk.replace(['’', '`'], "'");
            let chunk = chunk.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
            words.push_chunk(chunk);
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
        self.capitalized.get(at).copied().unwrap_or(false)
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

    /// Adds what was said after.
    pub(crate) fn extend(&mut self, later: &Self) {
        self.lower.extend_from_slice(&later.lower);
        self.capitalized.extend_from_slice(&later.capitalized);
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
        for part in chunk.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != ':') {
            self.push_part(part.trim_matches('\''));
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
        self.capitalized.push(word.chars().next().is_some_and(char::is_uppercase));
        self.lower.push(word.to_lowercase());
    }
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
    fn taken_words_are_not_found_again() {
        let mut words = Words::new("an oil change please");
        let at = words.position("oil change").unwrap();
        words.take(at..at + 2);
        assert!(!words.says(&["oil change"]) && words.any(&["please"]));
    }
}
