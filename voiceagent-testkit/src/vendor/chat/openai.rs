//! OpenAI's chat completions (OpenAI API reference).

use serde_json::{Value, json};

use super::{
    ChatMessage, ChatRequest, ChatToolCall,
    dialect::{Events, halves},
    reply::Script,
    request::{Wrong, is_name, wrong},
};

/// Reads a request as strictly as the real server.
///
/// # Errors
///
/// The parameter that is wrong, and why.
pub(super) fn parse(authorization: Option<String>, body: &[u8]) -> Result<ChatRequest, Wrong> {
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("", "no JSON"))?;
    check_fields(&body)?;
    let model = body["model"].as_str().ok_or_else(|| wrong("model", "missing"))?.to_owned();
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages: Vec<_> = messages
        .ok_or_else(|| wrong("messages", "missing"))?
        .iter()
        .map(message)
        .collect::<Result<_, _>>()?;
    check_calls(&messages)?;
    let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools = tools.iter().map(tool).collect::<Result<_, _>>()?;
    Ok(ChatRequest { authorization, model, messages, tools, body })
}

/// What a script says as server-sent events.
pub(super) fn events(script: &Script, asked: &ChatRequest, number: usize) -> Events {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk",
            "created": 0, "model": asked.model, "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        chunk(json!([choice]), Value::Null)
    };
    let words = script.tokens.iter();
    let words = words.map(|text| delta(json!({ "content": text }), Value::Null));
    let calls = script.calls.iter().enumerate().map(|(index, (name, arguments))| {
        let id = format!("call_{number}_{index}");
        let function = json!({ "name": name, "arguments": "" });
        let call = json!({ "index": index, "id": id, "type": "function", "function": function });
        let mut event = delta(json!({ "tool_calls": [call] }), Value::Null);
        for piece in halves(arguments) {
            let piece = json!({ "index": index, "function": { "arguments": piece } });
            event += &delta(json!({ "tool_calls": [piece] }), Value::Null);
        }
        event
    });
    let usual = if script.calls.is_empty() { "stop" } else { "tool_calls" };
    let mut last = delta(json!({}), json!(script.finish.as_deref().unwrap_or(usual)));
    let with_usage = asked.body["stream_options"]["include_usage"] == true;
    if let Some([input, cached, output]) = script.usage.filter(|_| with_usage) {
        let usage = json!({
            "prompt_tokens": input, "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": cached },
        });
        last += &chunk(json!([]), usage);
    }
    Events {
        first: delta(json!({ "role": "assistant", "content": "" }), Value::Null),
        tokens: words.chain(calls).collect(),
        last: last + "data: [DONE]\n\n",
    }
}

/// Refuses fields that do not exist or have another type.
fn check_fields(body: &Value) -> Result<(), Wrong> {
    let fields = body.as_object().ok_or_else(|| wrong("", "no object"))?;
    if body["stream"] != true {
        return Err(wrong("stream", "this server only streams"));
    }
    for (field, value) in fields {
        let fits = match field.as_str() {
            "messages" => value.is_array(),
            "tools" => value.as_array().is_some_and(|tools| !tools.is_empty()),
            "stream" | "parallel_tool_calls" | "store" | "logprobs" => value.is_boolean(),
            "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => value.is_number(),
            "max_completion_tokens" | "max_tokens" | "n" | "top_logprobs" => value.is_u64(),
            "seed" => value.is_i64(),
            "tool_choice" => {
                let known =
                    value.as_str().is_none_or(|v| ["auto", "none", "required"].contains(&v));
                known && fields.contains_key("tools")
            }
            "stream_options"
            | "response_format"
            | "metadata"
            | "prediction"
            | "logit_bias"
            | "prompt_cache_options" => value.is_object(),
            "model" | "reasoning_effort" | "service_tier" | "prompt_cache_key" | "verbosity"
            | "safety_identifier" | "user" => value.is_string(),
            "stop" => value.is_string() || value.is_array(),
            _ => return Err(wrong("", "unknown field")),
        };
        if !fits {
            return Err(wrong("", "a field has a wrong value"));
        }
    }
    Ok(())
}

