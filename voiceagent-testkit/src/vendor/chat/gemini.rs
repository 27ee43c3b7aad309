//! Google's `streamGenerateContent` (Gemini API reference).

use serde_json::{Value, json};

use super::{
    ChatMessage, ChatRequest, ChatToolCall,
    dialect::{Events, only_known},
    reply::Script,
    request::{Wrong, is_name, wrong},
};

const FIELDS: [&str; 7] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "safetySettings",
    "systemInstruction",
    "toolConfig",
    "tools",
];

/// The keywords of a schema that the vendor takes.
const KEYWORDS: [&str; 22] = [
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
];

/// The model that a path below the root names.
pub(super) fn model(path: &str) -> Option<&str> {
    path.strip_prefix("/models/")?.strip_suffix(":streamGenerateContent?alt=sse")
}

/// Reads a request as strictly as the real server.
///
/// # Errors
///
/// The parameter that is wrong, and why.
pub(super) fn parse(
    authorization: Option<String>,
    model: &str,
    body: &[u8],
) -> Result<ChatRequest, Wrong> {
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("", "no JSON"))?;
    only_known(&body, &FIELDS)?;
    let mut messages = Vec::new();
    if let Some(system) = body.get("systemInstruction") {
        let mut text = ChatMessage { role: "system".to_owned(), ..ChatMessage::default() };
        for part in parts(system)? {
            text.content += part["text"].as_str().unwrap_or_default();
        }
        messages.push(text);
    }
    let contents = body["contents"].as_array().filter(|contents| !contents.is_empty());
    let contents = contents.ok_or_else(|| wrong("contents", "missing"))?;
    let wants_signatures = !model.starts_with("gemini-2");
    conversation(contents, wants_signatures, &mut messages)?;
    let mut tools = Vec::new();
    for tool in body["tools"].as_array().map(Vec::as_slice).unwrap_or_default() {
        for function in tool["functionDeclarations"].as_array().into_iter().flatten() {
            tools.push(declared(function)?);
        }
    }
    if body.get("toolConfig").is_some() && tools.is_empty() {
        return Err(wrong("toolConfig", "there are no tools"));
    }
    Ok(ChatRequest { authorization, model: model.to_owned(), messages, tools, body })
}

/// What a script says as server-sent events. The protocol has no last one.
pub(super) fn events(script: &Script, asked: &ChatRequest, number: usize) -> Events {
    let [input, cached, output] = script.usage.unwrap_or_default();
    let chunk = |parts: Value, reason: Option<&str>| {
        let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "index": 0 });
        let mut usage = json!({ "promptTokenCount": input, "totalTokenCount": input });
        if let Some(reason) = reason {
            candidate["finishReason"] = reason.into();
            usage = json!({
                "promptTokenCount": input, "cachedContentTokenCount": cached,
                "candidatesTokenCount": output, "totalTokenCount": input + output,
            });
        }
        let chunk = json!({
            "candidates": [candidate], "usageMetadata": usage,
            "modelVersion": asked.model, "responseId": format!("r{number}"),
        });
        format!("data: {chunk}\r\n\r\n")
    };
    let words = script.tokens.iter().map(|text| chunk(json!([{ "text": text }]), None));
    let calls = script.calls.iter().enumerate().map(|(at, (name, arguments))| {
        let args: Value = serde_json::from_str(arguments).expect("arguments are JSON");
        let id = format!("fc_{number}_{at}");
        let mut part = json!({ "functionCall": { "id": id, "name": name, "args": args } });
        if at == 0 {
            part["thoughtSignature"] = "c2lnbmVk".into();
        }
        chunk(json!([part]), None)
    });
    let reason = script.finish.as_deref().unwrap_or("STOP");
    Events {
        first: String::new(),
        tokens: words.chain(calls).collect(),
        last: chunk(json!([{ "text": "" }]), Some(reason)),
    }
}

