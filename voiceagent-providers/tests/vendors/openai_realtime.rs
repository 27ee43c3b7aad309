//! OpenAI's Realtime API against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Secret, TurnId,
    audio::AudioFormat,
    llm::{Message, ToolCall},
    realtime::{FIRST_OWN, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    registry::Registry,
};
use voiceagent_providers::openai::{OpenAiRealtime, OpenAiRealtimeConfig, TurnDetection};
use voiceagent_testkit::{
    conformance::realtime::{realtime, realtime_socket},
    fakes::Reply,
    vendor::{RealtimeScript, ScriptedVendor, SpeechVendor},
};

use crate::clock::Clock;
use crate::talk::{House, LONG, ONE, TWO, Talk};

const SECOND: Duration = Duration::from_secs(1);
const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

async fn new_house(change: impl FnOnce(&mut OpenAiRealtimeConfig)) -> House<OpenAiRealtime> {
    new_house_with(RealtimeScript::new(), change).await
}

async fn new_house_with(
    script: RealtimeScript,
    change: impl FnOnce(&mut OpenAiRealtimeConfig),
) -> House<OpenAiRealtime> {
    let vendor = SpeechVendor::openai_realtime(script.clone()).await;
    let mut config = config(&vendor.url());
    change(&mut config);
    let model = OpenAiRealtime::new(config).expect("the settings are right");
    House { vendor, script, model }
}

