//! A reply that is owed and not heard: nobody is left in silence.

use std::sync::Arc;

use super::{Session, Timer, generation::Stage};
use crate::CallTime;

/// How long the caller has heard nothing of what is owed.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<CallTime>,
    /// Something was said to hold the line since the agent last answered.
    held: bool,
}

impl Session {
    /// Watches over the silence of an answer that takes its time.
    pub(super) fn settle_owed(&mut self) {
        if !self.owes() || self.pausing.on_hold {
            self.silence = Silence::default();
            self.timers.clear(Timer::Owed);
            return;
        }
        if let Some(at) = self.output.audible_until(self.now) {
            // Woken then, the session sees that the agent is not heard any more.
            self.silence.since = None;
            self.timers.set(Timer::Owed, at);
            return;
        }
        let since = *self.silence.since.get_or_insert(self.now);
        match &self.config.owed_reply {
            Some(owed_reply) => {
                let floor = self.user_holds_floor_until().unwrap_or(since);
                self.timers.set(Timer::Owed, floor.max(since + owed_reply.after));
            }
            None => self.timers.clear(Timer::Owed),
        }
    }

    /// The caller has waited in silence for long enough.
    pub(super) fn on_owed(&mut self) {
        let Some(owed_reply) = &self.config.owed_reply else { return };
        let waited = self.silence.since.is_some_and(|since| since + owed_reply.after <= self.now);
        if !waited {
            return;
        }
        let again = owed_reply.again.as_ref().filter(|_| self.silence.held);
        let text = again.unwrap_or(&owed_reply.text).clone();
        self.silence.since = Some(self.now);
        if self.owes() && self.user.is_empty() {
            self.hold_the_line(&text);
        }
    }

    /// Whether the agent owes something that it does not say yet.
    fn owes(&self) -> bool {
        self.live.as_ref().filter(|live| live.committed).is_some_and(|live| match live.stage {
            Stage::Planning | Stage::Writing | Stage::Tools => true,
            Stage::Written => live.content.script.samples() == 0,
            Stage::Spoken => false,
        })
    }

    /// Says a few words that are no answer. A voice that has not said what it was given before
    /// would not say these either: it has deadlines of its own.
    fn hold_the_line(&mut self, text: &Arc<str>) {
        if self.is_realtime() {
            // Nobody but the model has a voice.
            return;
        }
        let Some(live) = &mut self.live else { return };
        let said = live.content.script.text();
        let voice_is_late = live.content.script.samples() == 0 && !said.is_empty();
        if voice_is_late && !self.output.is_text() {
            return;
        }
        let words = live.content.apart(&format!("{} ", text.trim()));
        live.content.holding += words.len();
        self.silence.held = true;
        self.speak(&words);
    }
}
