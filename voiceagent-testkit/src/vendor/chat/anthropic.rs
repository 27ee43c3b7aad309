//! Anthropic's Messages API (Anthropic API reference).

use serde_json::{Value, json};

use super::{
    ChatMessage, ChatRequest, ChatToolCall,
    dialect::{Events, halves, only_known},
    reply::Script,
    request::{Wrong, is_name, wrong},
};

const FIELDS: [&str; 17] = [
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// How many places the vendor caches up to.
const MOST_CACHE_MARKS: usize = 4;

/// Reads a request as strictly as the real server.
///
/// # Errors
///
/// The parameter that is wrong, and why.
pub(super) fn parse(
    authorization: Option<String>,
    version: Option<&str>,
    body: &[u8],
) -> Result<ChatRequest, Wrong> {
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("", "no JSON"))?;
    only_known(&body, &FIELDS)?;
    check_fields(&body, version)?;
    let model = body["model"].as_str().ok_or_else(|| wrong("model", "missing"))?.to_owned();
    let mut messages = Vec::new();
    if let Some(system) = body.get("system") {
        let mut text = ChatMessage { role: "system".to_owned(), ..ChatMessage::default() };
        for block in blocks(system)? {
            text.content += words(&block)?;
        }
        messages.push(text);
    }
    conversation(&body["messages"], &mut messages)?;
    let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tools: Vec<_> = tools.iter().map(tool).collect::<Result<_, _>>()?;
    if cache_marks(&body)? > MOST_CACHE_MARKS {
        return Err(wrong("cache_control", "too many"));
    }
    Ok(ChatRequest { authorization, model, messages, tools, body })
}

/// What a script says as server-sent events.
pub(super) fn events(script: &Script, asked: &ChatRequest, number: usize) -> Events {
    let event = |data: Value| {
        let kind = data["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let begin = |index: usize, block: Value| {
        event(json!({ "type": "content_block_start", "index": index, "content_block": block }))
    };
    let delta = |index: usize, delta: Value| {
        event(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
    };
    let end = |index: usize| event(json!({ "type": "content_block_stop", "index": index }));
    let [input, cached, output] = script.usage.unwrap_or_default();
    let mut first = event(json!({ "type": "message_start", "message": {
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "content": [],
        "model": asked.model, "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": input.saturating_sub(cached), "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached, "output_tokens": 1,
        },
    } }));
    let talks = !script.tokens.is_empty();
    if talks {
        first += &begin(0, json!({ "type": "text", "text": "" }));
    }
    first += &event(json!({ "type": "ping" }));
    let words = script.tokens.iter();
    let mut tokens: Vec<_> =
        words.map(|text| delta(0, json!({ "type": "text_delta", "text": text }))).collect();
    for (at, (name, arguments)) in script.calls.iter().enumerate() {
        let index = at + usize::from(talks);
        let mut token = if talks && at == 0 { end(0) } else { String::new() };
        let id = format!("toolu_{number}_{at}");
        token += &begin(index, json!({ "type": "tool_use", "id": id, "name": name, "input": {} }));
        // The first fragment is empty, and no arguments at all are no further one.
        let arguments = if arguments == "{}" { "" } else { arguments };
        for piece in [""].into_iter().chain(halves(arguments)) {
            token += &delta(index, json!({ "type": "input_json_delta", "partial_json": piece }));
        }
        tokens.push(token + &end(index));
    }
    let usual = if script.calls.is_empty() { "end_turn" } else { "tool_use" };
    let reason = script.finish.as_deref().unwrap_or(usual);
    let mut last = if talks && script.calls.is_empty() { end(0) } else { String::new() };
    last += &event(json!({
        "type": "message_delta", "usage": { "output_tokens": output },
        "delta": { "stop_reason": reason, "stop_sequence": null },
    }));
    Events { first, tokens, last: last + &event(json!({ "type": "message_stop" })) }
}

fn check_fields(body: &Value, version: Option<&str>) -> Result<(), Wrong> {
    let samples = ["temperature", "top_k", "top_p"].iter().any(|name| body.get(name).is_some());
    let choice = body.get("tool_choice");
    let is_choice = |choice: &Value| {
        let kind = choice["type"].as_str().unwrap_or_default();
        ["auto", "any", "none", "tool"].contains(&kind)
            && (kind != "none" || choice.get("disable_parallel_tool_use").is_none())
    };
    for (param, is_fine) in [
        ("anthropic-version", matches!(version, Some("2023-06-01" | "2026-10-21"))),
        ("stream", body["stream"] == true),
        ("max_tokens", body["max_tokens"].as_u64().is_some_and(|most| most > 0)),
        ("temperature", !samples || version == Some("2023-06-01")),
        ("tools", body.get("tools").is_none_or(Value::is_array)),
        ("tool_choice", choice.is_none_or(|choice| body["tools"].is_array() && is_choice(choice))),
        ("thinking", body.get("thinking").is_none_or(|thinking| thinking["type"].is_string())),
    ] {
        if !is_fine {
            return Err(wrong(param, "missing or wrong"));
        }
    }
    Ok(())
}

/// Reads the messages: the user begins and ends, both sides take turns, and the results of all
/// calls come at once and first.
fn conversation(messages: &Value, out: &mut Vec<ChatMessage>) -> Result<(), Wrong> {
    let messages = messages.as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| wrong("messages", "missing"))?;
    let mut open: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let expected = if at % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != expected {
            return Err(wrong("messages", "the roles do not alternate"));
        }
        let blocks = blocks(&message["content"])?;
        if at % 2 == 0 {
            asked(&blocks, &mut open, out)?;
        } else {
            open = said(&blocks, out)?;
        }
    }
    // The newer models go on from no words of their own.
    if messages.len().is_multiple_of(2) {
        return Err(wrong("messages", "the last one is not the user's"));
    }
    Ok(())
}

