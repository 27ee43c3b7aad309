//! Turns of a user whose words come after their sound, if at all.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::super::{
    BargeInConfig, Command, Event, InterruptionReason, Session, Timer, generation::Stage,
    history::History, listening::WaitingTurn,
};
use crate::{CallTime, TurnId, stt::Transcript, turn::attention::is_sign};

/// Turns whose words may still come. A model is not that many turns late.
const MOST_TURNS: usize = 8;
/// Nobody speaks for so long without a pause. The model hears what it is.
const LONGEST_VOICE: Duration = Duration::from_secs(60);
/// How long a model that does not name turns may take for the words of one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The turns that are over and whose words may still come, oldest first.
#[derive(Debug, Default)]
pub(super) struct SpokenTurns {
    turns: VecDeque<SpokenTurn>,
    /// How long the user has spoken in the turn that is open.
    spoken: Duration,
}

#[derive(Debug)]
struct SpokenTurn {
    turn: TurnId,
    at: CallTime,
    words: String,
    /// A final has come.
    settled: bool,
    /// Its place in the history is taken.
    noted: bool,
}

impl SpokenTurns {
    /// Takes the place of each turn in the history.
    fn note(&mut self, history: &mut History) {
        for turn in self.turns.iter_mut().filter(|turn| !turn.noted) {
            turn.noted = true;
            history.push_spoken(turn.turn, &turn.words);
        }
    }

    fn open(&mut self, turn: TurnId, at: CallTime, words: &str, history: &mut History) {
        if self.turns.len() == MOST_TURNS {
            self.note(history);
            self.turns.pop_front();
        }
        let settled = !words.is_empty();
        self.turns.push_back(SpokenTurn { turn, at, words: words.into(), settled, noted: false });
    }

    /// Whose words these are; `None` if they belong to the turn that is open, if one is.
    fn find(
        &mut self,
        turn: Option<TurnId>,
        now: CallTime,
        is_open: bool,
    ) -> Option<&mut SpokenTurn> {
        let mut places = self.turns.iter();
        let place = match turn {
            Some(turn) => places.position(|one| one.turn == turn),
            None => {
                let unsettled = places.position(|one| !one.settled && now <= one.at + PATIENCE);
                // Nobody has spoken since the last turn: the words are more of it.
                let last = || self.turns.iter().rposition(|one| now <= one.at + PATIENCE);
                unsettled.or_else(|| last().filter(|_| !is_open))
            }
        };
        self.turns.get_mut(place?)
    }
}

impl Session {
    /// Writes down that the user has spoken, with the words if they are known.
    pub(in super::super) fn write_user(&mut self, text: &Arc<str>) {
        if self.is_realtime() {
            self.realtime.turns.note(&mut self.history);
        } else {
            self.history.push_user(text);
        }
    }

    pub(super) fn on_user_words(&mut self, turn: Option<TurnId>, transcript: &Transcript) {
        let is_open = self.user.begun || !self.config.vad;
        if turn.is_none_or(|turn| turn != self.user.id)
            && let Some(spoken) = self.realtime.turns.find(turn, self.now, is_open)
        {
            let text = transcript.text.trim();
            if !transcript.is_final {
                return;
            }
            spoken.settled = true;
            if text.is_empty() {
                return;
            }
            if !spoken.words.is_empty() {
                spoken.words.push(' ');
            }
            spoken.words.push_str(text);
            let (turn, pii_text): (_, Arc<str>) = (spoken.turn, spoken.words.as_str().into());
            if spoken.noted {
                self.history.write_spoken(turn, &pii_text);
            }
            self.note_request_for_time(&pii_text);
            self.emit(Event::UserWords { turn, pii_text });
            return;
        }
        if turn.is_some_and(|turn| turn != self.user.id) || !self.user.push(self.now, transcript) {
            return;
        }
        if !self.config.vad {
            self.user.begin(self.now);
            self.user.last_speech = Some(self.now);
        }
        let (turn, pii_text) = (self.user.id, self.user.text());
        if !pii_text.is_empty() {
            self.emit(Event::UserPartial { turn, pii_text });
        }
    }

    /// Notes how long the user spoke.
    pub(super) fn note_speech_end(&mut self, since: CallTime) {
        if let Some(began) = self.user.speaking_since {
            self.realtime.turns.spoken += since - began;
        }
    }

    /// Asks whether the user has finished.
    pub(in super::super) fn score_spoken_turn(&mut self) {
        if self.is_realtime() && self.config.turn_detector && self.user.speaking_since.is_none() {
            let history = self.history.messages();
            let (turn, text) = (self.user.id, self.user.text());
            self.commands.push_back(Command::ScoreEndOfTurn { turn, text, history });
        }
    }

