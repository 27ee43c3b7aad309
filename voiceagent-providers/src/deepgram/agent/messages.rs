//! The JSON of the Voice Agent. Unknown fields and types are ignored, because the vendor adds some
//! at any time.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::wire::json::{self, Text};

pub(super) const KEEP_ALIVE: &str = r#"{"type":"KeepAlive"}"#;

/// What a connection begins with.
#[derive(Serialize)]
#[serde(tag = "type", rename = "Settings")]
pub(super) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mip_opt_out: Option<bool>,
    pub(super) audio: Audio,
    pub(super) agent: Agent<'a>,
}

#[derive(Serialize)]
pub(super) struct Audio {
    pub(super) input: Format,
    pub(super) output: Format,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Format {
    pub(super) encoding: &'static str,
    pub(super) sample_rate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Agent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Context<'a>>,
    pub(super) listen: Provided<Listen<'a>>,
    pub(super) think: Think<'a>,
    pub(super) speak: Provided<Speak<'a>>,
}

/// What was said before.
#[derive(Serialize)]
pub(super) struct Context<'a> {
    pub(super) messages: Vec<History<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "History")]
pub(super) struct History<'a> {
    #[serde(flatten)]
    pub(super) what: Past<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Past<'a> {
    Calls { function_calls: [PastCall<'a>; 1] },
    Words { role: &'static str, content: &'a str },
}

#[derive(Serialize)]
pub(super) struct PastCall<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) client_side: bool,
    pub(super) arguments: &'a str,
    pub(super) response: &'a str,
}

#[derive(Serialize)]
pub(super) struct Provided<T> {
    pub(super) provider: T,
}

#[derive(Serialize)]
pub(super) struct Listen<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) version: &'static str,
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) language_hints: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) keyterms: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) smart_format: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eot_threshold: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eager_eot_threshold: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eot_timeout_ms: Option<u128>,
}

#[derive(Serialize)]
pub(super) struct Think<'a> {
    pub(super) provider: Thinker<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<Endpoint<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) prompt: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) functions: Vec<Function<'a>>,
}

#[derive(Serialize)]
pub(super) struct Thinker<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
}

#[derive(Serialize)]
pub(super) struct Endpoint<'a> {
    pub(super) url: &'a str,
    pub(super) headers: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: &'a Value,
    /// Not before it is certain that the user has finished: what runs cannot be undone.
    pub(super) defer_until_eot: bool,
}

#[derive(Serialize)]
pub(super) struct Speak<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) version: &'static str,
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<f32>,
}

/// What the client says later.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Say<'a> {
    FunctionCallResponse { id: &'a str, name: &'a str, content: &'a str },
    InjectAgentMessage { message: &'a str, behavior: &'static str },
    InjectUserMessage { content: &'a str },
}

/// Any message of the vendor: the fields of all that are acted upon.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) role: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) content: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) functions: Vec<Call<'a>>,
    #[serde(borrow, default)]
    pub(super) code: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// JSON text. Not there where a call is cancelled.
    #[serde(borrow, default)]
    pub(super) arguments: Option<Text<'a>>,
    /// Whether the client is to run it.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub(super) client_side: bool,
}

const fn yes() -> bool {
    true
}

fn null_as_yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(yes))
}
