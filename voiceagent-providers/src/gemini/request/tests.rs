use serde_json::{Value, json};
use voiceagent_core::{
    llm::{Message, ToolCall},
    tool::ToolSpec,
};

use super::*;

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn assistant(text: &str) -> Message {
    Message::Assistant { text: text.into(), interrupted: false }
}

fn call(id: &str, arguments: &str) -> Message {
    Message::ToolCall(ToolCall { id: id.into(), name: "look".into(), arguments: arguments.into() })
}

fn result(id: &str, output: &str) -> Message {
    Message::ToolResult { id: id.into(), output: output.into() }
}

fn sent(config: &GeminiLlmConfig, request: &LlmRequest, keepsakes: &Keepsakes) -> Value {
    serde_json::from_slice(&encode(config, request, keepsakes).unwrap()).unwrap()
}

fn contents_of(config: &GeminiLlmConfig, messages: Vec<Message>, keepsakes: &Keepsakes) -> Value {
    sent(config, &LlmRequest::new("", messages), keepsakes)["contents"].take()
}

fn called(id: &str, args: Value, signature: Option<&str>) -> Value {
    let mut part = json!({ "functionCall": { "id": id, "name": "look", "args": args } });
    if let Some(signature) = signature {
        part["thoughtSignature"] = signature.into();
    }
    part
}

fn answered(id: &str, response: Value) -> Value {
    json!({ "functionResponse": { "id": id, "name": "look", "response": response } })
}

#[test]
fn a_plain_request_holds_nothing_that_was_not_asked_for() {
    let request = LlmRequest::new("Be brief.", vec![user("Hi")]);
    let expected = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
        "generationConfig": { "thinkingConfig": { "thinkingLevel": "LOW" } },
    });
    let config = GeminiLlmConfig::default();
    assert_eq!(sent(&config, &request, &Keepsakes::default()), expected);
    let other = GeminiLlmConfig { model: "gemma-4".into(), ..config };
    let other = sent(&other, &request, &Keepsakes::default());
    assert_eq!(other.get("generationConfig"), None);
}

#[test]
fn every_setting_reaches_the_vendor() {
    let config: GeminiLlmConfig = serde_json::from_value(json!({
        "thinking_budget": 128, "temperature": 0.5, "top_p": 0.25, "max_output_tokens": 9,
        "seed": 3, "safety_settings": [{ "category": "C", "threshold": "T" }],
        "extra_body": { "cachedContent": "c" },
    }))
    .unwrap();
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let look = ToolSpec::new("look", "Looks.", schema);
    let now = ToolSpec::new("now", "Tells.", json!({ "type": "object", "properties": {} }));
    let request = LlmRequest::new("", vec![user("Hi")]);
    let request = request.with_tools(vec![look, now], ToolChoice::None);
    let expected = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
        "tools": [{ "functionDeclarations": [
            { "name": "look", "description": "Looks.", "parameters": {
                "type": "OBJECT", "properties": { "n": { "type": "INTEGER" } },
            } },
            { "name": "now", "description": "Tells." },
        ] }],
        "toolConfig": { "functionCallingConfig": { "mode": "NONE" } },
        "generationConfig": {
            "temperature": 0.5, "topP": 0.25, "maxOutputTokens": 9, "seed": 3,
            "thinkingConfig": { "thinkingBudget": 128 },
        },
        "safetySettings": [{ "category": "C", "threshold": "T" }],
        "cachedContent": "c",
    });
    assert_eq!(sent(&config, &request, &Keepsakes::default()), expected);
}

#[test]
fn the_user_begins_and_ends_and_both_sides_take_turns() {
    let messages = vec![
        assistant("Hello, this is the garage."),
        user("Hi"),
        user(" "),
        user("When are you open?"),
        assistant("At nine."),
    ];
    let expected = json!([
        { "role": "user", "parts": [{ "text": "(silence)" }] },
        { "role": "model", "parts": [{ "text": "Hello, this is the garage." }] },
        { "role": "user", "parts": [{ "text": "Hi" }, { "text": "When are you open?" }] },
        { "role": "model", "parts": [{ "text": "At nine." }] },
        { "role": "user", "parts": [{ "text": "(silence)" }] },
    ]);
    let config = GeminiLlmConfig::default();
    assert_eq!(contents_of(&config, messages, &Keepsakes::default()), expected);
    let nothing = contents_of(&config, Vec::new(), &Keepsakes::default());
    assert_eq!(nothing, json!([{ "role": "user", "parts": [{ "text": "(silence)" }] }]));
}

#[test]
fn rd16_results_follow_their_calls_in_order_and_with_the_signature() {
    let keepsakes = Keepsakes::default();
    keepsakes.keep("a".into(), "c2ln");
    let messages = vec![
        user("When?"),
        call("a", r#"{"n":1}"#),
        call("b", "[1]"),
        user("Hello?"),
        result("b", "\"noon\""),
        result("a", r#"{"at":"nine"}"#),
        call("c", "{}"),
        result("c", "not JSON"),
        call("d", "{}"),
    ];
    let expected = json!([
        { "role": "user", "parts": [{ "text": "When?" }] },
        { "role": "model", "parts": [
            called("a", json!({ "n": 1 }), Some("c2ln")), called("b", json!({}), None),
        ] },
        { "role": "user", "parts": [
            answered("a", json!({ "at": "nine" })), answered("b", json!({ "output": "noon" })),
            { "text": "Hello?" },
        ] },
        { "role": "model", "parts": [called("c", json!({}), Some(NO_SIGNATURE))] },
        { "role": "user", "parts": [answered("c", json!({ "output": "not JSON" }))] },
        { "role": "model", "parts": [called("d", json!({}), Some(NO_SIGNATURE))] },
        { "role": "user", "parts": [
            answered("d", json!({ "error": "no result was recorded" })),
        ] },
    ]);
    let config = GeminiLlmConfig::default();
    assert_eq!(contents_of(&config, messages.clone(), &keepsakes), expected);
    let early = GeminiLlmConfig { model: "gemini-2.5-flash".into(), ..config };
    let unsigned = contents_of(&early, messages, &keepsakes);
    assert_eq!(unsigned[3]["parts"], json!([called("c", json!({}), None)]));
}

#[test]
fn a_form_is_sent_as_it_is() {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let format = voiceagent_core::llm::AnswerFormat::new("Outcome", schema.clone());
    let request = LlmRequest::new("", vec![user("Hi")]).with_format(format);
    let config = GeminiLlmConfig { model: "gemini-2.0-flash".into(), ..Default::default() };
    let sent = sent(&config, &request, &Keepsakes::default());
    let expected = json!({ "responseMimeType": "application/json", "responseJsonSchema": schema });
    assert_eq!(sent["generationConfig"], expected);
}
