//! The Anthropic adapter against a scripted server.

use std::time::Duration;

use futures_util::{StreamExt, future::ready};
use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Result, Secret,
    llm::{FinishReason, LanguageModel, LlmEvent, LlmRequest, Message, ToolCall},
    registry::Registry,
};
use voiceagent_providers::anthropic::{AnthropicLlm, AnthropicLlmConfig};
use voiceagent_testkit::{
    conformance::llm::{KEY, LlmSuite},
    vendor::chat::{ChatVendor, Dialect, Reply},
};

use crate::clock::Clock;
use crate::scripted::Scripted;

const TOOLS: &str = include_str!("../cassettes/anthropic/text_then_tool_use.sample.sse");

fn config(vendor: &Scripted, deadline: Duration) -> Value {
    json!({
        "provider": "anthropic",
        "api_key": KEY,
        "base_url": vendor.server.url(),
        "structured_outputs": true,
        "first_token_timeout": deadline,
        "idle_timeout": deadline,
    })
}

fn model(vendor: &ChatVendor) -> AnthropicLlm {
    let mut config = AnthropicLlmConfig::default();
    config.api_key = Some(Secret::new(KEY));
    config.base_url = vendor.url().into();
    AnthropicLlm::new(config).expect("the configuration is complete")
}

fn question(messages: Vec<Message>) -> LlmRequest {
    LlmRequest::new("Be brief.", messages)
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

async fn items(model: &AnthropicLlm, request: LlmRequest) -> Vec<Result<LlmEvent>> {
    let stream = model.generate(request).await.expect("the vendor answers");
    let items = stream.filter(|item| ready(!matches!(item, Ok(LlmEvent::Connected { .. }))));
    items.collect().await
}

#[tokio::test]
async fn anthropic_conforms() {
    let _clock = Clock::start();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let suite = LlmSuite { subject: "anthropic", registry: &registry, config };
    suite.run(|| Scripted::start(Dialect::Anthropic)).await.assert();
}

#[tokio::test]
async fn rd7_no_tool_is_called_wherever_the_connection_is_cut() {
    let begin = TOOLS.find("input_json_delta").unwrap();
    let end = TOOLS.find("event: message_delta").unwrap();
    let replies = (begin..=end).map(|at| Reply::raw([TOOLS[..at].to_owned()]));
    let vendor = ChatVendor::replying(Dialect::Anthropic, replies).await;
    let model = model(&vendor);
    for at in begin..=end {
        let mut items = items(&model, question(vec![user("When?")])).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "cut at {at}");
        let is_no_call =
            |item: &Result<LlmEvent>| matches!(item, Ok(LlmEvent::Progress | LlmEvent::Text(_)));
        assert!(items.iter().all(is_no_call), "cut at {at}: {items:?}");
    }
}

#[tokio::test]
async fn signed_thoughts_come_back_with_the_results_of_their_calls() {
    let thought = include_str!("../cassettes/anthropic/thinking_then_text.sample.sse");
    let end = thought
        .find("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1");
    let begin = TOOLS.find("event: content_block_start").unwrap();
    let first = format!("{}{}", &thought[..end.unwrap()], &TOOLS[begin..]);
    let replies = [Reply::raw([first]), Reply::text("At nine.")];
    let vendor = ChatVendor::replying(Dialect::Anthropic, replies).await;
    let model = model(&vendor);
    let made = items(&model, question(vec![user("When?")])).await;
    let call = made.into_iter().find_map(|item| match item {
        Ok(LlmEvent::ToolCall(call)) => Some(call),
        _ => None,
    });
    let call: ToolCall = call.expect("a tool is called");
    let result = Message::ToolResult { id: call.id.clone(), output: "[9]".into() };
    let greeting = Message::Assistant { text: "Hello.".into(), interrupted: false };
    let messages = vec![greeting, user("When?"), Message::ToolCall(call), result];
    let said = items(&model, question(messages)).await;
    assert_eq!(said.last().unwrap().as_ref().unwrap(), &LlmEvent::Finished(FinishReason::Stop));
    let asked = vendor.requests();
    let sent = &asked[1].body["messages"][3]["content"];
    assert_eq!(sent[0], json!({ "type": "thinking", "thinking": "short", "signature": "c2ln" }));
    assert_eq!((&sent[1]["type"], vendor.refused()), (&json!("tool_use"), 0));
    assert_eq!(asked[1].tool_results(), ["[9]"]);
    assert_eq!(asked[1].authorization.as_deref(), Some(KEY));
}

#[tokio::test]
async fn refusals_have_a_kind_and_name_the_provider() {
    let samples = [
        (429, include_str!("../cassettes/anthropic/error_429.sample.json")),
        (529, include_str!("../cassettes/anthropic/error_529.sample.json")),
        (400, include_str!("../cassettes/anthropic/error_400_temperature_removed.sample.json")),
    ];
    let replies = samples.map(|(status, body)| Reply::refuse(status, body));
    let vendor = ChatVendor::replying(Dialect::Anthropic, replies).await;
    let model = model(&vendor);
    for message in [
        "anthropic generate: rate limited: status 429 (rate_limit_error)",
        "anthropic generate: overloaded: status 529 (overloaded_error)",
        "anthropic generate: rejected: status 400 (invalid_request_error)",
    ] {
        let error = model.generate(question(vec![user("Hi")])).await.err().unwrap();
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn a_connection_is_opened_ahead_and_used_again() {
    let vendor = ChatVendor::replying(Dialect::Anthropic, [Reply::text("Good morning.")]).await;
    let model = model(&vendor);
    model.warm().await.unwrap();
    for _ in 0..3 {
        items(&model, question(vec![user("Hi")])).await;
    }
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 3));
    let error = AnthropicLlm::new(AnthropicLlmConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), "anthropic configure: config: field `api_key` is missing");
}
