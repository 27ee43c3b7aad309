use std::{borrow::Cow, mem};

use voiceagent_core::{
    Result,
    llm::{LlmRequest, ToolChoice},
};

use super::{
    AnthropicLlmConfig,
    messages::{
        self, Block, CacheControl, Message, OurBlock, OutputConfig, OutputFormat, Request, Role,
        Tool,
    },
};
use crate::wire::llm::{
    body,
    conversation::{Called, NO_RESULT, Turn, object, turns},
    keepsakes::Keepsakes,
};

/// The body of a request.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn encode(
    config: &AnthropicLlmConfig,
    request: &LlmRequest,
    keepsakes: &Keepsakes,
) -> Result<Vec<u8>> {
    body::body(&standard(config, request, keepsakes), &config.extra_body)
}

fn standard<'a>(
    config: &'a AnthropicLlmConfig,
    request: &'a LlmRequest,
    keepsakes: &Keepsakes,
) -> Request<'a> {
    let cache = config
        .prompt_caching
        .then_some(CacheControl { kind: "ephemeral", ttl: config.cache_ttl.as_deref() });
    let instructions = Some(&*request.instructions).filter(|text| !text.trim().is_empty());
    let system = instructions.map(|text| text_block(text.into(), cache));
    let last = request.tools.len().wrapping_sub(1);
    let tools = request.tools.iter().enumerate().map(|(at, spec)| Tool {
        name: &spec.name,
        description: &spec.description,
        input_schema: &spec.parameters,
        strict: config.strict_tools.then_some(true),
        // A mark on the instructions covers the tools before them.
        cache_control: cache.filter(|_| at == last && system.is_none()),
    });
    let tools: Vec<_> = tools.collect();
    Request {
        model: &config.model,
        max_tokens: config.max_tokens,
        tool_choice: tool_choice(config, request),
        tools,
        system: system.into_iter().collect(),
        messages: conversation(config, request, keepsakes, cache),
        thinking: config.thinking.as_ref(),
        output_config: (config.effort.is_some() || request.format.is_some()).then(|| {
            OutputConfig {
                effort: config.effort.as_deref(),
                format: request
                    .format
                    .as_ref()
                    .map(|format| OutputFormat { kind: "json_schema", schema: &format.schema }),
            }
        }),
        temperature: config.temperature,
        top_p: config.top_p,
        top_k: config.top_k,
        service_tier: config.service_tier.as_deref(),
        stream: true,
    }
}

fn tool_choice(config: &AnthropicLlmConfig, request: &LlmRequest) -> Option<messages::ToolChoice> {
    if request.tools.is_empty() {
        return None;
    }
    Some(match request.tool_choice {
        ToolChoice::None => messages::ToolChoice { kind: "none", disable_parallel_tool_use: None },
        ToolChoice::Auto | _ => messages::ToolChoice {
            kind: "auto",
            disable_parallel_tool_use: config.parallel_tool_calls.map(|parallel| !parallel),
        },
    })
}

/// The conversation as the vendor wants it: the user begins and ends it, both sides take turns, the
/// results of all calls of an answer open the user's next message, and no text is blank.
fn conversation<'a>(
    config: &'a AnthropicLlmConfig,
    request: &'a LlmRequest,
    keepsakes: &Keepsakes,
    cache: Option<CacheControl<'a>>,
) -> Vec<Message<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 2);
    for turn in turns(&request.messages, config.interruption_marker.as_deref()) {
        match turn {
            Turn::Agent { text, calls } => answer(config, &mut out, text, &calls, keepsakes),
            Turn::User { text } => {
                if !text.trim().is_empty() {
                    share(&mut out, Role::User).push(text_block(text.into(), None));
                }
            }
        }
    }
    if out.last().is_none_or(|last| last.role == Role::Assistant) {
        share(&mut out, Role::User).push(text_block((&*config.silence).into(), None));
    }
    let last = out.last_mut().and_then(|message| message.content.last_mut());
    if let Some(Block::Ours(
        OurBlock::Text { cache_control, .. } | OurBlock::ToolResult { cache_control, .. },
    )) = last
    {
        *cache_control = cache;
    }
    out
}

/// Adds what the agent said and called, and then the results.
fn answer<'a>(
    config: &'a AnthropicLlmConfig,
    out: &mut Vec<Message<'a>>,
    text: Option<Cow<'a, str>>,
    calls: &[Called<'a>],
    keepsakes: &Keepsakes,
) {
    let mut text = text.filter(|text| !text.trim().is_empty());
    if text.is_none() && calls.is_empty() {
        return;
    }
    if out.is_empty() {
        share(out, Role::User).push(text_block((&*config.silence).into(), None));
    }
    let content = share(out, Role::Assistant);
    let mut say = |content: &mut Vec<_>| {
        content.extend(mem::take(&mut text).map(|text| text_block(text, None)));
    };
    for Called { call, .. } in calls {
        let thoughts = keepsakes.of(&call.id);
        let thoughts = thoughts.and_then(|json| serde_json::from_str::<Vec<_>>(&json).ok());
        content.extend(thoughts.into_iter().flatten().map(Block::Theirs));
        say(content);
        content.push(Block::Ours(OurBlock::ToolUse {
            id: call.id.as_str(),
            name: &call.name,
            input: object(&call.arguments),
        }));
    }
    say(content);
    if calls.is_empty() {
        return;
    }
    share(out, Role::User).extend(calls.iter().map(|Called { call, result }| {
        Block::Ours(OurBlock::ToolResult {
            tool_use_id: call.id.as_str(),
            content: result.unwrap_or(NO_RESULT),
            is_error: result.is_none().then_some(true),
            cache_control: None,
        })
    }));
}

/// The content of a side's current message.
fn share<'a, 'b>(out: &'b mut Vec<Message<'a>>, role: Role) -> &'b mut Vec<Block<'a>> {
    if out.last().is_none_or(|last| last.role != role) {
        out.push(Message { role, content: Vec::new() });
    }
    &mut out.last_mut().expect("there is one of this role").content
}

fn text_block<'a>(text: Cow<'a, str>, cache_control: Option<CacheControl<'a>>) -> Block<'a> {
    Block::Ours(OurBlock::Text { text, cache_control })
}

#[cfg(test)]
mod tests;
