mod late;

use std::{sync::Arc, time::Duration};

use late::{Late, Recall, Voice};

use crate::{CallTime, TurnId, stt::Transcript};

/// A final that comes this shortly before the end of speech covers it: a detector hears a little
/// longer than a recognizer needs.
const COVERED: Duration = Duration::from_millis(250);
/// No recognizer has words of a speech sooner after its beginning.
const SOONEST_WORDS: Duration = Duration::from_millis(300);
/// Nobody says words of a speech that a detector hears faster than one in this.
const SHORTEST_WORD: Duration = Duration::from_millis(100);
/// A detector that was reset hears who speaks within this.
const RELISTEN: Duration = Duration::from_millis(250);

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
    /// When the user was first heard in the turn, if it has [begun](Self::begun).
    pub(super) begun_at: CallTime,
    /// A detector has told when the user speaks.
    has_edges: bool,
    /// A recognizer that tells words while they are spoken has told when the user begins to speak.
    has_starts: bool,
    /// When the turn was opened.
    opened_at: CallTime,
    /// Since when the detector has heard a voice that began in this turn.
    own_since: Option<CallTime>,
    /// The voice that the detector heard last began in a turn that is over.
    is_carried: bool,
    /// Nobody was heard, and the words came as finals: they were said in a turn that is over.
    is_belated: bool,
    /// Nothing was understood of the turn before, and it was given up.
    is_given_up: bool,
    /// When the recognizer said that the turn is over, unless words came later.
    pub(super) ended_by_stt: Option<CallTime>,
    /// When the recognizer was asked for a final because it had not ended the turn.
    pub(super) asked_at: Option<CallTime>,
    /// Until when the recognizer is waited for, if the owner of the call has ended the turn.
    pub(super) commit_by: Option<CallTime>,
    /// Whether a final has come since the owner of the call ended the turn.
    is_told: bool,
    /// When the detector was last reset, because nothing was understood of whom it heard, and
    /// since when it had heard somebody.
    pub(super) doubted: Option<(CallTime, CallTime)>,
    /// What the detector hears is what it heard before it was reset.
    pub(super) is_doubtful: bool,
    /// The turn is not over before: a detector that was reset needs time to hear.
    pub(super) not_before: CallTime,
    /// Until when a final is waited for that the recognizer was asked for, though the end of the
    /// speech was told late.
    pub(super) final_by: CallTime,
    /// Nothing of a turn that the owner has ended is taken any more until then.
    closed_until: CallTime,
    recall: Recall,
}

impl UserTurn {
    pub(super) fn new() -> Self {
        Self::open(TurnId::new(1), CallTime::ZERO, Recall::default())
    }

    fn open(id: TurnId, opened_at: CallTime, recall: Recall) -> Self {
        Self {
            id,
            opened_at,
            own_since: None,
            is_carried: false,
            finals: String::new(),
            interim: String::new(),
            speaking_since: None,
            last_speech: None,
            last_final: None,
            last_change: None,
            begun: false,
            begun_at: CallTime::ZERO,
            has_edges: false,
            has_starts: false,
            is_belated: false,
            is_given_up: false,
            ended_by_stt: None,
            asked_at: None,
            commit_by: None,
            is_told: false,
            doubted: None,
            is_doubtful: false,
            not_before: CallTime::ZERO,
            final_by: CallTime::ZERO,
            closed_until: CallTime::ZERO,
            recall,
        }
    }

    /// Notes that the user was heard. Returns whether that is the beginning of the turn.
    pub(super) fn begin(&mut self, at: CallTime) -> bool {
        if self.begun {
            return false;
        }
        self.begun = true;
        self.is_belated = false;
        self.begun_at = at;
        true
    }

    /// Notes that the detector hears somebody since then. Returns whether that is who it has heard
    /// before it was reset.
    pub(super) fn hears(&mut self, since: CallTime) -> bool {
        self.has_edges = true;
        let before = self.doubted.filter(|(at, _)| since <= *at + RELISTEN);
        self.is_doubtful = before.is_some();
        if !self.is_doubtful {
            self.ended_by_stt = None;
        }
        let since = before.map_or(since, |(_, since)| since);
        self.speaking_since = Some(since);
        self.is_carried = self.is_doubtful && since < self.opened_at;
        if !self.is_carried {
            self.own_since.get_or_insert(since);
        }
        self.is_doubtful
    }

    /// Notes that the detector is reset: whom it hears, nobody understands.
    pub(super) fn doubt(&mut self, now: CallTime) {
        let Some(since) = self.speaking_since.take() else { return };
        self.last_speech = Some(self.last_change.unwrap_or(now));
        if !self.is_doubtful {
            self.not_before = now + RELISTEN;
        }
        self.doubted = Some((now, since));
    }

    /// Adds recognized text. Returns whether it changed what the user has said.
    pub(super) fn push(&mut self, now: CallTime, transcript: &Transcript) -> bool {
        let may_be_new = self.may_have_said(now, &transcript.text);
        let was_empty = self.is_empty();
        if now < self.closed_until && !may_be_new {
            return false;
        }
        let voice = match (self.is_carried, may_be_new) {
            (true, _) => Voice::Same,
            (false, true) => Voice::New,
            (false, false) => Voice::None,
        };
        let known = normalised(&self.text());
        let text = match self.recall.judge(now, transcript, voice) {
            Late::All => return false,
            Late::Words(count) => after_words(&transcript.text, count),
            Late::No => transcript.text.trim(),
        };
        let changed = if transcript.is_final {
            self.last_final = Some(now);
            self.is_told = true;
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
            self.is_belated = transcript.is_final && !self.begun && (was_empty || self.is_belated);
            self.ended_by_stt = None;
        }
        // A final that repeats its interim tells of nobody who has gone on.
        if normalised(&self.text()) != known {
            self.last_change = Some(now);
            self.is_doubtful = false;
        }
        changed
    }

