//! Voices behind OpenAI's `/v1/audio/speech` against the suite and a scripted server.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Retry, Secret,
    audio::AudioFormat,
    registry::Registry,
    tts::{TextToSpeech, TtsOptions},
};
use voiceagent_providers::openai::{OpenAiTts, OpenAiTtsConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Refusal, ScriptedVendor, SpeakScript, SpeechVendor},
};

use crate::clock::Clock;
use crate::voice::{ONE, TWO, Voice};

const FORMAT: AudioFormat = AudioFormat::PCM_24K;
const SECOND: Duration = Duration::from_secs(1);
const LONG: &str = "This takes a while, and then it goes on and on about nothing at all, so that \
    nobody would ever want to hear it to its end. ";

fn config(url: &str) -> OpenAiTtsConfig {
    let mut config = OpenAiTtsConfig::default();
    config.api_key = Some(Secret::new(SpeechVendor::KEY));
    config.base_url = Some(format!("{}/v1", url.replace("ws://", "http://")).into());
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn tts(url: &str) -> OpenAiTts {
    OpenAiTts::new(config(url)).expect("the settings are right")
}

async fn voice() -> (SpeechVendor, Voice) {
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    let voice = Voice::open_in(&tts(&vendor.url()), FORMAT).await;
    (vendor, voice)
}

/// The texts of all requests.
fn inputs(vendor: &SpeechVendor) -> Vec<String> {
    let records = vendor.records();
    let bodies = records.iter().flat_map(|record| &record.texts);
    let input = |body: &String| {
        let body: Value = serde_json::from_str(body).expect("the voice sends JSON");
        body["input"].as_str().expect("a text").to_owned()
    };
    bodies.map(input).collect()
}

async fn goes_on(vendor: &SpeechVendor, voice: &mut Voice) {
    voice.say(TWO, "Hello again.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "Hello again."));
}

#[tokio::test]
async fn a_compatible_voice_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    let make = |url: &str| Arc::new(tts(url)) as Arc<dyn TextToSpeech>;
    conformance::tts("openai", &vendor, make).await.assert();
}

#[tokio::test]
async fn what_comes_while_a_text_is_spoken_is_one_request() {
    let (vendor, mut voice) = voice().await;
    for text in ["One. ", "Two. ", "", "Three."] {
        voice.say(ONE, text);
    }
    voice.finish(ONE);
    let said = voice.until_finished(ONE).await;
    assert!(said.audio == vendor.audio(FORMAT, "One. Two. Three."));
    let inputs = inputs(&vendor);
    assert_eq!(inputs.concat(), "One. Two. Three.");
    assert_eq!((inputs.len(), said.spoken.len()), (2, 2), "{inputs:?}");
    assert_eq!((vendor.accepted(), said.spoken.iter().sum::<u32>()), (1, 4));
}

#[tokio::test]
async fn a_text_beyond_the_limit_is_several_requests_and_spoken_once() {
    let script = SpeakScript::new().per_character(Duration::from_millis(1)).speed(1_000);
    let vendor = SpeechVendor::openai_speech(script).await;
    let mut voice = Voice::open_in(&tts(&vendor.url()), FORMAT).await;
    let text = "one two ".repeat(1_000);
    voice.say(ONE, &text);
    voice.finish(ONE);
    let said = voice.until_finished(ONE).await;
    assert!(said.audio == vendor.audio(FORMAT, &text));
    assert_eq!((inputs(&vendor).len(), said.spoken), (2, vec![1]));
}

#[tokio::test]
async fn a_server_that_is_gone_in_mid_sentence_is_reported_once() {
    let (vendor, mut voice) = voice().await;
    voice.say(ONE, LONG);
    voice.until_audio().await;
    vendor.drop_connections();
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Disconnected);
    voice.say(ONE, "Nobody asked for the rest.");
    voice.finish(ONE);
    goes_on(&vendor, &mut voice).await;
}

