//! Whole calls through the graph, in text, with the rules.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, duplex};
use voiceagent_core::{
    CallId, Error, ToolCallId,
    llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Message, ToolCall},
};

use crate::{
    clock::Clock,
    config::DealershipConfig,
    graph::{Node, Phase},
    reception::Reception,
    store::{CallStep, Store},
    terminal::Terminal,
};

fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

async fn reception() -> (Store, Reception) {
    let store = Store::fresh().await;
    store.seed(friday()).await.unwrap();
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), Clock::Fixed(friday()), &config).await.unwrap();
    (store, reception)
}

/// What a caller reads who types these lines.
async fn talk(
    reception: &Reception,
    call: &'static str,
    from: &str,
    lines: &'static str,
) -> String {
    let (output, mut screen) = duplex(64 * 1_024);
    let leg = Terminal::piped(call, lines.as_bytes(), output).with_from(from);
    reception.answer(Box::new(leg)).await.unwrap().finished().await;
    reception.conclude(&CallId::new(call)).await;
    let mut text = String::new();
    screen.read_to_string(&mut text).await.unwrap();
    text
}

fn path(steps: &[CallStep]) -> Vec<&str> {
    steps.iter().map(|step| step.node.as_str()).collect()
}

/// Whether these nodes are come to in this order, with others between them.
fn meets(steps: &[CallStep], nodes: &[Node]) -> bool {
    let mut steps = steps.iter();
    nodes.iter().all(|node| steps.any(|step| step.node == node.name()))
}

#[tokio::test]
async fn a_booking_goes_from_the_greeting_to_the_close_by_the_callers_yes() {
    use Node::{Close, Collect, Confirm, Execute, Greet, Intent};
    let (store, reception) = reception().await;
    let lines = "I need an oil change\nMonday at 10 AM please\nthe first one\nthe Accord\nyes\n\
                 no thanks, goodbye\n";
    let text = talk(&reception, "booking", "+16305550111", lines).await;
    assert!(text.contains("You're booked"), "{text}");
    let steps = store.steps("booking").await.unwrap();
    assert!(
        meets(&steps, &[Greet, Intent, Collect, Confirm, Execute, Close]),
        "{:?}\n{text}",
        path(&steps)
    );
    for step in &steps {
        let node = Node::named(&step.node).unwrap();
        assert_eq!(step.phase, node.phase().name());
    }
    assert_eq!(steps[0].phase, Phase::Greeting.name());
    let tools = store.progress("booking", None).await.unwrap().tools;
    let booked = tools.iter().filter(|tool| tool.name == "book_appointment").count();
    assert_eq!(booked, 1, "{tools:?}");
}

#[tokio::test]
async fn who_asks_for_a_visit_from_another_number_has_to_show_who_they_are_first() {
    use Node::{Close, Greet, Intent, Manage, Verify};
    let (store, reception) = reception().await;
    let lines = "I want to cancel my appointment\nnever mind, goodbye\n";
    let text = talk(&reception, "stranger", "+16305550188", lines).await;
    let steps = store.steps("stranger").await.unwrap();
    assert!(meets(&steps, &[Greet, Intent, Manage, Verify, Close]), "{:?}\n{text}", path(&steps));
}

#[tokio::test]
async fn the_zero_key_and_words_of_danger_lead_to_a_person() {
    let (store, reception) = reception().await;
    talk(&reception, "key", "+16305550188", "0\ngoodbye\n").await;
    let steps = store.steps("key").await.unwrap();
    assert!(meets(&steps, &[Node::Greet, Node::Escalate, Node::Close]), "{:?}", path(&steps));
    let text = talk(&reception, "fire", "+16305550188", "my car is on fire\ngoodbye\n").await;
    assert!(text.contains("call 911"), "{text}");
    let handed = store.progress("fire", None).await.unwrap().handed;
    assert_eq!(handed.as_deref(), Some("failed"), "nobody is there in this house: {text}");
}

#[tokio::test]
async fn another_language_and_a_refused_recording_are_met_wherever_the_talk_is() {
    let (store, reception) = reception().await;
    let lines = "I need an oil change\nhablas español\nplease do not record this\ngoodbye\n";
    let text = talk(&reception, "manner", "+16305550111", lines).await;
    assert!(text.contains("solo hablo inglés"), "{text}");
    assert!(text.contains("this call is not recorded"), "{text}");
    let tools = store.progress("manner", None).await.unwrap().tools;
    let code = |name: &str| {
        let used = tools.iter().find(|tool| tool.name == name);
        used.map(|tool| tool.code.as_str())
    };
    assert_eq!(code("set_language"), Some("UNSUPPORTED_LANGUAGE"));
    assert_eq!(code("set_recording_consent"), Some("OK"));
    let steps = store.steps("manner").await.unwrap();
    assert!(meets(&steps, &[Node::Intent, Node::Collect, Node::Close]), "{:?}", path(&steps));
}

