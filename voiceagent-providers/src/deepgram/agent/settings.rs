use std::collections::BTreeMap;

use voiceagent_core::{Result, llm::Message, realtime::RealtimeOptions};

use super::{
    super::{PROVIDER, address::ENCODINGS},
    config::{DeepgramAgentConfig, ThinkEndpoint},
    messages::{
        Agent, Audio, Context, Endpoint, Format, Function, History, Listen, Past, PastCall,
        Provided, Settings, Speak, Think, Thinker,
    },
};
use crate::wire::{
    json,
    realtime::{STILL_RUNS, result},
};

/// The message that says how a conversation is to be.
pub(super) fn settings(config: &DeepgramAgentConfig, options: &RealtimeOptions) -> Result<String> {
    let encoding = ENCODINGS.name(options.format, PROVIDER)?;
    let sample_rate = options.format.sample_rate;
    let input = Format { encoding, sample_rate, container: None };
    let output = Format { container: Some("none"), ..input };
    let functions = options.tools.iter().map(|tool| Function {
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
        defer_until_eot: true,
    });
    let think = Think {
        provider: Thinker {
            kind: &config.think_provider,
            model: &config.think_model,
            temperature: config.temperature,
        },
        endpoint: config.think_endpoint.as_ref().map(endpoint),
        prompt: &options.instructions,
        functions: functions.collect(),
    };
    let version = if config.voice.starts_with("flux-") { "v2" } else { "v1" };
    let speak = Speak { kind: "deepgram", version, model: &config.voice, speed: config.speed };
    let messages = history(&options.history);
    let agent = Agent {
        context: (!messages.is_empty()).then_some(Context { messages }),
        listen: Provided { provider: listen(config) },
        think,
        speak: Provided { provider: speak },
    };
    let mip_opt_out = config.mip_opt_out;
    Ok(json::write(&Settings { mip_opt_out, audio: Audio { input, output }, agent }))
}

fn listen(config: &DeepgramAgentConfig) -> Listen<'_> {
    let flux = config.hears_turns();
    Listen {
        kind: "deepgram",
        version: if flux { "v2" } else { "v1" },
        model: &config.model,
        language: config.language.as_deref(),
        language_hints: &config.language_hints,
        keyterms: &config.keyterms,
        smart_format: (!flux).then_some(true),
        eot_threshold: config.eot_threshold,
        eager_eot_threshold: config.eager_eot_threshold,
        eot_timeout_ms: config.eot_timeout.map(|it| it.as_millis()),
    }
}

fn endpoint(endpoint: &ThinkEndpoint) -> Endpoint<'_> {
    let headers: BTreeMap<_, _> =
        endpoint.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    Endpoint { url: &endpoint.url, headers }
}

/// What was said and done before. The vendor takes no call without a result.
fn history(messages: &[Message]) -> Vec<History<'_>> {
    let past = messages.iter().filter_map(|message| match message {
        Message::Assistant { text, .. } => words("assistant", text),
        Message::User { text } => words("user", text),
        Message::Summary { text } => words("user", text),
        Message::ToolCall(call) => Some(Past::Calls {
            function_calls: [PastCall {
                id: call.id.as_str(),
                name: &call.name,
                client_side: true,
                arguments: &call.arguments,
                response: result(messages, &call.id).unwrap_or(STILL_RUNS),
            }],
        }),
        Message::ToolResult { .. } | _ => None,
    });
    past.map(|what| History { what }).collect()
}

fn words<'a>(role: &'static str, content: &'a str) -> Option<Past<'a>> {
    (!content.trim().is_empty()).then_some(Past::Words { role, content })
}
