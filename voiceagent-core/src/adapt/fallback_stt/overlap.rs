use std::{collections::VecDeque, time::Duration};

use super::{
    alignment::{Cut, align},
    spelling::words,
};
use crate::{adapt::words::plain_words, stt::Transcript};

/// Words that are kept: of two minutes. A tape that holds less does not tell more of them again.
const LIMIT: usize = 256;

/// Words that were told already of audio that is heard again. Times are those of the stream.
///
/// No word is lost: of what is heard again only that is left out of which it is sure that it was
/// told. What is told twice is the lesser evil.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The words of finals since the last place that is sure to be covered.
    told: VecDeque<Told>,
    /// How many of them are to be heard again, and how many of those were.
    replayed: usize,
    heard: usize,
}

#[derive(Debug)]
struct Told {
    form: String,
    /// It was said before.
    until: Duration,
}

impl Overlap {
    /// A final was told that covers nobody knows how much, of what was said until then.
    pub(super) fn on_final(&mut self, text: &str, until: Duration) {
        let news = words(text).into_iter().filter(|word| !word.is_filler);
        self.told.extend(news.map(|word| Told { form: word.form, until }));
        self.forget(self.told.len().saturating_sub(LIMIT));
    }

    /// Everything until then is covered, and so is what was heard again.
    pub(super) fn settle(&mut self, until: Duration) {
        let covered = self.told.partition_point(|word| word.until <= until);
        self.forget(covered.max(self.heard));
    }

    fn forget(&mut self, count: usize) {
        self.told.drain(..count);
        self.replayed = self.replayed.saturating_sub(count);
        self.heard = self.heard.saturating_sub(count);
    }

    /// The audio since the last place that is sure is heard again.
    pub(super) fn rewind(&mut self) {
        (self.heard, self.replayed) = (0, self.told.len());
    }

    /// A transcript without what was told already.
    pub(super) fn strip(&mut self, mut transcript: Transcript) -> Transcript {
        let due: Vec<&str> =
            self.told.range(self.heard..self.replayed).map(|word| word.form.as_str()).collect();
        if due.is_empty() {
            return transcript;
        }
        let heard = words(&transcript.text);
        let may_be_told = self.before_its_end(&transcript, heard.len());
        let cut = align(&due, &heard[..may_be_told]);
        let (told, behind) = cut.as_ref().map_or((0, 0), |cut| (cut.told, cut.heard));
        if transcript.is_final {
            // What this recognizer hears in another way stands for as many words that were told.
            let other = heard[behind..].iter().filter(|word| !word.is_filler).count();
            self.heard = self.replayed.min(self.heard + told + other);
        }
        let Some(cut) = cut else { return transcript };
        leave_out(&mut transcript, &cut);
        transcript
    }

    /// How many words were said before the end of what was told, if the times of all are known.
    fn before_its_end(&self, transcript: &Transcript, words: usize) -> usize {
        let Some(last) = self.replayed.checked_sub(1).and_then(|at| self.told.get(at)) else {
            return words;
        };
        let (mut timed, mut before) = (0, 0);
        for timing in &transcript.words {
            timed += plain_words(&timing.word).count();
            if timing.start < last.until {
                before = timed;
            }
        }
        if timed == words { before } else { words }
    }
}