#[tokio::test]
async fn who_is_not_understood_twice_is_offered_a_person() {
    let (store, reception) = reception().await;
    let lines = "purple monkey\ngreen dishwasher\ngoodbye\n";
    talk(&reception, "lost", "+16305550188", lines).await;
    let steps = store.steps("lost").await.unwrap();
    let escalated = steps.iter().find(|step| step.node == "escalate");
    assert_eq!(escalated.map(|step| step.cause.as_str()), Some("stuck"), "{:?}", path(&steps));
}

/// A model that takes every identifier from the results of tools, and asks for a booking before
/// anybody has agreed to one.
#[derive(Debug)]
struct Hasty;

impl Hasty {
    fn next(messages: &[Message]) -> Result<(&'static str, Value), String> {
        let results: Vec<Value> = messages
            .iter()
            .filter_map(|message| match message {
                Message::ToolResult { output, .. } => serde_json::from_str(output).ok(),
                _ => None,
            })
            .collect();
        let found = |field: &str| results.iter().find(|one| !one["data"][field].is_null());
        match messages.last() {
            Some(Message::ToolResult { .. }) if found("slots").is_none() => {
                let day = "2026-11-23";
                let search = json!({ "service_type": "oil_change", "date_from": day,
                    "date_to": day, "part_of_day": "morning", "earliest_time": null,
                    "latest_time": null, "advisor_id": null, "limit": 3 });
                Ok(("get_available_slots", search))
            }
            Some(Message::ToolResult { .. }) => {
                let last = results.last().map(|last| last["say"].clone()).unwrap_or_default();
                Err(last.as_str().unwrap_or("There is a time at eight on Monday.").to_owned())
            }
            Some(Message::User { text }) if text.contains("goodbye") => {
                Ok(("end_call", json!({ "reason": "done" })))
            }
            Some(Message::User { .. }) => match (found("slots"), found("customer_id")) {
                (Some(slots), Some(customer)) => {
                    let booking = json!({
                        "slot_id": slots["data"]["slots"][0]["slot_id"], "kind": null,
                        "service_type": "oil_change", "lead_id": null, "vehicle_id": null,
                        "customer_id": customer["data"]["customer_id"], "notes": null,
                        "confirmed": true });
                    Ok(("book_appointment", booking))
                }
                _ => Ok(("lookup_customer", json!({ "phone": null, "name": null }))),
            },
            _ => Err(String::new()),
        }
    }
}

#[async_trait]
impl LanguageModel for Hasty {
    fn name(&self) -> &str {
        "hasty"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(
        &self,
        request: LlmRequest,
    ) -> Result<BoxStream<'static, Result<LlmEvent, Error>>, Error> {
        let (event, finish) = match Self::next(&request.messages) {
            Ok((name, arguments)) => {
                let call = ToolCall {
                    id: ToolCallId::new(format!("{}", request.messages.len())),
                    name: name.into(),
                    arguments: arguments.to_string().into(),
                };
                (LlmEvent::ToolCall(call), FinishReason::ToolCalls)
            }
            Err(words) => (LlmEvent::Text(words), FinishReason::Stop),
        };
        let events = [event, LlmEvent::Finished(finish)];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

#[tokio::test]
async fn a_model_that_books_too_early_reads_back_and_books_after_the_yes() {
    let (store, reception) = reception().await;
    let reception = reception.with_model(Arc::new(Hasty));
    let lines = "I need an oil change on Monday\nwait eight is fine\nyes\ngoodbye\n";
    let text = talk(&reception, "hasty", "+16305550113", lines).await;
    let tools = store.progress("hasty", None).await.unwrap().tools;
    let booked: Vec<&str> = tools
        .iter()
        .filter(|tool| tool.name == "book_appointment")
        .map(|tool| tool.code.as_str())
        .collect();
    let steps = store.steps("hasty").await.unwrap();
    assert_eq!(booked, ["NOT_CONFIRMED", "OK"], "{:?}\n{text}", path(&steps));
}
