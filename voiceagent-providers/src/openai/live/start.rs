use std::borrow::Cow;

use voiceagent_core::{
    Result,
    audio::AudioFormat,
    llm::{Message, ToolCall},
    realtime::RealtimeOptions,
};

use super::{
    super::responses::messages::{Reasoning, Tool},
    PROVIDER,
    config::OpenAiLiveConfig,
    messages::{Audio, Backend, Content, Delegation, Format, Output, Past, Say, Session},
};
use crate::wire::{
    format::unsupported,
    json,
    realtime::{STILL_RUNS, result},
};

/// What the vendor takes of what was said before: so many messages, and 8,192 tokens, of which few
/// have less than three bytes.
const MESSAGES: usize = 128;
const BYTES: usize = 3 * 8_192;

/// The message with which a conversation begins.
pub(super) fn start(config: &OpenAiLiveConfig, options: &RealtimeOptions) -> Result<String> {
    let tools = options.tools.iter().map(|tool| Tool {
        kind: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
        strict: false,
    });
    let backend = Backend {
        model: &config.backend_model,
        instructions: config.backend_instructions.as_deref().unwrap_or(&options.instructions),
        tools: tools.collect(),
        parallel_tool_calls: config.parallel_tool_calls,
        reasoning: config.reasoning_effort.as_deref().map(|effort| Reasoning { effort }),
        max_output_tokens: config.max_output_tokens,
    };
    let session = Session {
        model: &config.model,
        instructions: &options.instructions,
        audio: Audio {
            format: wire_format(options.format)?,
            output: Output { voice: &config.voice },
        },
        input: history(&options.history),
        delegation: Delegation::Responses { responses: backend },
        store: config.store,
    };
    Ok(json::write(&Say::Start { session }))
}

/// The vendor's name of a format.
fn wire_format(format: AudioFormat) -> Result<Format> {
    let kind = match format {
        AudioFormat::ALAW_8K => "audio/pcma",
        AudioFormat::MULAW_8K => "audio/pcmu",
        AudioFormat::PCM_16K | AudioFormat::PCM_24K => "audio/pcm",
        _ => return Err(unsupported(format, PROVIDER)),
    };
    Ok(Format { kind, rate: format.sample_rate })
}

/// The last of what was said and done before. The vendor takes nothing but texts.
fn history(messages: &[Message]) -> Vec<Past<'_>> {
    let mut left = BYTES;
    let told = messages.iter().rev().filter_map(|message| past(messages, message)).take(MESSAGES);
    let fits = |(_, length): &(Past<'_>, usize)| {
        let fits = *length <= left;
        left = left.saturating_sub(*length);
        fits
    };
    let mut told: Vec<_> = told.take_while(fits).map(|(past, _)| past).collect();
    told.reverse();
    told
}

/// One of the messages, and how long it is.
fn past<'a>(messages: &[Message], message: &'a Message) -> Option<(Past<'a>, usize)> {
    let (role, text): (_, Cow<'_, str>) = match message {
        Message::Assistant { text, .. } => ("assistant", text.as_ref().into()),
        Message::Summary { text } => ("developer", text.as_ref().into()),
        Message::ToolCall(ToolCall { id, name, arguments }) => {
            let called = format!("The function {name} was called with {arguments}.");
            let note = format!("{called} It has returned: {STILL_RUNS}");
            ("developer", if result(messages, id).is_none() { note } else { called }.into())
        }
        Message::ToolResult { output, .. } => {
            ("developer", format!("It has returned: {output}").into())
        }
        Message::User { text } => ("user", text.as_ref().into()),
        _ => return None,
    };
    let length = text.len();
    let content = match role {
        "assistant" => Content::OutputText { text },
        _ => Content::InputText { text },
    };
    (length > 0).then_some((Past { kind: "message", role, content: [content] }, length))
}
