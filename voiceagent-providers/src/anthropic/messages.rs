//! The JSON of the Messages API (Anthropic API reference, "Messages" and "Streaming messages"), and
//! nothing else.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::wire::json;

/// The body of `POST /messages`.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    pub model: &'a str,
    pub max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Block<'a>>,
    pub messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    pub stream: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<OutputFormat<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputFormat<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub schema: &'a Value,
}

#[derive(Debug, Serialize)]
pub(crate) struct ToolChoice {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tool<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl<'a>>,
}

/// Marks the end of what the vendor shall keep at hand.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CacheControl<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Assistant,
    User,
}

#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    pub role: Role,
    pub content: Vec<Block<'a>>,
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Block<'a> {
    /// One of ours.
    Ours(OurBlock<'a>),
    /// One of the vendor's, as it came: a thought.
    Theirs(Box<RawValue>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum OurBlock<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
}

/// A thought, as the vendor wants it back.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Thought<'a> {
    RedactedThinking { data: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
}

/// One event of the stream, of whatever type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "json::null_as_empty")]
    pub kind: Cow<'a, str>,
    #[serde(deserialize_with = "json::if_readable")]
    pub message: Option<MessageStart>,
    #[serde(deserialize_with = "json::null_as_default")]
    pub index: u32,
    #[serde(borrow)]
    pub content_block: Option<BlockStart<'a>>,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
    #[serde(deserialize_with = "json::if_readable")]
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MessageStart {
    #[serde(deserialize_with = "json::if_readable")]
    pub usage: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlockStart<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "json::null_as_empty")]
    pub kind: Cow<'a, str>,
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    pub text: Option<String>,
    pub thinking: Option<String>,
    pub signature: Option<String>,
    pub data: Option<String>,
}

/// What an event adds to a block (`content_block_delta`) or to the message (`message_delta`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "json::null_as_empty")]
    pub kind: Cow<'a, str>,
    pub text: Option<String>,
    #[serde(borrow, deserialize_with = "json::null_as_empty")]
    pub partial_json: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "json::null_as_empty")]
    pub thinking: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "json::null_as_empty")]
    pub signature: Cow<'a, str>,
    pub stop_reason: Option<Cow<'a, str>>,
}

/// Tokens. Those of the cache are not among the `input_tokens`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub input_tokens: Option<u32>,
    pub cache_creation_input_tokens: Option<u32>,
    pub cache_read_input_tokens: Option<u32>,
    pub output_tokens: Option<u32>,
}
