//! Servers that speak OpenAI's protocols, by the name under which they are registered.

use std::time::Duration;

use serde_json::{Value, json};
use voiceagent_core::registry::Registry;
use voiceagent_testkit::{
    conformance::{
        self,
        llm::{KEY, LlmSuite},
    },
    vendor::{SpeakScript, SpeechVendor, TurnScript, chat::Dialect},
};

use crate::clock::Clock;
use crate::scripted::Scripted;

const NAME: &str = "openai-compatible";
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

fn speech(url: &str) -> Value {
    json!({
        "provider": NAME,
        "api_key": SpeechVendor::KEY,
        "base_url": format!("{}/v1", url.replace("ws://", "http://")),
        "connect_timeout": 1,
        "stall_timeout": 1,
    })
}

#[tokio::test]
async fn a_compatible_model_conforms() {
    let _clock = Clock::start();
    let config = |vendor: &Scripted, deadline: Duration| {
        json!({
            "provider": NAME,
            "api_key": KEY,
            "base_url": vendor.server.url(),
            "model": "qwen3:8b",
            "first_token_timeout": deadline,
            "idle_timeout": deadline,
        })
    };
    LlmSuite { subject: NAME, registry: &registry(), config }
        .run(|| Scripted::start(Dialect::OpenAi))
        .await
        .assert();
}

#[tokio::test]
async fn a_compatible_recognizer_conforms() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let make = |url: &str| registry().stt.build(speech(url)).expect("the settings are right");
    conformance::stt(NAME, &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn a_compatible_voice_conforms() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    let make = |url: &str| registry().tts.build(speech(url)).expect("the settings are right");
    conformance::tts(NAME, &vendor, make).await.assert();
}