/// Reads the contents: the user begins and ends, both sides take turns, the calls of an answer have
/// the signature of its thoughts, and their results come next and in their order.
fn conversation(
    contents: &[Value],
    wants_signatures: bool,
    out: &mut Vec<ChatMessage>,
) -> Result<(), Wrong> {
    let mut open: Vec<ChatToolCall> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let expected = if at % 2 == 0 { "user" } else { "model" };
        if content["role"] != expected {
            return Err(wrong("contents", "the roles do not alternate"));
        }
        let parts = parts(content)?;
        if at % 2 == 0 {
            asked(parts, &open, out)?;
        } else {
            open = said(parts, wants_signatures, out)?;
        }
    }
    if contents.len().is_multiple_of(2) {
        return Err(wrong("contents", "the last one is not the user's"));
    }
    Ok(())
}

fn asked(parts: &[Value], open: &[ChatToolCall], out: &mut Vec<ChatMessage>) -> Result<(), Wrong> {
    let results: Vec<_> = parts.iter().filter_map(|part| part.get("functionResponse")).collect();
    if results.len() != open.len() {
        return Err(wrong("contents", "not as many results as calls"));
    }
    for (result, call) in results.iter().zip(open) {
        if result["name"] != *call.name || !result["response"].is_object() {
            return Err(wrong("contents", "a result that answers no call"));
        }
        out.push(ChatMessage {
            role: "tool".to_owned(),
            content: result["response"].to_string(),
            tool_call_id: Some(call.id.clone()),
            ..ChatMessage::default()
        });
    }
    let words: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    if !words.is_empty() {
        let role = "user".to_owned();
        out.push(ChatMessage { role, content: words, ..ChatMessage::default() });
    }
    Ok(())
}

/// Reads an answer, and says which calls it has.
fn said(
    parts: &[Value],
    wants_signatures: bool,
    out: &mut Vec<ChatMessage>,
) -> Result<Vec<ChatToolCall>, Wrong> {
    let mut answer = ChatMessage { role: "assistant".to_owned(), ..ChatMessage::default() };
    for part in parts {
        if let Some(text) = part["text"].as_str() {
            answer.content += text;
            continue;
        }
        let call = &part["functionCall"];
        let (Some(name), true) = (call["name"].as_str(), call["args"].is_object()) else {
            return Err(wrong("contents", "a call is incomplete"));
        };
        let is_first = answer.tool_calls.is_empty();
        if is_first && wants_signatures && !part["thoughtSignature"].is_string() {
            return Err(wrong("contents", "a call has no thought_signature"));
        }
        answer.tool_calls.push(ChatToolCall {
            id: call["id"].as_str().unwrap_or_default().to_owned(),
            name: name.to_owned(),
            arguments: call["args"].to_string(),
        });
    }
    let open = answer.tool_calls.clone();
    out.push(answer);
    Ok(open)
}

fn parts(content: &Value) -> Result<&[Value], Wrong> {
    let parts = content["parts"].as_array().filter(|parts| !parts.is_empty());
    let parts = parts.ok_or_else(|| wrong("contents", "no parts"))?;
    let kinds = ["text", "functionCall", "functionResponse"];
    let is_one = |part: &Value| kinds.iter().filter(|kind| part.get(**kind).is_some()).count() == 1;
    if parts.iter().all(is_one) { Ok(parts) } else { Err(wrong("contents", "an unknown part")) }
}

fn declared(function: &Value) -> Result<String, Wrong> {
    let name = function["name"].as_str().filter(|name| is_name(name));
    let name = name.ok_or_else(|| wrong("tools", "a function has no name"))?;
    if let Some(schema) = function.get("parameters") {
        check_schema(schema)?;
    }
    Ok(name.to_owned())
}

