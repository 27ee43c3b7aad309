//! Deepgram's messages as events. Pure: no clock, no socket.

mod flux;
mod listen;
mod speak;

use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    Error, ErrorKind, Result,
    stt::{SttEvent, WordTiming},
};

use super::messages::{Head, Notice, Word};
use crate::wire::{
    json::{self, seconds},
    secrets::Secrets,
};

pub(super) use flux::FluxCodec;
pub(super) use listen::ListenCodec;
pub(super) use speak::{SpeakMessage, speak_message};

/// What differs between the two ways to recognize.
///
/// All positions count from the beginning of the stream, over all connections.
pub(super) trait Codec: Send + 'static {
    /// Takes a message of the vendor; whether it shows that recognition works. Its complaints are
    /// repeated without the `secrets`.
    ///
    /// # Errors
    ///
    /// `Protocol` for a message that makes no sense, which is to be skipped; any other kind when
    /// the vendor said that it cannot go on.
    fn decode(&mut self, text: &str, secrets: &Secrets, events: &mut Vec<SttEvent>)
    -> Result<bool>;

    /// Up to where audio will not be needed again.
    fn covered(&self) -> Duration;

    /// Whether the vendor owes an end of turn.
    fn in_turn(&self) -> bool;

    /// Whether the vendor must say hello before it takes audio.
    fn awaits_hello(&self) -> bool;

    /// The connection is lost, and the audio before `kept` cannot be played again.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>);

    /// A new connection begins at `zero`.
    fn connected(&mut self, zero: Duration);

    /// The message that asks for a final now; `None` when the vendor has none.
    fn finalize(&mut self) -> Option<&'static str>;

    /// Whether a final that was asked for is still owed.
    fn owes_final(&self) -> bool;

    /// Nothing more will come of what was said so far: makes the best of it.
    fn settle(&mut self, events: &mut Vec<SttEvent>);
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    json::read(text, super::PROVIDER)
}

/// The type of a message.
pub(super) fn kind(text: &str) -> Result<std::borrow::Cow<'_, str>> {
    parse::<Head<'_>>(text).map(|head| head.kind)
}

fn timings(words: &[Word<'_>], zero: Duration) -> Vec<WordTiming> {
    let timing = |word: &Word<'_>| {
        let text = word.punctuated_word.as_deref().unwrap_or(&word.word);
        Some(WordTiming {
            word: Arc::from(text),
            start: zero + seconds(word.start?),
            end: zero + seconds(word.end?),
        })
    };
    words.iter().filter_map(timing).collect()
}

fn warn(text: &str, secrets: &Secrets) {
    if let Ok(notice) = parse::<Notice<'_>>(text) {
        let (code, description) = (secrets.quote(&notice.code), secrets.quote(&notice.description));
        tracing::warn!(provider = super::PROVIDER, code, description, "the vendor warns");
    }
}

/// What an `Error` message means.
///
/// A vendor that found fault with what we sent will do so again; everything else is its own fault
/// and may be gone on the next connection.
pub(super) fn fault(text: &str, secrets: &Secrets) -> Error {
    let notice: Notice<'_> = match parse(text) {
        Ok(notice) => notice,
        Err(unreadable) => return unreadable,
    };
    let ours = ["UNPARSABLE", "SCHEMA", "INVALID", "DATA-", "MESSAGE-", "BIG-"];
    let code = notice.code.to_ascii_uppercase();
    let kind = if ours.iter().any(|part| code.contains(part)) {
        ErrorKind::Rejected
    } else {
        ErrorKind::Disconnected
    };
    let message =
        format!("{}: {}", secrets.quote(&notice.code), secrets.quote(&notice.description));
    Error::new(kind, "read", message).with_provider(super::PROVIDER)
}

#[cfg(test)]
mod tests;
