//! The user's side: speech, words, the end of the turn, drafts.

use std::{sync::Arc, time::Duration};

use super::{
    Command, Event, InterruptionReason, Session, Timer,
    endpointing::Outcome,
    generation::{Generation, Stage},
};
use crate::{CallTime, TurnId, stt::Transcript};

/// Words of what was said come no later than this.
const SLOWEST_WORDS: Duration = Duration::from_millis(600);

/// What becomes of a turn that is closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum TurnEnd {
    /// What was said in it is no turn.
    Dropped,
    /// Nothing was said in it.
    Noise,
    /// It is over, and the user last spoke then.
    Taken { last_speech: CallTime },
}

/// A turn that is over and waits for speech that cannot be stopped.
#[derive(Clone, Debug)]
pub(super) struct WaitingTurn {
    pub(super) turn: TurnId,
    pub(super) text: Arc<str>,
    /// Nothing but words on the side of an older answer held it back.
    pub(super) for_aside: bool,
}

impl Session {
    pub(super) fn on_speech_started(&mut self, since: CallTime) {
        let since = since.min(self.now);
        let last_speech = self.user.last_speech.filter(|_| !self.user.is_empty());
        self.endpointing.pace.on_speech(since, last_speech);
        self.user.begin(since);
        let known = self.user.hears(since);
        self.loudness.begin(!self.holds_floor());
        self.emit(Event::UserStarted { turn: self.user.id, since });
        if !known {
            self.note_overlap(since, self.user.words());
        }
    }

    pub(super) fn on_speech_stopped(&mut self, since: CallTime) {
        if self.user.speaking_since.take().is_none() {
            return;
        }
        let since = since.min(self.now);
        self.user.last_speech = Some(since);
        self.monologue.on_silence();
        self.barge_in.note_silence(since);
        self.emit(Event::UserStopped { turn: self.user.id, since });
        self.lull(since);
        if self.config.stt_finalize && !self.leaves_end() && !self.user.is_settled() {
            self.commands.push_back(Command::FinalizeTranscript);
            if self.now >= since + self.config.endpointing.transcript_timeout {
                self.user.final_by = self.now + SLOWEST_WORDS;
            }
        }
        self.on_pause();
    }

    /// Whether a pause is left to the recognizer, which predicts: asked for a final there, it would
    /// end its own turn, and have nothing to predict.
    fn leaves_end(&self) -> bool {
        self.config.stt_finalize && self.config.stt_end_of_turn && self.config.stt_interim
    }

    /// Asks a recognizer that predicts, and has not ended the turn, for a final in time before the
    /// session ends it: what is taken is then all, and the recognizer begins the next turn too.
    /// Returns when that is due, if it is not now.
    fn ask_in_time(&mut self) -> Option<CallTime> {
        let is_ended = self.user.commit_by.is_some() || self.user.is_settled();
        if is_ended || !self.config.vad || !self.leaves_end() {
            return None;
        }
        let since = self.user.last_speech.filter(|_| self.user.speaking_since.is_none())?;
        if self.user.asked_at.is_some_and(|asked| asked >= since) {
            return None;
        }
        let at = since + self.endpointing.delay(&self.user).saturating_sub(SLOWEST_WORDS);
        if at > self.now {
            return Some(at);
        }
        self.user.asked_at = Some(self.now);
        self.commands.push_back(Command::FinalizeTranscript);
        None
    }

    /// Where no local detector tells speech edges, the recognizer's word counts.
    pub(super) fn on_stt_speech_started(&mut self) {
        if self.config.vad {
            return;
        }
        if self.config.stt_interim && !self.output.is_text() {
            self.user.note_start();
        }
        if self.user.begin(self.now) {
            self.emit(Event::UserStarted { turn: self.user.id, since: self.now });
        }
        self.consider_barge_in_by_voice();
    }