fn asked(
    blocks: &[Value],
    open: &mut Vec<String>,
    out: &mut Vec<ChatMessage>,
) -> Result<(), Wrong> {
    let mut talk = ChatMessage { role: "user".to_owned(), ..ChatMessage::default() };
    for block in blocks {
        if block["type"] == "text" {
            talk.content += words(block)?;
            continue;
        }
        let id = block["tool_use_id"].as_str().unwrap_or_default();
        let at = open.iter().position(|call| call == id);
        let Some(at) = at.filter(|_| block["type"] == "tool_result" && talk.content.is_empty())
        else {
            return Err(wrong("messages", "a result that answers no call"));
        };
        let id = open.remove(at);
        let content = block["content"].as_str().ok_or_else(|| wrong("messages", "no result"))?;
        out.push(ChatMessage {
            role: "tool".to_owned(),
            content: content.to_owned(),
            tool_call_id: Some(id),
            ..ChatMessage::default()
        });
    }
    if !open.is_empty() {
        return Err(wrong("messages", "a call has no result"));
    }
    if !talk.content.is_empty() {
        out.push(talk);
    }
    Ok(())
}

/// Reads an answer, and says which calls it has.
fn said(blocks: &[Value], out: &mut Vec<ChatMessage>) -> Result<Vec<String>, Wrong> {
    let mut answer = ChatMessage { role: "assistant".to_owned(), ..ChatMessage::default() };
    for block in blocks {
        match block["type"].as_str().unwrap_or_default() {
            "redacted_thinking" if block["data"].is_string() => {}
            "text" => answer.content += words(block)?,
            "thinking" if block["signature"].is_string() && block["thinking"].is_string() => {}
            "tool_use" => {
                let (id, name) = (block["id"].as_str(), block["name"].as_str());
                let (Some(id), Some(name), true) =
                    (id, name.filter(|name| is_name(name)), block["input"].is_object())
                else {
                    return Err(wrong("messages", "a call is incomplete"));
                };
                answer.tool_calls.push(ChatToolCall {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    arguments: block["input"].to_string(),
                });
            }
            _ => return Err(wrong("messages", "an unknown block")),
        }
    }
    let open = answer.tool_calls.iter().map(|call| call.id.clone()).collect();
    out.push(answer);
    Ok(open)
}

fn blocks(content: &Value) -> Result<Vec<Value>, Wrong> {
    if content.is_string() {
        return Ok(vec![json!({ "type": "text", "text": content })]);
    }
    let blocks = content.as_array().filter(|blocks| !blocks.is_empty());
    blocks.cloned().ok_or_else(|| wrong("messages", "no content"))
}

