//! The JSON of responses (OpenAI API reference, "Create a model response", "Streaming events" and
//! the guide "WebSocket mode"), and nothing else.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::openai::messages::NamedSchema;
use crate::wire::json;

/// The body of `POST /responses`, and the message `response.create` of the socket.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub instructions: &'a str,
    pub input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    pub store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextConfig<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TextConfig<'a> {
    pub format: TextFormat<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TextFormat<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(flatten)]
    pub schema: NamedSchema<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Reasoning<'a> {
    pub effort: &'a str,
}

/// One entry of a conversation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Item<'a> {
    Call {
        #[serde(rename = "type")]
        kind: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    Message {
        role: &'static str,
        content: Cow<'a, str>,
    },
    Output {
        #[serde(rename = "type")]
        kind: &'static str,
        call_id: &'a str,
        output: &'a str,
    },
    /// What the model thought, as it came.
    Thought(Box<RawValue>),
}

#[derive(Debug, Serialize)]
pub(crate) struct Tool<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub name: &'a str,
    pub description: &'a str,
    pub parameters: &'a Value,
    /// Sent in any case: without it the vendor takes every schema for a strict one.
    pub strict: bool,
}

/// One event of an answer. Fields that other events have in another form are read later.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "json::null_as_empty")]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub response: Option<&'a RawValue>,
    /// What the socket reports an error in.
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    /// What a stream reports an error in.
    #[serde(borrow)]
    pub code: Option<Cow<'a, str>>,
    pub status: Option<u16>,
    #[serde(borrow)]
    pub headers: Option<&'a RawValue>,
}

/// What an answer consists of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutputItem<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "json::null_as_empty")]
    pub kind: Cow<'a, str>,
    pub call_id: Option<String>,
    pub name: Option<String>,
    pub arguments: Option<String>,
    /// `in_progress`, `completed` or `incomplete`.
    #[serde(borrow)]
    pub status: Option<Cow<'a, str>>,
}

/// An answer, where it begins and where it ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Response<'a> {
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub incomplete_details: Option<Incomplete<'a>>,
    #[serde(deserialize_with = "json::if_readable")]
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Incomplete<'a> {
    #[serde(borrow)]
    pub reason: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub input_tokens: Option<u32>,
    pub output_tokens: Option<u32>,
    pub input_tokens_details: Option<InputTokens>,
    pub output_tokens_details: Option<OutputTokens>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputTokens {
    pub cached_tokens: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutputTokens {
    pub reasoning_tokens: Option<u32>,
}
