//! The user may want the floor: suspected, then confirmed or dismissed.

use super::{InterruptionReason, Session, Timer};
use crate::CallTime;

impl Session {
    /// The user has been heard over the agent since this moment, and may want to speak.
    pub(super) fn suspect(&mut self, since: CallTime) {
        let Some(at) = self.barge_in.on_overlap(since) else { return };
        if at <= self.now {
            self.consider_barge_in();
        } else {
            self.timers.set(Timer::BargeIn, at);
        }
    }

    /// The user wants to speak: the agent gives way.
    pub(super) fn confirm(&mut self, reason: InterruptionReason) {
        let since = self.barge_in.since();
        self.interrupt(reason, since);
    }

    /// There is nothing to suspect, or not any more.
    pub(super) fn dismiss(&mut self) {
        self.barge_in.reset();
        self.timers.clear(Timer::BargeIn);
    }
}
