//! Soniox' messages as events. Pure: no clock, no socket.

use std::borrow::Cow;

use bytes::Bytes;
use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, Transcript, WordTiming},
};

use super::{
    PROVIDER,
    messages::{END, FINALIZE, FINALIZED, KEEP_ALIVE, Message, Token},
};
use crate::wire::{
    json::{self, milliseconds},
    secrets::Secrets,
    stt::{UtteranceCodec, Utterances, words::confidence},
    ws::Frame,
};

/// Understands `/transcribe-websocket`.
#[derive(Debug, Default)]
pub(super) struct TokenCodec {
    /// What is final of the utterance: parts of words are told together.
    text: String,
    words: Vec<WordTiming>,
    confidences: Vec<f32>,
}

impl TokenCodec {
    fn push(&mut self, token: &Token<'_>, heard: &Utterances) {
        let part = token.text.trim();
        let end = heard.at(milliseconds(token.end_ms));
        let before = self.text.chars().next_back();
        let begins =
            before.is_none_or(char::is_whitespace) || token.text.starts_with(char::is_whitespace);
        self.text.push_str(&token.text);
        self.confidences.push(token.confidence);
        match self.words.last_mut() {
            Some(last) if !begins => {
                last.word = format!("{}{part}", last.word).into();
                last.end = end;
            }
            _ if part.is_empty() => {}
            _ => {
                let start = heard.at(milliseconds(token.start_ms));
                self.words.push(WordTiming { word: part.into(), start, end });
            }
        }
    }

    /// Tells what is final of the utterance; whether anything is that is new.
    fn tell(&mut self, heard: &mut Utterances, events: &mut Vec<SttEvent>) -> bool {
        let text = std::mem::take(&mut self.text);
        let words = std::mem::take(&mut self.words);
        let sure = confidence(self.confidences.drain(..));
        let Some(last) = words.last() else { return false };
        let end = last.end;
        let transcript = Transcript::final_(text.trim()).with_confidence(sure).with_words(words);
        heard.on_final(transcript, Some(end), events)
    }
}

impl UtteranceCodec for TokenCodec {
    const PROVIDER: &'static str = PROVIDER;
    const KEEP_ALIVE: Option<&'static str> = Some(KEEP_ALIVE);
    const SAYS_HELLO: bool = false;

    fn goodbye(&self) -> Option<Frame> {
        // An empty message ends the audio.
        Some(Frame::Binary(Bytes::new()))
    }

    /// What another connection had begun to tell is told anew.
    fn connected(&mut self) {
        *self = Self::default();
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        heard: &mut Utterances,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        if let Some(code) = message.fault() {
            return Err(fault(code, &message, secrets));
        }
        let mut rest = String::new();
        let Some(tokens) = &message.tokens else {
            let error = Error::new(ErrorKind::Protocol, "decode", "a message without tokens");
            return Err(error.with_provider(PROVIDER));
        };
        for token in tokens {
            match &*token.text {
                END => {
                    if self.tell(heard, events) {
                        events.push(SttEvent::EndOfTurn);
                    }
                }
                FINALIZED => {
                    self.tell(heard, events);
                    heard.on_answered(events);
                }
                _ if token.is_final => self.push(token, heard),
                other => rest.push_str(other),
            }
        }
        if self.text.is_empty() && rest.is_empty() {
            heard.cover(heard.at(milliseconds(message.final_audio_proc_ms)));
        }
        heard.on_interim(&format!("{}{rest}", self.text), events);
        Ok(true)
    }

    fn is_hello(_text: &str, _secrets: &Secrets) -> Result<bool> {
        Ok(true)
    }

    fn commit(&self) -> Option<Cow<'static, str>> {
        Some(FINALIZE.into())
    }
}

/// What an error means: its code is a status of HTTP.
fn fault(code: u16, message: &Message<'_>, secrets: &Secrets) -> Error {
    let kind = match code {
        // "Cannot continue request": the vendor wants a new one at once.
        503 => ErrorKind::Disconnected,
        code => ErrorKind::from_http_status(code),
    };
    let why = format!("{code}: {}", secrets.quote(&message.error_message));
    Error::new(kind, "read", why).with_provider(PROVIDER)
}

#[cfg(test)]
mod tests;
