//! Scribe's messages as events. Pure: no clock, no socket.

use std::borrow::Cow;

use base64_simd::STANDARD;
use bytes::Bytes;
use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript},
};

use super::{
    PROVIDER,
    messages::{Chunk, Message},
};
use crate::wire::{
    json::{self, seconds},
    secrets::Secrets,
    stt::{UtteranceCodec, Utterances, words::timings},
    ws::Frame,
};

/// Understands `/v1/speech-to-text/realtime`, with times of words.
#[derive(Debug)]
pub(super) struct ScribeCodec {
    sample_rate: u32,
    /// The vendor ends utterances by itself.
    hears_silence: bool,
}

impl ScribeCodec {
    pub(super) const fn new(sample_rate: u32, hears_silence: bool) -> Self {
        Self { sample_rate, hears_silence }
    }

    fn chunk(&self, audio: &str, commit: bool) -> String {
        json::write(&Chunk {
            message_type: "input_audio_chunk",
            audio_base_64: audio,
            commit,
            sample_rate: self.sample_rate,
        })
    }

    fn on_committed(
        &self,
        message: &Message<'_>,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) {
        let text = message.text.trim();
        let words: Vec<_> = message.words.iter().filter(|word| word.kind == "word").collect();
        let words = words
            .into_iter()
            .map(|word| (&*word.text, heard.at(seconds(word.start)), heard.at(seconds(word.end))));
        let words = timings(text, words);
        let last = words.last().map(|word| word.end);
        // The vendor is ahead of nobody.
        let end = last.map(|end| end.min(heard.sent()));
        let is_asked = heard.is_asked();
        heard.on_final(Transcript::final_(text).with_words(words), end, events);
        heard.on_answered(events);
        if self.hears_silence && !is_asked && !text.is_empty() {
            events.push(SttEvent::EndOfTurn);
        }
    }
}

impl UtteranceCodec for ScribeCodec {
    const PROVIDER: &'static str = PROVIDER;
    const SAYS_HELLO: bool = true;

    fn pack(&mut self, audio: Bytes) -> Frame {
        Frame::Text(self.chunk(&STANDARD.encode_to_string(&audio), false).into())
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        match &*message.kind {
            // The plain `committed_transcript` comes just before the one with times.
            "partial_transcript" | "committed_transcript" => {
                heard.on_interim(&message.text, events);
            }
            "committed_transcript_with_timestamps" => self.on_committed(&message, heard, events),
            // There is too little audio for an utterance.
            "commit_throttled" => heard.on_answered(events),
            "session_started" => return Ok(false),
            "warning" => {
                let warning = secrets.quote(&message.error);
                tracing::warn!(provider = PROVIDER, warning, "the vendor warns");
            }
            _ => fault(&message, secrets)?,
        }
        Ok(true)
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        let Ok(message) = json::read::<Message<'_>>(text, PROVIDER) else { return Ok(false) };
        fault(&message, secrets)?;
        Ok(message.kind == "session_started")
    }

    fn commit(&self) -> Option<Cow<'static, str>> {
        Some(self.chunk("", true).into())
    }
}

/// Fails for the vendor's errors (types of its Python SDK). Other messages are none.
fn fault(message: &Message<'_>, secrets: &Secrets) -> Result<()> {
    let kind = match &*message.kind {
        "auth_error" | "quota_exceeded" | "unaccepted_terms" => ErrorKind::Unauthorized,
        "rate_limited" => ErrorKind::RateLimited,
        "queue_overflow" | "resource_exhausted" => ErrorKind::Overloaded,
        "chunk_size_exceeded" | "input_error" | "invalid_request" => ErrorKind::Rejected,
        "error"
        | "insufficient_audio_activity"
        | "session_time_limit_exceeded"
        | "transcriber_error" => ErrorKind::Disconnected,
        _ => return Ok(()),
    };
    let why = format!("{}: {}", message.kind, secrets.quote(&message.error));
    Err(Error::new(kind, "read", why).with_provider(PROVIDER))
}
