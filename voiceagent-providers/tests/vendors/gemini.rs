//! The Gemini adapter against a scripted server.

use std::time::Duration;

use futures_util::{StreamExt, future::ready};
use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Result, Retry, Secret,
    llm::{FinishReason, LanguageModel, LlmEvent, LlmRequest, Message, ToolChoice},
    registry::Registry,
    tool::ToolSpec,
};
use voiceagent_providers::gemini::{GeminiLlm, GeminiLlmConfig};
use voiceagent_testkit::{
    conformance::llm::{KEY, LlmSuite},
    vendor::chat::{ChatVendor, Dialect, Reply},
};

use crate::clock::Clock;
use crate::scripted::Scripted;

const TOOLS: &str =
    include_str!("../cassettes/gemini/parallel_function_calls_with_signature.sample.sse");

fn config(vendor: &Scripted, deadline: Duration) -> Value {
    json!({
        "provider": "gemini",
        "api_key": KEY,
        "base_url": vendor.server.url(),
        "structured_outputs": true,
        "prompt_caching": true,
        "first_token_timeout": deadline,
        "idle_timeout": deadline,
    })
}

fn model(vendor: &ChatVendor) -> GeminiLlm {
    let mut config = GeminiLlmConfig::default();
    config.api_key = Some(Secret::new(KEY));
    config.base_url = vendor.url().into();
    GeminiLlm::new(config).expect("the configuration is complete")
}

fn question(messages: Vec<Message>) -> LlmRequest {
    let schema = json!({ "type": "object", "additionalProperties": false,
        "properties": { "phone": { "type": ["string", "null"] } } });
    let tools = vec![ToolSpec::new("lookup_customer", "Looks.", schema)];
    LlmRequest::new("Be brief.", messages).with_tools(tools, ToolChoice::Auto)
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

async fn items(model: &GeminiLlm, request: LlmRequest) -> Vec<Result<LlmEvent>> {
    let stream = model.generate(request).await.expect("the vendor answers");
    let items = stream.filter(|item| ready(!matches!(item, Ok(LlmEvent::Connected { .. }))));
    items.collect().await
}

#[tokio::test]
async fn gemini_conforms() {
    let _clock = Clock::start();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let suite = LlmSuite { subject: "gemini", registry: &registry, config };
    suite.run(|| Scripted::start(Dialect::Gemini)).await.assert();
}

#[tokio::test]
async fn rd7_no_tool_is_called_wherever_the_connection_is_cut() {
    let (begin, end) = (TOOLS.find("args").unwrap(), TOOLS.len() - 2);
    let replies = (begin..=end).map(|at| Reply::raw([TOOLS[..at].to_owned()]));
    let vendor = ChatVendor::replying(Dialect::Gemini, replies).await;
    let model = model(&vendor);
    for at in begin..=end {
        let mut items = items(&model, question(vec![user("When?")])).await;
        let error = items.pop().unwrap().unwrap_err();
        assert_eq!((items.len(), error.kind()), (0, ErrorKind::Disconnected), "cut at {at}");
    }
}

#[tokio::test]
async fn signatures_come_back_with_the_results_of_their_calls() {
    let replies = [Reply::raw([TOOLS]), Reply::text("At nine.")];
    let vendor = ChatVendor::replying(Dialect::Gemini, replies).await;
    let model = model(&vendor);
    let made = items(&model, question(vec![user("When?")])).await;
    let calls: Vec<_> = made
        .into_iter()
        .filter_map(|item| match item {
            Ok(LlmEvent::ToolCall(call)) => Some(call),
            _ => None,
        })
        .collect();
    let mut messages =
        vec![Message::Assistant { text: "Hello.".into(), interrupted: false }, user("When?")];
    messages.extend(calls.iter().cloned().map(Message::ToolCall));
    for call in calls.iter().rev() {
        messages.push(Message::ToolResult { id: call.id.clone(), output: "[9]".into() });
    }
    let said = items(&model, question(messages)).await;
    assert_eq!(said.last().unwrap().as_ref().unwrap(), &LlmEvent::Finished(FinishReason::Stop));
    let asked = vendor.requests();
    let sent = &asked[1].body["contents"][3]["parts"];
    assert_eq!(sent[0]["thoughtSignature"], "c2lnbmF0dXJl");
    assert_eq!((sent[1].get("thoughtSignature"), vendor.refused()), (None, 0));
    assert_eq!(asked[1].tool_results(), [r#"{"output":[9]}"#; 2]);
    assert_eq!((&*asked[1].model, &*asked[1].tools[0]), ("gemini-3.8-flash", "lookup_customer"));
}

#[tokio::test]
async fn refusals_have_a_kind_and_the_time_to_wait() {
    let body = include_str!("../cassettes/gemini/error_429.sample.json");
    let vendor = ChatVendor::replying(Dialect::Gemini, [Reply::refuse(429, body)]).await;
    let error = model(&vendor).generate(question(vec![user("Hi")])).await.err().unwrap();
    assert_eq!(error.to_string(), "gemini generate: rate limited: status 429 (RESOURCE_EXHAUSTED)");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(12)));
}

#[tokio::test]
async fn a_complete_answer_does_not_wait_for_the_end_of_its_response() {
    let chunk =
        r#"data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#;
    let pieces = [format!("{chunk}\n\n"), ": an hour later\n\n".to_owned()];
    let reply = Reply::raw(pieces).per_token(Duration::from_secs(3_600));
    let vendor = ChatVendor::replying(Dialect::Gemini, [reply]).await;
    let said = items(&model(&vendor), question(vec![user("Hi")])).await;
    let said: Vec<_> = said.into_iter().map(Result::unwrap).collect();
    let finished = LlmEvent::Finished(FinishReason::Stop);
    assert_eq!(said, [LlmEvent::Text("Hi".to_owned()), finished]);
}

#[tokio::test]
async fn a_connection_is_opened_ahead_and_used_again() {
    let vendor = ChatVendor::replying(Dialect::Gemini, [Reply::text("Good morning.")]).await;
    let model = model(&vendor);
    model.warm().await.unwrap();
    for _ in 0..3 {
        items(&model, question(vec![user("Hi")])).await;
    }
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 3));
    let error = GeminiLlm::new(GeminiLlmConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), "gemini configure: config: field `api_key` is missing");
}
