//! What was told as a final before the vendor's own came.

use std::time::Duration;

use voiceagent_core::stt::Transcript;

/// Words that were told although their final was still to come. What the vendor says of them later
/// is told without them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// As they are compared: without marks and capitals.
    words: Vec<String>,
    /// Up to where in the stream they were said.
    end: Duration,
}

/// How many words of two texts are about the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Overlap {
    settled: usize,
    said: usize,
}

impl Settled {
    /// Everything before `end` was told as `text`.
    pub(crate) fn note(&mut self, text: &str, end: Duration) {
        self.words.extend(text.split_whitespace().map(plain));
        self.end = end;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    /// What is new in all that was understood until now.
    pub(crate) fn rest(&self, text: &str) -> String {
        let said: Vec<_> = text.split_whitespace().collect();
        let plain: Vec<_> = said.iter().map(|word| plain(word)).collect();
        said[self.overlap(&plain).said..].join(" ")
    }

    /// What is new in a final, if anything is. Words that were said behind the end are new.
    pub(crate) fn rest_of(&mut self, mut transcript: Transcript) -> Option<Transcript> {
        if self.words.is_empty() {
            return Some(transcript);
        }
        let said: Vec<_> = transcript.text.split_whitespace().map(str::to_owned).collect();
        let behind = transcript.words.iter().filter(|word| word.start >= self.end).count();
        let before = said.len().saturating_sub(behind);
        let plain: Vec<_> = said[..before].iter().map(|word| plain(word)).collect();
        let overlap = self.overlap(&plain);
        self.words.drain(..overlap.settled);
        if overlap.said == 0 {
            return Some(transcript);
        }
        let rest = &said[overlap.said..];
        if rest.is_empty() {
            return None;
        }
        transcript.text = rest.join(" ").into();
        let timed = transcript.words.len().saturating_sub(rest.len());
        transcript.words.drain(..timed);
        Some(transcript)
    }

    /// The words at the beginning of `said` that were told: the vendor may have thought better of
    /// some, so that it is the beginning that takes the fewest changes.
    fn overlap(&self, said: &[String]) -> Overlap {
        let all = Overlap { settled: self.words.len(), said: said.len() };
        if said.starts_with(&self.words) {
            return Overlap { said: all.settled, ..all };
        }
        // The usual table of changes, a line for each settled word.
        let mut line: Vec<usize> = (0..=said.len()).collect();
        let mut best = (usize::MAX, Overlap::default());
        for (at, settled) in self.words.iter().enumerate() {
            let mut corner = std::mem::replace(&mut line[0], at + 1);
            for (place, word) in said.iter().enumerate() {
                let changed = corner + usize::from(settled != word);
                corner = line[place + 1];
                line[place + 1] = changed.min(corner + 1).min(line[place] + 1);
            }
            // All that is said was settled, and more.
            best = better(best, (line[said.len()], Overlap { settled: at + 1, ..all }));
        }
        let ends = line.into_iter().enumerate();
        let (changes, overlap) = ends
            .fold(best, |best, (said, changes)| better(best, (changes, Overlap { said, ..all })));
        let nothing_is_common = changes >= overlap.settled.max(overlap.said);
        if nothing_is_common { Overlap::default() } else { overlap }
    }
}

/// The fewest changes; of as many, where the most words are about the same.
fn better(one: (usize, Overlap), other: (usize, Overlap)) -> (usize, Overlap) {
    let size = |it: Overlap| it.settled.min(it.said);
    let (fewer, more) = (other.0 < one.0, size(other.1) > size(one.1));
    if fewer || (other.0 == one.0 && more) { other } else { one }
}

fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use voiceagent_core::stt::WordTiming;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn settled(text: &str) -> Settled {
        let mut settled = Settled::default();
        settled.note(text, SECOND * 10);
        settled
    }

    /// A final of one word in a second.
    fn said(text: &str) -> Transcript {
        let word = |(at, word): (u32, &str)| WordTiming {
            word: word.into(),
            start: SECOND * at,
            end: SECOND * (at + 1),
        };
        Transcript::final_(text).with_words((0..).zip(text.split_whitespace()).map(word).collect())
    }

    fn rest_of(settled: &mut Settled, transcript: Transcript) -> String {
        settled.rest_of(transcript).map(|it| it.text.to_string()).unwrap_or_default()
    }

    #[test]
    fn of_a_final_that_comes_late_only_its_new_words_are_told() {
        for (before, late, rest) in [
            ("on friday at nine", "On Friday, at nine, please.", "please."),
            ("on friday at nine", "On Friday, at nine.", ""),
            ("on fry day at nine", "On Friday, at nine, please.", "please."),
            ("on friday at", "On Friday at nine.", "nine."),
            ("", "On Friday.", "On Friday."),
        ] {
            assert_eq!(rest_of(&mut settled(before), said(late)), rest, "{before:?}, {late:?}");
            assert_eq!(settled(before).rest(late), rest, "{before:?}, {late:?}");
        }
    }

    #[test]
    fn the_times_of_new_words_stay_with_them() {
        let new = settled("on friday at").rest_of(said("On Friday at nine please")).unwrap();
        let words: Vec<_> = new.words.iter().map(|it| (&*it.word, it.start)).collect();
        assert_eq!(words, [("nine", SECOND * 3), ("please", SECOND * 4)]);
    }

    #[test]
    fn finals_that_come_in_parts_are_compared_one_after_the_other() {
        let mut settled = settled("one two three four");
        assert_eq!(rest_of(&mut settled, said("One two.")), "");
        assert_eq!(rest_of(&mut settled, said("Three four five.")), "five.");
        assert_eq!(rest_of(&mut settled, said("One two.")), "One two.");
    }

    #[test]
    fn words_that_were_said_later_are_told_also_if_they_are_the_same() {
        let mut settled = Settled::default();
        settled.note("yes", SECOND);
        let mut later = said("Yes.");
        later.words[0].start = SECOND * 3;
        assert_eq!(rest_of(&mut settled, later), "Yes.");
    }

    #[test]
    fn what_has_no_word_in_common_is_told_whole() {
        assert_eq!(rest_of(&mut settled("yes"), said("On Friday.")), "On Friday.");
    }
}
