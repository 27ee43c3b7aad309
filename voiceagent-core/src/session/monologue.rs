//! A user who does not stop, and an agent who has to say something.

use std::time::Duration;

use super::{Session, Timer};
use crate::CallTime;

/// What the user has said since the agent was heard.
#[derive(Debug, Default)]
pub(super) struct Monologue {
    /// How long the turns took that were taken since.
    spent: Duration,
    /// The words in them.
    words: usize,
    /// The user was cut off, and the agent has not been heard yet.
    is_due: bool,
    /// The agent has taken the floor from a user who goes on to speak.
    has_floor: bool,
    /// When the agent was heard last.
    heard_at: CallTime,
}

impl Monologue {
    /// Whether the agent may speak though the user does.
    pub(super) fn has_floor(&self) -> bool {
        self.has_floor
    }

    /// Notes that the user fell silent.
    pub(super) fn on_silence(&mut self) {
        self.has_floor = false;
    }

    /// Notes that the agent is heard.
    pub(super) fn on_agent(&mut self, now: CallTime) {
        *self = Self { has_floor: self.has_floor, heard_at: now, ..Self::default() };
    }
}

impl Session {
    /// Ends the turn of a user who has spoken for as long as one may.
    pub(super) fn settle_monologue(&mut self) {
        let config = &self.config.endpointing;
        self.timers.clear(Timer::Monologue);
        if self.user.is_empty() || self.monologue.is_due {
            return;
        }
        let words = self.monologue.words.saturating_add(self.user.words());
        let too_wordy = config.max_turn_words.is_some_and(|most| words >= most as usize);
        let ends = config
            .max_turn
            .filter(|_| self.user.begun)
            .map(|most| self.monologue_since() + most.saturating_sub(self.monologue.spent));
        if too_wordy || ends.is_some_and(|at| at <= self.now) {
            self.monologue.is_due = true;
            self.monologue.has_floor = self.user.speaking_since.is_some();
            self.dismiss();
            self.commit_turn();
            if self.monologue.has_floor {
                self.user.begin(self.now);
            }
        } else if let Some(at) = ends {
            self.timers.set(Timer::Monologue, at);
        }
    }

    /// Before a turn is taken: counts it.
    pub(super) fn count_monologue(&mut self) {
        let config = &self.config.endpointing;
        if config.max_turn.is_none() && config.max_turn_words.is_none() {
            return;
        }
        self.monologue.words += self.user.words();
        if self.user.begun {
            self.monologue.spent += self.now - self.monologue_since();
        }
    }

    fn monologue_since(&self) -> CallTime {
        self.user.begun_at.max(self.monologue.heard_at)
    }
}
