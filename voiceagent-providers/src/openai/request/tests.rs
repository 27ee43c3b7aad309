use serde_json::{Value, json};
use voiceagent_core::llm::{Message, ToolCall, ToolChoice};

use super::*;

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn assistant(text: &str, interrupted: bool) -> Message {
    Message::Assistant { text: text.into(), interrupted }
}

fn call(id: &str) -> Message {
    Message::ToolCall(ToolCall { id: id.into(), name: "look".into(), arguments: "{}".into() })
}

fn result(id: &str, output: &str) -> Message {
    Message::ToolResult { id: id.into(), output: output.into() }
}

fn sent(config: &OpenAiLlmConfig, request: &LlmRequest) -> Value {
    serde_json::from_slice(&encode(config, request, true).unwrap()).unwrap()
}

fn conversation_of(messages: Vec<Message>) -> Value {
    let config = OpenAiLlmConfig { model: Some("m".into()), ..Default::default() };
    sent(&config, &LlmRequest::new("", messages))["messages"].take()
}

fn called(id: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "look", "arguments": "{}" } })
}

#[test]
fn a_plain_request_holds_nothing_that_was_not_asked_for() {
    let request = LlmRequest::new("Be brief.", vec![user("Hi")]);
    let expected = json!({
        "model": "gpt-6-luna",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Hi" },
        ],
        "stream": true,
        "stream_options": { "include_usage": true },
        "reasoning_effort": "none",
    });
    assert_eq!(sent(&OpenAiLlmConfig::default(), &request), expected);
    let without = encode(&OpenAiLlmConfig::default(), &request, false).unwrap();
    assert!(!String::from_utf8(without).unwrap().contains("stream_options"));
}

#[test]
fn every_setting_reaches_the_vendor() {
    let config: OpenAiLlmConfig = serde_json::from_value(json!({
        "base_url": "http://localhost/v1", "model": "m", "reasoning_effort": "low",
        "temperature": 0.5, "top_p": 0.25, "max_completion_tokens": 9, "seed": 3,
        "service_tier": "priority", "prompt_cache_key": "k", "parallel_tool_calls": false,
        "strict_tools": true, "extra_body": { "seed": 4, "keep_alive": "1h" },
    }))
    .unwrap();
    let tool = ToolSpec::new("look", "Looks.", json!({ "type": "object", "properties": {} }));
    let request = LlmRequest::new("", vec![user("Hi")]).with_tools(vec![tool], ToolChoice::None);
    let expected = json!({
        "model": "m", "messages": [{ "role": "user", "content": "Hi" }],
        "tools": [{ "type": "function", "function": {
            "name": "look", "description": "Looks.", "strict": true,
            "parameters": { "type": "object", "properties": {} },
        } }],
        "tool_choice": "none", "parallel_tool_calls": false,
        "stream": true, "stream_options": { "include_usage": true },
        "reasoning_effort": "low", "temperature": 0.5, "top_p": 0.25,
        "max_completion_tokens": 9, "seed": 4, "service_tier": "priority",
        "prompt_cache_key": "k", "keep_alive": "1h",
    });
    assert_eq!(sent(&config, &request), expected);
}

#[test]
fn calls_and_the_words_before_them_are_one_message() {
    let messages = conversation_of(vec![
        user("When?"),
        assistant("Let me look.", false),
        call("a"),
        call("b"),
        result("b", "2"),
        result("a", "1"),
        assistant("At noon.", false),
    ]);
    let expected = json!([
        { "role": "user", "content": "When?" },
        { "role": "assistant", "content": "Let me look.", "tool_calls": [called("a"), called("b")] },
        { "role": "tool", "tool_call_id": "a", "content": "1" },
        { "role": "tool", "tool_call_id": "b", "content": "2" },
        { "role": "assistant", "content": "At noon." },
    ]);
    assert_eq!(messages, expected);
}

#[test]
fn rd16_every_call_is_answered_at_once_whatever_came_between() {
    let messages = conversation_of(vec![
        result("gone", "0"),
        call("a"),
        user("Hello?"),
        result("a", "1"),
        call("b"),
    ]);
    let expected = json!([
        { "role": "assistant", "tool_calls": [called("a")] },
        { "role": "tool", "tool_call_id": "a", "content": "1" },
        { "role": "user", "content": "Hello?" },
        { "role": "assistant", "tool_calls": [called("b")] },
        { "role": "tool", "tool_call_id": "b", "content": NO_RESULT },
    ]);
    assert_eq!(messages, expected);
}

#[test]
fn an_interruption_is_marked_only_on_demand() {
    let messages = vec![assistant("It is", true), user("Stop"), assistant("", true)];
    let plain = conversation_of(messages.clone());
    let expected = json!([
        { "role": "assistant", "content": "It is" },
        { "role": "user", "content": "Stop" },
    ]);
    assert_eq!(plain, expected);
    let marker = Some(" [interrupted]".into());
    let config = OpenAiLlmConfig { interruption_marker: marker, ..Default::default() };
    let marked = sent(&config, &LlmRequest::new("", messages));
    assert_eq!(marked["messages"][0]["content"], "It is [interrupted]");
}

#[test]
fn a_form_is_sent_with_its_name() {
    let schema = json!({ "type": "object", "properties": {} });
    let format = AnswerFormat::new("Outcome", schema.clone());
    let request = LlmRequest::new("", vec![user("Hi")]).with_format(format);
    let expected = json!({
        "type": "json_schema",
        "json_schema": { "name": "Outcome", "schema": schema, "strict": true },
    });
    assert_eq!(sent(&OpenAiLlmConfig::default(), &request)["response_format"], expected);
}
