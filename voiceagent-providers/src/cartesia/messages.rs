//! Cartesia's JSON. Unknown fields and types are ignored, because the vendor adds some at any time.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::wire::json;

/// A text for a context. Within a context all but `transcript` and `continue` must stay the same.
#[derive(Serialize)]
pub(super) struct Generate<'a> {
    pub(super) model_id: &'a str,
    pub(super) transcript: &'a str,
    pub(super) voice: Voice<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<&'a str>,
    pub(super) context_id: &'a str,
    pub(super) output_format: OutputFormat,
    #[serde(rename = "continue")]
    pub(super) goes_on: bool,
    pub(super) add_timestamps: bool,
    pub(super) max_buffer_delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_config: Option<GenerationConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pronunciation_dict_id: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Voice<'a> {
    pub(super) mode: &'static str,
    pub(super) id: &'a str,
}

/// The form of the audio.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct OutputFormat {
    pub(super) container: &'static str,
    pub(super) encoding: &'static str,
    pub(super) sample_rate: u32,
}

#[derive(Serialize)]
pub(super) struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) volume: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) emotion: Option<&'a str>,
}

/// Stops a context.
#[derive(Serialize)]
pub(super) struct Cancel<'a> {
    pub(super) context_id: &'a str,
    pub(super) cancel: bool,
}

/// Any message of the vendor; which fields it has depends on its type.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) context_id: Option<Cow<'a, str>>,
    /// Audio in base64.
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) data: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) word_timestamps: WordTimestamps,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) status_code: u16,
    #[serde(borrow, default)]
    pub(super) error_code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) title: Option<Cow<'a, str>>,
}

/// Words and their times in seconds, side by side.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WordTimestamps {
    #[serde(deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Arc<str>>,
    #[serde(deserialize_with = "json::null_as_default")]
    pub(super) start: Vec<f64>,
    #[serde(deserialize_with = "json::null_as_default")]
    pub(super) end: Vec<f64>,
}
