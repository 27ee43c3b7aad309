//! Words of a turn that is over, and words that come twice.

use std::{collections::VecDeque, time::Duration};

use super::normalised;
use crate::{
    CallTime,
    session::spoken_numbers::is_same,
    stt::{Transcript, WordTiming},
};

/// A recognizer that has not told the final of a turn by now has lost it: then the same words are
/// said again.
const LATEST: Duration = Duration::from_secs(10);
/// Finals that are remembered; more do not come within `LATEST`, and no vendor repeats an older one.
const FINALS: usize = 8;
/// Turns that were taken early and are remembered at once.
const TURNS: usize = 8;
/// Words of them: more than anybody says in so many turns that are taken early.
const WORDS: usize = 400;
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

/// By what voice a transcript may have been said since the last turn was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Voice {
    /// One that has begun since, and lasts for long enough to be understood.
    New,
    /// None.
    None,
    /// The one that spoke when the turn was taken, and may have gone on.
    Same,
}

/// Remembers what was recognized, to know it when it comes again.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// What was taken before it was final: the recognizer owes its final.
    owed: Option<Owed>,
    finals: VecDeque<Final>,
    /// The times of the words of the last interim, in the recognizer's stream.
    span: Option<(Duration, Duration)>,
}

#[derive(Debug)]
struct Owed {
    words: Vec<String>,
    /// When they were said, turn by turn; none where times do not tell.
    spans: VecDeque<(Duration, Duration)>,
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
                match span {
                    Some(span) if !owed.spans.is_empty() => owed.add(span),
                    Some(_) | None if words.is_empty() => {}
                    Some(_) | None => owed.spans.clear(),
                }
                owed.words.extend(words);
                owed.until = now + LATEST;
            }
            _ if words.is_empty() => self.owed = None,
            _ => {
                let spans = span.into_iter().collect();
                self.owed = Some(Owed { words, spans, until: now + LATEST });
            }
        }
    }

    /// Tells what of a transcript is old.
    pub(super) fn judge(&mut self, now: CallTime, transcript: &Transcript, voice: Voice) -> Late {
        if transcript.is_final && self.is_repeated(now, transcript) {
            return Late::All;
        }
        let late = self.against_owed(now, transcript, voice);
        // What is not late shows that the recognizer goes on; what is final pays the debt, unless it
        // is only the end of a silence. Where times tell, both can be part of it.
        let pays = transcript.is_final && !normalised(&transcript.text).is_empty();
        let is_timed = self.owed.as_ref().is_some_and(|owed| owed.old(transcript).is_some());
        if (late == Late::No || pays) && !is_timed {
            self.owed = None;
        } else if let (Some(owed), Late::Words(_)) = (&mut self.owed, late) {
            // Who goes on telling it has not lost it.
            owed.until = now + LATEST;
        }
        if late != Late::All {
            self.span = span(transcript).filter(|_| !transcript.is_final);
        }
        late
    }

    fn against_owed(&self, now: CallTime, transcript: &Transcript, voice: Voice) -> Late {
        let Some(owed) = self.owed.as_ref().filter(|owed| now < owed.until) else {
            return Late::No;
        };
        let words = words(&transcript.text);
        if words.is_empty() {
            return Late::All;
        }
        if let Some(old) = owed.old(transcript) {
            let told = &words[..old.min(words.len())];
            let known = told.iter().filter(|word| owed.words.contains(word)).count();
            let is_same = is_same(&told.join(" "), &owed.words.join(" "));
            return match old {
                // Another stream counts its time anew, and has other words.
                _ if known == 0 && !is_same => Late::No,
                _ if old >= words.len() => Late::All,
                _ => Late::Words(old),
            };
        }
        let goes_on = words.len() > owed.words.len() && words.starts_with(&owed.words);
        if goes_on {
            return Late::Words(owed.words.len());
        }
        let known = 2 * words.iter().filter(|word| owed.words.contains(word)).count();
        let few = words.len().min(owed.words.len());
        // A final writes "415" where the interim had "four one five".
        let is_same = is_same(&words.join(" "), &owed.words.join(" "));
        match voice {
            Voice::None if is_same || known >= few && known > 0 => Late::All,
            // The recognizer may revise what it owes, and go on.
            Voice::Same if is_same || known > few && words.len() <= owed.words.len() => Late::All,
            Voice::Same if known > few => Late::Words(owed.words.len()),
            Voice::New | Voice::None | Voice::Same => Late::No,
        }
    }

    fn is_repeated(&mut self, now: CallTime, transcript: &Transcript) -> bool {
        let text = normalised(&transcript.text);
        if text.is_empty() {
            return false;
        }
        let start = transcript.words.first().map(|word| word.start);
        let newest = self.finals.len().saturating_sub(1);
        let repeated = self.finals.iter().enumerate().any(|(nth, last)| {
            let same_time = match (last.start, start) {
                (Some(last), Some(start)) => last == start,
                _ => nth == newest && now <= last.at + TWICE,
            };
            last.text == text && same_time
        });
        if self.finals.len() == FINALS {
            self.finals.pop_front();
        }
        self.finals.push_back(Final { text, at: now, start });
        repeated
    }
}

