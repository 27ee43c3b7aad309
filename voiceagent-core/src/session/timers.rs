use serde::{Deserialize, Serialize};

use crate::CallTime;

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Timer {
    /// What may be a sign of attention has been waited on for long enough.
    Backchannel,
    /// The user has spoken over the agent long enough to stop it.
    BargeIn,
    /// The call has lasted as long as it may.
    CallLimit,
    /// The user has been silent long enough for the turn to be over.
    EndOfTurn,
    /// The user's last words have been waited for long enough.
    Farewell,
    /// Tools have kept the user waiting in silence for too long.
    Filler,
    /// Tools that wait for the user's silence may run.
    HeldCalls,
    /// Nobody has said anything for too long.
    Idle,
    /// Results that came late, and wait for the user's silence, may be told.
    LateResults,
    /// The language model has not said anything for too long.
    Model,
    /// The user has spoken for as long as one turn may last.
    Monologue,
    /// Nothing of an answer has been heard for too long.
    Owed,
    /// The next audio is due, or the last mark is overdue.
    Playout,
    /// The user has been silent long enough for a paused agent to go on.
    Resume,
    /// The language model is asked again.
    Retry,
    /// The voice has not said anything for too long.
    Synthesis,
    /// A tool has not finished in its time.
    Tool,
    /// A voice that failed is tried again.
    VoiceRetry,
}

const KINDS: [Timer; 18] = [
    Timer::Backchannel,
    Timer::BargeIn,
    Timer::CallLimit,
    Timer::EndOfTurn,
    Timer::Farewell,
    Timer::Filler,
    Timer::HeldCalls,
    Timer::Idle,
    Timer::LateResults,
    Timer::Model,
    Timer::Monologue,
    Timer::Owed,
    Timer::Playout,
    Timer::Resume,
    Timer::Retry,
    Timer::Synthesis,
    Timer::Tool,
    Timer::VoiceRetry,
];

/// One deadline of each kind.
///
/// A deadline that is set is always later than the moment it is set at. So whatever a session does
/// when it is woken, it never asks to be woken at the same moment again.
#[derive(Debug, Default)]
pub(super) struct TimerTable {
    now: CallTime,
    deadlines: [Option<CallTime>; KINDS.len()],
}

impl TimerTable {
    /// Notes the time of the input that is being handled.
    pub(super) fn advance(&mut self, now: CallTime) {
        self.now = now;
    }

    pub(super) fn set(&mut self, timer: Timer, at: CallTime) {
        let later = CallTime::from_micros(self.now.as_micros() + 1);
        self.deadlines[timer as usize] = Some(at.max(later));
    }

    /// Sets a deadline where there is none.
    pub(super) fn set_if_clear(&mut self, timer: Timer, at: CallTime) {
        if self.deadlines[timer as usize].is_none() {
            self.set(timer, at);
        }
    }

    /// Sets a deadline, or clears it where there is none.
    pub(super) fn set_or_clear(&mut self, timer: Timer, at: Option<CallTime>) {
        match at {
            Some(at) => self.set(timer, at),
            None => self.clear(timer),
        }
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) fn clear_all(&mut self) {
        self.deadlines = [None; KINDS.len()];
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<(CallTime, Timer)> {
        KINDS.into_iter().filter_map(|timer| Some((self.deadlines[timer as usize]?, timer))).min()
    }

    /// Takes the earliest deadline that has come.
    pub(super) fn take_due(&mut self) -> Option<Timer> {
        let (at, timer) = self.next()?;
        if at > self.now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_always_later_than_now() {
        let mut timers = TimerTable::default();
        timers.advance(CallTime::from_millis(10));
        timers.set(Timer::EndOfTurn, CallTime::from_millis(3));
        let (at, timer) = timers.next().unwrap();
        assert_eq!(timer, Timer::EndOfTurn);
        assert!(at > CallTime::from_millis(10));
        assert_eq!(timers.take_due(), None);
    }

    #[test]
    fn due_timers_come_in_order_of_time() {
        let mut timers = TimerTable::default();
        timers.set(Timer::Playout, CallTime::from_millis(5));
        timers.set(Timer::BargeIn, CallTime::from_millis(7));
        timers.set(Timer::Model, CallTime::from_millis(9));
        timers.advance(CallTime::from_millis(8));
        assert_eq!(timers.take_due(), Some(Timer::Playout));
        assert_eq!(timers.take_due(), Some(Timer::BargeIn));
        assert_eq!(timers.take_due(), None);
    }
}
