//! AssemblyAI's messages as events. Pure: no clock, no socket.

use std::{borrow::Cow, time::Duration};

use voiceagent_core::{Error, ErrorKind, Result, stt::SttEvent};

use super::{
    PROVIDER,
    messages::{
        FORCE_ENDPOINT, Head, Heartbeat, KEEP_ALIVE, Notice, SpeechStarted, TERMINATE, TurnMessage,
    },
};
use crate::wire::{
    json,
    secrets::Secrets,
    stt::{
        SttCodec, Turns,
        words::{confidence, timings},
    },
    ws::Frame,
};

/// Audio before the present place that is kept while nobody speaks: a turn is noticed a little
/// after its first sound.
const LEAD_IN: Duration = Duration::from_secs(1);

/// Audio before the first word that is kept with its turn, and behind the last one that is not.
const MARGIN: Duration = Duration::from_millis(100);

/// The probability from which a heartbeat tells of speech, of which words are owed; the vendor's
/// own threshold is 0.3, and what lies between may be noise.
const VOICE: f64 = 0.5;

/// Understands `/v3/ws`.
#[derive(Debug)]
pub(super) struct TurnCodec {
    /// A turn ends twice, the second time with its formatted text.
    formats: bool,
    turns: Turns,
    /// Speech was reported whose turn has not come.
    started: bool,
    /// The number of the turn on this connection, if this connection has named it.
    order: Option<u64>,
    /// The last turn of this connection that is over.
    ended: Option<u64>,
}

impl TurnCodec {
    /// `formats`: the vendor was asked to format turns once more.
    pub(super) fn new(formats: bool) -> Self {
        Self { formats, turns: Turns::default(), started: false, order: None, ended: None }
    }

    /// A place of the vendor's, in the whole stream.
    fn at(&self, milliseconds: f64) -> Duration {
        self.turns.at(json::milliseconds(milliseconds))
    }

    fn on_started(&mut self, at: &SpeechStarted, events: &mut Vec<SttEvent>) {
        if !self.turns.in_turn() && !std::mem::replace(&mut self.started, true) {
            self.turns.cover(self.at(at.timestamp).saturating_sub(LEAD_IN));
            events.push(SttEvent::SpeechStarted);
        }
    }

    /// Whether a heartbeat only says that the connection lives: it owes words of what it heard.
    fn owes_words(&self, heartbeat: &Heartbeat) -> bool {
        self.turns.in_turn() || self.started || heartbeat.max_speech_probability >= VOICE
    }

    fn on_heartbeat(&mut self, heartbeat: &Heartbeat) -> bool {
        let is_quiet = !self.owes_words(heartbeat);
        if is_quiet {
            let heard = self.at(heartbeat.total_audio_received_ms);
            self.turns.cover(heard.saturating_sub(LEAD_IN));
        }
        is_quiet
    }

    fn on_turn(&mut self, message: &TurnMessage<'_>, events: &mut Vec<SttEvent>) {
        let order = message.turn_order;
        if self.ended.is_some_and(|ended| order <= ended) {
            // A formatted copy that nobody waits for.
            return;
        }
        if self.order.is_some_and(|it| it != order) {
            // The formatted copy of the turn before never came.
            self.settle(events);
        }
        if !self.turns.in_turn() && !self.begin(message, events) {
            return;
        }
        self.order = Some(order);
        if let Some(last) = message.words.last() {
            self.turns.reach(self.at(last.end));
        }
        let text = message.text();
        let sure = confidence(message.words.iter().map(|word| word.confidence));
        let words = message.words.iter();
        let words = words.map(|it| (&*it.text, self.at(it.start), self.at(it.end)));
        let changed = self.turns.update(&text, sure, timings(&text, words));
        if message.end_of_turn && (message.turn_is_formatted || !self.formats) {
            self.settle(events);
            return;
        }
        if changed {
            self.turns.tell(events);
        }
        if message.end_of_turn && (self.turns.is_asked() || self.turns.is_ending(events)) {
            self.turns.await_final();
        }
    }

    /// Begins a turn, if there are words of it.
    fn begin(&mut self, message: &TurnMessage<'_>, events: &mut Vec<SttEvent>) -> bool {
        if message.words.is_empty() && message.transcript.trim().is_empty() {
            return false;
        }
        if !std::mem::take(&mut self.started) {
            events.push(SttEvent::SpeechStarted);
        }
        let first = message.words.first().map(|word| self.at(word.start).saturating_sub(MARGIN));
        self.turns.begin(first.unwrap_or_else(|| self.turns.covered()));
        true
    }
}

impl SttCodec for TurnCodec {
    const PROVIDER: &'static str = PROVIDER;
    const KEEP_ALIVE: Option<&'static str> = Some(KEEP_ALIVE);

    fn goodbye(&self) -> Option<Frame> {
        Some(TERMINATE.into())
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
            "Turn" => self.on_turn(&json::read(text, PROVIDER)?, events),
            "SpeechStarted" => self.on_started(&json::read(text, PROVIDER)?, events),
            "Heartbeat" => return Ok(self.on_heartbeat(&json::read(text, PROVIDER)?)),
            "Error" => return Err(fault(text, secrets)),
            "Warning" => warn(text, secrets),
            "Begin" | "Termination" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn is_receipt(&self, text: &str) -> bool {
        kind(text).is_ok_and(|kind| kind == "Heartbeat")
            && json::read(text, PROVIDER).is_ok_and(|heartbeat| self.owes_words(&heartbeat))
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
            Ok("Begin") => Ok(true),
            Ok("Error") => Err(fault(text, secrets)),
            _ => Ok(false),
        }
    }

    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        self.turns.lost(kept, MARGIN, events);
    }

    fn connected(&mut self, zero: Duration) {
        self.turns.connected(zero);
        // The vendor counts anew.
        (self.order, self.ended) = (None, None);
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        self.turns.ask();
        Some(FORCE_ENDPOINT.into())
    }

    fn owes_final(&self) -> bool {
        self.turns.owes_final()
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        self.ended = self.ended.max(self.order.take());
        self.turns.end(MARGIN, events);
    }
}

fn kind(text: &str) -> Result<Cow<'_, str>> {
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
        // 3007 is of audio that comes too fast or in wrong pieces. The adapter sends neither, so that
        // it is about how it came: a burst of the network.
        3005 | 3007 | 3008 => Some(ErrorKind::Disconnected),
        3006 => Some(ErrorKind::Rejected),
        3009 => Some(ErrorKind::RateLimited),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
