use voiceagent_core::{
    Result,
    llm::{AnswerFormat, LlmRequest, ToolChoice},
    tool::ToolSpec,
};

use super::{
    OpenAiLlmConfig,
    messages::{
        self, Call, CalledFunction, Function, NamedSchema, Request, ResponseFormat, StreamOptions,
        Tool,
    },
};
use crate::wire::llm::{
    body,
    conversation::{Called, NO_RESULT, Turn, turns},
};

/// The body of a request.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn encode(
    config: &OpenAiLlmConfig,
    request: &LlmRequest,
    include_usage: bool,
) -> Result<Vec<u8>> {
    body::body(&standard(config, request, include_usage), &config.extra_body)
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
        tool_choice: with_tools.then(|| tool_choice(request.tool_choice)),
        parallel_tool_calls: config.parallel_tool_calls.filter(|_| with_tools),
        stream: true,
        stream_options: include_usage.then_some(StreamOptions { include_usage }),
        response_format: request.format.as_ref().map(|AnswerFormat { name, schema, .. }| {
            let json_schema = NamedSchema { name, schema, strict: true };
            ResponseFormat { kind: "json_schema", json_schema }
        }),
        reasoning_effort: config.effort(with_tools),
        temperature: config.temperature,
        top_p: config.top_p,
        max_completion_tokens: config.max_completion_tokens,
        seed: config.seed,
        service_tier: config.service_tier.as_deref(),
        prompt_cache_key: config.prompt_cache_key.as_deref(),
    }
}

/// Whether tools may be called, in the vendor's words.
pub(super) fn tool_choice(choice: ToolChoice) -> &'static str {
    match choice {
        ToolChoice::None => "none",
        ToolChoice::Auto | _ => "auto",
    }
}

/// The conversation as the vendor's messages: one for each answer, and one for each result.
fn conversation<'a>(
    config: &'a OpenAiLlmConfig,
    request: &'a LlmRequest,
) -> Vec<messages::Message<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 1);
    if !request.instructions.is_empty() {
        out.push(messages::Message::System { content: &request.instructions });
    }
    for turn in turns(&request.messages, config.interruption_marker.as_deref()) {
        match turn {
            Turn::Agent { text, calls } => {
                let tool_calls = calls.iter().map(|Called { call, .. }| Call {
                    id: call.id.as_str(),
                    kind: "function",
                    function: CalledFunction { name: &call.name, arguments: &call.arguments },
                });
                let tool_calls = tool_calls.collect();
                out.push(messages::Message::Assistant { content: text, tool_calls });
                out.extend(calls.iter().map(|Called { call, result }| messages::Message::Tool {
                    tool_call_id: call.id.as_str(),
                    content: result.unwrap_or(NO_RESULT),
                }));
            }
            Turn::User { text } => out.push(messages::Message::User { content: text }),
        }
    }
    out
}

#[cfg(test)]
mod tests;
