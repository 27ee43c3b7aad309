//! OpenAI's responses, over HTTP and over a WebSocket, against a scripted server.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Result, Secret,
    llm::{FinishReason, LanguageModel, LlmEvent, LlmRequest, Message, ToolCall},
    registry::Registry,
};
use voiceagent_providers::openai::{OpenAiApi, OpenAiLlm, OpenAiLlmConfig};
use voiceagent_testkit::{
    chaos::{ChaosProxy, Weather},
    conformance::llm::{KEY, LlmSuite},
    vendor::chat::{ChatVendor, Dialect, Reply},
};

use crate::clock::Clock;
use crate::scripted::Scripted;

const TOOL: &str = include_str!("../cassettes/openai_responses/function_call.sample.sse");
const WAYS: [OpenAiApi; 2] = [OpenAiApi::Responses, OpenAiApi::ResponsesWebsocket];

fn config(vendor: &Scripted, deadline: Duration, api: &str) -> Value {
    json!({
        "provider": "openai",
        "api": api,
        "api_key": KEY,
        "base_url": vendor.server.url(),
        "structured_outputs": true,
        "prompt_caching": true,
        "first_token_timeout": deadline,
        "idle_timeout": deadline,
    })
}

fn model(vendor: &ChatVendor, api: OpenAiApi) -> OpenAiLlm {
    model_at(vendor.url(), api)
}

fn model_at(url: &str, api: OpenAiApi) -> OpenAiLlm {
    let mut config = OpenAiLlmConfig::default();
    config.api = api;
    config.api_key = Some(Secret::new(KEY));
    config.base_url = Some(url.into());
    config.store = api == OpenAiApi::Responses;
    OpenAiLlm::new(config).expect("the configuration is complete")
}

