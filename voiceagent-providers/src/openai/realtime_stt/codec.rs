//! OpenAI's messages as events. Pure: no clock, no socket.

use std::{borrow::Cow, collections::VecDeque, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript},
};

use super::{
    super::realtime::append,
    PROVIDER,
    messages::{COMMIT, Message},
};
use crate::wire::{
    http::Fault,
    json::{self, milliseconds},
    secrets::Secrets,
    stt::{Settled, SttCodec},
    ws::Frame,
};

/// Words of a model that listens all the time come no later than this after they were spoken.
const SLOWEST_WORDS: Duration = Duration::from_secs(5);

/// Understands a transcription session.
///
/// Each utterance is an item. Items are transcribed side by side, and told in the order in which
/// they were spoken.
#[derive(Debug)]
pub(super) struct ItemCodec {
    /// The vendor ends utterances by itself.
    hears_silence: bool,
    /// Where the connection's clock begins.
    zero: Duration,
    sent: Duration,
    covered: Duration,
    /// Utterances that are spoken or transcribed, oldest first.
    items: VecDeque<Item>,
    /// Where finals were asked for whose items have no name yet.
    asked: VecDeque<Duration>,
    /// Items that were told without waiting any longer for their finals, by name.
    settled: Vec<(String, Settled)>,
    /// How many finals that nobody waits for have no item yet.
    late: usize,
    /// A final that was asked for on the connection before is still owed.
    owed: bool,
    /// Somebody speaks.
    speaking: bool,
}

#[derive(Debug)]
struct Item {
    id: String,
    text: String,
    start: Duration,
    /// Where it ends, once that is known.
    end: Option<Duration>,
    is_done: bool,
}

impl ItemCodec {
    /// `hears_silence`: the vendor was asked to end utterances by itself.
    pub(super) const fn new(hears_silence: bool) -> Self {
        Self {
            hears_silence,
            zero: Duration::ZERO,
            sent: Duration::ZERO,
            covered: Duration::ZERO,
            items: VecDeque::new(),
            asked: VecDeque::new(),
            settled: Vec::new(),
            late: 0,
            owed: false,
            speaking: false,
        }
    }

    /// The item of this name, which begins at `start` unless it is known.
    fn item(&mut self, id: &str, start: Duration) -> &mut Item {
        let known = self.items.iter().position(|item| item.id == id);
        let at = known.unwrap_or_else(|| {
            let (id, start) = (id.to_owned(), start.max(self.covered));
            let item = Item { id, text: String::new(), start, end: None, is_done: false };
            self.items.push_back(item);
            self.items.len() - 1
        });
        &mut self.items[at]
    }

    fn on_started(&mut self, message: &Message<'_>, events: &mut Vec<SttEvent>) {
        let start = self.zero + milliseconds(message.audio_start_ms);
        self.item(&message.item_id, start);
        self.speaking = true;
        events.push(SttEvent::SpeechStarted);
    }

    fn on_stopped(&mut self, message: &Message<'_>) {
        self.speaking = false;
        if self.is_settled(&message.item_id) {
            return;
        }
        let end = self.zero + milliseconds(message.audio_end_ms);
        self.item(&message.item_id, end).end = Some(end);
    }

    fn on_committed(&mut self, id: &str) {
        if self.is_settled(id) {
            return;
        }
        let asked = self.pop_asked();
        let sent = self.sent;
        let item = self.item(id, Duration::ZERO);
        item.end = item.end.or(asked).or(Some(sent));
    }

    /// Where the final was asked for that is answered now; `None` when nobody waits for it.
    fn pop_asked(&mut self) -> Option<Duration> {
        if self.late > 0 {
            self.late -= 1;
            return None;
        }
        self.asked.pop_front()
    }

    fn is_settled(&self, id: &str) -> bool {
        self.settled.iter().any(|(settled, _)| settled == id)
    }

    /// The final of an item that was told before it: tells what is new in it.
    fn on_late(&mut self, text: &str, at: usize, events: &mut Vec<SttEvent>) {
        let (_, mut settled) = self.settled.swap_remove(at);
        let new = settled.rest_of(Transcript::final_(text));
        if let Some(new) = new.filter(|new| !new.text.is_empty()) {
            self.tell(&new.text, self.covered, events);
        }
    }

    fn on_delta(&mut self, message: &Message<'_>, events: &mut Vec<SttEvent>) {
        // Its final will tell all that is new.
        if self.is_settled(&message.item_id) {
            return;
        }
        let spoken = self.sent.saturating_sub(SLOWEST_WORDS);
        self.item(&message.item_id, spoken).text.push_str(&message.delta);
        events.push(SttEvent::Transcript(Transcript::interim(self.pending())));
    }

    fn on_completed(&mut self, message: &Message<'_>, events: &mut Vec<SttEvent>) {
        let is_it = |(id, _): &(String, Settled)| *id == message.item_id;
        if let Some(at) = self.settled.iter().position(is_it) {
            return self.on_late(message.transcript.trim(), at, events);
        }
        let item = self.item(&message.item_id, self.covered);
        item.is_done = true;
        item.text = message.transcript.trim().to_owned();
        while let Some(item) = self.items.pop_front_if(|item| item.is_done) {
            self.tell(&item.text, item.end.unwrap_or(self.covered), events);
        }
    }