    /// Notes that another stream of the recognizer goes on: it repeats nothing of the one before.
    pub(super) fn forget_recognizer(&mut self) {
        self.recall = Recall::default();
    }

    /// Whether the user has spoken in this turn for long enough to have said a text.
    fn may_have_said(&self, now: CallTime, text: &str) -> bool {
        let since = self.own_since.unwrap_or(self.begun_at);
        let last = if self.speaking_since.is_some() { Some(now) } else { self.last_speech };
        let voice = last.unwrap_or(now) - since;
        let words = u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
        let fits = !self.has_edges || voice >= SHORTEST_WORD * words;
        self.begun && now >= since + SOONEST_WORDS && fits
    }

    /// Notes that the recognizer tells when the user begins to speak, and the words from then on.
    pub(super) fn note_start(&mut self) {
        self.has_starts = true;
    }

    /// Whether all words were said in a turn that is over, whose end was told with it: nobody has
    /// told that the user began to speak again, of those who would.
    pub(super) fn is_belated(&self) -> bool {
        (self.has_edges || self.has_starts) && self.is_belated
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

    /// Whether something was said that the recognizer does not take back.
    pub(super) fn has_finals(&self) -> bool {
        !self.finals.is_empty()
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

    /// From the end of speech to the last final. `None` where the final did not come after it, or
    /// was itself the only sign of the end.
    pub(super) fn transcription_delay(&self) -> Option<Duration> {
        let (said, known) = (self.last_speech?, self.last_final?);
        (known > said).then(|| known - said)
    }

    /// Notes that the owner of the call has ended the turn, and how long words are waited for.
    pub(super) fn commit(&mut self, by: CallTime) {
        self.is_told = false;
        self.commit_by = Some(by);
    }

    /// Whether the recognizer has told everything since the owner of the call ended the turn.
    pub(super) fn is_told(&self) -> bool {
        self.is_told && !self.is_unsettled()
    }

    pub(super) fn words(&self) -> usize {
        self.finals.split_whitespace().count() + self.interim.split_whitespace().count()
    }

    /// Closes the turn and opens the next one. The user's voice goes on where it was.
    pub(super) fn take(&mut self, now: CallTime) -> (TurnId, Arc<str>) {
        let (id, text) = (self.id, self.text());
        self.recall.take(now, &self.interim);
        self.reopen(now);
        (id, text)
    }

    /// Closes a turn without words and opens the next one. The user's voice goes on where it was.
    pub(super) fn discard(&mut self, now: CallTime) -> TurnId {
        let id = self.id;
        self.reopen(now);
        self.is_given_up = true;
        id
    }

    /// Whether all words were said by a voice that had been given up when they came.
    pub(super) fn was_given_up(&self) -> bool {
        self.is_given_up && self.is_belated()
    }

    /// Takes no words that were said before now, as far as they come until `until`.
    pub(super) fn close(&mut self, until: CallTime) {
        self.closed_until = until;
    }

    fn reopen(&mut self, now: CallTime) {
        let recall = std::mem::take(&mut self.recall);
        *self = Self {
            speaking_since: self.speaking_since,
            is_carried: self.speaking_since.is_some(),
            has_edges: self.has_edges,
            has_starts: self.has_starts,
            closed_until: self.closed_until,
            doubted: self.doubted,
            ..Self::open(self.id.next(), now, recall)
        };
    }
}

/// What follows the first `count` words of a text.
fn after_words(text: &str, count: usize) -> &str {
    let mut rest = text;
    for _ in 0..count {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        rest = rest.trim_start_matches(char::is_alphanumeric);
    }
    rest.trim_start_matches(|c: char| !c.is_alphanumeric()).trim_end()
}

/// The words alone: no case, no punctuation, single spaces.
pub(crate) fn normalised(text: &str) -> String {
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
        turn.take(CallTime::ZERO);
        assert!(!turn.push(CallTime::ZERO, &Transcript::final_("Book it, please.")));
        assert!(turn.is_empty());
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("tomorrow")), "this is new");
    }

    #[test]
    fn t6_a_late_final_adds_only_what_goes_beyond_the_turn_before() {
        let mut turn = turn(&[Transcript::final_("Good day."), Transcript::interim("book it")]);
        turn.take(CallTime::ZERO);
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
        turn.take(CallTime::ZERO);
        assert!(turn.push(CallTime::ZERO, &Transcript::interim("book it for Monday")));
        assert_eq!(&*turn.text(), "for Monday");
        turn.take(CallTime::ZERO);
        assert!(!turn.push(CallTime::ZERO, &Transcript::final_("Book it for Monday.")));
        assert!(turn.is_empty());
        assert!(turn.push(CallTime::ZERO, &Transcript::final_("at ten")));
    }

    #[test]
    fn the_same_words_said_again_are_a_new_turn() {
        let mut turn = turn(&[Transcript::final_("yes")]);
        turn.take(CallTime::ZERO);
        turn.begin(CallTime::from_millis(900));
        assert!(turn.push(CallTime::from_millis(1_500), &Transcript::final_("yes")));
    }

    #[test]
    fn p4_case_and_punctuation_do_not_make_another_text() {
        assert_eq!(normalised("Yes, at 10:30!"), normalised("yes at 10 30"));
    }
}
