use std::sync::Arc;

use futures_util::{StreamExt, future::join_all};
use serde_json::{Value, json};
use voiceagent_core::{
    adapt::FallbackLlm,
    llm::{
        AnswerFormat, FinishReason, LanguageModel, LlmEvent, LlmRequest, Message, ToolCall,
        ToolChoice, Usage,
    },
    tool::ToolSpec,
};

use super::{LlmScene, LlmVendor, Outcome, ask_well, ensure, question};

type Model = Arc<dyn LanguageModel>;

pub(super) async fn text_in_order(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    let words: Vec<_> = (0..50).map(|number| format!("{number} ")).collect();
    vendor.play(LlmScene::Say(words.clone()));
    let said = text_of(&ask_well(model, question("Count.")).await?);
    ensure(said == words.concat(), || format!("said {said:?}"))
}

pub(super) async fn text_cut_anywhere(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    let text = "D\u{e9}j\u{e0} vu \u{2014} \u{65e5}\u{672c} \u{1f600}\n\"quoted\" \\ end";
    vendor.play(LlmScene::SayByteByByte(text.to_owned()));
    let said = text_of(&ask_well(model, question("Say it.")).await?);
    ensure(said == text, || format!("said {said:?}"))
}

pub(super) async fn finished_once_and_last(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Say(vec!["Hello.".to_owned()]));
    let events = ask_well(model, question("Hi.")).await?;
    let ends = events.iter().filter(|event| matches!(event, LlmEvent::Finished(_))).count();
    let last = events.last() == Some(&LlmEvent::Finished(FinishReason::Stop));
    ensure(ends == 1 && last, || format!("{events:?}"))
}

pub(super) async fn usage_reported(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Say(vec!["Hello.".to_owned()]));
    let events = ask_well(model, question("Hi.")).await?;
    let reported: Vec<_> = events
        .iter()
        .filter_map(|event| if let LlmEvent::Usage(usage) = event { Some(*usage) } else { None })
        .collect();
    ensure(reported == [Usage::new(120, 64, 18)], || format!("{reported:?}"))
}

pub(super) async fn cached(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Cache);
    let user = |text: &str| Message::User { text: text.into() };
    let mut messages = vec![user("What does it cost?")];
    let mut cached = Vec::new();
    for next in ["And on Sunday?", "And by car?"] {
        let request = LlmRequest::new("Answer.", messages.clone());
        let events = ask_well(model, request.with_tools(tools(), ToolChoice::Auto)).await?;
        cached.extend(events.iter().filter_map(|event| match event {
            LlmEvent::Usage(usage) => Some(usage.cached_tokens),
            _ => None,
        }));
        messages.push(Message::Assistant { text: text_of(&events).into(), interrupted: false });
        messages.push(user(next));
    }
    ensure(cached == [0, 64], || format!("{cached:?} tokens were cached"))
}

pub(super) async fn held_to_form(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::AnswerInForm);
    let form = json!({ "type": "object", "properties": { "open": { "type": "boolean" } },
        "required": ["open"], "additionalProperties": false });
    let request = question("Are you open?").with_format(AnswerFormat::new("Hours", form));
    let said = text_of(&ask_well(model, request).await?);
    let data: Option<Value> = serde_json::from_str(&said).ok();
    ensure(data == Some(json!({ "open": true })), || {
        format!("the form is not asked for: {said:?}")
    })?;
    let said = text_of(&ask_well(model, question("Are you open?")).await?);
    ensure(!said.is_empty() && !said.starts_with('{'), || {
        format!("without a form it said {said:?}")
    })
}

pub(super) async fn concurrent_requests(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Echo);
    let answers = (0..20).map(|number| async move {
        let asked = format!("Question {number}");
        let said = text_of(&ask_well(model, question(&asked)).await?);
        ensure(said == asked, || format!("{asked:?} was answered with {said:?}"))
    });
    join_all(answers).await.into_iter().collect()
}

