//! Speechmatics' JSON. Unknown fields and messages are ignored, because the vendor adds some at any
//! time. Times are seconds from the first audio of the connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::{json, stt::words};

pub(super) const FORCE_END_OF_UTTERANCE: &str = r#"{"message":"ForceEndOfUtterance"}"#;

/// The one field that all messages have.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) message: Cow<'a, str>,
}

/// What a connection begins with.
#[derive(Serialize)]
#[serde(tag = "message", rename = "StartRecognition")]
pub(super) struct StartRecognition<'a> {
    pub(super) audio_format: RawAudio,
    pub(super) transcription_config: TranscriptionConfig<'a>,
}

#[derive(Serialize)]
pub(super) struct RawAudio {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) encoding: &'static str,
    pub(super) sample_rate: u32,
}

#[derive(Serialize)]
pub(super) struct TranscriptionConfig<'a> {
    pub(super) language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<&'a str>,
    pub(super) enable_partials: bool,
    pub(super) max_delay: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conversation_config: Option<ConversationConfig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) additional_vocab: Vec<Vocabulary<'a>>,
}

#[derive(Serialize)]
pub(super) struct ConversationConfig {
    pub(super) end_of_utterance_silence_trigger: f64,
}

#[derive(Serialize)]
pub(super) struct Vocabulary<'a> {
    pub(super) content: &'a str,
}

/// What a connection ends with.
#[derive(Serialize)]
#[serde(tag = "message", rename = "EndOfStream")]
pub(super) struct EndOfStream {
    pub(super) last_seq_no: u64,
}

/// `AudioAdded`.
#[derive(Deserialize)]
pub(super) struct AudioAdded {
    pub(super) seq_no: u64,
}

/// `AddTranscript` and `AddPartialTranscript`: what was understood since the last `AddTranscript`.
#[derive(Deserialize)]
pub(super) struct Recognized<'a> {
    #[serde(borrow)]
    pub(super) metadata: Metadata<'a>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) results: Vec<Item<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end_time: f64,
    /// The text, with the white space behind it.
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) transcript: Cow<'a, str>,
}

/// A word, or what is between words.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) start_time: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end_time: f64,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) alternatives: Vec<Alternative<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Alternative<'a> {
    #[serde(borrow)]
    pub(super) content: Cow<'a, str>,
    #[serde(default = "words::sure", deserialize_with = "words::null_as_sure")]
    pub(super) confidence: f32,
}

/// `Error` and `Warning`.
#[derive(Deserialize)]
pub(super) struct Notice<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "json::null_as_empty")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) reason: Cow<'a, str>,
}