async fn vendor(replies: impl IntoIterator<Item = Reply>) -> ChatVendor {
    ChatVendor::replying(Dialect::OpenAiResponses, replies).await
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn agent(text: &str) -> Message {
    Message::Assistant { text: text.into(), interrupted: false }
}

async fn items(model: &OpenAiLlm, messages: Vec<Message>) -> Vec<Result<LlmEvent>> {
    match model.generate(LlmRequest::new("Be brief.", messages)).await {
        Ok(stream) => stream.collect().await,
        Err(error) => vec![Err(error)],
    }
}

async fn answer(model: &OpenAiLlm, messages: Vec<Message>) -> Vec<LlmEvent> {
    items(model, messages).await.into_iter().map(|item| item.expect("it is answered")).collect()
}

/// Whether each request went on from an answer, and how many items it sent.
fn sent(vendor: &ChatVendor) -> Vec<(bool, usize)> {
    let sent = |body: &Value| {
        (body["previous_response_id"].is_string(), body["input"].as_array().map_or(0, Vec::len))
    };
    vendor.requests().iter().map(|request| sent(&request.body)).collect()
}

#[tokio::test]
async fn openai_responses_conform_over_http() {
    let _clock = Clock::start();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let config = |vendor: &Scripted, deadline| config(vendor, deadline, "responses");
    let suite = LlmSuite { subject: "openai Responses", registry: &registry, config };
    suite.run(|| Scripted::start(Dialect::OpenAiResponses)).await.assert();
}

#[tokio::test]
async fn openai_responses_conform_over_a_websocket() {
    let _clock = Clock::start();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let config = |vendor: &Scripted, deadline| config(vendor, deadline, "responses_websocket");
    let suite =
        LlmSuite { subject: "openai Responses over a WebSocket", registry: &registry, config };
    suite.run(|| Scripted::start(Dialect::OpenAiResponses)).await.assert();
}

#[tokio::test]
async fn a_turn_that_was_heard_sends_only_what_is_new() {
    for api in WAYS {
        let replies = ["At nine, or ten.", "See you."].map(Reply::text);
        let vendor = vendor(replies).await;
        let model = model(&vendor, api);
        answer(&model, vec![user("When?")]).await;
        let heard = vec![user("When?"), agent("At nine, or ten."), user("Nine.")];
        answer(&model, heard.clone()).await;
        let next = [&heard[..], &[agent("See you."), user("Bye.")]].concat();
        answer(&model, next).await;
        assert_eq!(sent(&vendor), [(false, 1), (true, 1), (true, 1)], "{api:?}");
        assert_eq!(vendor.requests()[2].messages.len(), 5, "the vendor knows all of it");
        assert_eq!(vendor.accepted(), 1, "{api:?}");
    }
}

#[tokio::test]
async fn what_the_caller_did_not_hear_is_not_gone_on_from() {
    for api in WAYS {
        let vendor = vendor([Reply::text("At nine, or ten.")]).await;
        let model = model(&vendor, api);
        answer(&model, vec![user("When?")]).await;
        let cut = Message::Assistant { text: "At nine,".into(), interrupted: true };
        answer(&model, vec![user("When?"), cut, user("Nine.")]).await;
        assert_eq!(sent(&vendor), [(false, 1), (false, 3)], "{api:?}");
    }
}

#[tokio::test]
async fn the_results_of_tools_are_sent_alone() {
    for api in WAYS {
        let replies = [Reply::tool_call("look", &json!({ "day": 1 })), Reply::text("At nine.")];
        let vendor = vendor(replies).await;
        let model = model(&vendor, api);
        let made = answer(&model, vec![user("When?")]).await;
        let call: Option<ToolCall> = made.into_iter().find_map(|event| match event {
            LlmEvent::ToolCall(call) => Some(call),
            _ => None,
        });
        let call = call.expect("a tool is called");
        let result = Message::ToolResult { id: call.id.clone(), output: "[9]".into() };
        answer(&model, vec![user("When?"), Message::ToolCall(call), result]).await;
        assert_eq!(sent(&vendor), [(false, 1), (true, 1)], "{api:?}");
        assert_eq!(vendor.requests()[1].tool_results(), ["[9]"], "{api:?}");
    }
}

#[tokio::test]
async fn what_a_vendor_has_forgotten_is_sent_again_as_a_whole() {
    let vendor = vendor([Reply::text("At nine.")]).await;
    let model = model(&vendor, OpenAiApi::Responses);
    answer(&model, vec![user("When?")]).await;
    vendor.forget();
    let said = answer(&model, vec![user("When?"), agent("At nine."), user("Fine.")]).await;
    assert_eq!(said.last(), Some(&LlmEvent::Finished(FinishReason::Stop)));
    assert_eq!((sent(&vendor), vendor.refused()), (vec![(false, 1), (false, 3)], 1));
}

#[tokio::test]
async fn a_socket_that_is_too_old_is_replaced_without_a_word() {
    for code in ["websocket_connection_limit_reached", "previous_response_not_found"] {
        let error = json!({ "error": { "type": "invalid_request_error", "code": code } });
        let refusal = Reply::refuse(400, error.to_string());
        let vendor = vendor([Reply::text("At nine."), refusal, Reply::text("Fine.")]).await;
        let model = model(&vendor, OpenAiApi::ResponsesWebsocket);
        answer(&model, vec![user("When?")]).await;
        let said = answer(&model, vec![user("When?"), agent("At nine."), user("Fine.")]).await;
        assert_eq!(said.last(), Some(&LlmEvent::Finished(FinishReason::Stop)), "{code}");
        assert_eq!(sent(&vendor), [(false, 1), (true, 1), (false, 3)], "{code}");
        let sockets = if code.starts_with("web") { 2 } else { 1 };
        assert_eq!(vendor.accepted(), sockets, "{code}");
    }
}

#[tokio::test]
async fn a_socket_is_opened_ahead_and_one_that_the_vendor_closed_is_not_used() {
    let finished = include_str!("../cassettes/openai_responses/text.sample.sse");
    let vendor = vendor([Reply::raw([finished]), Reply::text("Fine.")]).await;
    let model = model(&vendor, OpenAiApi::ResponsesWebsocket);
    model.warm().await.unwrap();
    model.warm().await.unwrap();
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 0));
    let said = answer(&model, vec![user("When?")]).await;
    assert_eq!(said[0], LlmEvent::Connected { after: Duration::ZERO, reused: true });
    let gone = vendor.until(|vendor| vendor.open() == 0);
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the vendor closes it");
    let said = answer(&model, vec![user("When?"), agent("Hello there."), user("Nine?")]).await;
    assert!(matches!(said[0], LlmEvent::Connected { reused: false, .. }), "{said:?}");
    assert_eq!(sent(&vendor), [(false, 1), (false, 3)]);
}

