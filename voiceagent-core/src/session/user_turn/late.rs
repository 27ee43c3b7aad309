//! Words of a turn that is over, and words that come twice.

use std::time::Duration;

use super::normalised;
use crate::{CallTime, session::spoken_numbers::is_same, stt::Transcript};

/// A recognizer that has not told the final of a turn by now has lost it: then the same words are
/// said again.
const LATEST: Duration = Duration::from_secs(10);
/// Nobody says the same words again this quickly.
const TWICE: Duration = Duration::from_millis(50);

/// What of a transcript was said in a turn that is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Late {
    /// Everything, or it is there already.
    All,
    /// Nothing.
    No,
    /// So many words at its beginning.
    Words(usize),
}

/// Remembers what was recognized, to know it when it comes again.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// What was taken before it was final: the recognizer owes its final.
    owed: Option<Owed>,
    last_final: Option<Final>,
    /// The times of the words of the last interim, in the recognizer's stream.
    span: Option<(Duration, Duration)>,
}

#[derive(Debug)]
struct Owed {
    words: Vec<String>,
    span: Option<(Duration, Duration)>,
    until: CallTime,
}

#[derive(Debug)]
struct Final {
    text: String,
    at: CallTime,
    start: Option<Duration>,
}

impl Recall {
    /// Notes that a turn was taken, and this part of it was not final.
    pub(super) fn take(&mut self, now: CallTime, interim: &str) {
        let words = words(interim);
        let span = self.span.take();
        match &mut self.owed {
            // The recognizer goes on with what it owed before.
            Some(owed) if now < owed.until => {
                owed.words.extend(words);
                owed.until = now + LATEST;
                owed.span = owed.span.zip(span).map(|(first, last)| (first.0, last.1));
            }
            _ if words.is_empty() => self.owed = None,
            _ => self.owed = Some(Owed { words, span, until: now + LATEST }),
        }
    }

    /// Tells what of a transcript is old. `is_new` says that the user has spoken since, for long
    /// enough to be understood.
    pub(super) fn judge(&mut self, now: CallTime, transcript: &Transcript, is_new: bool) -> Late {
        if transcript.is_final && self.is_repeated(now, transcript) {
            return Late::All;
        }
        let late = self.against_owed(now, transcript, is_new);
        // What is not late shows that the recognizer goes on; what is final pays the debt.
        if late == Late::No || transcript.is_final {
            self.owed = None;
        }
        if late != Late::All {
            self.span = span(transcript).filter(|_| !transcript.is_final);
        }
        late
    }

    fn against_owed(&self, now: CallTime, transcript: &Transcript, is_new: bool) -> Late {
        let Some(owed) = self.owed.as_ref().filter(|owed| now < owed.until) else {
            return Late::No;
        };
        let words = words(&transcript.text);
        if words.is_empty() {
            return Late::All;
        }
        let timed = owed
            .span
            .zip(transcript.words.first())
            .map(|((start, end), word)| (start..end).contains(&word.start));
        if timed == Some(false) {
            return Late::No;
        }
        let goes_on = words.len() > owed.words.len() && words.starts_with(&owed.words);
        if goes_on {
            return Late::Words(owed.words.len());
        }
        let known = words.iter().filter(|word| owed.words.contains(word)).count();
        let is_revision = known * 2 >= words.len().min(owed.words.len()) && known > 0;
        // A final writes "415" where the interim had "four one five".
        let is_same = is_same(&words.join(" "), &owed.words.join(" "));
        if (is_revision || is_same) && (!is_new || timed == Some(true)) {
            Late::All
        } else {
            Late::No
        }
    }

    fn is_repeated(&mut self, now: CallTime, transcript: &Transcript) -> bool {
        let text = normalised(&transcript.text);
        if text.is_empty() {
            return false;
        }
        let start = transcript.words.first().map(|word| word.start);
        let repeated = self.last_final.as_ref().is_some_and(|last| {
            let same_time = match (last.start, start) {
                (Some(last), Some(start)) => last == start,
                _ => now <= last.at + TWICE,
            };
            last.text == text && same_time
        });
        self.last_final = Some(Final { text, at: now, start });
        repeated
    }
}