fn check_schema(schema: &Value) -> Result<(), Wrong> {
    only_known(schema, &KEYWORDS)?;
    let kind = schema["type"].as_str().unwrap_or_default();
    let formats: &[&str] = match kind {
        "STRING" => &["date-time", "enum"],
        "NUMBER" => &["double", "float"],
        "INTEGER" => &["int32", "int64"],
        _ => &[],
    };
    let format = schema.get("format").and_then(Value::as_str);
    let properties = schema["properties"].as_object();
    let texts = |values: &Value| values.as_array().is_some_and(|v| v.iter().all(Value::is_string));
    for (why, is_fine) in [
        (
            "an unknown type",
            schema.get("anyOf").is_some()
                || ["ARRAY", "BOOLEAN", "INTEGER", "NUMBER", "OBJECT", "STRING"].contains(&kind),
        ),
        ("a format that the type does not have", format.is_none_or(|f| formats.contains(&f))),
        ("an enum that is no list of texts", schema.get("enum").is_none_or(texts)),
        ("an array without items", kind != "ARRAY" || schema.get("items").is_some()),
        (
            "an object without properties",
            kind != "OBJECT" || properties.is_some_and(|properties| !properties.is_empty()),
        ),
    ] {
        if !is_fine {
            return Err(wrong("tools", why));
        }
    }
    let inner = properties.into_iter().flatten().map(|(_, schema)| schema);
    let inner = inner.chain(schema.get("items"));
    let mut inner = inner.chain(schema["anyOf"].as_array().into_iter().flatten());
    inner.try_for_each(check_schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, Wrong> {
        super::parse(None, "gemini-3.8-flash", body.to_string().as_bytes())
    }

    fn content(role: &str, parts: Value) -> Value {
        json!({ "role": role, "parts": parts })
    }

    fn call(signature: Option<&str>) -> Value {
        let call = json!({ "id": "a", "name": "look", "args": {} });
        let mut part = json!({ "functionCall": call });
        if let Some(signature) = signature {
            part["thoughtSignature"] = signature.into();
        }
        part
    }

    fn result(name: &str) -> Value {
        json!({ "functionResponse": { "id": "a", "name": name, "response": { "output": 2 } } })
    }

    fn with_schema(schema: Value) -> Value {
        let function = json!({ "name": "look", "parameters": schema });
        json!({
            "contents": [content("user", json!([{ "text": "Hi" }]))],
            "tools": [{ "functionDeclarations": [function] }],
        })
    }

    #[test]
    fn a_request_is_read_into_its_parts() {
        let request = parse(&json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [
                content("user", json!([{ "text": "When?" }])),
                content("model", json!([{ "text": "Let me look." }, call(Some("c2ln"))])),
                content("user", json!([result("look"), { "text": "Well?" }])),
            ],
        }))
        .unwrap();
        let roles: Vec<_> = request.messages.iter().map(|message| &*message.role).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
        assert_eq!(request.messages[3].content, "{\"output\":2}");
        assert_eq!(model("/models/x:streamGenerateContent?alt=sse"), Some("x"));
        assert_eq!(model("/models/x:streamGenerateContent"), None);
    }

    #[test]
    fn a_conversation_that_the_real_server_refuses_is_refused() {
        let hi = content("user", json!([{ "text": "Hi" }]));
        let signed = content("model", json!([call(Some("c2ln"))]));
        for (contents, is_fine) in [
            (json!([hi]), true),
            (json!([hi, signed, content("user", json!([result("look")]))]), true),
            (json!([hi, signed, content("user", json!([result("book")]))]), false),
            (json!([hi, signed, hi]), false),
            (json!([hi, signed]), false),
            (json!([signed, hi]), false),
            (json!([hi, hi]), false),
            (
                json!([
                    hi,
                    content("model", json!([call(None)])),
                    content("user", json!([result("look")]))
                ]),
                false,
            ),
            (json!([content("user", json!([]))]), false),
            (json!([]), false),
        ] {
            assert_eq!(parse(&json!({ "contents": contents })).is_ok(), is_fine, "{contents}");
        }
    }

    #[test]
    fn a_schema_that_the_real_server_refuses_is_refused() {
        let text = json!({ "type": "STRING" });
        for (schema, is_fine) in [
            (json!({ "type": "OBJECT", "properties": { "a": text } }), true),
            (json!({ "type": "OBJECT", "properties": {} }), false),
            (json!({ "type": "OBJECT", "properties": { "a": text }, "$defs": {} }), false),
            (json!({ "type": "OBJECT", "properties": { "a": { "type": "null" } } }), false),
            (json!({ "type": "ARRAY" }), false),
            (json!({ "type": "STRING", "format": "date" }), false),
            (json!({ "type": "INTEGER", "enum": [1, 2] }), false),
            (json!({ "anyOf": [text, { "type": "INTEGER", "format": "int64" }] }), true),
        ] {
            assert_eq!(parse(&with_schema(schema.clone())).is_ok(), is_fine, "{schema}");
        }
    }
}
