use std::{borrow::Cow, time::Duration};

use voiceagent_core::{Result, stt::SttEvent};

use super::{
    super::{
        PROVIDER,
        messages::{CLOSE_STREAM, FORCE_END_TURN, TurnInfo},
    },
    fault, kind, parse, timings, warn,
};
use crate::wire::{
    json::seconds,
    secrets::Secrets,
    stt::{SttCodec, Turns, words::confidence},
    ws::Frame,
};

/// Audio before the present place that is kept while nobody speaks: a turn is noticed a little
/// after its first sound.
const LEAD_IN: Duration = Duration::from_secs(1);

/// Understands `/v2/listen`.
#[derive(Debug)]
pub(crate) struct FluxCodec {
    turns: Turns,
    forces_end: bool,
}

impl FluxCodec {
    /// `forces_end`: a request to finalize ends the vendor's turn.
    pub(crate) fn new(forces_end: bool) -> Self {
        Self { turns: Turns::default(), forces_end }
    }
}

impl SttCodec for FluxCodec {
    const PROVIDER: &'static str = PROVIDER;

    fn goodbye(&self) -> Option<Frame> {
        Some(CLOSE_STREAM.into())
    }

    fn on_sent(&mut self, position: Duration) {
        self.turns.on_sent(position);
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        match &*kind(text)? {
            "TurnInfo" => self.on_turn_info(&parse(text)?, events),
            "Error" => return Err(fault(text, secrets)),
            "Warning" | "ConfigureFailure" => warn(text, secrets),
            "Connected" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn covered(&self) -> Duration {
        self.turns.covered()
    }

    fn in_turn(&self) -> bool {
        self.turns.in_turn()
    }

    fn awaits_hello(&self) -> bool {
        true
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        match kind(text).as_deref() {
            Ok("Connected") => Ok(true),
            Ok("Error") => Err(fault(text, secrets)),
            _ => Ok(false),
        }
    }

    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        self.turns.lost(kept, Duration::ZERO, events);
    }

    fn connected(&mut self, zero: Duration) {
        self.turns.connected(zero);
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        let asks = self.forces_end && self.turns.in_turn();
        if asks {
            self.turns.ask();
        }
        asks.then_some(FORCE_END_TURN.into())
    }

    fn owes_final(&self) -> bool {
        self.turns.owes_final()
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        self.turns.end(Duration::ZERO, events);
    }
}

impl FluxCodec {
    fn on_turn_info(&mut self, info: &TurnInfo<'_>, events: &mut Vec<SttEvent>) {
        let end = self.turns.at(seconds(info.audio_window_end));
        if !self.turns.in_turn() {
            if info.event != "StartOfTurn" && info.transcript.trim().is_empty() {
                self.turns.cover(end.saturating_sub(LEAD_IN));
                return;
            }
            self.turns.begin(self.turns.at(seconds(info.audio_window_start)));
            events.push(SttEvent::SpeechStarted);
        }
        self.turns.reach(end);
        let sure = confidence(info.words.iter().map(|word| word.confidence));
        let words = timings(&info.words, self.turns.at(Duration::ZERO));
        let changed = self.turns.update(info.transcript.trim(), sure, words);
        if info.event == "EndOfTurn" {
            self.turns.end(Duration::ZERO, events);
            return;
        }
        if changed {
            self.turns.tell(events);
        }
        match &*info.event {
            "EagerEndOfTurn" => {
                self.turns.is_ending(events);
            }
            "TurnResumed" => self.turns.resume(events),
            _ => {}
        }
    }
}
