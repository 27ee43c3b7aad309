//! The turns of Ink as events. Pure: no clock, no socket.

use std::{borrow::Cow, time::Duration};

use voiceagent_core::{Error, ErrorKind, Result, stt::SttEvent};

use super::{
    PROVIDER,
    messages::{CLOSE, Message},
};
use crate::wire::{
    json,
    secrets::Secrets,
    stt::{SttCodec, Turns},
    ws::Frame,
};

/// The vendor tells no places. A turn begins at most this long before it is told,
const LEAD_IN: Duration = Duration::from_secs(2);

/// and its last word ends at least this long before its end is told.
const TRAILING: Duration = Duration::from_millis(200);

/// Understands `/stt/turns/websocket`.
#[derive(Debug, Default)]
pub(super) struct InkCodec {
    turns: Turns,
    sent: Duration,
}

impl InkCodec {
    /// A turn is under way.
    fn begin(&mut self, events: &mut Vec<SttEvent>) {
        if !self.turns.in_turn() {
            self.turns.cover(self.sent.saturating_sub(LEAD_IN));
            self.turns.begin(self.turns.covered());
            events.push(SttEvent::SpeechStarted);
        }
    }

    /// Tells the turn so far, if that is news.
    fn tell(&mut self, message: &Message<'_>, events: &mut Vec<SttEvent>) {
        if self.update(message, events) {
            self.turns.tell(events);
        }
    }

    /// Takes the text of the turn so far; whether it is another one.
    fn update(&mut self, message: &Message<'_>, events: &mut Vec<SttEvent>) -> bool {
        let text = message.transcript.trim();
        if !self.turns.in_turn() && text.is_empty() {
            return false;
        }
        self.begin(events);
        self.turns.reach(self.sent.saturating_sub(TRAILING));
        self.turns.update(text, 1.0, Vec::new())
    }
}

impl SttCodec for InkCodec {
    const PROVIDER: &'static str = PROVIDER;

    fn goodbye(&self) -> Option<Frame> {
        Some(CLOSE.into())
    }

    fn on_sent(&mut self, position: Duration) {
        self.sent = position;
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        match &*message.kind {
            "turn.start" => self.begin(events),
            "turn.update" => self.tell(&message, events),
            "turn.eager_end" => {
                self.tell(&message, events);
                self.turns.is_ending(events);
            }
            "turn.resume" => self.turns.resume(events),
            "turn.end" => {
                self.update(&message, events);
                self.turns.end(Duration::ZERO, events);
            }
            "connected" => return Ok(false),
            "error" => return Err(fault(&message, secrets)),
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
        match json::read::<Message<'_>>(text, PROVIDER) {
            Ok(message) if message.kind == "error" => Err(fault(&message, secrets)),
            Ok(message) => Ok(message.kind == "connected"),
            Err(_) => Ok(false),
        }
    }

    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        if self.turns.in_turn() {
            self.turns.lost(kept, Duration::ZERO, events);
        } else {
            // What was silence so far is not told.
            self.turns.cover(kept);
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.turns.connected(zero);
        self.sent = zero;
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        None
    }

    fn owes_final(&self) -> bool {
        self.turns.owes_final()
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        self.turns.end(Duration::ZERO, events);
    }
}

/// What an `error` means. Its `message` may repeat what was said, and is left out.
pub(super) fn fault(message: &Message<'_>, secrets: &Secrets) -> Error {
    let kind = message.status_code.map_or(ErrorKind::Disconnected, ErrorKind::from_http_status);
    let code = secrets.quote(message.error_code.as_deref().unwrap_or("without a code"));
    Error::new(kind, "read", format!("the vendor reports an error: {code}")).with_provider(PROVIDER)
}
