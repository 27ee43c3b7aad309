//! Signs of attention over the agent's speech, which do not ask for the floor.

use std::time::Duration;

use super::{Event, Session, listening::TurnEnd};
use crate::{
    TurnId,
    stt::Transcript,
    turn::attention::{MOST_SIGNS, is_sign, may_answer},
};

/// A voice that lasts longer wants more than to show attention, whatever its words.
const LONGEST: Duration = Duration::from_secs(1);
/// A turn detector that is less sure than this has no say.
const SURE: f32 = 0.8;
/// How long other spellings of a sign that was let pass may still arrive: finals of its interims.
const LATE: Duration = Duration::from_secs(1);

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
            && !(self.is_asking() && may_answer(&self.user.text()))
    }

    /// Whether what the caller hears now is a question, and nothing comes behind it.
    pub(super) fn is_asking(&self) -> bool {
        let Some(live) = &self.live else { return false };
        let text = live.content.script.text().trim_end();
        let unheard = text.get(self.output.heard(self.now, live)..).unwrap_or_default();
        text.ends_with('?') && !unheard.trim_end_matches('?').contains(['.', '!', '?'])
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

    /// Closes a turn that was spoken over the agent and does not stop it: a sign of attention,
    /// also where nothing could, or less than an interruption takes. What the owner of the call
    /// ends is a turn in any case, and so are last words. Returns whether it did.
    pub(super) fn drop_turn_over_speech(&mut self) -> bool {
        let is_backchannel = self.is_backchannel() && !self.is_leaving();
        let stays_below = self.stays_below_thresholds() && self.can_be_stopped();
        let is_asked_for = self.user.commit_by.is_some();
        if is_asked_for || !self.holds_floor() || !(is_backchannel || stays_below) {
            return false;
        }
        let (turn, pii_text) = self.close(TurnEnd::Dropped);
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
