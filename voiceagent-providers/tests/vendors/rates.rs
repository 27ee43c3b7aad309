//! What is left of a vendor's rates: from the headers of its answer to what a chain makes of them.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use voiceagent_core::{
    adapt::FallbackLlm,
    llm::{LanguageModel, LlmEvent, LlmRequest, Message},
    registry::Registry,
};
use voiceagent_testkit::vendor::chat::{ChatVendor, Dialect, Reply};

const MINUTE: Duration = Duration::from_secs(60);

/// A vendor's models, and what it puts on an answer when much and when nothing is left of a rate
/// (OpenAI's guide "Rate limits"; Anthropic's, "Response headers").
struct Rates {
    dialect: Dialect,
    settings: Value,
    much: &'static [(&'static str, &'static str)],
    nothing: &'static [(&'static str, &'static str)],
}

fn rates() -> [Rates; 3] {
    let much = &[("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-reset-requests", "1s")];
    let nothing = &[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "1m0s")];
    let openai = |dialect, api: &str| Rates {
        dialect,
        settings: json!({ "provider": "openai", "api": api }),
        much,
        nothing,
    };
    let anthropic = Rates {
        dialect: Dialect::Anthropic,
        settings: json!({ "provider": "anthropic" }),
        much: &[
            ("date", "Sun, 22 Nov 2026 01:00:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-22T01:00:02Z"),
        ],
        nothing: &[
            ("date", "Sun, 22 Nov 2026 01:00:00 GMT"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-22T01:01:00Z"),
        ],
    };
    let chat = openai(Dialect::OpenAi, "chat_completions");
    [chat, openai(Dialect::OpenAiResponses, "responses"), anthropic]
}

#[tokio::test]
async fn rd1_a_model_that_says_with_an_answer_that_nothing_is_left_is_not_asked_next() {
    for Rates { dialect, settings, much, nothing } in rates() {
        for (told, wait, asked) in [(much, None, (2, 0)), (nothing, Some(MINUTE), (1, 1))] {
            let vendor = |told: &'static [(&str, &str)]| {
                ChatVendor::start(dialect, move |_| {
                    let reply = Reply::text("Yes, we are.");
                    told.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
                })
            };
            let (first, second) = (vendor(told).await, vendor(&[]).await);
            let model = |vendor: &ChatVendor| {
                let mut settings = settings.clone();
                settings["api_key"] = "k".into();
                settings["base_url"] = vendor.url().into();
                let mut registry = Registry::default();
                voiceagent_providers::register(&mut registry);
                registry.llm.build(settings).expect("the settings are right")
            };
            let events = ask(&*model(&first)).await;
            let limits = events.iter().find_map(|event| match event {
                LlmEvent::Limits(limits) => Some(limits),
                _ => None,
            });
            assert_eq!(limits.expect("the vendor tells").wait(), wait, "{dialect:?}");
            let chain = FallbackLlm::new(model(&first), vec![model(&second)]);
            for _ in 0..2 {
                ask(&chain).await;
            }
            let counts = (first.requests().len() - 1, second.requests().len());
            assert_eq!(counts, asked, "{dialect:?}, {told:?}");
        }
    }
}

/// All that a model answers.
async fn ask(model: &dyn LanguageModel) -> Vec<LlmEvent> {
    let question = vec![Message::User { text: "Are you open on Saturday?".into() }];
    let answer = model.generate(LlmRequest::new("Be brief.", question)).await;
    answer.expect("it answers").map(|event| event.expect("nothing fails")).collect().await
}