    /// An utterance could not be transcribed. Its audio is at hand, and a new connection may fare
    /// better, unless nobody could understand it.
    fn on_failed(
        &mut self,
        message: &Message<'_>,
        text: &str,
        events: &mut Vec<SttEvent>,
    ) -> Result<()> {
        let fault = Fault::parse(text);
        let codes = fault.codes();
        if codes.contains("unintelligible") {
            self.on_completed(message, events);
            return Ok(());
        }
        let failed = format!("an utterance could not be transcribed ({codes})");
        let error = Error::new(ErrorKind::Disconnected, "read", failed).with_provider(PROVIDER);
        Err(fatal(&fault).unwrap_or(error))
    }

    fn tell(&mut self, text: &str, end: Duration, events: &mut Vec<SttEvent>) {
        self.covered = self.covered.max(end);
        events.push(SttEvent::Transcript(Transcript::final_(text)));
        if self.hears_silence && !self.speaking && self.items.is_empty() {
            events.push(SttEvent::EndOfTurn);
        }
    }

    /// All that was said since the last final.
    fn pending(&self) -> String {
        let texts = self.items.iter().map(|item| item.text.trim());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The vendor reports an error. Most of them leave the session as it is.
    fn on_error(&mut self, text: &str, events: &mut Vec<SttEvent>) -> Result<()> {
        let fault = Fault::parse(text);
        let codes = fault.codes();
        if codes.contains("commit_empty") {
            // Nobody has spoken since the last final.
            if self.late > 0 {
                self.late -= 1;
            } else {
                self.asked.pop_front();
                events.push(SttEvent::Transcript(Transcript::final_("")));
            }
            return Ok(());
        }
        match fatal(&fault) {
            Some(error) => Err(error),
            None => {
                tracing::warn!(provider = PROVIDER, codes, "the vendor reports an error");
                Ok(())
            }
        }
    }
}

impl SttCodec for ItemCodec {
    const PROVIDER: &'static str = PROVIDER;

    fn pack(&mut self, audio: Bytes) -> Frame {
        Frame::Text(append(&audio).into())
    }

    fn on_sent(&mut self, position: Duration) {
        self.sent = position;
    }

    fn decode(
        &mut self,
        text: &str,
        _secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        match &*message.kind {
            "conversation.item.input_audio_transcription.delta" => self.on_delta(&message, events),
            "conversation.item.input_audio_transcription.completed" => {
                self.on_completed(&message, events);
            }
            "conversation.item.input_audio_transcription.failed" => {
                self.on_failed(&message, text, events)?;
            }
            "input_audio_buffer.speech_started" => self.on_started(&message, events),
            "input_audio_buffer.speech_stopped" => self.on_stopped(&message),
            "input_audio_buffer.committed" => self.on_committed(&message.item_id),
            "error" => self.on_error(text, events)?,
            _ => return Ok(false),
        }
        Ok(message.kind.starts_with("conversation"))
    }

    fn covered(&self) -> Duration {
        self.items.front().map_or(self.covered, |item| item.start.max(self.covered))
    }

    fn in_turn(&self) -> bool {
        self.speaking
    }

    fn awaits_hello(&self) -> bool {
        true
    }

    fn is_hello(text: &str, _secrets: &Secrets) -> Result<bool> {
        let Ok(message) = json::read::<Message<'_>>(text, PROVIDER) else { return Ok(false) };
        if message.kind == "error" {
            let fault = Fault::parse(text);
            let refused = || {
                let message = format!("the session was refused ({})", fault.codes());
                Error::new(ErrorKind::Rejected, "open", message).with_provider(PROVIDER)
            };
            return Err(fatal(&fault).unwrap_or_else(refused));
        }
        Ok(message.kind == "session.updated")
    }

    /// The next connection hears the items anew if their audio is at hand; else they end here with
    /// what was understood.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        self.speaking = false;
        if kept > self.covered() {
            if self.pending().is_empty() {
                self.covered = kept;
            } else {
                self.settle(events);
            }
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.zero = zero;
        self.owed = self.owes_final();
        self.asked.clear();
        self.items.clear();
        self.settled.clear();
        self.late = 0;
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        self.owed = false;
        self.asked.push_back(self.sent);
        Some(COMMIT.into())
    }

    fn owes_final(&self) -> bool {
        self.owed || !self.asked.is_empty() || self.items.iter().any(|item| item.end.is_some())
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        let (owed, text) = (self.owes_final(), self.pending());
        if !owed && text.is_empty() {
            return;
        }
        let end = self.items.iter().filter_map(|item| item.end).max();
        let end = end.unwrap_or(self.sent);
        for item in self.items.drain(..).filter(|item| !item.is_done) {
            let mut settled = Settled::default();
            settled.note(&item.text, end);
            self.settled.push((item.id, settled));
        }
        self.late += self.asked.len();
        self.asked.clear();
        self.owed = false;
        self.tell(&text, end, events);
    }
}

/// What a fault means after which the session is of no use; `None` for others.
fn fatal(fault: &Fault) -> Option<Error> {
    let codes = fault.codes();
    let kind = match fault.kind() {
        Some(ErrorKind::Rejected) | None if codes.contains("session_expired") => {
            ErrorKind::Disconnected
        }
        Some(ErrorKind::Rejected) | None => return None,
        Some(kind) => kind,
    };
    let message = format!("the vendor reports an error ({codes})");
    Some(Error::new(kind, "read", message).with_provider(PROVIDER))
}