    pub(super) fn on_transcript(&mut self, transcript: &Transcript) {
        if self.was_let_pass(transcript) {
            return;
        }
        let words = self.user.words();
        let changed = self.user.push(self.now, transcript);
        let is_heard = !transcript.text.trim().is_empty() && !self.user.is_belated();
        if !self.config.vad && is_heard && changed {
            self.user.begin(self.now);
            self.user.last_speech = Some(self.now);
        }
        if !changed {
            return;
        }
        if self.user.speaking_since.is_none() {
            if !self.user.begun {
                // The detector missed what the recognizer understood.
                self.user.last_speech = Some(self.now);
            } else if !transcript.is_final && self.user.words() > words {
                // It missed the end of it: the user has said this not so long ago.
                let said = self.now.saturating_sub(SLOWEST_WORDS);
                self.user.last_speech = self.user.last_speech.max(Some(said));
            }
        }
        self.judge_progress();
        self.note_words_over_speech(words);
        let (turn, text) = (self.user.id, self.user.text());
        if !text.is_empty() {
            self.emit(Event::UserPartial { turn, pii_text: text });
        }
        if self.config.vad {
            let speaks = self.user.speaking_since.is_some() && !self.monologue.has_floor();
            if speaks && !self.barge_in.is_running() {
                // The agent began to speak when the user was speaking already.
                self.note_overlap(self.now, words);
            }
            self.consider_barge_in();
        } else {
            self.consider_barge_in_by_words();
        }
        if transcript.is_final {
            self.on_pause();
        } else if self.config.vad && self.leaves_end() && self.user.speaking_since.is_none() {
            self.speculate();
        }
    }

    pub(super) fn on_eager_end_of_turn(&mut self) {
        self.speculate();
    }

    pub(super) fn on_end_of_turn(&mut self) {
        if self.user.is_empty() {
            return;
        }
        self.user.ended_by_stt = Some(self.now);
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
        // Where no final is asked for, the words so far are what a draft can begin on.
        if !self.user.is_unsettled() || self.leaves_end() {
            self.speculate();
        }
    }

    /// Does with the turn what is due, or sees to it that it will be looked at when it is.
    pub(super) fn settle_turn(&mut self) {
        if self.is_realtime() {
            self.settle_spoken_turn();
            return;
        }
        self.settle_monologue();
        let mut outcome = self.endpointing.outcome(&self.user);
        if outcome.is_some_and(|(at, outcome)| at <= self.now && outcome == Outcome::Doubt) {
            self.doubt_detector();
            outcome = self.endpointing.outcome(&self.user);
        }
        match outcome {
            Some((at, outcome)) if at <= self.now => {
                self.timers.clear(Timer::EndOfTurn);
                match outcome {
                    Outcome::Commit if self.drop_turn_over_speech() => {}
                    Outcome::Commit => self.commit_turn(),
                    Outcome::Discard => self.discard_turn(),
                    // Who was just reset is not doubted.
                    Outcome::Doubt => {}
                }
            }
            Some((at, outcome)) => {
                let asks = if outcome == Outcome::Commit { self.ask_in_time() } else { None };
                self.timers.set(Timer::EndOfTurn, asks.map_or(at, |asks| asks.min(at)));
            }
            None => self.timers.clear(Timer::EndOfTurn),
        }
    }

    /// Closes the turn and opens the next one. What was thought of it is forgotten.
    pub(super) fn close(&mut self, end: TurnEnd) -> (TurnId, Arc<str>) {
        self.refuse_more();
        let longest = self.endpointing.longest_pause();
        match end {
            TurnEnd::Taken { last_speech } => self.endpointing.pace.on_turn(last_speech, longest),
            TurnEnd::Dropped | TurnEnd::Noise => self.endpointing.pace.on_noise(),
        }
        self.endpointing.reset();
        self.barge_in.forget();
        self.drafts = 0;
        match end {
            TurnEnd::Noise => (self.user.discard(self.now), Arc::from("")),
            TurnEnd::Dropped | TurnEnd::Taken { .. } => {
                self.pausing.forget_unheard();
                self.user.take(self.now)
            }
        }
    }

    /// Nothing was understood of what was taken for speech.
    fn discard_turn(&mut self) {
        let is_known = self.user.begun;
        let (turn, _) = self.close(TurnEnd::Noise);
        self.drop_draft();
        if is_known {
            self.emit(Event::TurnDropped { turn });
        }
        self.answer_again();
    }

