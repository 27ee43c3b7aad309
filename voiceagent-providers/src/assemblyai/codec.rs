//! AssemblyAI's messages as events. Pure: no clock, no socket.

mod turn;

use std::time::Duration;

use voiceagent_core::{Error, ErrorKind, Result, stt::SttEvent};

use self::turn::Turn;
use super::{
    PROVIDER,
    messages::{
        FORCE_ENDPOINT, Head, Heartbeat, KEEP_ALIVE, Notice, SpeechStarted, TERMINATE, TurnMessage,
    },
};
use crate::wire::{json, secrets::Secrets, stt::SttCodec};

/// Audio before the present place that is kept while nobody speaks: a turn is noticed a little
/// after its first sound.
const LEAD_IN: Duration = Duration::from_secs(1);

/// Audio before the first word that is kept with its turn, and behind the last one that is not.
const MARGIN: Duration = Duration::from_millis(100);

/// Understands `/v3/ws`.
#[derive(Debug)]
pub(super) struct TurnCodec {
    /// A turn ends twice, the second time with its formatted text.
    formats: bool,
    /// Where the connection's clock begins.
    zero: Duration,
    covered: Duration,
    /// Speech was reported whose turn has not come.
    started: bool,
    turn: Option<Turn>,
    /// The last turn of this connection that is over.
    ended: Option<u64>,
    owes_final: bool,
}

impl TurnCodec {
    /// `formats`: the vendor was asked to format turns once more.
    pub(super) const fn new(formats: bool) -> Self {
        Self {
            formats,
            zero: Duration::ZERO,
            covered: Duration::ZERO,
            started: false,
            turn: None,
            ended: None,
            owes_final: false,
        }
    }

    fn on_started(&mut self, at: &SpeechStarted, events: &mut Vec<SttEvent>) {
        if self.turn.is_none() && !std::mem::replace(&mut self.started, true) {
            let start = self.zero + json::milliseconds(at.timestamp);
            self.covered = self.covered.max(start.saturating_sub(LEAD_IN));
            events.push(SttEvent::SpeechStarted);
        }
    }

    fn on_heartbeat(&mut self, heartbeat: &Heartbeat) {
        if self.turn.is_none() && !self.started {
            let heard = self.zero + json::milliseconds(heartbeat.total_audio_received_ms);
            self.covered = self.covered.max(heard.saturating_sub(LEAD_IN));
        }
    }

    fn on_turn(&mut self, message: &TurnMessage<'_>, events: &mut Vec<SttEvent>) {
        let order = message.turn_order;
        if self.ended.is_some_and(|ended| order <= ended) {
            // A formatted copy that nobody waits for.
            return;
        }
        if self.turn.as_ref().is_some_and(|turn| turn.order.is_some_and(|it| it != order)) {
            // The formatted copy of the turn before never came.
            self.settle(events);
        }
        let Some(mut turn) = self.turn.take().or_else(|| self.begin(message, events)) else {
            return;
        };
        turn.order = Some(order);
        let changed = turn.update(message, self.zero);
        if message.end_of_turn && (message.turn_is_formatted || !self.formats) {
            self.end_turn(turn, events);
            return;
        }
        if changed {
            events.push(turn.transcript(false));
        }
        if message.end_of_turn && !std::mem::replace(&mut turn.is_ending, true) {
            self.owes_final = true;
            events.push(SttEvent::EagerEndOfTurn);
        }
        self.turn = Some(turn);
    }

    fn begin(&mut self, message: &TurnMessage<'_>, events: &mut Vec<SttEvent>) -> Option<Turn> {
        if message.words.is_empty() && message.transcript.trim().is_empty() {
            return None;
        }
        if !std::mem::take(&mut self.started) {
            events.push(SttEvent::SpeechStarted);
        }
        let first = message.words.first().map(|word| self.zero + json::milliseconds(word.start));
        Some(Turn::new(first.map_or(self.covered, |at| at.saturating_sub(MARGIN))))
    }

