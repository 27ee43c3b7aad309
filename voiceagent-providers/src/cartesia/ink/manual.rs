//! Ink's transcripts as events, where finals are asked for. Pure: no clock, no socket.

use std::borrow::Cow;

use voiceagent_core::{
    Result,
    stt::{SttEvent, Transcript},
};

use super::{
    PROVIDER,
    codec::fault,
    messages::{FINALIZE, MANUAL_CLOSE, Message},
};
use crate::wire::{
    json::{self, seconds},
    secrets::Secrets,
    stt::{UtteranceCodec, Utterances, words::timings},
    ws::Frame,
};

/// Understands `/stt/websocket`.
#[derive(Debug)]
pub(super) struct ManualCodec;

impl ManualCodec {
    fn on_final(message: &Message<'_>, heard: &mut Utterances, events: &mut Vec<SttEvent>) {
        let text = message.text.trim();
        if text.is_empty() {
            heard.on_interim("", events);
            return;
        }
        let at = |place: f64| heard.at(seconds(place));
        let words =
            message.words().into_iter().map(|(word, start, end)| (word, at(start), at(end)));
        let words = timings(text, words);
        let end = words.last().map(|word| word.end.min(heard.sent()));
        heard.on_final(Transcript::final_(text).with_words(words), end, events);
    }
}

impl UtteranceCodec for ManualCodec {
    const PROVIDER: &'static str = PROVIDER;
    const SAYS_HELLO: bool = false;

    fn goodbye(&self) -> Option<Frame> {
        Some(MANUAL_CLOSE.into())
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
            "transcript" if message.is_final => Self::on_final(&message, heard, events),
            "transcript" => heard.on_interim(&message.text, events),
            "flush_done" => heard.on_answered(events),
            "done" => return Ok(false),
            "error" => return Err(fault(&message, secrets)),
            _ => {}
        }
        Ok(true)
    }

    fn is_hello(_text: &str, _secrets: &Secrets) -> Result<bool> {
        Ok(true)
    }

    fn commit(&self) -> Option<Cow<'static, str>> {
        Some(FINALIZE.into())
    }
}
