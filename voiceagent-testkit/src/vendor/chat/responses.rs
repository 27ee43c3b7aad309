//! OpenAI's responses (OpenAI API reference, "Create a model response").

use serde_json::{Value, json};

use super::{
    ChatMessage, ChatRequest, ChatToolCall,
    dialect::{Events, halves, only_known},
    reply::Script,
    request::{Wrong, is_name, wrong},
};

const FIELDS: [&str; 21] = [
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
];

/// Reads a request as strictly as the real server. What it goes on from is not looked up.
///
/// # Errors
///
/// The parameter that is wrong, and why.
pub(super) fn parse(authorization: Option<String>, body: &[u8]) -> Result<ChatRequest, Wrong> {
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("", "no JSON"))?;
    only_known(&body, &FIELDS)?;
    for (param, fits) in [
        ("include", body["include"].is_null() || body["include"].is_array()),
        ("max_output_tokens", body.get("max_output_tokens").is_none_or(Value::is_u64)),
        ("reasoning", body.get("reasoning").is_none_or(Value::is_object)),
        ("store", body.get("store").is_none_or(Value::is_boolean)),
        ("tool_choice", body.get("tool_choice").is_none() || body["tools"].is_array()),
        (
            "tools",
            body.get("tools")
                .is_none_or(|tools| tools.as_array().is_some_and(|tools| !tools.is_empty())),
        ),
    ] {
        if !fits {
            return Err(wrong(param, "a wrong value"));
        }
    }
    let model = body["model"].as_str().ok_or_else(|| wrong("model", "missing"))?.to_owned();
    let mut messages = Vec::new();
    for item in body["input"].as_array().ok_or_else(|| wrong("input", "missing"))? {
        read_item(item, &mut messages)?;
    }
    let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools: Vec<_> = tools.iter().map(tool).collect::<Result<_, _>>()?;
    Ok(ChatRequest { authorization, model, messages, tools, body })
}

/// What a script says as events, in the form of a stream.
pub(super) fn events(script: &Script, asked: &ChatRequest, number: usize) -> Events {
    let mut sequence = 0;
    let mut event = |mut data: Value| {
        data["sequence_number"] = json!(sequence);
        sequence += 1;
        format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
    };
    let mut response = json!({
        "id": id(number), "object": "response", "status": "in_progress", "model": asked.model,
        "output": [], "error": null, "incomplete_details": null,
    });
    let mut first = event(json!({ "type": "response.created", "response": response }));
    first += &event(json!({ "type": "response.in_progress", "response": response }));
    let talks = !script.tokens.is_empty();
    if talks {
        let item = json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [] });
        first += &event(
            json!({ "type": "response.output_item.added", "output_index": 0, "item": item }),
        );
    }
    let words = script.tokens.iter().map(|text| {
        event(json!({ "type": "response.output_text.delta", "item_id": "msg_1",
            "output_index": 0, "content_index": 0, "delta": text, "logprobs": [] }))
    });
    let mut tokens: Vec<_> = words.collect();
    for (at, call) in answer(script, number).tool_calls.iter().enumerate() {
        let (index, id) = (at + usize::from(talks), format!("fc_{at}"));
        let item = |arguments: &str, status: &str| {
            json!({ "id": id, "type": "function_call", "call_id": call.id, "name": call.name,
                "arguments": arguments, "status": status })
        };
        let mut token = event(json!({ "type": "response.output_item.added",
            "output_index": index, "item": item("", "in_progress") }));
        for piece in halves(&call.arguments) {
            token += &event(json!({ "type": "response.function_call_arguments.delta",
                "item_id": id, "output_index": index, "delta": piece }));
        }
        token += &event(json!({ "type": "response.function_call_arguments.done", "item_id": id,
            "output_index": index, "arguments": call.arguments }));
        token += &event(json!({ "type": "response.output_item.done", "output_index": index,
            "item": item(&call.arguments, "completed") }));
        tokens.push(token);
    }
    let status = if script.finish.is_some() { "incomplete" } else { "completed" };
    response["status"] = json!(status);
    if let Some(reason) = &script.finish {
        response["incomplete_details"] = json!({ "reason": reason });
    }
    if let Some([input, cached, output]) = script.usage {
        response["usage"] = json!({
            "input_tokens": input, "input_tokens_details": { "cached_tokens": cached },
            "output_tokens": output, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input + output,
        });
    }
    let last = event(json!({ "type": format!("response.{status}"), "response": response }));
    Events { first, tokens, last }
}