#[tokio::test]
async fn rc4_a_server_that_falls_silent_is_replaced_unheard_and_reported_when_heard() {
    let (vendor, mut voice) = voice().await;
    vendor.stall();
    voice.say(ONE, "Good morning. ");
    voice.until_audio().await;
    assert_eq!(vendor.accepted(), 2, "the first one was left without a word");
    voice.say(ONE, LONG);
    voice.finish(ONE);
    voice.until_spoken().await;
    voice.until_audio().await;
    vendor.stall();
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Stalled);
    goes_on(&vendor, &mut voice).await;
}

#[tokio::test]
async fn rd1_a_server_that_has_no_room_is_reported_with_the_time_to_wait() {
    // As soon as one likes it is asked three times more; who is to wait for longer than a reply can
    // does not ask.
    for (wait, asked) in [(Duration::ZERO, 4), (Duration::from_secs(7), 1)] {
        let (vendor, mut voice) = voice().await;
        vendor.refuse(Some(Refusal::status(429).retry_after(wait)));
        voice.say(ONE, "Nobody hears this.");
        let fault = voice.until_fault().await;
        assert_eq!((fault.kind(), fault.retry()), (ErrorKind::RateLimited, Retry::After(wait)));
        assert_eq!(inputs(&vendor).len(), asked, "{wait:?}");
        vendor.refuse(None);
        goes_on(&vendor, &mut voice).await;
    }
}

#[tokio::test]
async fn a_key_that_is_refused_in_mid_call_ends_the_voice() {
    let (vendor, mut voice) = voice().await;
    vendor.refuse(Some(Refusal::status(401)));
    voice.say(ONE, "Nobody hears this.");
    assert_eq!(voice.until_fault().await.kind(), ErrorKind::Unauthorized);
    assert!(voice.has_ended().await);
}

#[tokio::test]
async fn a_text_that_the_server_refuses_is_not_asked_for_again() {
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    let mut config = config(&vendor.url());
    config.extra_body.insert("colour".to_owned(), json!("red"));
    let mut voice = Voice::open_in(&OpenAiTts::new(config).unwrap(), FORMAT).await;
    voice.say(ONE, "Nobody hears this.");
    let fault = voice.until_fault().await;
    assert_eq!((fault.kind(), fault.provider()), (ErrorKind::Rejected, Some("openai")));
    assert_eq!(inputs(&vendor).len(), 1);
}

#[tokio::test]
async fn i8_nothing_of_a_cancelled_generation_is_heard_in_the_next() {
    let (vendor, mut voice) = voice().await;
    voice.say(ONE, LONG);
    voice.until_audio().await;
    voice.cancel(ONE);
    voice.say(TWO, "Sorry.");
    voice.finish(TWO);
    let audio = voice.until_finished_after_others(TWO).await;
    assert!(audio == vendor.audio(FORMAT, "Sorry."));
}

#[tokio::test]
async fn formats_that_the_protocol_has_not_are_unsupported() {
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    let refused = tts(&vendor.url()).open(TtsOptions::new(AudioFormat::MULAW_8K)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "openai", "api_key": "k" });
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "openai");
    for (field, value) in [
        ("api_key", json!("")),
        ("base_url", json!("localhost")),
        ("colour", json!("red")),
        ("model", json!(" ")),
        ("name", json!("")),
        ("speed", json!(9)),
        ("stall_timeout", json!(0)),
        ("voice", json!("")),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.tts.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
    let mut local = json!({ "provider": "openai-compatible", "voice": "af_bella" });
    assert!(registry.tts.build(local.clone()).unwrap_err().message().contains("`base_url`"));
    local["base_url"] = json!("http://localhost:8880/v1");
    assert_eq!(registry.tts.build(local).unwrap().name(), "openai-compatible");
}

#[tokio::test]
async fn a_key_that_may_not_list_models_may_speak_all_the_same() {
    let vendor = SpeechVendor::openai_speech(SpeakScript::new()).await;
    vendor.refuse(Some(Refusal::status(403)));
    let mut voice = Voice::open_in(&tts(&vendor.url()), FORMAT).await;
    vendor.refuse(None);
    goes_on(&vendor, &mut voice).await;
}
