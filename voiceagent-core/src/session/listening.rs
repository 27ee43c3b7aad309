//! The user's side: speech, words, the end of the turn, drafts.

use std::sync::Arc;

use super::{
    Command, Event, InterruptionReason, Session, Timer,
    generation::{Generation, Stage},
    user_turn::normalised,
};
use crate::{CallTime, TurnId, stt::Transcript};

impl Session {
    pub(super) fn on_speech_started(&mut self, since: CallTime) {
        let since = since.min(self.now);
        self.user.begun = true;
        self.user.ended_by_stt = false;
        self.user.speaking_since = Some(since);
        self.emit(Event::UserStarted { turn: self.user.id, since });
        self.note_overlap(since);
    }

    pub(super) fn on_speech_stopped(&mut self, since: CallTime) {
        if self.user.speaking_since.take().is_none() {
            return;
        }
        let since = since.min(self.now);
        self.user.last_speech = Some(since);
        self.emit(Event::UserStopped { turn: self.user.id, since });
        self.dismiss();
        if self.config.stt_finalize && !self.user.is_settled() {
            self.commands.push_back(Command::FinalizeTranscript);
        }
        self.on_pause();
    }

    /// Where no local detector tells speech edges, the recognizer's word counts.
    pub(super) fn on_stt_speech_started(&mut self) {
        if self.config.vad {
            return;
        }
        if !self.user.begun {
            self.user.begun = true;
            self.emit(Event::UserStarted { turn: self.user.id, since: self.now });
        }
        if self.config.barge_in.min_words == 0 {
            self.consider_barge_in_by_words(usize::MAX);
        }
    }

    pub(super) fn on_transcript(&mut self, transcript: &Transcript) {
        let changed = self.user.push(self.now, transcript);
        if !self.config.vad && !transcript.text.trim().is_empty() && changed {
            self.user.begun = true;
            self.user.last_speech = Some(self.now);
        }
        if !changed {
            return;
        }
        if !self.user.begun && self.user.speaking_since.is_none() {
            // The detector missed what the recognizer understood.
            self.user.last_speech = Some(self.now);
        }
        self.user.last_change = Some(self.now);
        let (turn, text) = (self.user.id, self.user.text());
        if !text.is_empty() {
            self.emit(Event::UserPartial { turn, pii_text: text });
        }
        if self.config.vad {
            if self.user.speaking_since.is_some() && !self.barge_in.is_running() {
                // The agent began to speak when the user was speaking already.
                self.note_overlap(self.now);
            }
            self.consider_barge_in();
        } else {
            self.consider_barge_in_by_words(self.user.words());
        }
        if transcript.is_final {
            self.on_pause();
        }
    }

    pub(super) fn on_eager_end_of_turn(&mut self) {
        self.speculate();
    }

    pub(super) fn on_end_of_turn(&mut self) {
        if self.user.is_empty() {
            return;
        }
        self.user.ended_by_stt = true;
        self.user.last_speech.get_or_insert(self.now);
        if !self.user.is_unsettled() {
            self.speculate();
        }
    }

    pub(super) fn on_score(&mut self, turn: TurnId, text_len: usize, probability: f32) {
        if turn == self.user.id {
            self.endpointing.on_score(text_len, probability);
        }
    }

    /// The user may have finished: ask whether, and begin to answer in case.
    fn on_pause(&mut self) {
        if self.user.is_empty() {
            self.score_spoken_turn();
            return;
        }
        if self.config.turn_detector && self.user.speaking_since.is_none() {
            let history = self.history.messages();
            let (turn, text) = (self.user.id, self.user.text());
            self.commands.push_back(Command::ScoreEndOfTurn { turn, text, history });
        }
        if !self.user.is_unsettled() {
            self.speculate();
        }
    }

    /// Ends the turn if it is over, or sees to it that it will be looked at when it is.
    pub(super) fn settle_turn(&mut self) {
        if self.is_realtime() {
            self.settle_spoken_turn();
            return;
        }
        match self.endpointing.deadline(&self.user) {
            Some(at) if at <= self.now => {
                self.timers.clear(Timer::EndOfTurn);
                self.commit_turn();
            }
            Some(at) => self.timers.set(Timer::EndOfTurn, at),
            None => self.timers.clear(Timer::EndOfTurn),
        }
    }

    /// Begins an answer before the turn is over, unless the one that was begun still fits.
    fn speculate(&mut self) {
        if !self.config.speculation.enabled || self.leaving.is_some() || self.user.is_empty() {
            return;
        }
        let text = self.user.text();
        match &self.live {
            Some(live) if live.committed || fits(live, &text) => return,
            Some(_) | None => {}
        }
        if self.drafts >= self.config.speculation.max_drafts {
            return;
        }
        self.drop_draft();
        self.drafts += 1;
        self.begin_reply(self.user.id, text, false);
    }

    fn commit_turn(&mut self) {
        let last_speech = self.user.last_speech.unwrap_or(self.now);
        let transcription_delay = self.user.last_final.map(|at| at - last_speech);
        let (turn, text) = self.user.take();
        self.endpointing.reset();
        self.drafts = 0;
        self.emit(Event::UserTurn {
            turn,
            pii_text: text.clone(),
            end_of_turn_delay: self.now - last_speech,
            transcription_delay,
        });
        self.make_room(&text);
        let text = match self.owed.take() {
            Some((_, before)) => format!("{before} {text}").into(),
            None => text,
        };
        if self.live.as_ref().is_some_and(|live| live.committed) {
            // It waits until the agent, who cannot be stopped, has finished.
            self.owed = Some((turn, text));
            return;
        }
        self.history.push_user(&text);
        if self.leaving.is_some() {
            self.drop_draft();
        } else if self.live.is_some() {
            self.commit_draft();
        } else {
            self.begin_reply(turn, text, true);
        }
    }

    /// Gets rid of what stands in the way of an answer to `text`: a draft for other words, or an
    /// answer to an older turn. Speech that cannot be stopped stays, and so does what the agent is
    /// about to say on its own account: nobody would ask for it again.
    fn make_room(&mut self, text: &Arc<str>) {
        let Some(live) = &self.live else { return };
        if !live.committed {
            if !fits(live, text) {
                self.drop_draft();
            }
        } else if live.started || live.stage == Stage::Tools {
            if self.can_be_stopped() {
                self.interrupt(InterruptionReason::Superseded, None);
            }
        } else if live.reply_to.is_some() && live.interruptible && self.leaving.is_none() {
            self.interrupt(InterruptionReason::UserResumed, None);
        }
    }
}

fn fits(draft: &Generation, text: &str) -> bool {
    draft.reply_to.as_ref().is_some_and(|reply| normalised(&reply.text) == normalised(text))
}