fn words(block: &Value) -> Result<&str, Wrong> {
    let text = block["text"].as_str().filter(|text| !text.trim().is_empty());
    text.filter(|_| block["type"] == "text").ok_or_else(|| wrong("messages", "a blank text"))
}

fn tool(value: &Value) -> Result<String, Wrong> {
    let name = value["name"].as_str().filter(|name| is_name(name));
    match name.filter(|_| value["input_schema"]["type"] == "object") {
        Some(name) => Ok(name.to_owned()),
        None => Err(wrong("tools", "a tool is malformed")),
    }
}

/// How many marks for the cache there are anywhere.
fn cache_marks(value: &Value) -> Result<usize, Wrong> {
    match value {
        Value::Array(items) => items.iter().map(cache_marks).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match name.as_str() {
                "cache_control" => {
                    let ttl = value.get("ttl").is_none_or(|ttl| ttl == "5m" || ttl == "1h");
                    let is_fine = value["type"] == "ephemeral" && ttl;
                    if is_fine { Ok(1) } else { Err(wrong("cache_control", "malformed")) }
                }
                "input" | "input_schema" => Ok(0),
                _ => cache_marks(value),
            })
            .sum(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, Wrong> {
        super::parse(None, Some("2023-06-01"), body.to_string().as_bytes())
    }

    fn conversation(messages: Value) -> Value {
        json!({ "model": "m", "max_tokens": 9, "stream": true, "messages": messages })
    }

    fn user(content: Value) -> Value {
        json!({ "role": "user", "content": content })
    }

    fn assistant(content: Value) -> Value {
        json!({ "role": "assistant", "content": content })
    }

    fn call(id: &str) -> Value {
        json!({ "type": "tool_use", "id": id, "name": "look", "input": { "n": 1 } })
    }

    fn result(id: &str) -> Value {
        json!({ "type": "tool_result", "tool_use_id": id, "content": "2" })
    }

    #[test]
    fn a_request_is_read_into_its_parts() {
        let mut body = conversation(json!([
            user(json!("When?")),
            assistant(json!([{ "type": "text", "text": "Let me look." }, call("a")])),
            user(json!([result("a"), { "type": "text", "text": "Well?" }])),
        ]));
        body["system"] = json!([{ "type": "text", "text": "Be brief.",
            "cache_control": { "type": "ephemeral", "ttl": "1h" } }]);
        body["tools"] = json!([{ "name": "look", "input_schema": { "type": "object" } }]);
        let request = parse(&body).unwrap();
        let roles: Vec<_> = request.messages.iter().map(|message| &*message.role).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
        assert_eq!(request.last_user_text(), Some("Well?"));
        assert_eq!(request.messages[2].tool_calls[0].arguments, "{\"n\":1}");
        assert_eq!(request.tools, ["look"]);
    }

    #[test]
    fn what_the_real_server_refuses_is_refused() {
        let fine = conversation(json!([user(json!("Hi"))]));
        assert!(parse(&fine).is_ok());
        assert!(super::parse(None, None, fine.to_string().as_bytes()).is_err());
        let mark = json!({ "type": "ephemeral" });
        let marked = json!({ "type": "text", "text": "x", "cache_control": mark });
        for (field, value) in [
            ("max_tokens", json!(0)),
            ("stream", json!(false)),
            ("no_such_field", json!(1)),
            ("tool_choice", json!({ "type": "auto" })),
            ("system", json!("")),
            ("messages", json!([])),
            ("messages", json!([assistant(json!("Hi"))])),
            ("messages", json!([user(json!("Hi")), assistant(json!("Hello"))])),
            ("messages", json!([user(json!("Hi")), user(json!("Hello"))])),
            ("messages", json!([user(json!([{ "type": "text", "text": " " }]))])),
            ("messages", json!([user(json!([result("a")]))])),
            (
                "messages",
                json!([user(json!("Hi")), assistant(json!([call("a")])), user(json!("x"))]),
            ),
            ("system", json!([marked, marked, marked, marked, marked])),
        ] {
            let mut body = fine.clone();
            body[field] = value;
            assert!(parse(&body).is_err(), "{body}");
        }
        let mut sampled = fine;
        sampled["temperature"] = json!(1);
        let newer = super::parse(None, Some("2026-10-21"), sampled.to_string().as_bytes());
        assert!(parse(&sampled).is_ok() && newer.is_err());
    }
}
