use std::collections::VecDeque;

use crate::{adapt::words::plain_words, stt::Transcript};

/// Words that were told already of audio that is heard again.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The words of finals since the last place that is sure to be covered.
    told: Vec<String>,
    /// Those of them that the recognizer which hears the audio again has not told yet.
    due: VecDeque<String>,
}

impl Overlap {
    /// A final was told that covers nobody knows how much.
    pub(super) fn on_final(&mut self, text: &str) {
        self.told.extend(plain_words(text).map(|(_, word)| word));
    }

    /// Everything that was told is covered.
    pub(super) fn settle(&mut self) {
        self.told.clear();
        self.due.clear();
    }

    /// The audio since the last place that is sure is heard again.
    pub(super) fn rewind(&mut self) {
        self.due = self.told.iter().cloned().collect();
    }

    /// A transcript without what was told already.
    pub(super) fn strip(&mut self, mut transcript: Transcript) -> Transcript {
        let heard: Vec<(usize, String)> = plain_words(&transcript.text).collect();
        let both = heard.len().min(self.due.len());
        if both == 0 {
            return transcript;
        }
        let pairs = heard.iter().zip(&self.due);
        let same = pairs.filter(|((_, heard), due)| heard == *due).count();
        // Two recognizers may hear a word differently, but not most of them.
        if same * 2 < both {
            if transcript.is_final {
                self.due.clear();
            }
            return transcript;
        }
        let rest = heard.get(both).map_or("", |(at, _)| &transcript.text[*at..]);
        transcript.text = rest.into();
        let mut left = both;
        let told = transcript.words.iter().take_while(|timing| {
            let words = plain_words(&timing.word).count();
            let is_told = words <= left;
            left = left.saturating_sub(words);
            is_told
        });
        let told = told.count();
        transcript.words.drain(..told);
        if transcript.is_final {
            self.due.drain(..both);
        }
        transcript
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stt::WordTiming;

    fn overlap(told: &str) -> Overlap {
        let mut overlap = Overlap::default();
        overlap.on_final(told);
        overlap.rewind();
        overlap
    }

    fn strip(overlap: &mut Overlap, text: &str) -> String {
        overlap.strip(Transcript::final_(text)).text.to_string()
    }

    #[test]
    fn rc1_words_that_were_told_are_left_out() {
        let mut overlap = overlap("I would like");
        let interim = overlap.strip(Transcript::interim("I would")).text;
        assert_eq!(&*interim, "");
        assert_eq!(strip(&mut overlap, "I would like to book a table."), "to book a table.");
        assert_eq!(strip(&mut overlap, "I would like that."), "I would like that.");
    }

    #[test]
    fn words_may_come_in_other_pieces_and_other_spellings() {
        let mut overlap = overlap("Hello, I would like a");
        assert_eq!(strip(&mut overlap, "hello"), "");
        assert_eq!(strip(&mut overlap, "I'd would like a table"), "table");
    }

    #[test]
    fn rc1_words_without_spaces_that_were_told_are_left_out_with_their_times() {
        let mut overlap = overlap("我想预约");
        let times = |words: &[&str]| -> Vec<WordTiming> {
            let at = Duration::ZERO;
            let timing = |word: &&str| WordTiming { word: (*word).into(), start: at, end: at };
            words.iter().map(timing).collect()
        };
        let again =
            Transcript::final_("我想预约明天。").with_words(times(&["我", "想", "预约", "明天"]));
        let news = overlap.strip(again);
        assert_eq!((&*news.text, news.words), ("明天。", times(&["明天"])));
    }

    #[test]
    fn other_words_are_kept() {
        let mut overlap = overlap("yes please");
        assert_eq!(strip(&mut overlap, "what time is it"), "what time is it");
        assert_eq!(strip(&mut overlap, "yes please"), "yes please");
    }
}
