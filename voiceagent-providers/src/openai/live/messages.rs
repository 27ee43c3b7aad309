//! The JSON of the Live API. Unknown fields and types are ignored, because the vendor adds some at
//! any time.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::responses::messages::{Item, Reasoning, Tool};
use crate::wire::json::{self, Text, around_base64};

pub(super) const CLOSE: &str = r#"{"type":"session.close"}"#;

/// What the client says, but for audio.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Say<'a> {
    #[serde(rename = "session.start")]
    Start { session: Session<'a> },
    /// The model is to say it in its own words, of itself and not for a delegation.
    #[serde(rename = "session.commentary.append")]
    Commentary { event_id: &'a str, content: &'a str, delegation_id: Option<&'a str> },
    #[serde(rename = "response.item.create")]
    CreateItem { item: Item<'a> },
    /// The backend goes on.
    #[serde(rename = "response.create")]
    CreateResponse,
}

#[derive(Serialize)]
pub(super) struct Session<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) instructions: &'a str,
    pub(super) audio: Audio<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) input: Vec<Past<'a>>,
    pub(super) delegation: Delegation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Audio<'a> {
    pub(super) format: Format,
    pub(super) output: Output<'a>,
}

#[derive(Serialize)]
pub(super) struct Format {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) rate: u32,
}

#[derive(Serialize)]
pub(super) struct Output<'a> {
    pub(super) voice: &'a str,
}

/// What was said before.
#[derive(Serialize)]
pub(super) struct Past<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) content: [Content<'a>; 1],
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    InputText { text: std::borrow::Cow<'a, str> },
    OutputText { text: std::borrow::Cow<'a, str> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Delegation<'a> {
    Responses { responses: Backend<'a> },
}

#[derive(Serialize)]
pub(super) struct Backend<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) instructions: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
}

/// `session.input_audio.append`.
pub(super) fn append(audio: &[u8]) -> String {
    around_base64(r#"{"type":"session.input_audio.append","audio":""#, audio, "\"}")
}

/// Any message of the vendor: the fields of all that are acted upon.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    /// Text, or audio in base64.
    #[serde(borrow, default)]
    pub(super) delta: Option<Text<'a>>,
    /// The place of a text on the vendor's clock, in milliseconds.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) end_ms: f64,
    /// An event of the backend.
    #[serde(borrow, default)]
    pub(super) event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<Complaint<'a>>,
    #[serde(borrow, default)]
    pub(super) reason: Option<Text<'a>>,
}

/// What an `error` is about; the rest is read by [`Fault`](crate::wire::http::Fault).
#[derive(Deserialize)]
pub(super) struct Complaint<'a> {
    #[serde(borrow, default)]
    pub(super) client_event_id: Option<Text<'a>>,
}
