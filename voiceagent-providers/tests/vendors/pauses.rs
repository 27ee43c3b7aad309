//! A caller who pauses in a sentence, and an agent that listens by recognizers which can be asked for
//! finals.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voiceagent_core::{Agent, Event, audio::AudioFormat, registry::Registry};
use voiceagent_testkit::{
    fakes::{Answer, FakeLine, FakeLlm, FakeTts, FakeVad},
    vendor::{ListenScript, ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::clock::Clock;

const MS: Duration = Duration::from_millis(1);

/// When the vendors of these calls take a turn for over by themselves.
const VENDOR: Duration = Duration::from_millis(900);

/// The shortest delay of the agent.
const AGENT: Duration = Duration::from_millis(800);

fn script() -> TurnScript {
    let mut script = TurnScript::utterances(["A table for two on Friday at nine", "please"]);
    script.end_after = VENDOR;
    script
}

/// How long after their last sound the turns of a caller were over who says a sentence with a pause
/// of half a second in it.
async fn delays(provider: &str, vendor: &SpeechVendor, settings: Value) -> Vec<Duration> {
    let mut config =
        json!({ "provider": provider, "api_key": SpeechVendor::KEY, "base_url": vendor.url() });
    for (key, value) in settings.as_object().expect("settings are an object") {
        config[key] = value.clone();
    }
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let stt = registry.stt.build(config).expect("the settings are right");
    let line = FakeLine::audio(AudioFormat::MULAW_8K);
    let caller = line.caller();
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("It is booked."))))
        .stt(stt)
        .tts(Arc::new(FakeTts::new()))
        .vad(Arc::new(FakeVad::default()))
        .tune(|config| config.endpointing.min_delay = AGENT)
        .build()
        .expect("the agent is whole");
    let mut call = agent.start(Box::new(line)).await.expect("all vendors are there");
    caller.silence(300 * MS).await;
    caller.speak("one", 1_000 * MS).await;
    caller.silence(500 * MS).await;
    caller.speak("two", 1_000 * MS).await;
    caller.silence(2_000 * MS).await;
    caller.hang_up().await;
    let mut delays = Vec::new();
    while let Some((_, event)) = call.next_event().await {
        if let Event::UserTurn { end_of_turn_delay, .. } = event {
            delays.push(end_of_turn_delay);
        }
    }
    delays
}

#[tokio::test]
async fn t14_a_recognizer_that_predicts_is_left_to_end_the_turn() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::assemblyai(script()).await;
    let delays = delays("assemblyai", &vendor, json!({})).await;
    assert!(matches!(delays[..], [delay] if delay >= VENDOR && delay < 1_200 * MS), "{delays:?}");
    assert_eq!(vendor.records()[0].count("ForceEndpoint"), 0, "it would have ended the turn");
}

#[tokio::test]
async fn t2_a_recognizer_that_answers_a_request_ends_no_turn_before_the_shortest_delay() {
    let _clock = Clock::start();
    let listen = ListenScript::utterances(["A table for two", "on Friday at nine"]);
    for (provider, vendor, settings) in [
        ("deepgram", SpeechVendor::listen(listen).await, json!({ "endpointing": "0.9s" })),
        ("elevenlabs", SpeechVendor::scribe(script()).await, json!({ "silence": "0.9s" })),
        ("soniox", SpeechVendor::soniox(script()).await, json!({})),
        (
            "speechmatics",
            SpeechVendor::speechmatics(script()).await,
            json!({ "end_of_utterance": "0.9s" }),
        ),
    ] {
        let delays = delays(provider, &vendor, settings).await;
        let once = matches!(delays[..], [delay] if delay >= AGENT && delay < VENDOR + 300 * MS);
        assert!(once, "{provider}: {delays:?}");
    }
}
