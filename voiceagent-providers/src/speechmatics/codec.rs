//! Speechmatics' messages as events. Pure: no clock, no socket.

use std::borrow::Cow;

use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript, WordTiming},
};

use super::{
    PROVIDER,
    messages::{AudioAdded, EndOfStream, FORCE_END_OF_UTTERANCE, Head, Item, Notice, Recognized},
};
use crate::wire::{
    json::{self, seconds},
    secrets::Secrets,
    stt::{UtteranceCodec, Utterances, words::confidence},
    ws::Frame,
};

/// Understands `/v2`.
#[derive(Debug, Default)]
pub(super) struct SegmentCodec {
    /// Whether the vendor was asked to end turns.
    ends_turns: bool,
    /// What is final of the utterance: its segments are told together.
    text: String,
    words: Vec<WordTiming>,
    confidences: Vec<f32>,
    /// How many pieces of audio the vendor has.
    received: u64,
}

impl SegmentCodec {
    pub(super) fn new(ends_turns: bool) -> Self {
        Self { ends_turns, ..Self::default() }
    }

    fn push(&mut self, segment: &Recognized<'_>, heard: &mut Utterances) {
        self.text.push_str(&segment.metadata.transcript);
        for item in &segment.results {
            self.push_item(item, heard);
        }
        if self.text.trim().is_empty() {
            heard.cover(heard.at(seconds(segment.metadata.end_time)));
        }
    }

    fn push_item(&mut self, item: &Item<'_>, heard: &Utterances) {
        let Some(best) = item.alternatives.first() else { return };
        match self.words.last_mut() {
            Some(last) if item.kind == "punctuation" => {
                last.word = format!("{}{}", last.word, best.content).into();
            }
            _ if item.kind == "punctuation" => {}
            _ => {
                let (start, end) = (seconds(item.start_time), seconds(item.end_time));
                let (start, end) = (heard.at(start), heard.at(end));
                self.words.push(WordTiming { word: (*best.content).into(), start, end });
                self.confidences.push(best.confidence);
            }
        }
    }

    /// Tells what is final of the utterance; whether anything is that is new.
    fn tell(&mut self, heard: &mut Utterances, events: &mut Vec<SttEvent>) -> bool {
        let text = std::mem::take(&mut self.text);
        let words = std::mem::take(&mut self.words);
        let sure = confidence(self.confidences.drain(..));
        if text.trim().is_empty() {
            return false;
        }
        let end = words.last().map(|last| last.end);
        let transcript = Transcript::final_(text.trim()).with_confidence(sure).with_words(words);
        heard.on_final(transcript, end, events)
    }
}

impl UtteranceCodec for SegmentCodec {
    const PROVIDER: &'static str = PROVIDER;
    const SAYS_HELLO: bool = true;

    fn goodbye(&self) -> Option<Frame> {
        let goodbye = EndOfStream { last_seq_no: self.received };
        Some(Frame::Text(json::write(&goodbye).into()))
    }

    /// What another connection had begun to tell is told anew.
    fn connected(&mut self) {
        *self = Self::new(self.ends_turns);
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        match &*kind(text)? {
            "AddPartialTranscript" => {
                let partial: Recognized<'_> = json::read(text, PROVIDER)?;
                heard.on_interim(&format!("{}{}", self.text, partial.metadata.transcript), events);
            }
            "AddTranscript" => {
                self.push(&json::read(text, PROVIDER)?, heard);
                heard.on_interim(&self.text, events);
            }
            "AudioAdded" => {
                self.received = json::read::<AudioAdded>(text, PROVIDER)?.seq_no;
                return Ok(false);
            }
            "EndOfUtterance" => {
                if self.tell(heard, events) && self.ends_turns && !heard.is_asked() {
                    events.push(SttEvent::EndOfTurn);
                }
                heard.on_answered(events);
            }
            "Error" => return Err(fault(text, secrets)),
            "Warning" => warn(text, secrets),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_receipt(&self, text: &str) -> bool {
        kind(text).is_ok_and(|kind| kind == "AudioAdded")
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        match kind(text).as_deref() {
            Ok("RecognitionStarted") => Ok(true),
            Ok("Error") => Err(fault(text, secrets)),
            _ => Ok(false),
        }
    }

    fn commit(&self) -> Option<Cow<'static, str>> {
        Some(FORCE_END_OF_UTTERANCE.into())
    }
}

fn kind(text: &str) -> Result<Cow<'_, str>> {
    json::read::<Head<'_>>(text, PROVIDER).map(|head| head.message)
}

fn warn(text: &str, secrets: &Secrets) {
    if let Ok(notice) = json::read::<Notice<'_>>(text, PROVIDER) {
        let (code, reason) = (secrets.quote(&notice.kind), secrets.quote(&notice.reason));
        tracing::warn!(provider = PROVIDER, code, reason, "the vendor warns");
    }
}

/// What an `Error` means, by the types that "Realtime API reference" lists.
fn fault(text: &str, secrets: &Secrets) -> Error {
    let notice: Notice<'_> = match json::read(text, PROVIDER) {
        Ok(notice) => notice,
        Err(unreadable) => return unreadable,
    };
    let kind = match &*notice.kind {
        "insufficient_funds" | "not_allowed" | "not_authorised" => ErrorKind::Unauthorized,
        "quota_exceeded" => ErrorKind::RateLimited,
        "data_error" | "protocol_error" => ErrorKind::Rejected,
        kind if kind.starts_with("invalid_") => ErrorKind::Rejected,
        _ => ErrorKind::Disconnected,
    };
    let message = format!("{}: {}", secrets.quote(&notice.kind), secrets.quote(&notice.reason));
    Error::new(kind, "read", message).with_provider(PROVIDER)
}

#[cfg(test)]
mod tests;
