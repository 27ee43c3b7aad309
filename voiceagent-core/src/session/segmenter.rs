use std::sync::Arc;

/// The first piece may be as short as this: a clause gets the voice started.
const FIRST_CLAUSE: usize = 10;
/// A later sentence shorter than this is spoken together with the next one.
const SHORT_SENTENCE: usize = 16;
/// A sentence longer than this is cut at a clause.
const LONG_SENTENCE: usize = 120;
/// Text without any punctuation is cut between words here.
const ENDLESS: usize = 240;
/// Abbreviations that never end a sentence.
const TITLES: [&str; 12] =
    ["mr", "mrs", "ms", "dr", "prof", "st", "no", "vs", "e.g", "i.e", "sr", "jr"];

/// Abbreviations that a number may follow.
const LEADING: [&str; 15] = [
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "ext",
    "approx", "tel",
];

/// Cuts a stream of words into pieces that a voice can speak: the first clause early, so that the
/// voice starts soon, then whole sentences, so that it sounds right.
///
/// The pieces put together are exactly the text.
#[derive(Debug, Default)]
pub(super) struct Segmenter {
    text: String,
    cut_before: bool,
}

impl Segmenter {
    /// Adds words, and returns the piece that they complete, if any. Call again with `""` until
    /// nothing comes. A piece that ends with a number may wait for a letter more, to see whether
    /// the number goes on, if it is to stay whole.
    pub(super) fn push(&mut self, words: &str, whole_numbers: bool) -> Option<Arc<str>> {
        self.text.push_str(words);
        let end = self.boundary(whole_numbers)?;
        let rest = self.text.split_off(end);
        let piece = std::mem::replace(&mut self.text, rest);
        self.cut_before = true;
        Some(piece.into())
    }

    /// Whether nothing to say waits.
    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The rest, if it holds anything to say.
    pub(super) fn flush(&mut self) -> Option<Arc<str>> {
        let rest = std::mem::take(&mut self.text);
        self.cut_before |= !rest.is_empty();
        (!rest.trim().is_empty()).then(|| rest.into())
    }

    /// Where the next piece ends: after the white space that follows it.
    fn boundary(&self, whole_numbers: bool) -> Option<usize> {
        let text = &self.text;
        let mut spaces = text.char_indices().filter(|(_, c)| c.is_whitespace());
        spaces.find_map(|(at, space)| {
            let before = text[..at].trim_end_matches(['"', '\'', ')', ']', '”', '’']);
            let after = at + space.len_utf8();
            let long_enough = match before.chars().next_back()? {
                '.' if is_abbreviation(before) => false,
                '.' | '!' | '?' | '…' | '。' | '！' | '？' => {
                    !self.cut_before || text[..at].trim_start().len() >= SHORT_SENTENCE
                }
                ',' | ';' | ':' | '—' | '–' => {
                    let enough = if self.cut_before { LONG_SENTENCE } else { FIRST_CLAUSE };
                    text[..at].trim_start().len() >= enough
                }
                _ => at >= ENDLESS,
            };
            let has_words = text[..at].contains(char::is_alphanumeric);
            let whole = !whole_numbers || is_whole(before, &text[after..]);
            (long_enough && has_words && whole).then_some(after)
        })
    }
}

/// Whether no number, date or the like is cut between the one and the other.
fn is_whole(before: &str, after: &str) -> bool {
    let stem = before.trim_end_matches(|c: char| !c.is_alphanumeric());
    let last = stem.rsplit(char::is_whitespace).next().unwrap_or(stem);
    let leads = before.ends_with('.') && LEADING.iter().any(|it| last.eq_ignore_ascii_case(it));
    let goes_on = |c: char| c.is_ascii_digit() || matches!(c, '(' | '+' | '$' | '€' | '£');
    // A sentence with a number at its end is followed by a word; the number may be by its unit.
    let is_bare = before.ends_with(|c: char| c.is_ascii_digit());
    !is_bare
        && (!leads && !stem.ends_with(|c: char| c.is_ascii_digit())
            || after.chars().next().is_some_and(|c| !goes_on(c)))
}

fn is_abbreviation(before: &str) -> bool {
    let stem = before.trim_end_matches('.');
    let word = stem.rsplit(char::is_whitespace).next().unwrap_or(stem);
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    initial || word.contains('.') || TITLES.iter().any(|title| word.eq_ignore_ascii_case(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, chunk: usize) -> Vec<String> {
        pieces_of(text, chunk, false)
    }

    fn pieces_of(text: &str, chunk: usize, whole_numbers: bool) -> Vec<String> {
        let mut segmenter = Segmenter::default();
        let mut pieces = Vec::new();
        let letters: Vec<char> = text.chars().collect();
        for words in letters.chunks(chunk) {
            let mut words: String = words.iter().collect();
            while let Some(piece) = segmenter.push(&words, whole_numbers) {
                pieces.push(piece.to_string());
                words.clear();
            }
        }
        pieces.extend(segmenter.flush().map(|rest| rest.to_string()));
        pieces
    }

    #[test]
    fn the_first_clause_is_spoken_early_and_then_whole_sentences() {
        assert_eq!(
            pieces("Let me see, we have one at ten, and one at noon. Which one suits you?", 3),
            ["Let me see, ", "we have one at ten, and one at noon. ", "Which one suits you?"]
        );
    }

    #[test]
    fn numbers_times_and_titles_are_not_cut() {
        assert_eq!(
            pieces("Dr. Lee is free at 10.30 a.m. on Monday with Mr. J. Doe. Good?", 1),
            ["Dr. Lee is free at 10.30 a.m. on Monday with Mr. J. Doe. ", "Good?"]
        );
    }

    #[test]
    fn nothing_is_cut_within_a_number_that_is_to_stay_whole() {
        for chunk in 1..20 {
            assert_eq!(
                pieces_of(
                    "It is on November 22, 2026, and costs $5. Call (555) 123, 4567 or come on \
                     Nov. 23. Then we are open from 9, and closed.",
                    chunk,
                    true
                ),
                [
                    "It is on November 22, 2026, ",
                    "and costs $5. Call (555) 123, 4567 or come on Nov. 23. ",
                    "Then we are open from 9, and closed."
                ],
                "in pieces of {chunk}"
            );
        }
    }

    #[test]
    fn a_short_sentence_waits_for_the_next() {
        assert_eq!(
            pieces("Yes, we do it. No. It is open.", 2),
            ["Yes, we do it. ", "No. It is open."]
        );
    }

    #[test]
    fn h15_the_pieces_put_together_are_the_text_however_it_arrives() {
        let text = "Ça va? Well… \"fine,\" he said. One, two; three: four — five and so on, for a \
                    very long while, without an end, since nobody stops, and nobody will stop it, \
                    not now, not ever. Bye!  ";
        for chunk in 1..40 {
            assert_eq!(pieces(text, chunk).concat(), text, "in pieces of {chunk}");
        }
    }

    #[test]
    fn white_space_alone_is_not_spoken() {
        assert_eq!(pieces("  \n ", 1), Vec::<String>::new());
    }
}
