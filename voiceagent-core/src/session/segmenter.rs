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
    /// nothing comes.
    pub(super) fn push(&mut self, words: &str) -> Option<Arc<str>> {
        self.text.push_str(words);
        let end = self.boundary()?;
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
    fn boundary(&self) -> Option<usize> {
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
            (long_enough && has_words).then_some(after)
        })
    }
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
        let mut segmenter = Segmenter::default();
        let mut pieces = Vec::new();
        let letters: Vec<char> = text.chars().collect();
        for words in letters.chunks(chunk) {
            let mut words: String = words.iter().collect();
            while let Some(piece) = segmenter.push(&words) {
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
