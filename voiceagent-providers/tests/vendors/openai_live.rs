//! OpenAI's Live API against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Secret,
    audio::AudioFormat,
    llm::Message,
    realtime::{FIRST_OWN, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    registry::Registry,
};
use voiceagent_providers::openai::{OpenAiLive, OpenAiLiveConfig};
use voiceagent_testkit::{
    conformance::realtime::{realtime, realtime_socket},
    fakes::Reply,
    vendor::{RealtimeScript, ScriptedVendor, SpeechVendor},
};

use crate::{
    clock::Clock,
    talk::{House, LONG, ONE, TWO, Talk, turn},
};

const SECOND: Duration = Duration::from_secs(1);
const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

async fn new_house(change: impl FnOnce(&mut OpenAiLiveConfig)) -> House<OpenAiLive> {
    let script = RealtimeScript::new();
    let vendor = SpeechVendor::openai_live(script.clone()).await;
    let mut config = config(&vendor.url());
    change(&mut config);
    let model = OpenAiLive::new(config).expect("the settings are right");
    House { vendor, script, model }
}

fn config(url: &str) -> OpenAiLiveConfig {
    let mut config = OpenAiLiveConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = format!("{url}/v1");
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

#[tokio::test]
async fn openai_live_passes_the_suite() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    realtime(&house).await.assert();
    house.assert_no_complaints();
}

#[tokio::test]
async fn openai_live_passes_the_suite_of_connections() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let make =
        |url: &str| Arc::new(OpenAiLive::new(config(url)).unwrap()) as Arc<dyn RealtimeModel>;
    realtime_socket("openai-live", &house.vendor, make).await.assert();
}

#[tokio::test]
async fn a_turn_is_heard_told_and_answered_without_a_conversion() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    house.script.hear(["are you open today"]);
    house.script.play([Reply::text(LONG)]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    assert_eq!(talk.until_words().await, (None, "are you open today".to_owned()));
    assert_eq!(talk.until_finished(FIRST_OWN).await, LONG, "each byte is the vendor's");
    house.assert_no_complaints();
}

#[tokio::test]
async fn what_the_agent_says_on_its_own_account_is_said_in_order() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    talk.say(ONE, LONG);
    talk.say(TWO, "Good bye.");
    assert_eq!(talk.until_finished(ONE).await, LONG);
    assert_eq!(talk.until_finished(TWO).await, "Good bye.");
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_conversation_that_expires_is_lost_and_one_that_is_left_is_closed() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    house.vendor.push(r#"{"type":"session.closed","reason":"expired"}"#);
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Disconnected);
    drop(house.talk(FORMAT).await);
    house.vendor.until(|all| all.len() == 2 && all[1].said_goodbye).await;
}

#[tokio::test]
async fn a_vendor_that_hears_and_falls_silent_has_stalled() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    talk.until_words().await;
    house.vendor.stall();
    talk.give(RealtimeInput::Audio(turn(FORMAT).remove(0)));
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Stalled);
}

#[tokio::test]
async fn a_conversation_is_left_in_silence_and_gone_on_with() {
    let _clock = Clock::start();
    let house = new_house(|config| config.renew_after = Duration::from_millis(300)).await;
    house.script.play([Reply::text("Good morning.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    talk.until(|event| *event == RealtimeEvent::Finished { generation: ONE }).await;
    talk.until_end().await;
    let history = [Message::Assistant { text: "Good morning.".into(), interrupted: false }];
    let options = RealtimeOptions::new("Be brief.", FORMAT).with_history(history);
    let _next = Talk::open_with(&house.model, options).await;
    house.vendor.until(|all| all.len() == 2 && !all[1].texts.is_empty()).await;
    assert!(house.vendor.records()[1].texts[0].contains(r#""text":"Good morning.""#));
    house.assert_no_complaints();
}

#[tokio::test]
async fn an_account_without_money_ends_the_conversation_and_a_refused_setting_does_at_once() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    house.script.fail("insufficient_quota");
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Unauthorized);
    let refused = new_house(|config| config.model = "gpt-realtime".to_owned()).await;
    let error = refused.model.open(RealtimeOptions::new("", FORMAT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let error = house.model.open(RealtimeOptions::new("", AudioFormat::PCM_8K)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "openai-live", "api_key": "k", "reasoning_effort": "low" });
    let model = registry.realtime.build(right.clone()).unwrap();
    assert!(model.name() == "openai-live" && model.capabilities().duplex);
    for (field, value) in [
        ("api_key", json!("")),
        ("backend_model", json!("")),
        ("base_url", json!("openai.com")),
        ("colour", json!("red")),
        ("max_output_tokens", json!(1)),
        ("model", json!("")),
        ("renew_after", json!(0)),
        ("stall_timeout", json!(0)),
        ("voice", json!(" ")),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.realtime.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
}
