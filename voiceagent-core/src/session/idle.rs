//! A user who says nothing: asked, told goodbye, left.

use std::time::Duration;

use super::{Event, Input, Saying, Session, Timer, user_turn::normalised};
use crate::{CallTime, session::EndReason};

/// Words by which a user asks for a moment. Whoever says more than [`BRIEF`] words is not asking
/// for one.
const HOLD_ON: [&str; 14] = [
    "a minute please",
    "a moment please",
    "a second please",
    "bear with me",
    "give me a minute",
    "give me a moment",
    "give me a second",
    "hang on",
    "hold on",
    "just a minute",
    "just a moment",
    "just a second",
    "let me check",
    "let me look",
];
const BRIEF: usize = 12;

/// How far a silent user has been asked.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// Since when nobody has anything to do but the user.
    since: Option<CallTime>,
    /// Prompts that were said since the user's last words.
    prompted: usize,
    /// The goodbye was said after the last prompt.
    parting: bool,
    /// For how long silence is not taken as absence.
    wait: Duration,
    /// Somebody is known to be there.
    joined: bool,
}

impl Idle {
    /// Somebody, or something, took the call.
    pub(super) fn join(&mut self) {
        self.joined = true;
    }

    /// Gives the user time, from the next silence on.
    pub(super) fn wait_for(&mut self, period: Duration) {
        *self = Self { wait: period, joined: self.joined, ..Self::default() };
    }

    /// Somebody is there: has said words, pressed a key, or put the call on hold.
    pub(super) fn on_words(&mut self) {
        let wait = self.wait;
        *self = Self { wait, joined: true, ..Self::default() };
    }

    /// A sound alone is no answer to a prompt; but nobody is left in the middle of it.
    fn on_sound(&mut self) {
        self.parting = false;
    }
}

impl Session {
    /// Notes what shows that the user is there. What the agent says does not.
    pub(super) fn note_activity(&mut self, input: &Input) {
        let is_sound = matches!(
            input,
            Input::PeerInterrupted { .. }
                | Input::SpeechStarted { .. }
                | Input::SpeechStopped { .. }
                | Input::SttSpeechStarted
        );
        if is_sound {
            self.idle.on_sound();
        } else if let Input::Transcript { transcript } | Input::UserWords { transcript, .. } = input
        {
            if !transcript.text.trim().is_empty() {
                self.idle.on_words();
            }
        } else if matches!(input, Input::Dtmf { .. }) {
            self.idle.on_words();
        }
    }

    /// A turn is over: has the user asked for a moment?
    pub(super) fn note_request_for_time(&mut self, text: &str) {
        let asks = asks_for_time(text);
        self.idle.wait_for(if asks { self.config.idle.patience } else { Duration::ZERO });
    }

    /// Sees to it that a silent user is asked in time, and left after the last goodbye.
    pub(super) fn settle_idle(&mut self) {
        if !self.is_quiet() {
            self.idle.since = None;
            self.timers.clear(Timer::Idle);
            return;
        }
        if self.idle.parting {
            self.end_now(EndReason::Idle);
            return;
        }
        let quiet = *self.idle.since.get_or_insert(self.now);
        match self.idle_step() {
            Some(after) => {
                let at = quiet + after.max(self.idle.wait);
                self.timers.set(Timer::Idle, self.sound_over().map_or(at, |over| at.max(over)));
            }
            None => self.timers.clear(Timer::Idle),
        }
    }

    /// Until when a sound may be the user who has something to say.
    fn sound_over(&self) -> Option<CallTime> {
        let words = self.config.endpointing.transcript_timeout;
        let ended = self.user.last_speech.filter(|_| self.user.begun).map(|end| end + words);
        self.user_holds_floor_until().or(ended)
    }

    /// The user has been silent for too long.
    pub(super) fn on_idle(&mut self) {
        self.idle.since = None;
        self.idle.wait = Duration::ZERO;
        let text = if let Some(prompt) = self.config.idle.prompts.get(self.idle.prompted) {
            self.idle.prompted += 1;
            let nth = u32::try_from(self.idle.prompted).unwrap_or(u32::MAX);
            let text = prompt.text.clone();
            self.emit(Event::IdlePrompted { nth });
            text
        } else if let Some(farewell) = self.config.idle.farewell.clone() {
            self.idle.parting = true;
            farewell
        } else {
            self.end_now(EndReason::Idle);
            return;
        };
        self.says.push_back(Saying { text, interruptible: true, ticket: None });
    }

    /// How long the silence may last before the next step; `None` when there is none.
    fn idle_step(&self) -> Option<Duration> {
        let idle = &self.config.idle;
        match idle.prompts.get(self.idle.prompted) {
            Some(prompt) => Some(prompt.after),
            None => idle.hang_up_after,
        }
    }

    /// Whether nobody has anything to do but the user.
    fn is_quiet(&self) -> bool {
        let is_there = self.idle.joined || !self.config.answerer;
        is_there
            && !self.pausing.on_hold
            && self.live.is_none()
            && self.owed.is_none()
            && self.pausing.given_at().is_none()
            && self.says.is_empty()
            && self.user.is_empty()
            && !self.has_spoken_turn()
            && !self.has_late_results()
            && self.tools.is_idle()
            && !self.is_closing()
    }
}

fn asks_for_time(text: &str) -> bool {
    let words = normalised(text);
    if words.split(' ').count() > BRIEF {
        return false;
    }
    let lone = ["one", "1", "wait a"].iter().any(|few| {
        ["minute", "moment", "second", "sec"].iter().any(|time| {
            let asked = format!("{few} {time}");
            words == asked || words.starts_with(&format!("{asked} ")) || words.ends_with(&asked)
        })
    });
    lone || HOLD_ON.iter().any(|phrase| words.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_a_request_for_a_moment_is_known_by_its_words() {
        for text in [
            "Hold on a second.",
            "Just a moment, please!",
            "Uh, one second",
            "Let me check my calendar.",
            "Wait a minute",
            "OK hang on",
            "Okay so please hold on for me while I find the book",
        ] {
            assert!(asks_for_time(text), "{text}");
        }
        for text in [
            "Yes.",
            "At half past one.",
            "The second one, please.",
            "I need a minute of your time to tell you about the noise that my car makes in the cold",
            "Is there a moment of rest for us?",
        ] {
            assert!(!asks_for_time(text), "{text}");
        }
    }
}