    /// Ends the turn if it is over, or sees to it that it will be looked at when it is. Words are
    /// not waited for.
    pub(in super::super) fn settle_spoken_turn(&mut self) {
        let silent_since = self.user.last_speech.filter(|_| self.user.speaking_since.is_none());
        let deadline = if !self.user.begun {
            None
        } else if self.is_duplex() {
            // The model's answer ends it, long before this.
            silent_since.map(|since| since + self.config.endpointing.watchdog)
        } else if self.config.endpointing.manual {
            None
        } else if let Some(since) = self.user.speaking_since {
            Some(since + LONGEST_VOICE)
        } else {
            silent_since.map(|since| since + self.endpointing.delay(&self.user))
        };
        match deadline {
            Some(at) if at <= self.now && self.is_duplex() => self.close_unanswered_turn(),
            Some(at) if at <= self.now => self.commit_by_hand(),
            Some(at) => self.timers.set(Timer::EndOfTurn, at),
            None => self.timers.clear(Timer::EndOfTurn),
        }
    }

    /// Ends the user's turn, whatever the detector hears.
    pub(super) fn commit_by_hand(&mut self) {
        if self.user.speaking_since.is_some() {
            self.note_speech_end(self.now);
            self.user.speaking_since = None;
            self.user.last_speech = Some(self.now);
            self.reset_detector();
        }
        self.commit_spoken_turn();
    }

    /// The user's turn is over: the model is to answer it.
    pub(super) fn commit_spoken_turn(&mut self) {
        if self.is_duplex() || !self.user.begun {
            return;
        }
        if self.is_passing_sound() {
            self.drop_spoken_turn();
            return;
        }
        let Some((turn, text)) = self.close_spoken_turn() else { return };
        self.commands.push_back(Command::CommitAudio { turn });
        let (started, stoppable) = match &self.live {
            Some(live) => (live.playback.started || live.stage == Stage::Tools, live.interruptible),
            None => (false, false),
        };
        if started && self.can_be_stopped() {
            self.interrupt(InterruptionReason::Superseded, None);
        } else if !started && stoppable && self.leaving.is_none() {
            self.interrupt(InterruptionReason::UserResumed, None);
        }
        if self.keeps_turns() || self.live.is_some() {
            // It waits until the agent, who cannot be stopped, has finished.
            self.owed = Some(WaitingTurn { turn, text, for_aside: false });
            return;
        }
        self.write_user(&text);
        if !self.is_closing() || self.reopen() {
            self.begin_reply(turn, text, true);
        }
    }

    /// Whether the turn is a cough or a sign of attention over the agent. Where an agent can fall
    /// silent and go on, a voice that is over so soon is one unless its words say otherwise; but to
    /// a question that sounds it is an answer.
    fn is_passing_sound(&self) -> bool {
        let BargeInConfig { min_duration, backchannel, .. } = self.config.barge_in;
        let overlaps = self.live.as_ref().is_some_and(|live| live.playback.started);
        let goes_on = self.pauses() && self.has_voice() && !self.is_asking();
        let longest = backchannel.filter(|_| goes_on).unwrap_or_default().max(min_duration);
        let says_nothing = self.user.is_empty() || goes_on && is_sign(&self.user.text());
        overlaps && self.realtime.turns.spoken < longest && self.can_be_stopped() && says_nothing
    }

    /// Closes the turn that is open, if the user has begun it.
    pub(super) fn close_spoken_turn(&mut self) -> Option<(TurnId, Arc<str>)> {
        if !self.user.begun && self.user.is_empty() {
            return None;
        }
        self.timers.clear(Timer::EndOfTurn);
        let (turn, text) = self.end_turn();
        if self.is_duplex() {
            self.write_user(&text);
        }
        Some((turn, text))
    }

    /// Keeps a turn that is over for words that come late.
    pub(in super::super) fn keep_spoken_turn(&mut self, turn: TurnId, words: &str) {
        if self.is_realtime() {
            self.realtime.turns.spoken = Duration::ZERO;
            self.realtime.turns.open(turn, self.now, words, &mut self.history);
        }
    }

    /// Whether the user has begun a turn of which there need not be words.
    pub(in super::super) fn has_spoken_turn(&self) -> bool {
        self.is_realtime() && self.user.begun
    }

    /// A duplex model did not answer: it took for noise what it has no words for.
    fn close_unanswered_turn(&mut self) {
        if self.user.is_empty() {
            self.drop_spoken_turn();
        } else {
            self.close_spoken_turn();
        }
    }

    fn drop_spoken_turn(&mut self) {
        self.timers.clear(Timer::EndOfTurn);
        let pii_text = self.user.text();
        let turn = self.user.discard(self.now);
        self.endpointing.reset();
        self.realtime.turns.spoken = Duration::ZERO;
        if is_sign(&pii_text) {
            self.emit(Event::Backchannel { turn, pii_text });
        } else {
            self.emit(Event::TurnDropped { turn });
        }
        self.dismiss();
    }
}