    /// Begins an answer before the turn is over, unless the one that was begun still fits.
    fn speculate(&mut self) {
        if !self.config.speculation.enabled || self.is_closing() || self.user.is_empty() {
            return;
        }
        let text = self.user.text();
        match &self.live {
            Some(live) if live.committed || self.is_draft_for(live, &text) => return,
            Some(_) | None => {}
        }
        let begun_at = if self.user.begun { self.user.begun_at } else { self.now };
        let length = self.now - begun_at;
        let is_long = self.config.speculation.max_turn.is_some_and(|longest| length > longest);
        if is_long || self.drafts >= self.config.speculation.max_drafts {
            return;
        }
        self.drop_draft();
        self.drafts += 1;
        self.begin_reply(self.user.id, text, false);
    }

    pub(super) fn commit_turn(&mut self) {
        let (turn, text) = self.end_turn();
        let before = self.owed.take();
        let mut for_aside = before.as_ref().is_some_and(|before| before.for_aside);
        let text = match before {
            Some(before) => format!("{} {text}", before.text).into(),
            None => text,
        };
        self.make_room(&text);
        if self.keeps_turns() {
            self.drop_draft();
        }
        if self.keeps_turns() || self.live.as_ref().is_some_and(|live| live.committed) {
            // It waits until the agent, who cannot be stopped, has finished.
            for_aside |= self.live.as_ref().is_some_and(Generation::is_held_by_aside);
            self.owed = Some(WaitingTurn { turn, text, for_aside });
            return;
        }
        self.history.push_user(&text);
        if self.is_closing() && !self.reopen() {
            self.drop_draft();
        } else if self.live.is_some() {
            self.commit_draft(text);
        } else {
            self.begin_reply(turn, text, true);
        }
    }

    /// Tells that the turn is over, and opens the next one.
    pub(super) fn end_turn(&mut self) -> (TurnId, Arc<str>) {
        let last_speech = self.user.last_speech.unwrap_or(self.now);
        let transcription_delay = self.user.transcription_delay();
        self.count_monologue();
        let (turn, text) = self.close(TurnEnd::Taken { last_speech });
        self.patience.on_turn();
        // A model that has heard both turns is asked once.
        self.owed.take_if(|_| self.config.realtime.is_some());
        self.emit(Event::UserTurn {
            turn,
            pii_text: text.clone(),
            end_of_turn_delay: self.now - last_speech,
            transcription_delay,
        });
        self.note_request_for_time(&text);
        self.keep_spoken_turn(turn, &text);
        (turn, text)
    }

    /// What could not be stopped when a turn was over was said on the side, and is over: an answer
    /// to an older turn makes room before it goes on.
    pub(super) fn settle_waiting_turn(&mut self) {
        let Some(WaitingTurn { turn, text, for_aside }) = &self.owed else { return };
        let is_older = self.live.as_ref().is_some_and(|live| {
            let in_gap = !live.playback.started || live.stage == Stage::Tools;
            let makes_room = in_gap || *for_aside;
            makes_room && live.reply_to.as_ref().is_some_and(|reply| reply.turn < *turn)
        });
        if is_older && !self.is_realtime() && !self.keeps_turns() && self.can_be_stopped() {
            let text = text.clone();
            self.make_room(&text);
        }
    }

    /// Gets rid of what stands in the way of an answer to `text`: a draft for other words, or an
    /// answer to an older turn. Speech that cannot be stopped stays, and so does what the agent is
    /// about to say on its own account: nobody would ask for it again.
    fn make_room(&mut self, text: &Arc<str>) {
        let Some(live) = &self.live else { return };
        if !live.committed {
            if !self.is_draft_for(live, text) {
                self.drop_draft();
            }
        } else if live.playback.started || live.stage == Stage::Tools {
            if self.can_be_stopped() {
                self.interrupt(InterruptionReason::Superseded, None);
            }
        } else if (live.reply_to.is_some() || live.tells_late)
            && live.interruptible
            && self.leaving.is_none()
        {
            self.interrupt(InterruptionReason::UserResumed, None);
        }
    }
}
