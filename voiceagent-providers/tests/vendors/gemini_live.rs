//! Gemini's Live API against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Secret, TurnId,
    audio::AudioFormat,
    realtime::{FIRST_OWN, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    registry::Registry,
};
use voiceagent_providers::gemini::{
    ActivityDetection, GeminiLive, GeminiLiveConfig, TurnDetection,
};
use voiceagent_testkit::{
    conformance::realtime::{realtime, realtime_socket},
    fakes::Reply,
    vendor::{RealtimeScript, ScriptedVendor, SpeechVendor},
};

use crate::clock::Clock;
use crate::talk::{House, LONG, ONE, TWO};

const SECOND: Duration = Duration::from_secs(1);
const FORMAT: AudioFormat = AudioFormat::PCM_24K;

async fn new_house(change: impl FnOnce(&mut GeminiLiveConfig)) -> House<GeminiLive> {
    new_house_with(RealtimeScript::new(), change).await
}

async fn new_house_with(
    script: RealtimeScript,
    change: impl FnOnce(&mut GeminiLiveConfig),
) -> House<GeminiLive> {
    let vendor = SpeechVendor::gemini_live(script.clone()).await;
    let mut config = config(&vendor.url());
    change(&mut config);
    let model = GeminiLive::new(config).expect("the settings are right");
    House { vendor, script, model }
}

fn config(url: &str) -> GeminiLiveConfig {
    let mut config = GeminiLiveConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = url.to_owned();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn vendors_turns(config: &mut GeminiLiveConfig) {
    config.turn_detection = TurnDetection::Vendor(ActivityDetection::default());
}

#[tokio::test]
async fn gemini_live_passes_the_suite() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    realtime(&house).await.assert();
    house.assert_no_complaints();
}

#[tokio::test]
async fn gemini_live_passes_the_suite_with_the_vendors_turns() {
    let _clock = Clock::start();
    let house = new_house(vendors_turns).await;
    realtime(&house).await.assert();
    house.assert_no_complaints();
}

#[tokio::test]
async fn gemini_live_passes_the_suite_of_connections() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let make =
        |url: &str| Arc::new(GeminiLive::new(config(url)).unwrap()) as Arc<dyn RealtimeModel>;
    realtime_socket("gemini", &house.vendor, make).await.assert();
}

#[tokio::test]
async fn a_turn_is_heard_told_and_answered() {
    let house = new_house(|_| {}).await;
    house.script.hear(["are you open today"]);
    house.script.play([Reply::text(LONG), Reply::text("Bye.")]);
    let mut talk = house.talk(FORMAT).await;
    for (turn, answer, said) in [(7, ONE, LONG), (8, TWO, "Bye.")] {
        talk.speak();
        talk.commit(turn);
        talk.ask(answer);
        assert_eq!(talk.until_words().await.0, Some(TurnId::new(turn)));
        assert_eq!(talk.until_finished(answer).await, said);
    }
    house.assert_no_complaints();
}

#[tokio::test]
async fn i8_a_barge_in_stops_the_vendor_and_the_next_turn_is_answered() {
    let house = new_house_with(RealtimeScript::new().speed(1), |_| {}).await;
    house.script.play([Reply::text(LONG), Reply::text("Go on.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    talk.until_audio().await;
    talk.speak();
    talk.give(RealtimeInput::Cancel { generation: ONE });
    talk.commit(2);
    talk.ask(TWO);
    let second = |event: &RealtimeEvent| matches!(event, RealtimeEvent::AgentTranscript { generation: TWO, text } if text == "Go on.");
    talk.until(second).await;
    talk.until_finished(TWO).await;
    house.assert_no_complaints();
}

#[tokio::test]
async fn i8_with_the_vendors_turns_it_says_that_it_was_interrupted() {
    let house = new_house_with(RealtimeScript::new().speed(1), vendors_turns).await;
    house.script.play([Reply::text(LONG), Reply::text("Go on.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    assert_eq!(talk.until_audio().await, FIRST_OWN);
    talk.speak();
    let stopped = RealtimeEvent::Interrupted { generation: FIRST_OWN };
    talk.until(|event| *event == stopped).await;
    assert_eq!(talk.until_audio().await, FIRST_OWN.next());
    talk.until_finished(FIRST_OWN.next()).await;
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_call_outlives_a_connection_that_the_vendor_closes() {
    let house = new_house(|_| {}).await;
    house.script.play([Reply::text(LONG), Reply::text("Still here.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    talk.until_audio().await;
    house.vendor.push(r#"{"goAway":{"timeLeft":"10s"}}"#);
    talk.until_finished(ONE).await;
    assert_eq!(house.vendor.accepted(), 1, "it is left between two answers");
    house.vendor.until(|all| all.len() == 2 && !all[1].texts.is_empty()).await;
    let setup = house.vendor.records()[1].texts[0].clone();
    assert!(setup.contains(r#""sessionResumption":{"handle":"handle-1"}"#), "{setup}");
    talk.speak();
    talk.commit(2);
    talk.ask(TWO);
    assert_eq!(talk.until_finished(TWO).await, "Still here.");
    house.assert_no_complaints();
}

#[tokio::test]
async fn calls_that_an_interruption_cancels_are_not_answered() {
    let house = new_house(|_| {}).await;
    house.script.play([Reply::call("look_up", json!({})), Reply::text("Very well.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    let call = talk.until_call().await;
    talk.until_finished(ONE).await;
    talk.speak();
    talk.give(RealtimeInput::Cancel { generation: ONE });
    talk.commit(2);
    talk.ask(TWO);
    assert_eq!(talk.until_finished(TWO).await, "Very well.");
    // Too late: the vendor would close the connection over it.
    talk.result(&call);
    talk.say(TWO.next(), "Good bye.");
    assert_eq!(talk.until_finished(TWO.next()).await, "Good bye.");
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_vendor_that_fails_ends_the_conversation_and_a_refused_setting_does_at_once() {
    let house = new_house(|_| {}).await;
    house.script.fail("quota");
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Disconnected);
    let refused = new_house(|config| config.model = "gemma".to_owned()).await;
    let error = refused.model.open(RealtimeOptions::new("", FORMAT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let error = house.model.open(RealtimeOptions::new("", AudioFormat::PCM_16K)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "gemini", "api_key": "k",
        "turn_detection": { "type": "vendor", "end": "high", "silence_duration": "400ms" } });
    let model = registry.realtime.build(right.clone()).unwrap();
    assert!(model.name() == "gemini" && model.capabilities().duplex);
    for (field, value, named) in [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("googleapis.com"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("model", json!("models/gemini-3.8-live"), "model"),
        ("stall_timeout", json!(0), "stall_timeout"),
        ("temperature", json!(3), "temperature"),
        ("thinking_level", json!("none"), "thinking_level"),
        ("voice", json!(""), "voice"),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.realtime.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
