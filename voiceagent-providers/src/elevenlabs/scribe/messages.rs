//! Scribe's JSON. Unknown fields and types are ignored, because the vendor adds some at any time.
//! Times are seconds from the first audio of the connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::json;

/// `input_audio_chunk`; without audio it asks for a final.
#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) message_type: &'static str,
    pub(super) audio_base_64: &'a str,
    pub(super) commit: bool,
    pub(super) sample_rate: u32,
}

/// Every message of the vendor's, as far as it matters.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "message_type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) text: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Word<'a>>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) error: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Word<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) text: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) start: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end: f64,
    /// `word`, `spacing` or a sound.
    #[serde(borrow, default, rename = "type", deserialize_with = "json::null_as_empty")]
    pub(super) kind: Cow<'a, str>,
}
