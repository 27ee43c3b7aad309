use std::borrow::Cow;

use voiceagent_core::{
    Error, Result, ToolCallId,
    llm::{LlmRequest, Message, ToolCall, ToolChoice},
    tool::ToolSpec,
};

use super::{
    OpenAiLlmConfig,
    messages::{self, Call, CalledFunction, Function, Request, StreamOptions, Tool},
};

/// Stands in for a result that the conversation does not hold: the vendor refuses a call without
/// one, and the model must not believe that the call succeeded.
const NO_RESULT: &str = r#"{"error":"no result was recorded"}"#;

/// The body of a request.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn body(
    config: &OpenAiLlmConfig,
    request: &LlmRequest,
    include_usage: bool,
) -> Result<Vec<u8>> {
    let wrong = |error| Error::config("the request is not JSON").with_source(error);
    let standard = standard(config, request, include_usage);
    if config.extra_body.is_empty() {
        return serde_json::to_vec(&standard).map_err(wrong);
    }
    let mut body = serde_json::to_value(&standard).map_err(wrong)?;
    for (field, value) in &config.extra_body {
        body[field] = value.clone();
    }
    serde_json::to_vec(&body).map_err(wrong)
}

/// The ids of the tool calls of a conversation.
pub(crate) fn call_ids(messages: &[Message]) -> Vec<ToolCallId> {
    messages.iter().filter_map(as_call).map(|call| call.id.clone()).collect()
}

fn standard<'a>(
    config: &'a OpenAiLlmConfig,
    request: &'a LlmRequest,
    include_usage: bool,
) -> Request<'a> {
    let strict = config.strict_tools.then_some(true);
    let tool = |spec: &'a ToolSpec| Tool {
        kind: "function",
        function: Function {
            name: &spec.name,
            description: &spec.description,
            parameters: &spec.parameters,
            strict,
        },
    };
    let with_tools = !request.tools.is_empty();
    Request {
        model: config.model(),
        messages: conversation(config, request),
        tools: request.tools.iter().map(tool).collect(),
        tool_choice: with_tools.then_some(match request.tool_choice {
            ToolChoice::None => "none",
            ToolChoice::Auto | _ => "auto",
        }),
        parallel_tool_calls: config.parallel_tool_calls.filter(|_| with_tools),
        stream: true,
        stream_options: include_usage.then_some(StreamOptions { include_usage }),
        reasoning_effort: config.effort(with_tools),
        temperature: config.temperature,
        top_p: config.top_p,
        max_completion_tokens: config.max_completion_tokens,
        seed: config.seed,
        service_tier: config.service_tier.as_deref(),
        prompt_cache_key: config.prompt_cache_key.as_deref(),
    }
}

/// The conversation in the vendor's order: calls that belong together are one message, and every
/// one of them is answered right after it.
fn conversation<'a>(
    config: &'a OpenAiLlmConfig,
    request: &'a LlmRequest,
) -> Vec<messages::Message<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    if !request.instructions.is_empty() {
        out.push(messages::Message::System { content: &request.instructions });
    }
    let messages = &*request.messages;
    let mut at = 0;
    while let Some(message) = messages.get(at) {
        let content = match message {
            Message::Assistant { text, interrupted } => said(config, text, *interrupted),
            Message::ToolCall(_) => None,
            Message::User { text } => {
                out.push(messages::Message::User { content: text });
                at += 1;
                continue;
            }
            // A result is sent with its call.
            Message::ToolResult { .. } | _ => {
                at += 1;
                continue;
            }
        };
        at += usize::from(as_call(message).is_none());
        let calls: Vec<_> = messages[at..].iter().map_while(as_call).collect();
        at += calls.len();
        answer(&mut out, content, &calls, &messages[at..]);
    }
    out
}

/// Adds an answer of the model, and the results of its calls from what came `after`.
fn answer<'a>(
    out: &mut Vec<messages::Message<'a>>,
    content: Option<Cow<'a, str>>,
    calls: &[&'a ToolCall],
    after: &'a [Message],
) {
    if content.is_none() && calls.is_empty() {
        return;
    }
    let tool_calls = calls.iter().map(|call| Call {
        id: call.id.as_str(),
        kind: "function",
        function: CalledFunction { name: &call.name, arguments: &call.arguments },
    });
    out.push(messages::Message::Assistant { content, tool_calls: tool_calls.collect() });
    out.extend(calls.iter().map(|call| messages::Message::Tool {
        tool_call_id: call.id.as_str(),
        content: result_of(&call.id, after).unwrap_or(NO_RESULT),
    }));
}

/// The words that the caller heard, unless there were none.
fn said<'a>(config: &OpenAiLlmConfig, text: &'a str, interrupted: bool) -> Option<Cow<'a, str>> {
    let said = match &config.interruption_marker {
        Some(marker) if interrupted => Cow::Owned(format!("{text}{marker}")),
        Some(_) | None => Cow::Borrowed(text),
    };
    (!said.is_empty()).then_some(said)
}

fn as_call(message: &Message) -> Option<&ToolCall> {
    if let Message::ToolCall(call) = message { Some(call) } else { None }
}

fn result_of<'a>(call: &ToolCallId, messages: &'a [Message]) -> Option<&'a str> {
    messages.iter().find_map(|message| match message {
        Message::ToolResult { id, output } if id == call => Some(&**output),
        Message::Assistant { .. }
        | Message::ToolCall(_)
        | Message::ToolResult { .. }
        | Message::User { .. }
        | _ => None,
    })
}

#[cfg(test)]
mod tests;
