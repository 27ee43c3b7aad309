//! Vendors that tell when a model ends: what they say stands in the log, once a day.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use voiceagent_core::{
    llm::{LanguageModel, LlmEvent, LlmRequest, Message},
    registry::Registry,
    tts::TextToSpeech,
};
use voiceagent_testkit::vendor::chat::{ChatVendor, Dialect, Reply};

use crate::voice::Voice;

/// The warnings of this thread.
#[derive(Clone, Debug, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no test panics while it holds the lock"))
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("voiceagent_providers")
    }
    fn new_span(&self, _attributes: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().expect("no test panics while it holds the lock").push(line.0);
    }
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

async fn vendor(dialect: Dialect) -> ChatVendor {
    let vendor = ChatVendor::replying(dialect, [Reply::text("Hello.")]).await;
    vendor.announce_end("2027-02-03");
    vendor
}

fn model(settings: &Value, vendor: &ChatVendor) -> Arc<dyn LanguageModel> {
    let mut settings = settings.clone();
    (settings["api_key"], settings["base_url"]) = ("k".into(), vendor.url().into());
    registry().llm.build(settings).expect("the settings are right")
}

#[tokio::test]
async fn a_model_of_which_its_vendor_says_that_it_ends_is_told_once_when_it_is_warmed() {
    let warnings = Warnings::default();
    let _log = tracing::subscriber::set_default(warnings.clone());
    for (dialect, settings) in [
        (Dialect::OpenAi, json!({ "provider": "openai", "model": "gpt-x" })),
        (Dialect::OpenAi, json!({ "provider": "openai-compatible", "model": "a/b" })),
        (Dialect::Anthropic, json!({ "provider": "anthropic", "model": "claude-x" })),
    ] {
        let vendor = vendor(dialect).await;
        let model = model(&settings, &vendor);
        assert!(warnings.take().is_empty(), "nobody was asked");
        for _ in 0..3 {
            model.warm().await.expect("the vendor is there");
        }
        let told = warnings.take();
        let [told] = &told[..] else { panic!("{told:?}") };
        for part in [settings["provider"].as_str(), settings["model"].as_str(), Some("2027-02-03")]
        {
            assert!(told.contains(part.expect("it is a text")), "{told}");
        }
        assert_eq!((vendor.accepted(), vendor.refused()), (1, 0), "one connection does for all");
    }
}

#[tokio::test]
async fn a_vendor_that_tells_it_with_its_answers_is_told_once() {
    let warnings = Warnings::default();
    let _log = tracing::subscriber::set_default(warnings.clone());
    let said = json!({
        "candidates": [{ "content": { "parts": [{ "text": "Hi" }] }, "finishReason": "STOP" }],
        "modelStatus": { "modelStage": "STABLE", "retirementTime": "2027-02-03T00:00:00Z" },
    });
    let reply = Reply::raw([format!("data: {said}\n\n")]);
    let vendor = ChatVendor::replying(Dialect::Gemini, [reply]).await;
    let model = model(&json!({ "provider": "gemini" }), &vendor);
    for told in [1, 0] {
        let question = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
        let answer = model.generate(question).await.expect("the vendor answers");
        let events: Vec<_> = answer.map(|event| event.expect("nothing fails")).collect().await;
        assert!(events.contains(&LlmEvent::Text("Hi".to_owned())), "{events:?}");
        let warnings = warnings.take();
        assert_eq!(warnings.len(), told);
        assert!(warnings.iter().all(|told| told.contains("2027-02-03")), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_vendor_that_tells_of_no_end_is_asked_without_one() {
    let warnings = Warnings::default();
    let _log = tracing::subscriber::set_default(warnings.clone());
    let google = vendor(Dialect::Gemini).await;
    model(&json!({ "provider": "gemini" }), &google).warm().await.expect("the vendor is there");
    let openai = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Hello.")]).await;
    model(&json!({ "provider": "openai" }), &openai).warm().await.expect("the vendor is there");
    assert_eq!(warnings.take(), [""; 0]);
}

#[tokio::test]
async fn an_end_that_is_announced_later_is_told_a_day_later() {
    let warnings = Warnings::default();
    let _log = tracing::subscriber::set_default(warnings.clone());
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Hello.")]).await;
    let model = model(&json!({ "provider": "openai" }), &vendor);
    model.warm().await.expect("the vendor is there");
    vendor.announce_end("2027-02-03");
    for (hours, told) in [(23, 0), (2, 1), (2, 0)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(hours * 3_600)).await;
        tokio::time::resume();
        model.warm().await.expect("the vendor is there");
        assert_eq!(warnings.take().len(), told, "{hours} h later");
    }
}

#[tokio::test]
async fn the_model_of_a_voice_is_asked_for_when_its_first_call_begins() {
    let warnings = Warnings::default();
    let _log = tracing::subscriber::set_default(warnings.clone());
    let vendor = vendor(Dialect::OpenAi).await;
    let settings = json!({ "provider": "openai", "api_key": "k", "base_url": vendor.url() });
    let voice: Arc<dyn TextToSpeech> = registry().tts.build(settings).expect("they are right");
    let format = voice.capabilities().formats[0];
    for told in [1, 0] {
        drop(Voice::open_in(&*voice, format).await);
        assert_eq!(warnings.take().len(), told);
    }
}

#[tokio::test]
async fn a_key_that_is_for_nothing_but_answers_is_good_enough_and_a_wrong_one_is_told() {
    // What OpenAI says of a key without the scope, Google of a wrong one, and Anthropic of one
    // without the right.
    let scope = json!({ "error": { "message": "x", "code": "missing_scope", "type": null } });
    let invalid = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT",
        "details": [{ "reason": "API_KEY_INVALID" }] } });
    let right = json!({ "type": "error", "error": { "type": "permission_error" } });
    for (provider, status, body, is_told) in [
        ("openai", 403, &scope, false),
        ("openai", 404, &scope, false),
        ("openai", 500, &scope, false),
        ("openai", 401, &scope, true),
        ("gemini", 400, &invalid, true),
        ("anthropic", 403, &right, true),
    ] {
        let url = crate::pages_of::one(status, &body.to_string()).await;
        let settings = json!({ "provider": provider, "api_key": "k", "base_url": url });
        let model = registry().llm.build(settings).expect("the settings are right");
        let kind = model.warm().await.err().map(|error| error.kind());
        let expected = is_told.then_some(voiceagent_core::ErrorKind::Unauthorized);
        assert_eq!(kind, expected, "{provider}: {status}");
    }
}