/// What a script says, as an entry of the conversation.
pub(super) fn answer(script: &Script, number: usize) -> ChatMessage {
    let calls = script.calls.iter().enumerate();
    ChatMessage {
        role: "assistant".to_owned(),
        content: script.tokens.concat(),
        tool_calls: calls
            .map(|(at, (name, arguments))| ChatToolCall {
                id: format!("call_{number}_{at}"),
                name: name.clone(),
                arguments: arguments.clone(),
            })
            .collect(),
        tool_call_id: None,
    }
}

/// The id of an answer.
pub(super) fn id(number: usize) -> String {
    format!("resp_{number}")
}

/// The events of a stream one by one, as a socket sends them.
pub(super) fn messages(stream: &str) -> impl Iterator<Item = &str> {
    stream.lines().filter_map(|line| line.strip_prefix("data: "))
}

/// Reads an entry; calls belong to the words before them.
fn read_item(item: &Value, out: &mut Vec<ChatMessage>) -> Result<(), Wrong> {
    let text = |field: &str| item[field].as_str().map(str::to_owned);
    let missing = || wrong("input", "an item is incomplete");
    match item["type"].as_str().unwrap_or("message") {
        "message" => {
            let role = text("role").ok_or_else(missing)?;
            if !["system", "developer", "user", "assistant"].contains(&&*role) {
                return Err(wrong("input", "unknown role"));
            }
            let content = match &item["content"] {
                Value::String(text) => text.clone(),
                Value::Array(parts) => {
                    parts.iter().filter_map(|part| part["text"].as_str()).collect()
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    return Err(missing());
                }
            };
            out.push(ChatMessage { role, content, ..ChatMessage::default() });
        }
        "function_call" => {
            let (id, name, arguments) = (text("call_id"), text("name"), text("arguments"));
            let (Some(id), Some(name), Some(arguments)) = (id, name, arguments) else {
                return Err(missing());
            };
            let continues = out.last().is_some_and(|last| last.role == "assistant");
            if !continues {
                let role = "assistant".to_owned();
                out.push(ChatMessage { role, ..ChatMessage::default() });
            }
            let last = out.last_mut().expect("there is one");
            last.tool_calls.push(ChatToolCall { id, name, arguments });
        }
        "function_call_output" => {
            let (id, content) = (text("call_id"), text("output"));
            let (Some(id), Some(content)) = (id, content) else { return Err(missing()) };
            let role = "tool".to_owned();
            let tool_call_id = Some(id);
            out.push(ChatMessage { role, content, tool_call_id, ..ChatMessage::default() });
        }
        "reasoning" if item["encrypted_content"].is_string() => {}
        _ => return Err(wrong("input", "an unknown item")),
    }
    Ok(())
}

fn tool(value: &Value) -> Result<String, Wrong> {
    let name = value["name"].as_str().filter(|name| is_name(name));
    let fits = value["type"] == "function"
        && value["parameters"]["type"] == "object"
        && value["strict"].is_boolean();
    match name {
        Some(name) if fits => Ok(name.to_owned()),
        _ => Err(wrong("tools", "a tool is malformed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, Wrong> {
        super::parse(None, body.to_string().as_bytes())
    }

    #[test]
    fn a_request_is_read_into_its_parts() {
        let call = json!({ "type": "function_call", "call_id": "a", "name": "look",
            "arguments": "{}" });
        let request = parse(&json!({ "model": "m", "input": [
            { "role": "user", "content": "When?" },
            { "role": "assistant", "content": "Let me look." },
            call,
            { "type": "function_call_output", "call_id": "a", "output": "9" },
        ], "tools": [{ "type": "function", "name": "look", "strict": false,
            "parameters": { "type": "object" } }] }))
        .unwrap();
        let roles: Vec<_> = request.messages.iter().map(|message| &*message.role).collect();
        assert_eq!(roles, ["user", "assistant", "tool"]);
        assert_eq!(request.messages[1].tool_calls[0].id, "a");
        assert_eq!((request.tool_results(), &*request.tools[0]), (vec!["9"], "look"));
    }

    #[test]
    fn what_the_real_server_refuses_is_refused() {
        let fine = json!({ "model": "m", "input": [{ "role": "user", "content": "Hi" }] });
        assert!(parse(&fine).is_ok());
        let tool =
            json!({ "type": "function", "name": "look", "parameters": { "type": "object" } });
        for (field, value) in [
            ("input", json!("Hi")),
            ("input", json!([{ "role": "tool", "content": "Hi" }])),
            ("input", json!([{ "type": "function_call", "call_id": "a" }])),
            ("input", json!([{ "type": "reasoning", "summary": [] }])),
            ("max_output_tokens", json!("9")),
            ("max_completion_tokens", json!(9)),
            ("tool_choice", json!("auto")),
            ("tools", json!([tool])),
        ] {
            let mut body = fine.clone();
            body[field] = value;
            assert!(parse(&body).is_err(), "{body}");
        }
    }
}