/// Leaves out the words up to the cut, but those that nobody told.
fn leave_out(transcript: &mut Transcript, cut: &Cut) {
    let text = &*transcript.text;
    let places: Vec<usize> = plain_words(text).map(|(at, _)| at).collect();
    let place = |index: usize| places.get(index).copied().unwrap_or(text.len());
    let mut digits = cut.digits;
    let rest = text[place(cut.heard)..].trim_start_matches(|letter: char| {
        let is_told = digits > 0;
        digits -= usize::from(is_told && letter.is_ascii_digit());
        is_told || (cut.digits > 0 && letter == '-')
    });
    let untold = cut.untold.iter().map(|index| text[place(*index)..place(index + 1)].trim_end());
    let parts: Vec<&str> = untold.chain([rest]).filter(|part| !part.is_empty()).collect();
    let news = parts.join(" ");
    let mut index = 0;
    transcript.words.retain(|timing| {
        let first = index;
        index += plain_words(&timing.word).count();
        index > cut.heard || cut.untold.contains(&first)
    });
    transcript.text = news.into();
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::stt::WordTiming;

    const SECOND: Duration = Duration::from_secs(1);

    fn overlap(told: &str) -> Overlap {
        let mut overlap = Overlap::default();
        overlap.on_final(told, 3 * SECOND);
        overlap.rewind();
        overlap
    }

    fn strip(overlap: &mut Overlap, text: &str) -> String {
        overlap.strip(Transcript::final_(text)).text.to_string()
    }

    /// Words one second apart.
    fn timed(words: &[&str]) -> Vec<WordTiming> {
        let at = |number: usize| SECOND * u32::try_from(number).unwrap();
        let timing = |(number, word): (usize, &&str)| WordTiming {
            word: (*word).into(),
            start: at(number),
            end: at(number + 1),
        };
        words.iter().enumerate().map(timing).collect()
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
    fn a_part_that_is_heard_in_another_way_does_not_make_the_rest_come_twice() {
        let mut overlap = overlap("Hello, I would like a");
        assert_eq!(strip(&mut overlap, "hallo"), "hallo");
        assert_eq!(strip(&mut overlap, "I would like a table"), "table");
    }

    #[test]
    fn rc1_numbers_in_other_groups_and_other_spellings_lose_no_digit() {
        for (told, heard, news) in [
            ("five five five", "555 one two", "one two"),
            ("My number is five five five.", "my number is 555 one two", "one two"),
            ("my number is 555", "My number is 555-1234.", "1234."),
            ("four one five", "4 1 5, 5 5", "5 5"),
            ("it is um twenty-five", "It's 25 Main Street", "It's 25 Main Street"),
            ("one", "10 people", "10 people"),
        ] {
            assert_eq!(strip(&mut overlap(told), heard), news, "{told:?}");
        }
    }

    #[test]
    fn fillers_count_on_neither_side_and_are_told() {
        assert_eq!(strip(&mut overlap("um I would like"), "I would like that"), "that");
        let timings = timed(&["I", "uh", "would", "like", "that"]);
        let mut overlap = Overlap::default();
        overlap.on_final("I would like", 5 * SECOND);
        overlap.rewind();
        let again = Transcript::final_("I, uh, would like that").with_words(timings);
        let news = overlap.strip(again);
        assert_eq!(&*news.text, "uh, that");
        let words: Vec<&str> = news.words.iter().map(|timing| &*timing.word).collect();
        assert_eq!(words, ["uh", "that"]);
    }

    #[test]
    fn rc1_a_word_that_is_said_again_later_is_no_word_that_was_told() {
        let again = || Transcript::final_("no no").with_words(timed(&["no", "no"]));
        let mut later = again();
        later.words.iter_mut().for_each(|word| word.start += 3 * SECOND);
        assert_eq!(&*overlap("no no").strip(later).text, "no no");
        assert_eq!(&*overlap("no no").strip(again()).text, "");
    }

    #[test]
    fn what_a_final_covers_in_part_is_left_out_of_the_rest() {
        let mut overlap = overlap("Hello, I would like a");
        assert_eq!(strip(&mut overlap, "hello I"), "");
        overlap.settle(SECOND);
        assert_eq!(strip(&mut overlap, "would like a table"), "table");
        overlap.on_final("table", 4 * SECOND);
        overlap.rewind();
        assert_eq!(strip(&mut overlap, "would like a table now"), "now", "by a third one");
        overlap.settle(4 * SECOND);
        overlap.rewind();
        assert_eq!(strip(&mut overlap, "would like a table"), "would like a table");
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

    #[test]
    fn the_words_that_are_kept_are_bounded() {
        let mut overlap = Overlap::default();
        for _ in 0..LIMIT {
            overlap.on_final("one two", SECOND);
        }
        assert_eq!(overlap.told.len(), LIMIT);
    }

    /// How a recognizer writes a word that is said.
    #[derive(Clone, Copy, Debug)]
    enum Heard {
        Plain,
        Other,
        AfterFiller,
        Loud,
    }

    fn written(word: &str, heard: Heard) -> String {
        match heard {
            Heard::Plain => word.to_owned(),
            Heard::Other => "mumble".to_owned(),
            Heard::AfterFiller => format!("um {word}"),
            Heard::Loud => format!("{}!", word.to_uppercase()),
        }
    }

    /// Digits next to each other as one number.
    fn grouped(words: &[String]) -> String {
        let digit = |word: &str| {
            let names = ["zero", "one", "two", "three", "four", "five"];
            names.iter().position(|name| word == *name)
        };
        let mut text = String::new();
        let mut joins = false;
        for word in words {
            let digit = digit(word);
            if !(text.is_empty() || (joins && digit.is_some())) {
                text.push(' ');
            }
            joins = digit.is_some();
            match digit {
                Some(digit) => text.push_str(&digit.to_string()),
                None => text.push_str(word),
            }
        }
        text
    }

    /// The letters of a text, without fillers, however its numbers are written.
    fn letters(text: &str) -> String {
        words(text).into_iter().filter(|it| !it.is_filler).map(|it| it.form).collect()
    }

    proptest! {
        /// What was told of a speech, and what the next recognizer makes of the whole of it: the
        /// words that were not told all come, at the end and in their order.
        #[test]
        fn rc1_no_word_is_lost_whatever_two_recognizers_make_of_the_same_speech(
            speech in vec(select(vec!["five", "one", "zero", "yes", "no", "car", "the"]), 1..14),
            share in 0..14_usize,
            ways in vec(
                select(vec![Heard::Plain, Heard::Plain, Heard::Other, Heard::AfterFiller, Heard::Loud]),
                14,
            ),
            (told_in_groups, heard_in_groups) in any::<(bool, bool)>(),
            piece in 1..14_usize,
        ) {
            let told = share.min(speech.len());
            let write = |words: &[String], in_groups| match in_groups {
                true => grouped(words),
                false => words.join(" "),
            };
            let said: Vec<String> = speech.iter().map(|word| (*word).to_owned()).collect();
            let mut overlap = overlap(&write(&said[..told], told_in_groups));
            let heard: Vec<String> = speech
                .iter()
                .zip(&ways)
                .enumerate()
                // What was not told is heard well, so that it can be found again.
                .map(|(at, (word, way))| written(word, if at < told { *way } else { Heard::Plain }))
                .collect();
            let mut came = String::new();
            for piece in heard.chunks(piece) {
                let text = write(piece, heard_in_groups);
                let interim = overlap.strip(Transcript::interim(text.as_str())).text;
                let last = strip(&mut overlap, &text);
                prop_assert_eq!(&*interim, &*last);
                came.push_str(&letters(&last));
            }
            let news = letters(&said[told..].join(" "));
            prop_assert!(came.ends_with(&news), "{:?} of {:?}", came, news);
        }

        /// Two recognizers that hear the same say nothing twice.
        #[test]
        fn rc1_no_word_comes_twice_where_both_hear_the_same(
            speech in vec(select(vec!["five", "one", "zero", "yes", "no", "car", "the"]), 1..14),
            share in 0..14_usize,
            piece in 1..14_usize,
        ) {
            let told = share.min(speech.len());
            let mut overlap = overlap(&speech[..told].join(" "));
            let came: Vec<String> =
                speech.chunks(piece).map(|piece| strip(&mut overlap, &piece.join(" "))).collect();
            prop_assert_eq!(letters(&came.join(" ")), letters(&speech[told..].join(" ")));
        }
    }
}
