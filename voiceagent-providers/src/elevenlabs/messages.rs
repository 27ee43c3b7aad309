//! ElevenLabs' JSON. Unknown fields are ignored, because the vendor adds some at any time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::config::ElevenLabsDictionary;
use crate::wire::json;

pub(super) const CLOSE_SOCKET: &str = r#"{"close_socket":true}"#;

/// A text for a context. One of a space begins it, an empty one keeps it alive; where a connection
/// has one context, an empty one ends it, and a space keeps it alive.
#[derive(Serialize)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voice_settings: Option<VoiceSettings>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) pronunciation_dictionary_locators: &'a [ElevenLabsDictionary],
    /// None where a connection has one context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context_id: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct VoiceSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) similarity_boost: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) style: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) use_speaker_boost: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<f32>,
}

/// Speaks what a context still holds back.
#[derive(Serialize)]
pub(super) struct Flush<'a> {
    pub(super) context_id: &'a str,
    pub(super) flush: bool,
}

/// Ends a context: with all that was flushed, and without the rest.
#[derive(Serialize)]
pub(super) struct CloseContext<'a> {
    pub(super) context_id: &'a str,
    pub(super) close_context: bool,
}

/// Any message of the vendor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) context_id: Option<Cow<'a, str>>,
    /// Audio in base64.
    #[serde(borrow, default)]
    pub(super) audio: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) alignment: Option<Alignment<'a>>,
    #[serde(default)]
    pub(super) is_final: Option<bool>,
    /// What went wrong, by its name.
    #[serde(borrow, default)]
    pub(super) error: Option<Cow<'a, str>>,
}

/// The characters of the text, as it was given, and when they are spoken, in milliseconds from the
/// beginning of the message's own audio.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alignment<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) chars: Vec<Character<'a>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) char_start_times_ms: Vec<f64>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) char_durations_ms: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Character<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);