fn words(text: &str) -> Vec<String> {
    normalised(text).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn span(transcript: &Transcript) -> Option<(Duration, Duration)> {
    Some((transcript.words.first()?.start, transcript.words.last()?.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stt::WordTiming;

    fn at(millis: u64) -> CallTime {
        CallTime::from_millis(millis)
    }

    fn timed(transcript: Transcript, start: u64) -> Transcript {
        let words = transcript.text.split(' ').zip(0..).map(|(word, nth)| {
            let start = Duration::from_millis(start + 300 * nth);
            WordTiming { word: word.into(), start, end: start + Duration::from_millis(250) }
        });
        let words = words.collect();
        transcript.with_words(words)
    }

    fn owing(interim: Transcript) -> Recall {
        let mut recall = Recall::default();
        recall.judge(at(900), &interim, true);
        recall.take(at(1_000), &interim.text);
        recall
    }

    #[test]
    fn t6_what_was_owed_long_ago_is_not_owed_any_more() {
        let mut recall = owing(Transcript::interim("book it"));
        recall.take(at(60_000), "tomorrow");
        let late = recall.judge(at(60_100), &Transcript::final_("tomorrow at noon"), false);
        assert_eq!(late, Late::Words(1));
    }

    #[test]
    fn t6_a_late_final_is_known_though_it_says_it_otherwise_or_writes_digits() {
        for late in ["Hello there.", "Hello.", "hello their"] {
            let mut recall = owing(Transcript::interim("hello there"));
            assert_eq!(
                recall.judge(at(1_200), &Transcript::final_(late), false),
                Late::All,
                "{late}"
            );
            assert_eq!(recall.judge(at(1_500), &Transcript::final_(late), false), Late::No, "paid");
        }
        let mut recall = owing(Transcript::interim("four one five"));
        assert_eq!(recall.judge(at(1_200), &Transcript::final_("415"), false), Late::All);
    }

    #[test]
    fn t6_other_words_are_not_late_and_neither_are_the_same_after_a_while() {
        let mut recall = owing(Transcript::interim("hello there"));
        assert_eq!(recall.judge(at(1_200), &Transcript::interim("book it"), false), Late::No);
        let mut recall = owing(Transcript::interim("hello there"));
        assert_eq!(recall.judge(at(11_000), &Transcript::interim("hello"), false), Late::No);
    }

    #[test]
    fn t6_who_goes_on_is_understood_without_what_was_answered_already() {
        let mut recall = owing(Transcript::interim("hello there"));
        let more = Transcript::interim("hello there my name is Bob");
        assert_eq!(recall.judge(at(2_000), &more, true), Late::Words(2));
        assert_eq!(recall.judge(at(2_200), &more, true), Late::Words(2), "until it is final");
    }

    #[test]
    fn t6_times_tell_a_late_word_from_one_said_again() {
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let late = timed(Transcript::final_("hello there"), 400);
        assert_eq!(recall.judge(at(1_500), &late, true), Late::All);
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let again = timed(Transcript::final_("hello there"), 1_200);
        assert_eq!(recall.judge(at(1_500), &again, false), Late::No);
    }

    #[test]
    fn t18_a_final_comes_twice_at_once_or_with_the_times_of_the_first() {
        let mut recall = Recall::default();
        let yes = Transcript::final_("Yes.");
        assert_eq!(recall.judge(at(100), &yes, true), Late::No);
        assert_eq!(recall.judge(at(140), &yes, true), Late::All);
        assert_eq!(recall.judge(at(900), &yes, true), Late::No, "said again");
        let timed = timed(yes, 2_000);
        assert_eq!(recall.judge(at(2_500), &timed, true), Late::No);
        assert_eq!(recall.judge(at(4_000), &timed, true), Late::All);
    }
}