fn config(url: &str) -> OpenAiRealtimeConfig {
    let mut config = OpenAiRealtimeConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = format!("{url}/v1");
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn vendors_turns(config: &mut OpenAiRealtimeConfig) {
    config.turn_detection = TurnDetection::SemanticVad { eagerness: None };
}

fn is(kind: &str) -> impl Fn(&Value) -> bool + Send + Sync {
    move |message| message["type"] == kind
}

#[tokio::test]
async fn openai_realtime_passes_the_suite() {
    let _clock = Clock::start();
    realtime(&new_house(|_| {}).await).await.assert();
}

#[tokio::test]
async fn openai_realtime_passes_the_suite_with_the_vendors_turns() {
    let _clock = Clock::start();
    realtime(&new_house(vendors_turns).await).await.assert();
}

#[tokio::test]
async fn openai_realtime_passes_the_suite_of_connections() {
    let _clock = Clock::start();
    let house = new_house(|_| {}).await;
    let make =
        |url: &str| Arc::new(OpenAiRealtime::new(config(url)).unwrap()) as Arc<dyn RealtimeModel>;
    realtime_socket("openai", &house.vendor, make).await.assert();
}

#[tokio::test]
async fn a_turn_is_heard_told_and_answered_without_a_conversion() {
    let house = new_house(|_| {}).await;
    house.script.hear(["are you open today"]);
    house.script.play([Reply::text(LONG)]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    talk.commit(7);
    talk.ask(ONE);
    let words = talk.until_words().await;
    assert_eq!(words, (Some(TurnId::new(7)), "are you open today".to_owned()));
    assert_eq!(talk.until_finished(ONE).await, LONG, "each byte is the vendor's");
    house.assert_no_complaints();
}

#[tokio::test]
async fn h13_a_barge_in_takes_out_what_was_not_heard_and_the_next_answer_comes() {
    let house = new_house(|_| {}).await;
    house.script.play([Reply::text(LONG), Reply::text("Very well.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    talk.until_audio().await;
    talk.until_audio().await;
    talk.give(RealtimeInput::Cancel { generation: ONE });
    let heard = Duration::from_millis(157);
    talk.give(RealtimeInput::Truncate { generation: ONE, heard });
    talk.ask(TWO);
    talk.until(|event| matches!(event, RealtimeEvent::AgentTranscript { generation: TWO, .. }))
        .await;
    talk.until_finished(TWO).await;
    let cut = house.until_sent(is("conversation.item.truncate")).await;
    assert_eq!(cut["audio_end_ms"], 157);
    house.assert_no_complaints();
}

#[tokio::test]
async fn i8_with_the_vendors_turns_speech_is_told_and_the_session_stops_the_answer() {
    let house = new_house_with(RealtimeScript::new().speed(1), vendors_turns).await;
    house.script.play([Reply::text(LONG), Reply::text("Go on.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.speak();
    assert_eq!(talk.until_audio().await, FIRST_OWN);
    talk.speak();
    talk.until(|event| *event == RealtimeEvent::SpeechStarted).await;
    talk.give(RealtimeInput::Cancel { generation: FIRST_OWN });
    let heard = Duration::from_millis(100);
    talk.give(RealtimeInput::Truncate { generation: FIRST_OWN, heard });
    // The vendor tells the cost when it is done, and nothing more of what was cancelled.
    let is_done = |event: &RealtimeEvent| matches!(event, RealtimeEvent::Usage { .. });
    talk.until(is_done).await;
    let cut = house.until_sent(is("conversation.item.truncate")).await;
    assert_eq!(cut["audio_end_ms"], 100);
    talk.speak();
    assert_eq!(talk.until_audio().await, FIRST_OWN.next());
    talk.until_finished(FIRST_OWN.next()).await;
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_conversation_that_was_lost_is_gone_on_with() {
    let house = new_house(|_| {}).await;
    let call = ToolCall { id: "call_9".into(), name: "look_up".into(), arguments: "{}".into() };
    let history = [
        Message::User { text: "Are you open?".into() },
        Message::ToolCall(call),
        Message::Assistant { text: "One moment.".into(), interrupted: true },
    ];
    let options = RealtimeOptions::new("Be brief.", FORMAT).with_history(history);
    let mut talk = Talk::open_with(&house.model, options).await;
    house.script.play([Reply::text("Yes.")]);
    // The result of a call that was made in the conversation before.
    talk.result(&"call_9".into());
    talk.ask(ONE);
    assert_eq!(talk.until_finished(ONE).await, "Yes.");
    assert_eq!(house.vendor.records()[0].count("conversation.item.create"), 4);
    house.assert_no_complaints();
}

#[tokio::test]
async fn a_conversation_is_renewed_between_two_answers_only() {
    let script = RealtimeScript::new().speed(2);
    let house = new_house_with(script, |it| it.renew_after = Duration::from_millis(500)).await;
    // Each takes more than a second and a half.
    house.script.play([Reply::text(LONG).then_call("look_up", json!({})), Reply::text(LONG)]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    let call = talk.until_call().await;
    assert_eq!(talk.until_finished(ONE).await, LONG);
    // The time is over, and the vendor waits for a result.
    talk.result(&call);
    talk.ask(ONE);
    assert_eq!(talk.until_finished(ONE).await, LONG);
    talk.until_end().await;
    house.vendor.until_connections(0).await;
}

#[tokio::test]
async fn an_expired_session_and_a_closed_one_are_lost_connections() {
    let house = new_house(|_| {}).await;
    let mut talk = house.talk(FORMAT).await;
    house.vendor.push(
        r#"{"type":"error","error":{"type":"invalid_request_error","code":"session_expired"}}"#,
    );
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Disconnected);
    house.vendor.until_connections(0).await;
    let mut talk = house.talk(FORMAT).await;
    house.vendor.close_connections(1001, "going away");
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn rd1_a_limit_of_the_account_fails_the_answer_and_not_the_conversation() {
    let house = new_house(|_| {}).await;
    house.script.fail("inference_rate_limit_exceeded");
    house.script.play([Reply::text("Yes.")]);
    let mut talk = house.talk(FORMAT).await;
    talk.ask(ONE);
    let failed = RealtimeEvent::Failed { generation: ONE, kind: ErrorKind::RateLimited };
    talk.until(|event| *event == failed).await;
    talk.ask(TWO);
    assert_eq!(talk.until_finished(TWO).await, "Yes.");
    house.vendor.push(r#"{"type":"error","error":{"type":"insufficient_quota"}}"#);
    assert_eq!(talk.until_error().await.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn settings_that_the_vendor_refuses_fail_at_once() {
    let house = new_house(|config| config.model = "gpt-realtime-2.1".to_owned()).await;
    let unsupported = RealtimeOptions::new("", AudioFormat::PCM_16K);
    let error = house.model.open(unsupported).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let other = new_house(|config| config.model = "tts-1".to_owned()).await;
    let error = other.model.open(RealtimeOptions::new("", FORMAT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "openai", "api_key": "k",
        "turn_detection": { "type": "server_vad", "silence_duration": "400ms" } });
    let model = registry.realtime.build(right.clone()).unwrap();
    assert!(model.name() == "openai" && model.capabilities().duplex);
    for (field, value, named) in [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("api.openai.com"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("max_output_tokens", json!(0), "max_output_tokens"),
        ("model", json!(" "), "model"),
        ("noise_reduction", json!("none"), "noise_reduction"),
        ("renew_after", json!("60min"), "renew_after"),
        ("speed", json!(2), "speed"),
        ("stall_timeout", json!(0), "stall_timeout"),
        ("turn_detection", json!({ "type": "server_vad", "threshold": 2 }), "threshold"),
        ("turn_detection", json!({ "type": "semantic_vad", "eagerness": "x" }), "eagerness"),
        ("voice", json!(""), "voice"),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.realtime.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
