//! Deepgram's messages as events. Pure: no clock, no socket.

mod flux;
mod flux_speak;
mod listen;
mod speak;

use std::{sync::Arc, time::Duration};

use voiceagent_core::{Error, ErrorKind, Result, stt::WordTiming};

use super::messages::{Head, Notice, Word};
use crate::wire::{
    json::{self, seconds},
    secrets::Secrets,
};

pub(super) use flux::FluxCodec;
pub(super) use flux_speak::FluxSpeakCodec;
pub(super) use listen::ListenCodec;
pub(super) use speak::{SpeakMessage, speak_message};

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    json::read(text, super::PROVIDER)
}

/// The type of a message.
fn kind(text: &str) -> Result<std::borrow::Cow<'_, str>> {
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
fn fault(text: &str, secrets: &Secrets) -> Error {
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