    fn end_turn(&mut self, turn: Turn, events: &mut Vec<SttEvent>) {
        self.covered = self.covered.max(turn.end + MARGIN);
        self.ended = self.ended.max(turn.order);
        self.owes_final = false;
        events.push(turn.transcript(true));
        events.push(SttEvent::EndOfTurn);
    }
}

impl SttCodec for TurnCodec {
    const PROVIDER: &'static str = PROVIDER;
    const GOODBYE: &'static str = TERMINATE;
    const KEEP_ALIVE: &'static str = KEEP_ALIVE;

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        match &*kind(text)? {
            "Turn" => self.on_turn(&json::read(text, PROVIDER)?, events),
            "SpeechStarted" => self.on_started(&json::read(text, PROVIDER)?, events),
            "Heartbeat" => self.on_heartbeat(&json::read(text, PROVIDER)?),
            "Error" => return Err(fault(text, secrets)),
            "Warning" => warn(text, secrets),
            "Begin" | "Termination" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn covered(&self) -> Duration {
        self.turn.as_ref().map_or(self.covered, |turn| turn.start.max(self.covered))
    }

    fn in_turn(&self) -> bool {
        self.turn.is_some()
    }

    fn awaits_hello(&self) -> bool {
        true
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        match kind(text).as_deref() {
            Ok("Begin") => Ok(true),
            Ok("Error") => Err(fault(text, secrets)),
            _ => Ok(false),
        }
    }

    /// A turn lives inside one connection. The next one hears it anew if its audio is at hand;
    /// else it ends here with what was understood.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        let covered = self.covered();
        let Some(turn) = &mut self.turn else { return };
        if kept > covered {
            self.settle(events);
        } else if std::mem::take(&mut turn.is_ending) {
            self.owes_final = false;
            events.push(SttEvent::TurnResumed);
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.zero = zero;
        // The vendor counts anew.
        self.ended = None;
        if let Some(turn) = &mut self.turn {
            turn.order = None;
        }
    }

    fn finalize(&mut self) -> Option<&'static str> {
        self.owes_final |= self.turn.is_some();
        Some(FORCE_ENDPOINT)
    }

    fn owes_final(&self) -> bool {
        self.owes_final
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        self.owes_final = false;
        if let Some(turn) = self.turn.take() {
            self.end_turn(turn, events);
        }
    }
}

fn kind(text: &str) -> Result<std::borrow::Cow<'_, str>> {
    json::read::<Head<'_>>(text, PROVIDER).map(|head| head.kind)
}

fn warn(text: &str, secrets: &Secrets) {
    if let Ok(notice) = json::read::<Notice<'_>>(text, PROVIDER) {
        let (code, warning) = (notice.error_code, secrets.quote(&notice.error));
        tracing::warn!(provider = PROVIDER, code, warning, "the vendor warns");
    }
}

fn fault(text: &str, secrets: &Secrets) -> Error {
    let notice: Notice<'_> = match json::read(text, PROVIDER) {
        Ok(notice) => notice,
        Err(unreadable) => return unreadable,
    };
    let kind = close_kind(notice.error_code).unwrap_or(ErrorKind::Disconnected);
    let message = format!("{}: {}", notice.error_code, secrets.quote(&notice.error));
    Error::new(kind, "read", message).with_provider(PROVIDER)
}

/// What the vendor's codes mean, of errors and of closed connections ("Common session errors and
/// closures"; 4001 and 4002 are of the version before).
pub(super) const fn close_kind(code: u16) -> Option<ErrorKind> {
    match code {
        1008 | 4001 | 4002 => Some(ErrorKind::Unauthorized),
        3005 | 3008 => Some(ErrorKind::Disconnected),
        3006 | 3007 => Some(ErrorKind::Rejected),
        3009 => Some(ErrorKind::RateLimited),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
