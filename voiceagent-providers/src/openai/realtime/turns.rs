use std::{collections::VecDeque, time::Duration};

use voiceagent_core::{TurnId, audio::AudioFormat, realtime::RealtimeEvent, stt::Transcript};

use super::messages::Say;
use crate::wire::{json, realtime::Out};

/// The vendor refuses a turn with less audio.
const LEAST: Duration = Duration::from_millis(100);

/// Turns whose words may still come. A transcript is not that many turns late.
const TURNS: usize = 32;

/// What the user says, turn by turn.
#[derive(Debug)]
pub(super) struct Turns {
    format: AudioFormat,
    /// Audio that is in no turn, in bytes.
    open: usize,
    /// Turns that were closed and that the vendor has not named.
    closed: VecDeque<TurnId>,
    /// The vendor's names.
    named: VecDeque<(String, TurnId)>,
}

impl Turns {
    pub(super) const fn new(format: AudioFormat) -> Self {
        Self { format, open: 0, closed: VecDeque::new(), named: VecDeque::new() }
    }

    /// More audio of the turn that is open.
    pub(super) const fn hear(&mut self, bytes: usize) {
        self.open += bytes;
    }

    /// Closes the turn.
    pub(super) fn commit(&mut self, turn: TurnId, out: &mut Out) {
        if self.format.duration_of(self.format.samples(self.open)) < LEAST {
            out.events.push(words(Some(turn), ""));
            return;
        }
        self.open = 0;
        self.closed.push_back(turn);
        let event_id = event_id(turn);
        out.messages.push(json::write(&Say::Commit { event_id: &event_id }));
    }

    /// The vendor calls the oldest turn without a name so.
    pub(super) fn name(&mut self, item: &str) {
        let Some(turn) = self.closed.pop_front() else { return };
        if self.named.len() == TURNS {
            self.named.pop_front();
        }
        self.named.push_back((item.to_owned(), turn));
    }

    /// The vendor did not take the turn that was closed with this event. Returns whether there is
    /// such a turn.
    pub(super) fn refuse(&mut self, event: &str, out: &mut Out) -> bool {
        let Some(at) = self.closed.iter().position(|turn| event_id(*turn) == event) else {
            return false;
        };
        let turn = self.closed.remove(at);
        out.events.push(words(turn, ""));
        true
    }

    /// The words of a turn have come.
    pub(super) fn tell(&mut self, item: &str, text: &str, out: &mut Out) {
        let at = self.named.iter().position(|(name, _)| name == item);
        let turn = at.and_then(|at| self.named.remove(at)).map(|(_, turn)| turn);
        out.events.push(words(turn, text));
    }
}

fn event_id(turn: TurnId) -> String {
    format!("turn-{}", turn.number())
}

fn words(turn: Option<TurnId>, text: &str) -> RealtimeEvent {
    RealtimeEvent::UserTranscript { turn, transcript: Transcript::final_(text) }
}
