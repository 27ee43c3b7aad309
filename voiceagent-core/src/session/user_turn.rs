use std::{sync::Arc, time::Duration};

use crate::{CallTime, TurnId, stt::Transcript};

/// A final that comes this shortly before the end of speech covers it: a detector hears a little
/// longer than a recognizer needs.
const COVERED: Duration = Duration::from_millis(250);

/// What the user has said in the turn that is open.
#[derive(Debug)]
pub(super) struct UserTurn {
    pub(super) id: TurnId,
    finals: String,
    interim: String,
    /// When the user began to speak, while the user speaks.
    pub(super) speaking_since: Option<CallTime>,
    /// When the user was last heard: the end of speech where edges are known, else of a transcript.
    pub(super) last_speech: Option<CallTime>,
    pub(super) last_final: Option<CallTime>,
    /// When the words last changed.
    pub(super) last_change: Option<CallTime>,
    /// Whether the user has spoken (or typed) since the turn was opened.
    pub(super) begun: bool,
    /// The recognizer said that the turn is over.
    pub(super) ended_by_stt: bool,
    /// The turn that came before, as it was taken.
    taken: String,
    /// Words that were taken before they were final, in this turn's predecessor or further back. A
    /// final that says them once more clears them.
    unsettled: String,
}

impl UserTurn {
    pub(super) fn new() -> Self {
        Self {
            id: TurnId::new(1),
            finals: String::new(),
            interim: String::new(),
            speaking_since: None,
            last_speech: None,
            last_final: None,
            last_change: None,
            begun: false,
            ended_by_stt: false,
            taken: String::new(),
            unsettled: String::new(),
        }
    }

    /// Adds recognized text. Returns whether it changed what the user has said.
    pub(super) fn push(&mut self, now: CallTime, transcript: &Transcript) -> bool {
        if self.is_late(transcript) {
            return false;
        }
        let text = self.beyond_taken(&transcript.text).trim();
        let changed = if transcript.is_final {
            self.unsettled.clear();
            self.last_final = Some(now);
            let changed = !text.is_empty() || !self.interim.is_empty();
            self.interim.clear();
            if !text.is_empty() {
                if !self.finals.is_empty() {
                    self.finals.push(' ');
                }
                self.finals.push_str(text);
            }
            changed
        } else {
            let changed = self.interim != text;
            text.clone_into(&mut self.interim);
            changed
        };
        if changed {
            self.ended_by_stt = false;
        }
        changed
    }

    /// Everything the user has said in the turn.
    pub(super) fn text(&self) -> Arc<str> {
        match (self.finals.as_str(), self.interim.as_str()) {
            (finals, "") => finals.into(),
            ("", interim) => interim.into(),
            (finals, interim) => format!("{finals} {interim}").into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.finals.is_empty() && self.interim.is_empty()
    }

    /// Whether there is text that may still change.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.interim.is_empty()
    }

    /// Whether a final covers the end of the user's speech: nothing more is on its way.
    pub(super) fn is_settled(&self) -> bool {
        let covered = self
            .last_speech
            .is_none_or(|speech| self.last_final.is_some_and(|final_| final_ + COVERED >= speech));
        covered && !self.is_unsettled()
    }

    pub(super) fn words(&self) -> usize {
        self.finals.split_whitespace().count() + self.interim.split_whitespace().count()
    }

    /// Closes the turn and opens the next one. The user's voice goes on where it was.
    pub(super) fn take(&mut self) -> (TurnId, Arc<str>) {
        let (id, text) = (self.id, self.text());
        *self = Self {
            id: id.next(),
            speaking_since: self.speaking_since,
            taken: normalised(&text),
            unsettled: normalised(&format!("{} {}", self.unsettled, self.interim)),
            ..Self::new()
        };
        (id, text)
    }

    /// What a transcript holds beyond the words that were taken when they were not final yet. The
    /// recognizer says them once more when it knows how they go on.
    fn beyond_taken<'a>(&self, text: &'a str) -> &'a str {
        if self.unsettled.is_empty() || !self.finals.is_empty() {
            return text;
        }
        let words = normalised(text);
        let repeated = self.unsettled.split(' ');
        let count = repeated.clone().count();
        let is_repeated = words.split(' ').take(count).eq(repeated);
        let beyond = after_words(text, count);
        // A user who has begun anew may say just the same again.
        if is_repeated && !(self.begun && beyond.is_empty()) { beyond } else { text }
    }

    /// Whether a transcript only repeats the turn that was taken: its final came after the turn
    /// was decided on an interim.
    fn is_late(&self, transcript: &Transcript) -> bool {
        if self.begun || self.taken.is_empty() || !self.is_empty() {
            return false;
        }
        let text = normalised(&transcript.text);
        !text.is_empty() && self.taken.ends_with(&text)
    }
}

/// What follows the first `count` words of a text.
fn after_words(text: &str, count: usize) -> &str {
    let mut rest = text;
    for _ in 0..count {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        rest = rest.trim_start_matches(char::is_alphanumeric);
    }
    rest.trim_start_matches(|c: char| !c.is_alphanumeric())
}

/// The words alone: no case, no punctuation, single spaces.
pub(super) fn normalised(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().flat_map(char::to_lowercase));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(transcripts: &[Transcript]) -> UserTurn {
        let mut turn = UserTurn::new();
        for transcript in transcripts {
            turn.push(CallTime::ZERO, transcript);
        }
        turn
    }

    #[test]
    fn interims_replace_each_other_and_finals_add_up() {
        let turn = turn(&[
            Transcript::interim("I"),
            Transcript::interim("I need"),
            Transcript::final_("I need"),
            Transcript::interim("an oil"),
        ]);
        assert_eq!(&*turn.text(), "I need an oil");
        assert!(turn.is_unsettled());
    }

    #[test]
    fn t18_a_late_final_of_the_turn_before_is_ignored() {
        let mut turn = turn(&[Transcript::interim("book it please")]);
        turn.take();
        assert!(!turn.push(CallTime::ZERO, &Transcript::final_("Book it, please.")));
        assert!(turn.is_empty());
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("tomorrow")), "this is new");
    }

    #[test]
    fn t6_a_late_final_adds_only_what_goes_beyond_the_turn_before() {
        let mut turn = turn(&[Transcript::final_("Good day."), Transcript::interim("book it")]);
        turn.take();
        assert!(turn.push(CallTime::ZERO, &Transcript::interim("Book it, for")));
        assert_eq!(&*turn.text(), "for");
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("Book it, for Monday.")));
        assert_eq!(&*turn.text(), "for Monday.");
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("Book it twice")));
        assert_eq!(&*turn.text(), "for Monday. Book it twice", "this was said again");
    }

    #[test]
    fn t6_a_final_that_covers_two_turns_which_were_taken_early_adds_nothing() {
        let mut turn = turn(&[Transcript::interim("book it")]);
        turn.take();
        assert!(turn.push(CallTime::ZERO, &Transcript::interim("book it for Monday")));
        assert_eq!(&*turn.text(), "for Monday");
        turn.take();
        assert!(!turn.push(CallTime::ZERO, &Transcript::final_("Book it for Monday.")));
        assert!(turn.is_empty());
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("at ten")));
    }

    #[test]
    fn the_same_words_said_again_are_a_new_turn() {
        let mut turn = turn(&[Transcript::final_("yes")]);
        turn.take();
        turn.begun = true;
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("yes")));
    }

    #[test]
    fn p4_case_and_punctuation_do_not_make_another_text() {
        assert_eq!(normalised("Yes, at 10:30!"), normalised("yes at 10 30"));
    }
}
