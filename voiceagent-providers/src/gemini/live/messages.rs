//! The JSON of the Live API, which is that of protocol buffers. Unknown fields and messages are
//! ignored, because the vendor adds some at any time.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::messages::{FunctionResponse, Tool};
use crate::wire::json::{self, Text, around_base64};

pub(super) const ACTIVITY_END: &str = r#"{"realtimeInput":{"activityEnd":{}}}"#;
pub(super) const ACTIVITY_START: &str = r#"{"realtimeInput":{"activityStart":{}}}"#;

/// What a connection begins with.
#[derive(Serialize)]
pub(super) struct SetupMessage<'a> {
    pub(super) setup: Setup<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup<'a> {
    pub(super) model: String,
    pub(super) generation_config: Generation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_instruction: Option<Instruction<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) realtime_input_config: RealtimeInputConfig<'a>,
    pub(super) session_resumption: Resumption<'a>,
    pub(super) context_window_compression: Compression,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_audio_transcription: Option<Nothing>,
    pub(super) output_audio_transcription: Nothing,
}

/// An empty object.
#[derive(Default, Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Generation<'a> {
    pub(super) response_modalities: [&'static str; 1],
    pub(super) speech_config: Speech<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<Thinking<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thinking<'a> {
    pub(super) thinking_level: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Speech<'a> {
    pub(super) voice_config: Voice<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language_code: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Voice<'a> {
    pub(super) prebuilt_voice_config: Prebuilt<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prebuilt<'a> {
    pub(super) voice_name: &'a str,
}

#[derive(Serialize)]
pub(super) struct Instruction<'a> {
    pub(super) parts: [Part<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RealtimeInputConfig<'a> {
    pub(super) automatic_activity_detection: Detection<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detection<'a> {
    pub(super) disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_of_speech_sensitivity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_of_speech_sensitivity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prefix_padding_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) silence_duration_ms: Option<u128>,
}

#[derive(Serialize)]
pub(super) struct Resumption<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) handle: Option<&'a str>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compression {
    pub(super) sliding_window: Nothing,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextInput<'a> {
    pub(super) realtime_input: Part<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResponse<'a> {
    pub(super) tool_response: Responses<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Responses<'a> {
    pub(super) function_responses: Vec<FunctionResponse<'a>>,
}

/// Audio of the user, at 16 kHz.
pub(super) fn audio(samples: &[u8]) -> String {
    let head = r#"{"realtimeInput":{"audio":{"data":""#;
    around_base64(head, samples, r#"","mimeType":"audio/pcm;rate=16000"}}}"#)
}

/// Any message of the vendor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) setup_complete: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) server_content: Option<Content<'a>>,
    #[serde(borrow, default)]
    pub(super) tool_call: Option<ToolCalls<'a>>,
    #[serde(borrow, default)]
    pub(super) tool_call_cancellation: Option<Cancelled<'a>>,
    #[serde(borrow, default)]
    pub(super) go_away: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) session_resumption_update: Option<Handle<'a>>,
    #[serde(default, deserialize_with = "json::if_readable")]
    pub(super) usage_metadata: Option<Tokens>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content<'a> {
    #[serde(borrow, default)]
    pub(super) model_turn: Option<Turn<'a>>,
    #[serde(borrow, default)]
    pub(super) input_transcription: Option<Transcription<'a>>,
    #[serde(borrow, default)]
    pub(super) output_transcription: Option<Transcription<'a>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) interrupted: bool,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) generation_complete: bool,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) turn_complete: bool,
}

#[derive(Deserialize)]
pub(super) struct Turn<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) parts: Vec<Said<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) inline_data: Option<Blob<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Blob<'a> {
    /// Audio in base64, at 24 kHz.
    #[serde(borrow)]
    pub(super) data: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct Transcription<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<Text<'a>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) finished: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolCalls<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) function_calls: Vec<Call<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    /// Optional by the reference of the API ("FunctionCall").
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Cancelled<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) ids: Vec<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Handle<'a> {
    #[serde(borrow, default)]
    pub(super) new_handle: Option<Text<'a>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) resumable: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) prompt_token_count: u32,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) cached_content_token_count: u32,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) response_token_count: u32,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) thoughts_token_count: u32,
}