fn message(value: &Value) -> Result<ChatMessage, Wrong> {
    let role = value["role"].as_str().unwrap_or_default();
    let calls = value["tool_calls"].as_array();
    let tool_calls: Vec<_> = calls
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(called)
        .collect::<Result<_, _>>()?;
    if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
        return Err(wrong("messages", "unknown role"));
    }
    if role != "assistant" && calls.is_some() || calls.is_some_and(Vec::is_empty) {
        return Err(wrong("messages", "misplaced tool_calls"));
    }
    let content = match &value["content"] {
        Value::Null if !tool_calls.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(wrong("messages", "no content"));
        }
    };
    let tool_call_id = value["tool_call_id"].as_str().map(str::to_owned);
    if (role == "tool") != tool_call_id.is_some() {
        return Err(wrong("messages", "tool_call_id belongs to tools"));
    }
    Ok(ChatMessage { role: role.to_owned(), content, tool_calls, tool_call_id })
}

fn called(value: &Value) -> Result<ChatToolCall, Wrong> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let function = &value["function"];
    match (text(&value["id"]), text(&function["name"]), text(&function["arguments"])) {
        (Some(id), Some(name), Some(arguments))
            if value["type"] == "function" && !id.is_empty() && is_name(&name) =>
        {
            Ok(ChatToolCall { id, name, arguments })
        }
        _ => Err(wrong("messages", "a tool call is incomplete")),
    }
}

fn tool(value: &Value) -> Result<String, Wrong> {
    let function = &value["function"];
    let name = function["name"].as_str().filter(|name| is_name(name));
    let schema = &function["parameters"];
    match name {
        Some(name) if value["type"] == "function" && schema["type"] == "object" => {
            Ok(name.to_owned())
        }
        _ => Err(wrong("tools", "a tool is malformed")),
    }
}

/// Every call is answered by one tool message, right after the message that has it.
pub(super) fn check_calls(messages: &[ChatMessage]) -> Result<(), Wrong> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        match &message.tool_call_id {
            Some(id) => match open.iter().position(|call| call == id) {
                Some(at) => drop(open.remove(at)),
                None => return Err(wrong("messages", "a tool message answers no call")),
            },
            None if !open.is_empty() => return Err(wrong("messages", "a call has no answer")),
            None => open = message.tool_calls.iter().map(|call| &*call.id).collect(),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(wrong("messages", "a call has no answer")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, Wrong> {
        super::parse(None, body.to_string().as_bytes())
    }

    fn call(id: &str) -> Value {
        let function = json!({ "name": "look", "arguments": "{}" });
        json!({ "id": id, "type": "function", "function": function })
    }

    fn conversation(messages: Value) -> Value {
        json!({ "model": "m", "stream": true, "messages": messages })
    }

    #[test]
    fn a_request_is_read_into_its_parts() {
        let mut body = conversation(json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "When?" }] },
            { "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] },
            { "role": "tool", "tool_call_id": "b", "content": "2" },
            { "role": "tool", "tool_call_id": "a", "content": "1" },
        ]));
        let function = json!({ "name": "look", "parameters": { "type": "object" } });
        body["tools"] = json!([{ "type": "function", "function": function }]);
        body["tool_choice"] = json!("auto");
        let request = parse(&body).unwrap();
        assert_eq!(request.last_user_text(), Some("When?"));
        assert_eq!(request.tool_results(), ["2", "1"]);
        assert_eq!(request.tools, ["look"]);
        assert_eq!(request.messages[2].tool_calls[1].id, "b");
    }

    #[test]
    fn a_call_without_its_answer_is_refused() {
        let calls = json!({ "role": "assistant", "tool_calls": [call("a")] });
        let answer = json!({ "role": "tool", "tool_call_id": "a", "content": "1" });
        let user = json!({ "role": "user", "content": "Hi" });
        for (messages, accepted) in [
            (json!([calls, answer, user]), true),
            (json!([calls]), false),
            (json!([calls, user, answer]), false),
            (json!([calls, answer, answer]), false),
            (json!([answer]), false),
        ] {
            assert_eq!(parse(&conversation(messages.clone())).is_ok(), accepted, "{messages}");
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_refused() {
        let fine = conversation(json!([{ "role": "user", "content": "Hi" }]));
        assert!(parse(&fine).is_ok());
        for (field, value) in [
            ("temperature", json!("hot")),
            ("max_completion_tokens", json!(-1)),
            ("tools", json!([])),
            ("tool_choice", json!("auto")),
            ("stream", json!(false)),
            ("no_such_field", json!(1)),
            ("reasoning_effort", Value::Null),
            ("messages", json!([])),
            ("messages", json!([{ "role": "narrator", "content": "Once" }])),
            ("messages", json!([{ "role": "assistant", "content": null }])),
        ] {
            let mut body = fine.clone();
            body[field] = value;
            assert!(parse(&body).is_err(), "{body}");
        }
    }
}
