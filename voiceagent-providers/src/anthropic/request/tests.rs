use serde_json::{Value, json};
use voiceagent_core::{
    llm::{Message as Said, ToolCall},
    tool::ToolSpec,
};

use super::*;

fn user(text: &str) -> Said {
    Said::User { text: text.into() }
}

fn assistant(text: &str, interrupted: bool) -> Said {
    Said::Assistant { text: text.into(), interrupted }
}

fn call(id: &str, arguments: &str) -> Said {
    Said::ToolCall(ToolCall { id: id.into(), name: "look".into(), arguments: arguments.into() })
}

fn result(id: &str, output: &str) -> Said {
    Said::ToolResult { id: id.into(), output: output.into() }
}

fn sent(config: &AnthropicLlmConfig, request: &LlmRequest, keepsakes: &Keepsakes) -> Value {
    serde_json::from_slice(&encode(config, request, keepsakes).unwrap()).unwrap()
}

fn plain() -> AnthropicLlmConfig {
    AnthropicLlmConfig { prompt_caching: false, ..Default::default() }
}

fn conversation_of(messages: Vec<Said>) -> Value {
    sent(&plain(), &LlmRequest::new("", messages), &Keepsakes::default())["messages"].take()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn used(id: &str) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "look", "input": {} })
}

fn answered(id: &str, content: &str) -> Value {
    json!({ "type": "tool_result", "tool_use_id": id, "content": content })
}

#[test]
fn a_plain_request_holds_nothing_that_was_not_asked_for() {
    let request = LlmRequest::new("Be brief.", vec![user("Hi")]);
    let mark = json!({ "type": "ephemeral" });
    let expected = json!({
        "model": "claude-haiku-5-5", "max_tokens": 4096, "stream": true,
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": mark }],
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "Hi", "cache_control": mark },
        ] }],
    });
    let config = AnthropicLlmConfig::default();
    assert_eq!(sent(&config, &request, &Keepsakes::default()), expected);
}

#[test]
fn every_setting_reaches_the_vendor() {
    let config: AnthropicLlmConfig = serde_json::from_value(json!({
        "model": "m", "max_tokens": 9, "thinking": { "type": "adaptive" }, "effort": "low",
        "temperature": 0.5, "top_p": 0.25, "top_k": 7, "service_tier": "auto", "cache_ttl": "1h",
        "parallel_tool_calls": false, "strict_tools": true,
        "extra_body": { "top_k": 8, "speed": "fast" },
    }))
    .unwrap();
    let tool = ToolSpec::new("look", "Looks.", json!({ "type": "object", "properties": {} }));
    let request = |choice| {
        let tools = vec![tool.clone(), tool.clone()];
        let request = LlmRequest::new("", vec![user("Hi")]).with_tools(tools, choice);
        sent(&config, &request, &Keepsakes::default())
    };
    let mark = json!({ "type": "ephemeral", "ttl": "1h" });
    let plain = json!({ "name": "look", "description": "Looks.", "strict": true,
        "input_schema": { "type": "object", "properties": {} } });
    let mut marked = plain.clone();
    marked["cache_control"] = mark.clone();
    let expected = json!({
        "model": "m", "max_tokens": 9, "stream": true,
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "Hi", "cache_control": mark },
        ] }],
        "tools": [plain, marked],
        "tool_choice": { "type": "auto", "disable_parallel_tool_use": true },
        "thinking": { "type": "adaptive" }, "output_config": { "effort": "low" },
        "temperature": 0.5, "top_p": 0.25, "top_k": 8, "service_tier": "auto", "speed": "fast",
    });
    assert_eq!(request(ToolChoice::Auto), expected);
    assert_eq!(request(ToolChoice::None)["tool_choice"], json!({ "type": "none" }));
}

#[test]
fn the_user_begins_and_ends_and_both_sides_take_turns() {
    let messages = conversation_of(vec![
        assistant("Hello, this is the garage.", false),
        user("Hi"),
        user("  "),
        user("When are you open?"),
        assistant("At", true),
        assistant("", true),
        assistant("At nine.", false),
    ]);
    let expected = json!([
        { "role": "user", "content": [text("(silence)")] },
        { "role": "assistant", "content": [text("Hello, this is the garage.")] },
        { "role": "user", "content": [text("Hi"), text("When are you open?")] },
        { "role": "assistant", "content": [text("At"), text("At nine.")] },
        { "role": "user", "content": [text("(silence)")] },
    ]);
    assert_eq!(messages, expected);
    let nothing = json!([{ "role": "user", "content": [text("(silence)")] }]);
    assert_eq!(conversation_of(Vec::new()), nothing);
}

#[test]
fn rd16_all_results_of_an_answer_open_the_next_message() {
    let messages = conversation_of(vec![
        user("When?"),
        assistant("Let me look.", false),
        call("a", "{}"),
        call("b", "not an object"),
        user("Hello?"),
        result("b", "2"),
        call("c", ""),
    ]);
    let missing = json!({ "type": "tool_result", "tool_use_id": "c", "content": NO_RESULT,
        "is_error": true });
    let mut unanswered = missing.clone();
    unanswered["tool_use_id"] = "a".into();
    let expected = json!([
        { "role": "user", "content": [text("When?")] },
        { "role": "assistant", "content": [text("Let me look."), used("a"), used("b")] },
        { "role": "user", "content": [unanswered, answered("b", "2"), text("Hello?")] },
        { "role": "assistant", "content": [used("c")] },
        { "role": "user", "content": [missing] },
    ]);
    assert_eq!(messages, expected);
}

#[test]
fn signed_thoughts_go_back_unchanged_before_the_words_and_the_call() {
    let keepsakes = Keepsakes::default();
    let thoughts =
        r#"[{"type":"thinking","thinking":"b\u00e9","signature":"c2ln"},{"type":"x","n":1.0}]"#;
    keepsakes.keep("a".into(), thoughts);
    let messages = vec![assistant("Let me look.", false), call("a", "{}"), result("a", "1")];
    let request = LlmRequest::new("", messages);
    let body = String::from_utf8(encode(&plain(), &request, &keepsakes).unwrap()).unwrap();
    let inner = &thoughts[1..thoughts.len() - 1];
    let said = r#"{"type":"text","text":"Let me look."}"#;
    assert!(body.contains(&format!("[{inner},{said},{{\"type\":\"tool_use\"")), "{body}");
}

#[test]
fn an_interruption_is_marked_only_on_demand() {
    let messages = vec![user("Hi"), assistant("It is", true), user("Stop")];
    assert_eq!(conversation_of(messages.clone())[1]["content"], json!([text("It is")]));
    let marker = Some(" [interrupted]".into());
    let config = AnthropicLlmConfig { interruption_marker: marker, ..plain() };
    let marked = sent(&config, &LlmRequest::new("", messages), &Keepsakes::default());
    assert_eq!(marked["messages"][1]["content"], json!([text("It is [interrupted]")]));
}

#[test]
fn a_form_is_sent_beside_the_effort() {
    let schema = json!({ "type": "object", "properties": {} });
    let format = voiceagent_core::llm::AnswerFormat::new("Outcome", schema.clone());
    let request = LlmRequest::new("", vec![user("Hi")]).with_format(format);
    let form = json!({ "type": "json_schema", "schema": schema });
    let output = |config| sent(&config, &request, &Keepsakes::default())["output_config"].take();
    assert_eq!(output(plain()), json!({ "format": form }));
    let with_effort = AnthropicLlmConfig { effort: Some("low".into()), ..plain() };
    assert_eq!(output(with_effort), json!({ "effort": "low", "format": form }));
}
