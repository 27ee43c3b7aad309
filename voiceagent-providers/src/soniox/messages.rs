//! Soniox' JSON. Unknown fields are ignored, because the vendor adds some at any time. Times are
//! milliseconds from the first audio of the connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{json, stt::words};

pub(super) const FINALIZE: &str = r#"{"type":"finalize"}"#;
pub(super) const KEEP_ALIVE: &str = r#"{"type":"keepalive"}"#;

/// The turn is over.
pub(super) const END: &str = "<end>";
/// All that was asked for was told.
pub(super) const FINALIZED: &str = "<fin>";

/// What a connection begins with.
#[derive(Serialize)]
pub(super) struct Begin<'a> {
    pub(super) model: &'a str,
    pub(super) audio_format: &'static str,
    pub(super) sample_rate: u32,
    pub(super) num_channels: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) language_hints: Vec<&'a str>,
    pub(super) enable_endpoint_detection: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_endpoint_delay_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'a str>,
}

/// Every message of the vendor's.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    /// Of every message but some errors.
    #[serde(borrow, default)]
    pub(super) tokens: Option<Vec<Token<'a>>>,
    /// Up to where tokens are final.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) final_audio_proc_ms: f64,
    /// A number, or a text that is one.
    #[serde(borrow, default)]
    pub(super) error_code: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) error_message: Cow<'a, str>,
}

impl Message<'_> {
    /// The code of an error; 0 for one that is no number.
    pub(super) fn fault(&self) -> Option<u16> {
        let code = self.error_code?.get().trim_matches('"');
        Some(code.parse().unwrap_or_default())
    }
}

/// A part of a word, with the space before it; those that are not final come anew each time.
#[derive(Deserialize)]
pub(super) struct Token<'a> {
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) start_ms: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end_ms: f64,
    #[serde(default = "words::sure", deserialize_with = "words::null_as_sure")]
    pub(super) confidence: f32,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) is_final: bool,
}
