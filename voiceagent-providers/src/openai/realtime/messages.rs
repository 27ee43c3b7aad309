//! The JSON of the Realtime API. Unknown fields and types are ignored, because the vendor adds some
//! at any time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::wire::json::{self, Text, around_base64};

/// `session.update`.
#[derive(Serialize)]
pub(super) struct SessionUpdate<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) session: Session<'a>,
}

#[derive(Serialize)]
pub(super) struct Session<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) output_modalities: [&'static str; 1],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) instructions: &'a str,
    pub(super) audio: Audio<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Audio<'a> {
    pub(super) input: AudioInput<'a>,
    pub(super) output: AudioOutput<'a>,
}

#[derive(Serialize)]
pub(super) struct AudioInput<'a> {
    pub(super) format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) noise_reduction: Option<NoiseReduction<'a>>,
    pub(super) transcription: Option<Transcription<'a>>,
    /// `null` turns the vendor's detection off.
    pub(super) turn_detection: Option<Detection<'a>>,
}

#[derive(Serialize)]
pub(super) struct AudioOutput<'a> {
    pub(super) format: Format,
    pub(super) voice: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<f32>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Format {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct NoiseReduction<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
}

#[derive(Serialize)]
pub(super) struct Transcription<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<&'a str>,
}

/// The vendor says when the user speaks, and answers turns. What is interrupted the session says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Detection<'a> {
    SemanticVad {
        #[serde(skip_serializing_if = "Option::is_none")]
        eagerness: Option<&'a str>,
        create_response: bool,
        interrupt_response: bool,
    },
    ServerVad {
        #[serde(skip_serializing_if = "Option::is_none")]
        threshold: Option<f32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix_padding_ms: Option<u128>,
        #[serde(skip_serializing_if = "Option::is_none")]
        silence_duration_ms: Option<u128>,
        create_response: bool,
        interrupt_response: bool,
    },
}

#[derive(Serialize)]
pub(super) struct Tool<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: &'a Value,
}

#[derive(Serialize)]
pub(super) struct Reasoning<'a> {
    pub(super) effort: &'a str,
}

/// What the client says, but for audio.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Say<'a> {
    #[serde(rename = "input_audio_buffer.commit")]
    Commit { event_id: &'a str },
    #[serde(rename = "conversation.item.create")]
    CreateItem { item: NewItem<'a> },
    #[serde(rename = "response.create")]
    CreateResponse {
        event_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        response: Option<NewResponse<'a>>,
    },
    #[serde(rename = "conversation.item.delete")]
    DeleteItem { item_id: &'a str },
    #[serde(rename = "conversation.item.truncate")]
    Truncate { item_id: &'a str, content_index: u32, audio_end_ms: u128 },
    #[serde(rename = "response.cancel")]
    Cancel { response_id: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum NewItem<'a> {
    FunctionCall { call_id: &'a str, name: &'a str, arguments: &'a str },
    FunctionCallOutput { call_id: &'a str, output: &'a str },
    Message { role: &'static str, content: [Content<'a>; 1] },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
}

#[derive(Serialize)]
pub(super) struct NewResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<&'static str>,
    pub(super) metadata: Metadata<'a>,
}

/// Comes back with the response, so that it is told from those that the vendor begins by itself.
#[derive(Deserialize, Serialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) generation: Cow<'a, str>,
}

/// `input_audio_buffer.append`.
pub(in crate::openai) fn append(audio: &[u8]) -> String {
    around_base64(r#"{"type":"input_audio_buffer.append","audio":""#, audio, "\"}")
}

/// Any message of the vendor: the fields of all that are acted upon.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) item_id: Option<Text<'a>>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) content_index: u32,
    /// Text, or audio in base64.
    #[serde(borrow, default)]
    pub(super) delta: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) transcript: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow, default)]
    pub(super) response: Option<Response<'a>>,
    #[serde(borrow, default)]
    pub(super) error: Option<Complaint<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    /// An object, and a text on some servers.
    #[serde(borrow, default)]
    pub(super) status_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) metadata: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "json::if_readable")]
    pub(super) usage: Option<Usage>,
}

#[derive(Deserialize)]
pub(super) struct StatusDetails<'a> {
    #[serde(borrow, default)]
    pub(super) reason: Option<Text<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) input_tokens: u32,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) output_tokens: u32,
    #[serde(default)]
    pub(super) input_token_details: Option<InputDetails>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct InputDetails {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) cached_tokens: u32,
}

/// What an `error` is about; the rest is read by [`Fault`](crate::wire::http::Fault).
#[derive(Deserialize)]
pub(super) struct Complaint<'a> {
    #[serde(borrow, default)]
    pub(super) event_id: Option<Text<'a>>,
}
