//! Signs of attention over the agent's speech, which do not ask for the floor.

use std::time::Duration;

use super::{Event, Session, user_turn::normalised};
use crate::{TurnId, stt::Transcript};

/// A voice that lasts longer wants more than to show attention, whatever its words.
const LONGEST: Duration = Duration::from_secs(1);
/// "Uh-huh, okay" is a sign of attention; three of them are a speech.
const MOST_SIGNS: usize = 2;
/// A turn detector that is less sure than this has no say.
const SURE: f32 = 0.8;
/// How long other spellings of a sign that was let pass may still arrive: finals of its interims.
const LATE: Duration = Duration::from_secs(1);

/// Words that hand the floor back. What may answer a question of the agent ("yes", "no", "sure")
/// is not among them, nor is anything that asks ("huh", "what", "hello").
const SIGNS: [&str; 38] = [
    "ah", "aha", "alright", "cool", "er", "erm", "exactly", "great", "hm", "hmm", "hmmm", "indeed",
    "kay", "mhm", "mhmm", "mm", "mmhm", "mmhmm", "mmm", "nice", "oh", "ok", "okay", "okey", "ooh",
    "right", "true", "uh", "uhhuh", "uhm", "um", "wow", "yah", "yea", "yeah", "yep", "yup", "yeh",
];
/// Two words that are one sign.
const PAIRS: [[&str; 2]; 11] = [
    ["ah", "ha"],
    ["all", "right"],
    ["go", "ahead"],
    ["go", "on"],
    ["got", "it"],
    ["i", "see"],
    ["mm", "hm"],
    ["mm", "hmm"],
    ["uh", "huh"],
    ["uh", "hum"],
    ["um", "hum"],
];

/// Whether these words only show attention. English words; the sounds are much the same elsewhere.
fn is_sign(text: &str) -> bool {
    if text.contains('?') {
        return false;
    }
    let words = normalised(text);
    let mut rest: Vec<&str> = words.split(' ').collect();
    let mut signs = 0;
    while !rest.is_empty() {
        let pair = rest.len() > 1 && PAIRS.contains(&[rest[0], rest[1]]);
        if !pair && !SIGNS.contains(&rest[0]) {
            return false;
        }
        rest.drain(..if pair { 2 } else { 1 });
        signs += 1;
    }
    signs <= MOST_SIGNS
}

/// What a turn detector takes the open turn for.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackchannelScore {
    turn: TurnId,
    text_len: usize,
    probability: f32,
}

impl Session {
    /// Whether all that the user has said in this turn is a sign of attention over the agent's
    /// speech. Text that is typed is none: whoever types it wants an answer.
    pub(super) fn is_backchannel(&self) -> bool {
        let Some(overlap) = self.barge_in.overlap() else { return false };
        let is_short = overlap.voice(self.now).is_none_or(|voice| voice <= LONGEST);
        self.config.barge_in.backchannel.is_some()
            && !self.output.is_text()
            && overlap.is_whole_turn()
            && is_short
            && (is_sign(&self.user.text()) || self.score().is_some_and(|sure| sure >= SURE))
    }

    /// Whether a turn detector may yet say that these few words are a sign of attention.
    pub(super) fn may_prove_backchannel(&self, words: usize) -> bool {
        self.config.turn_detector
            && self.config.barge_in.backchannel.is_some()
            && words <= MOST_SIGNS
            && self.score().is_none()
    }

    fn score(&self) -> Option<f32> {
        let score = self.backchannel_score?;
        let is_current = score.turn == self.user.id && score.text_len == self.user.text().len();
        is_current.then_some(score.probability)
    }

    pub(super) fn on_backchannel_score(&mut self, turn: TurnId, text_len: usize, probability: f32) {
        self.backchannel_score = Some(BackchannelScore { turn, text_len, probability });
        if self.config.vad {
            self.consider_barge_in();
        }
    }

    /// Closes a turn that was spoken over the agent and does not stop it: a sign of attention, or
    /// less than an interruption takes. What the owner of the call ends is a turn in any case.
    /// Returns whether it did.
    pub(super) fn drop_turn_over_speech(&mut self) -> bool {
        let is_backchannel = self.is_backchannel();
        let stays_below = self.stays_below_thresholds();
        let is_over_speech = self.holds_floor() && self.can_be_stopped();
        let is_asked_for = self.user.commit_by.is_some();
        if is_asked_for || !is_over_speech || !(is_backchannel || stays_below) {
            return false;
        }
        let (turn, pii_text) = self.user.take(self.now);
        self.endpointing.pace.on_noise();
        self.barge_in.forget();
        self.endpointing.reset();
        self.drafts = 0;
        self.dismiss();
        if is_backchannel {
            self.passed_at = Some(self.now);
            self.emit(Event::Backchannel { turn, pii_text });
        } else {
            self.emit(Event::TurnDropped { turn });
        }
        true
    }

    /// Whether a transcript only spells once more what was let pass a moment ago.
    pub(super) fn was_let_pass(&self, transcript: &Transcript) -> bool {
        let recent = self.passed_at.is_some_and(|at| self.now <= at + LATE);
        let nothing_new = self.config.vad && !self.user.begun && self.user.is_empty();
        recent && nothing_new && is_sign(&transcript.text)
    }

    fn stays_below_thresholds(&self) -> bool {
        let Some(overlap) = self.barge_in.overlap() else { return false };
        let words = overlap.words(self.user.words());
        overlap.is_whole_turn()
            && !self.output.is_text()
            && !self.barge_in.is_enough(overlap.voice(self.now), words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i20_signs_of_attention_are_told_from_short_interruptions() {
        for sign in [
            "mhm",
            "Mm-hmm.",
            "Uh-huh.",
            "uh huh",
            "Okay.",
            "OK",
            "yeah",
            "Yeah, okay.",
            "right",
            "Oh, I see.",
            "got it",
            "All right.",
            "mm",
            "hm",
            "uh",
            "go on",
            "Uh-huh, okay.",
        ] {
            assert!(is_sign(sign), "{sign}");
        }
        for wish in [
            "no",
            "No.",
            "stop",
            "wait",
            "Hello?",
            "hello",
            "yes",
            "sure",
            "what?",
            "okay?",
            "huh",
            "okay but",
            "okay stop",
            "no no",
            "hold on",
            "sorry",
            "right, right, right",
            "",
            "...",
            "go away",
            "I",
            "mhm mhm mhm",
        ] {
            assert!(!is_sign(wish), "{wish}");
        }
    }
}
