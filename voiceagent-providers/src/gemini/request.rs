use std::borrow::Cow;

use serde_json::value::RawValue;
use voiceagent_core::{
    Result,
    llm::{LlmRequest, ToolChoice},
    tool::ToolSpec,
};

use super::{
    GeminiLlmConfig,
    messages::{
        CallingConfig, Content, Function, FunctionCall, FunctionResponse, GenerationConfig,
        Instruction, Part, Request, Response, Role, ThinkingConfig, Tool, ToolConfig,
    },
    schema,
};
use crate::wire::llm::{
    body,
    conversation::{Called, NO_RESULT, Turn, object, turns},
    keepsakes::Keepsakes,
};

/// Takes the place of a signature that nobody has any more, as after a restart or of a call that
/// another model made: without one, the vendor refuses the conversation (Gemini API documentation,
/// "Thought signatures").
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body of a request.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when a setting is not JSON, such as a
/// temperature that is not a number.
pub(crate) fn encode(
    config: &GeminiLlmConfig,
    request: &LlmRequest,
    keepsakes: &Keepsakes,
) -> Result<Vec<u8>> {
    body::body(&standard(config, request, keepsakes), &config.extra_body)
}

fn standard<'a>(
    config: &'a GeminiLlmConfig,
    request: &'a LlmRequest,
    keepsakes: &Keepsakes,
) -> Request<'a> {
    let instructions = Some(&*request.instructions).filter(|text| !text.trim().is_empty());
    let (level, budget) = config.thinking();
    let thinking = ThinkingConfig { thinking_level: level, thinking_budget: budget };
    let generation = GenerationConfig {
        temperature: config.temperature,
        top_p: config.top_p,
        max_output_tokens: config.max_output_tokens,
        seed: config.seed,
        thinking_config: (level.is_some() || budget.is_some()).then_some(thinking),
        response_mime_type: request.format.as_ref().map(|_| "application/json"),
        response_json_schema: request.format.as_ref().map(|format| &*format.schema),
    };
    let function_declarations = functions(&request.tools);
    let mode = match request.tool_choice {
        ToolChoice::None => "NONE",
        ToolChoice::Auto | _ => "AUTO",
    };
    let with_tools = !function_declarations.is_empty();
    let calling = ToolConfig { function_calling_config: CallingConfig { mode } };
    Request {
        contents: conversation(config, request, keepsakes),
        system_instruction: instructions
            .map(|text| Instruction { parts: [text_part(text.into())] }),
        tools: with_tools.then_some(Tool { function_declarations }).into_iter().collect(),
        tool_config: with_tools.then_some(calling),
        generation_config: (generation != GenerationConfig::default()).then_some(generation),
        safety_settings: &config.safety_settings,
    }
}

/// The conversation as the vendor wants it: the user begins and ends it, both sides take turns, and
/// the results of all calls of an answer follow it in the order of the calls.
fn conversation<'a>(
    config: &'a GeminiLlmConfig,
    request: &'a LlmRequest,
    keepsakes: &Keepsakes,
) -> Vec<Content<'a>> {
    let mut out = Vec::with_capacity(request.messages.len() + 2);
    let silence = || text_part((&*config.silence).into());
    for turn in turns(&request.messages, config.interruption_marker.as_deref()) {
        let (text, calls) = match turn {
            Turn::Agent { text, calls } => (text, calls),
            Turn::User { text } => {
                if !text.trim().is_empty() {
                    share(&mut out, Role::User).push(text_part(text.into()));
                }
                continue;
            }
        };
        let text = text.filter(|text| !text.trim().is_empty());
        if text.is_none() && calls.is_empty() {
            continue;
        }
        if out.is_empty() {
            share(&mut out, Role::User).push(silence());
        }
        let content = share(&mut out, Role::Model);
        content.extend(text.map(text_part));
        content.extend(called(config, &calls, keepsakes));
        if !calls.is_empty() {
            share(&mut out, Role::User).extend(calls.iter().map(answered));
        }
    }
    if out.last().is_none_or(|last| last.role == Role::Model) {
        share(&mut out, Role::User).push(silence());
    }
    out
}

/// The calls of one answer. The first one carries the signature of what the model thought.
fn called<'a>(
    config: &GeminiLlmConfig,
    calls: &[Called<'a>],
    keepsakes: &Keepsakes,
) -> Vec<Part<'a>> {
    let part = |&Called { call, .. }: &Called<'a>| Part {
        function_call: Some(FunctionCall {
            id: call.id.as_str(),
            name: &call.name,
            args: object(&call.arguments),
        }),
        thought_signature: keepsakes.of(&call.id).map(|signature| signature.to_string().into()),
        ..Part::default()
    };
    let mut parts: Vec<_> = calls.iter().map(part).collect();
    let is_signed = parts.iter().any(|part| part.thought_signature.is_some());
    if let Some(first) = parts.first_mut().filter(|_| !is_signed && config.wants_signatures()) {
        first.thought_signature = Some(NO_SIGNATURE.into());
    }
    parts
}

fn answered<'a>(Called { call, result }: &Called<'a>) -> Part<'a> {
    let function_response = FunctionResponse {
        id: Some(call.id.as_str()),
        name: &call.name,
        response: response(result.unwrap_or(NO_RESULT)),
    };
    Part { function_response: Some(function_response), ..Part::default() }
}

/// The functions that the model may call.
pub(super) fn functions(tools: &[ToolSpec]) -> Vec<Function<'_>> {
    let functions = tools.iter().map(|spec| Function {
        name: &spec.name,
        description: &spec.description,
        parameters: schema::parameters(&spec.parameters),
    });
    functions.collect()
}

/// What a function returned.
pub(super) fn response(result: &str) -> Response<'_> {
    match serde_json::from_str::<&RawValue>(result) {
        Ok(json) if json.get().starts_with('{') => Response::Object(json),
        Ok(json) => Response::Other { output: json },
        Err(_) => Response::Text { output: result },
    }
}

/// The parts of a side's current share.
fn share<'a, 'b>(out: &'b mut Vec<Content<'a>>, role: Role) -> &'b mut Vec<Part<'a>> {
    if out.last().is_none_or(|last| last.role != role) {
        out.push(Content { role, parts: Vec::new() });
    }
    &mut out.last_mut().expect("there is one of this role").parts
}

fn text_part(text: Cow<'_, str>) -> Part<'_> {
    Part { text: Some(text), ..Part::default() }
}

#[cfg(test)]
mod tests;