pub(super) async fn dropped_stream(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::SayThenStall(vec!["Well,".to_owned()]));
    let mut stream = model.generate(question("Hi.")).await.map_err(|error| error.to_string())?;
    let is_no_word = |item: &Result<LlmEvent, _>| {
        matches!(
            item,
            Ok(LlmEvent::Connected { .. } | LlmEvent::FailedOver(_) | LlmEvent::Progress)
        )
    };
    let mut first = stream.next().await;
    while first.as_ref().is_some_and(is_no_word) {
        first = stream.next().await;
    }
    ensure(matches!(first, Some(Ok(LlmEvent::Text(_)))), || format!("{first:?}"))?;
    drop(stream);
    vendor.aborted(1).await;
    Ok(())
}

pub(super) async fn dropped_generate(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::Silence);
    let answer = async {
        // Either may be where a model waits for its first token.
        let mut stream = model.generate(question("Hi.")).await.ok()?;
        stream.next().await
    };
    tokio::select! {
        biased;
        () = vendor.requested(1) => {}
        item = answer => return Err(format!("a silent vendor was answered with {item:?}")),
    }
    vendor.aborted(1).await;
    Ok(())
}

pub(super) async fn tool_call(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    let arguments =
        json!({ "day": "2026-12-01", "note": "caf\u{e9} \"x\"", "list": [1, { "a": null }] });
    call_tools(vendor, model, &[("book", arguments)]).await
}

pub(super) async fn slow_arguments(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    vendor.play(LlmScene::CallSlowly);
    // It gives a model up that shows no sign of work for 2.5 s.
    let chain: Model = Arc::new(FallbackLlm::new(Arc::clone(model), Vec::new()));
    let events = ask_well(&chain, with_tools("Do it.")).await?;
    let is_whole = |event: &LlmEvent| {
        let LlmEvent::ToolCall(call) = event else { return false };
        &*call.name == "book" && serde_json::from_str::<Value>(&call.arguments).is_ok()
    };
    ensure(events.iter().filter(|event| is_whole(event)).count() == 1, || format!("{events:?}"))
}

pub(super) async fn parallel_tool_calls(vendor: &dyn LlmVendor, model: &Model) -> Outcome {
    let calls =
        [("book", json!({ "n": 1 })), ("look_up", json!({ "n": 2 })), ("book", json!({ "n": 3 }))];
    call_tools(vendor, model, &calls).await
}

async fn call_tools(vendor: &dyn LlmVendor, model: &Model, calls: &[(&str, Value)]) -> Outcome {
    let scene = calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone()));
    vendor.play(LlmScene::CallTools(scene.collect()));
    let events = ask_well(model, with_tools("Do it.")).await?;
    let made: Vec<&ToolCall> = events
        .iter()
        .filter_map(|event| if let LlmEvent::ToolCall(call) = event { Some(call) } else { None })
        .collect();
    ensure(made.len() == calls.len(), || format!("{} calls came", made.len()))?;
    for (made, (name, arguments)) in made.iter().zip(calls) {
        let read: Value =
            serde_json::from_str(&made.arguments).map_err(|error| error.to_string())?;
        ensure(&*made.name == *name && read == *arguments, || format!("{made:?}"))?;
        ensure(!made.id.as_str().is_empty(), || "a call has no id".to_owned())?;
    }
    let mut ids: Vec<_> = made.iter().map(|call| call.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ensure(ids.len() == made.len(), || "calls share an id".to_owned())?;
    let last = events.last() == Some(&LlmEvent::Finished(FinishReason::ToolCalls));
    ensure(last, || format!("ended with {:?}", events.last()))
}

pub(super) fn with_tools(text: &str) -> LlmRequest {
    question(text).with_tools(tools(), ToolChoice::Auto)
}

fn tools() -> [ToolSpec; 2] {
    let schema = json!({ "type": "object", "properties": {} });
    ["book", "look_up"].map(|name| ToolSpec::new(name, "Does it.", schema.clone()))
}

fn text_of(events: &[LlmEvent]) -> String {
    let texts = events.iter().filter_map(|event| {
        if let LlmEvent::Text(text) = event { Some(text.as_str()) } else { None }
    });
    texts.collect()
}
