//! AssemblyAI's JSON. Unknown fields and types are ignored, because the vendor adds some at any
//! time. Times are milliseconds from the first audio of the connection.

use std::borrow::Cow;

use serde::Deserialize;

use crate::wire::json;

pub(super) const FORCE_ENDPOINT: &str = r#"{"type":"ForceEndpoint"}"#;
pub(super) const KEEP_ALIVE: &str = r#"{"type":"KeepAlive"}"#;
pub(super) const TERMINATE: &str = r#"{"type":"Terminate"}"#;

/// The one field that all messages have.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
}

/// `Turn`: all of a turn so far.
#[derive(Deserialize)]
pub(super) struct TurnMessage<'a> {
    pub(super) turn_order: u64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) turn_is_formatted: bool,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end_of_turn: bool,
    /// The words that will not change any more.
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) transcript: Cow<'a, str>,
    /// All words.
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Word<'a>>,
}

impl TurnMessage<'_> {
    /// The text so far. Until the end the transcript lacks the words that may still change.
    pub(super) fn text(&self) -> Cow<'_, str> {
        if self.end_of_turn || self.words.is_empty() {
            return self.transcript.trim().into();
        }
        self.words.iter().map(|word| &*word.text).collect::<Vec<_>>().join(" ").into()
    }
}

#[derive(Deserialize)]
pub(super) struct Word<'a> {
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) start: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) confidence: f32,
}

/// `SpeechStarted`.
#[derive(Deserialize)]
pub(super) struct SpeechStarted {
    pub(super) timestamp: f64,
}

/// `Heartbeat`.
#[derive(Deserialize)]
pub(super) struct Heartbeat {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) total_audio_received_ms: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) max_speech_probability: f64,
}

/// `Error` and `Warning`.
#[derive(Deserialize)]
pub(super) struct Notice<'a> {
    #[serde(alias = "warning_code", default, deserialize_with = "json::null_as_default")]
    pub(super) error_code: u16,
    #[serde(alias = "warning", borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) error: Cow<'a, str>,
}