#[tokio::test]
async fn a_socket_that_waits_is_kept_and_one_that_the_network_dropped_without_a_word_is_not() {
    let _clock = Clock::start();
    for (weather, is_kept) in [(Weather::fair(), true), (Weather::fair().swallowed(), false)] {
        let vendor = vendor([Reply::text("At nine.")]).await;
        let (network, url) = ChaosProxy::before(vendor.url()).await.unwrap();
        let model = model_at(&url, OpenAiApi::ResponsesWebsocket);
        answer(&model, vec![user("When?")]).await;
        network.set(weather);
        // That time passes is what is checked.
        tokio::time::sleep(Duration::from_secs(30)).await;
        network.set(Weather::fair());
        let said = answer(&model, vec![user("When?"), agent("At nine."), user("Fine.")]).await;
        let is_reused = matches!(said[0], LlmEvent::Connected { reused: true, .. });
        assert_eq!((is_reused, vendor.accepted()), (is_kept, if is_kept { 1 } else { 2 }));
    }
}

#[tokio::test]
async fn an_answer_is_had_although_all_sockets_that_wait_are_lost() {
    let error = json!({ "error": { "code": "websocket_connection_limit_reached" } });
    let lost = Reply::refuse(400, error.to_string());
    let said = Reply::text("At nine.");
    let replies = [said.clone(), said.clone(), said.clone(), lost.clone(), lost, said];
    let vendor = vendor(replies).await;
    let model = model(&vendor, OpenAiApi::ResponsesWebsocket);
    join_all((0..3).map(|_| answer(&model, vec![user("When?")]))).await;
    assert_eq!(vendor.accepted(), 3);
    let said = answer(&model, vec![user("When?"), agent("At nine."), user("Fine.")]).await;
    assert!(matches!(said[0], LlmEvent::Connected { reused: false, .. }), "{said:?}");
    assert_eq!(vendor.accepted(), 4);
}

#[tokio::test]
async fn rd7_no_tool_is_called_wherever_the_connection_is_cut() {
    let begin = TOOL.find("response.function_call_arguments.delta").unwrap();
    let end = TOOL.find("event: response.completed").unwrap();
    for api in WAYS {
        let replies = (begin..=end).map(|at| Reply::raw([TOOL[..at].to_owned()]));
        let vendor = vendor(replies).await;
        let model = model(&vendor, api);
        for at in begin..=end {
            let mut items = items(&model, vec![user("When?")]).await;
            let kind = items.pop().unwrap().unwrap_err().kind();
            let cut = matches!(kind, ErrorKind::Disconnected | ErrorKind::Protocol);
            assert!(cut, "{api:?} cut at {at}: {kind:?}");
            let called = |item: &Result<LlmEvent>| matches!(item, Ok(LlmEvent::ToolCall(_)));
            assert!(!items.iter().any(called), "{api:?} cut at {at}: {items:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_by_either_way() {
    for api in WAYS {
        let vendor = vendor([Reply::text("Hello.")]).await;
        let mut config = OpenAiLlmConfig::default();
        config.api = api;
        config.base_url = Some(vendor.url().into());
        config.name = Some("house".into());
        let model = OpenAiLlm::new(config).unwrap();
        let error = model.warm().await.unwrap_err();
        assert_eq!((error.kind(), error.provider()), (ErrorKind::Unauthorized, Some("house")));
    }
}