impl Owed {
    fn add(&mut self, span: (Duration, Duration)) {
        if self.spans.len() == TURNS {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
        self.words.drain(..self.words.len().saturating_sub(WORDS));
    }

    /// How many words at the beginning of a transcript were said when something was that is owed,
    /// if times tell.
    fn old(&self, transcript: &Transcript) -> Option<usize> {
        if self.spans.is_empty() || transcript.words.is_empty() {
            return None;
        }
        let is_old = |word: &&WordTiming| {
            let middle = (word.start + word.end) / 2;
            self.spans.iter().any(|(start, end)| (*start..*end).contains(&middle))
        };
        let old = transcript.words.iter().take_while(is_old);
        Some(old.map(|word| words(&word.word).len()).sum())
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
        recall.judge(at(900), &interim, Voice::New);
        recall.take(at(1_000), &interim.text);
        recall
    }

    #[test]
    fn t6_what_was_owed_long_ago_is_not_owed_any_more() {
        let mut recall = owing(Transcript::interim("book it"));
        recall.take(at(60_000), "tomorrow");
        let late = recall.judge(at(60_100), &Transcript::final_("tomorrow at noon"), Voice::None);
        assert_eq!(late, Late::Words(1));
    }

    #[test]
    fn t6_a_late_final_is_known_though_it_says_it_otherwise_or_writes_digits() {
        for late in ["Hello there.", "Hello.", "hello their"] {
            let mut recall = owing(Transcript::interim("hello there"));
            assert_eq!(
                recall.judge(at(1_200), &Transcript::final_(late), Voice::None),
                Late::All,
                "{late}"
            );
            assert_eq!(
                recall.judge(at(1_500), &Transcript::final_(late), Voice::None),
                Late::No,
                "paid"
            );
        }
        let mut recall = owing(Transcript::interim("four one five"));
        assert_eq!(recall.judge(at(1_200), &Transcript::final_("415"), Voice::None), Late::All);
    }

    #[test]
    fn t6_other_words_are_not_late_and_neither_are_the_same_after_a_while() {
        let mut recall = owing(Transcript::interim("hello there"));
        assert_eq!(recall.judge(at(1_200), &Transcript::interim("book it"), Voice::None), Late::No);
        let mut recall = owing(Transcript::interim("hello there"));
        assert_eq!(recall.judge(at(11_000), &Transcript::interim("hello"), Voice::None), Late::No);
    }

    #[test]
    fn t6_who_goes_on_is_understood_without_what_was_answered_already() {
        let mut recall = owing(Transcript::interim("hello there"));
        let more = Transcript::interim("hello there my name is Bob");
        assert_eq!(recall.judge(at(2_000), &more, Voice::New), Late::Words(2));
        assert_eq!(recall.judge(at(2_200), &more, Voice::New), Late::Words(2), "until it is final");
    }

    #[test]
    fn t6_a_voice_that_goes_on_repeats_nothing_and_loses_nothing() {
        for (text, late) in [
            ("Hello their Bob.", Late::All),
            ("hello their Bob I need help", Late::Words(3)),
            ("hello I need help", Late::No),
            ("book it", Late::No),
        ] {
            let mut recall = owing(Transcript::interim("hello there Bob"));
            let judged = recall.judge(at(1_500), &Transcript::final_(text), Voice::Same);
            assert_eq!(judged, late, "{text}");
        }
    }

    #[test]
    fn t6_times_tell_a_late_word_from_one_said_again() {
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let late = timed(Transcript::final_("hello there"), 400);
        assert_eq!(recall.judge(at(1_500), &late, Voice::New), Late::All);
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let again = timed(Transcript::final_("hello there"), 1_200);
        assert_eq!(recall.judge(at(1_500), &again, Voice::None), Late::No);
    }

    #[test]
    fn t18_a_final_comes_twice_at_once_or_with_the_times_of_the_first() {
        let mut recall = Recall::default();
        let yes = Transcript::final_("Yes.");
        assert_eq!(recall.judge(at(100), &yes, Voice::New), Late::No);
        assert_eq!(recall.judge(at(140), &yes, Voice::New), Late::All);
        assert_eq!(recall.judge(at(900), &yes, Voice::New), Late::No, "said again");
        let timed = timed(yes, 2_000);
        assert_eq!(recall.judge(at(2_500), &timed, Voice::New), Late::No);
        assert_eq!(recall.judge(at(4_000), &timed, Voice::New), Late::All);
    }

    #[test]
    fn t6_the_end_of_a_silence_pays_no_debt_and_neither_do_later_words_where_times_tell() {
        let mut recall = owing(Transcript::interim("hello there"));
        assert_eq!(recall.judge(at(1_100), &Transcript::final_(""), Voice::None), Late::All);
        let late = recall.judge(at(1_200), &Transcript::final_("hello there"), Voice::None);
        assert_eq!(late, Late::All, "it is still owed");
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let more = timed(Transcript::final_("my name"), 1_400);
        assert_eq!(recall.judge(at(1_500), &more, Voice::New), Late::No);
        let late = timed(Transcript::final_("hello there"), 400);
        assert_eq!(
            recall.judge(at(1_800), &late, Voice::New),
            Late::All,
            "it came after later words"
        );
    }

    #[test]
    fn t6_a_debt_does_not_lapse_while_the_recognizer_goes_on_with_it() {
        let mut recall = owing(Transcript::interim("hello there"));
        let more = Transcript::interim("hello there my name is Bob");
        for second in 2..30 {
            assert_eq!(
                recall.judge(at(second * 1_000), &more, Voice::New),
                Late::Words(2),
                "{second}"
            );
        }
    }

    #[test]
    fn t6_a_late_final_of_two_turns_holds_what_neither_of_them_took() {
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let next = timed(Transcript::interim("Bob"), 1_300);
        assert_eq!(recall.judge(at(1_500), &next, Voice::New), Late::No);
        recall.take(at(1_600), "Bob");
        let final_ = timed(Transcript::final_("hello there dear"), 400);
        assert_eq!(
            recall.judge(at(1_800), &final_, Voice::New),
            Late::Words(2),
            "and not Bob, nor all"
        );
        let next = timed(Transcript::final_("Bob"), 1_300);
        assert_eq!(recall.judge(at(1_900), &next, Voice::New), Late::All);
    }

    #[test]
    fn t6_times_tell_where_the_new_words_begin() {
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let final_ = timed(Transcript::final_("hello their I am Bob"), 400);
        assert_eq!(recall.judge(at(1_800), &final_, Voice::New), Late::Words(2));
        let mut recall = owing(timed(Transcript::interim("hello there"), 400));
        let other = timed(Transcript::final_("book it"), 400);
        assert_eq!(recall.judge(at(1_800), &other, Voice::New), Late::No, "of another stream");
    }

    #[test]
    fn t18_times_tell_a_final_that_comes_twice_with_another_one_between() {
        let mut recall = Recall::default();
        let finals = [("yes", 400), ("we can", 900)]
            .map(|(text, start)| timed(Transcript::final_(text), start));
        for final_ in &finals {
            assert_eq!(recall.judge(at(2_000), final_, Voice::New), Late::No);
        }
        assert_eq!(recall.judge(at(2_300), &finals[0], Voice::New), Late::All);
    }
}
