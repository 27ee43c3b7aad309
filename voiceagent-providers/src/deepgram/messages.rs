//! Deepgram's JSON. Unknown fields and types are ignored, because the vendor adds some at any time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::json::{self, Text};

pub(super) const KEEP_ALIVE: &str = r#"{"type":"KeepAlive"}"#;
pub(super) const FINALIZE: &str = r#"{"type":"Finalize"}"#;
pub(super) const CLOSE_STREAM: &str = r#"{"type":"CloseStream"}"#;
pub(super) const FORCE_END_TURN: &str = r#"{"type":"ForceEndTurn"}"#;
pub(super) const FLUSH: &str = r#"{"type":"Flush"}"#;
pub(super) const CLEAR: &str = r#"{"type":"Clear"}"#;
pub(super) const CLOSE: &str = r#"{"type":"Close"}"#;

/// The one field that all messages have.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
}

/// `Results` of `/v1/listen`.
#[derive(Deserialize)]
pub(super) struct Results<'a> {
    pub(super) start: f64,
    pub(super) duration: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) is_final: bool,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) speech_final: bool,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) from_finalize: bool,
    #[serde(borrow)]
    pub(super) channel: Channel<'a>,
}

#[derive(Deserialize)]
pub(super) struct Channel<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) alternatives: Vec<Alternative<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Alternative<'a> {
    #[serde(borrow)]
    pub(super) transcript: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) confidence: f32,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Word<'a>>,
}

/// A word of either version; `/v2/listen` does not always say when it was spoken.
#[derive(Deserialize)]
pub(super) struct Word<'a> {
    #[serde(borrow)]
    pub(super) word: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) punctuated_word: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) confidence: f32,
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
}

/// `UtteranceEnd` of `/v1/listen`.
#[derive(Deserialize)]
pub(super) struct UtteranceEnd {
    /// -1 when no word was seen.
    pub(super) last_word_end: f64,
}

/// `TurnInfo` of `/v2/listen`.
#[derive(Deserialize)]
pub(super) struct TurnInfo<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) audio_window_start: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) audio_window_end: f64,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) transcript: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Word<'a>>,
}

/// `Error` and `Warning` of all three endpoints, old and new.
#[derive(Deserialize)]
pub(super) struct Notice<'a> {
    #[serde(
        alias = "variant",
        alias = "warn_code",
        alias = "err_code",
        borrow,
        default,
        deserialize_with = "json::null_as_empty"
    )]
    pub(super) code: Cow<'a, str>,
    #[serde(
        alias = "warn_msg",
        alias = "err_msg",
        borrow,
        default,
        deserialize_with = "json::null_as_empty"
    )]
    pub(super) description: Cow<'a, str>,
}

/// The `Speak` message of `/v1/speak` and `/v2/speak`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "Speak")]
pub(super) struct Speak<'a> {
    pub(super) text: &'a str,
}

/// The `Interrupt` message of `/v2/speak`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "Interrupt")]
pub(super) struct Interrupt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) playback_offset: Option<PlaybackOffset>,
}

/// How much audio of the connection was heard.
#[derive(Serialize)]
pub(super) struct PlaybackOffset {
    #[serde(rename = "type")]
    pub(super) unit: &'static str,
    pub(super) value: u128,
}

/// `SpeechInterrupted` of `/v2/speak`.
#[derive(Deserialize)]
pub(super) struct SpeechInterrupted<'a> {
    /// From the beginning of the connection; from here on its audio is counted.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) audio_played_ms: f64,
    /// What was heard of the turn; only if the interruption said where it was.
    #[serde(borrow, default)]
    pub(super) text_spoken: Option<Text<'a>>,
}
