//! Deepgram's Voice Agent against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Secret, TurnId,
    audio::AudioFormat,
    llm::Message,
    realtime::{FIRST_OWN, RealtimeEvent, RealtimeModel, RealtimeOptions},
    registry::Registry,
};
use voiceagent_providers::deepgram::{DeepgramAgent, DeepgramAgentConfig};
use voiceagent_testkit::{
    conformance::realtime::{realtime, realtime_socket},
    fakes::Reply,
    vendor::{RealtimeScript, ScriptedVendor, SpeechVendor},
};

use crate::clock::Clock;
use crate::talk::{House, LONG, ONE, TWO, Talk};

const SECOND: Duration = Duration::from_secs(1);
const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const DONE: &str = r#"{"type":"AgentAudioDone"}"#;

async fn new_house(change: impl FnOnce(&mut DeepgramAgentConfig)) -> House<DeepgramAgent> {
    new_house_with(RealtimeScript::new(), change).await
}

async fn new_house_with(
    script: RealtimeScript,
    change: impl FnOnce(&mut DeepgramAgentConfig),
) -> House<DeepgramAgent> {
    let vendor = SpeechVendor::deepgram_agent(script.clone()).await;
    let mut config = config(&vendor.url());
    change(&mut config);
    let model = DeepgramAgent::new(config).expect("the settings are right");
    House { vendor, script, model }
}

fn config(url: &str) -> DeepgramAgentConfig {
    let mut config = DeepgramAgentConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = url.to_owned();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

#[tokio::test]
async fn the_deepgram_agent_passes_the_suite() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    realtime(&house).await.assert();
    house.assert_no_complaints();
}

#[tokio::test]
async fn the_deepgram_agent_passes_the_suite_of_connections() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let make =
        |url: &str| Arc::new(DeepgramAgent::new(config(url)).unwrap()) as Arc<dyn RealtimeModel>;
    realtime_socket("deepgram", &house.vendor, make).await.assert();
}

#[tokio::test]
async fn a_turn_is_heard_told_and_answered_without_a_conversion() {
    let house = new_house(|_| {}).await;
    house.script.hear(["are you open today"]);
    house.script.play([Reply::text(LONG)]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    assert_eq!(talk.until_words().await, (None::<TurnId>, "are you open today".to_owned()));
    assert_eq!(talk.until_finished(FIRST_OWN).await, LONG, "each byte is the vendor's");
    house.assert_no_complaints();
}

#[tokio::test]
async fn i8_the_vendor_says_that_it_was_interrupted_and_answers_anew() {
    let house = new_house_with(RealtimeScript::new().speed(1), |_| {}).await;
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
async fn what_the_agent_says_on_its_own_account_is_said_word_for_word_and_in_order() {
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    talk.say(ONE, LONG);
    talk.say(TWO, "Good bye.");
    assert_eq!(talk.until_finished(ONE).await, LONG);
    assert_eq!(talk.until_finished(TWO).await, "Good bye.");
    house.assert_no_complaints();
}

#[tokio::test]
async fn calls_that_the_vendor_cancels_are_not_answered() {
    let house = new_house(|_| {}).await;
    house.script.play([Reply::call("look_up", json!({}))]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    let call = talk.until_call().await;
    let over = json!({ "type": "FunctionCallCancelled", "functions": [{ "id": call.as_str(),
        "name": "look_up" }] });
    house.vendor.push(&over.to_string());
    for message in
        [r#"{"type":"ConversationText","role":"assistant","content":"Very well."}"#, DONE]
    {
        house.vendor.push(message);
    }
    let answered = RealtimeEvent::Finished { generation: FIRST_OWN.next() };
    talk.until(|event| *event == answered).await;
    // Too late: the vendor would end the conversation over it.
    talk.result(&call);
    talk.say(ONE, "Good bye.");
    assert_eq!(talk.until_finished(ONE).await, "Good bye.");
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_conversation_that_was_lost_is_gone_on_with() {
    let house = new_house(|_| {}).await;
    house.script.play([Reply::text("Good bye.")]);
    let history = [
        Message::User { text: "Are you open?".into() },
        Message::Assistant { text: "We are.".into(), interrupted: false },
    ];
    let options = RealtimeOptions::new("Be brief.", FORMAT).with_history(history);
    let mut talk = Talk::open_with(&house.model, options).await;
    talk.speak();
    assert_eq!(talk.until_finished(FIRST_OWN).await, "Good bye.");
    let settings = house.vendor.records()[0].texts[0].clone();
    assert!(settings.contains(r#"{"type":"History","role":"assistant","content":"We are."}"#));
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_conversation_is_left_before_the_vendor_ends_it() {
    let house = new_house(|config| config.renew_after = Duration::from_millis(50)).await;
    let mut talk = house.talk(FORMAT).await;
    talk.until_end().await;
}

#[tokio::test]
async fn a_caller_without_audio_is_kept_on_the_line() {
    let house = new_house(|config| config.keep_alive = Duration::from_millis(20)).await;
    let _talk = house.talk(FORMAT).await;
    house.vendor.until(|all| all[0].count("KeepAlive") >= 2).await;
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_vendor_that_fails_ends_the_conversation_and_a_refused_setting_does_at_once() {
    let house = new_house(|_| {}).await;
    house.script.fail("FAILED_TO_THINK");
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Overloaded);
    let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
    let error = house.model.open(RealtimeOptions::new("", stereo)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_vendor_that_leaves_a_turn_without_an_answer_has_stalled() {
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    house.vendor.push(r#"{"type":"ConversationText","role":"user","content":"Hello?"}"#);
    talk.until_words().await;
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Stalled);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "deepgram", "api_key": "k", "eot_timeout": "3s",
        "think_endpoint": { "url": "https://llm.example", "headers": { "x-key": "s" } } });
    let model = registry.realtime.build(right.clone()).unwrap();
    assert!(model.name() == "deepgram" && model.capabilities().duplex);
    for (field, value, named) in [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("deepgram.com"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("eager_eot_threshold", json!(0.8), "eager_eot_threshold"),
        ("eot_threshold", json!(0.4), "eot_threshold"),
        ("keep_alive", json!("10s"), "keep_alive"),
        ("language", json!("en"), "language"),
        ("model", json!("nova-3"), "eot_timeout"),
        ("renew_after", json!("2h"), "renew_after"),
        ("speed", json!(2), "speed"),
        ("stall_timeout", json!(0), "stall_timeout"),
        ("temperature", json!(3), "temperature"),
        ("think_endpoint", json!({ "url": "http://llm.example" }), "think_endpoint"),
        ("think_model", json!(""), "think_model"),
        ("voice", json!(""), "voice"),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.realtime.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
