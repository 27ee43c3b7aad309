//! Recognizers behind OpenAI's `/v1/audio/transcriptions` against the suite and a scripted server.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Retry, Secret,
    audio::AudioFormat,
    registry::Registry,
    stt::{SpeechToText, SttEvent, SttOptions},
    vad::Energy,
};
use voiceagent_providers::openai::{OpenAiStt, OpenAiSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Refusal, ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::caller::Caller;
use crate::clock::Clock;

const FORMAT: AudioFormat = AudioFormat::PCM_16K;
const SECOND: Duration = Duration::from_secs(1);
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

fn config(url: &str) -> OpenAiSttConfig {
    let mut config = OpenAiSttConfig::default();
    config.api_key = Some(Secret::new(SpeechVendor::KEY));
    config.base_url = Some(format!("{}/v1", url.replace("ws://", "http://")).into());
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn stt(config: OpenAiSttConfig) -> OpenAiStt {
    OpenAiStt::new(config).expect("the settings are right").with_vad(Arc::new(Energy::default()))
}

async fn suite(subject: &str, change: impl Fn(&mut OpenAiSttConfig) + Send + Sync) {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let make = |url: &str| {
        let mut config = config(url);
        change(&mut config);
        Arc::new(stt(config)) as Arc<dyn SpeechToText>
    };
    conformance::stt(subject, &vendor, &UTTERANCES, make).await.assert();
}

async fn call() -> (SpeechVendor, Caller) {
    let script = TurnScript::utterances(UTTERANCES).delay(Duration::from_millis(100));
    let vendor = SpeechVendor::openai_transcriptions(script).await;
    let caller = Caller::dial_in(&stt(config(&vendor.url())), FORMAT).await;
    (vendor, caller)
}

/// The audio of each request so far, in bytes.
fn uploads(vendor: &SpeechVendor) -> Vec<usize> {
    vendor.records().iter().map(|record| record.audio_bytes).filter(|bytes| *bytes > 0).collect()
}

#[tokio::test]
async fn a_compatible_recognizer_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai", |_| {}).await;
}

#[tokio::test]
async fn one_that_streams_its_words_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai streaming", |config| config.stream = true).await;
}

#[tokio::test]
async fn one_with_times_of_words_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai verbose", |config| config.word_timings = true).await;
}

#[tokio::test]
async fn an_utterance_is_told_when_it_is_over_without_being_asked_for() {
    let (vendor, mut caller) = call().await;
    caller.say();
    caller.pause();
    caller.say();
    caller.pause();
    caller.until(|event| *event == SttEvent::SpeechStarted).await;
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[1]);
    let sent = vendor.records().remove(0).texts;
    assert_eq!(sent, ["model=gpt-transcribe\nresponse_format=json"; 2]);
}

#[tokio::test]
async fn words_are_timed_in_the_whole_stream() {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let mut config = config(&vendor.url());
    config.word_timings = true;
    let mut caller = Caller::dial_in(&stt(config), FORMAT).await;
    caller.pause();
    caller.say();
    caller.pause();
    let said = caller.until_final().await;
    let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
    assert_eq!(words, ["I", "need", "an", "oil", "change."]);
    let begins = said.words[0].start;
    assert!(begins.abs_diff(2 * SECOND) < Duration::from_millis(100), "{begins:?}");
}

#[tokio::test]
async fn words_that_are_streamed_are_told_as_they_come() {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let mut config = config(&vendor.url());
    config.stream = true;
    let mut caller = Caller::dial_in(&stt(config), FORMAT).await;
    caller.say();
    caller.pause();
    caller.until_interim().await;
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_request_to_finalize_does_not_wait_for_a_pause() {
    let (_vendor, mut caller) = call().await;
    caller.say();
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_request_to_finalize_when_nobody_has_spoken_is_answered_at_once() {
    let (vendor, mut caller) = call().await;
    caller.pause();
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "");
    assert!(uploads(&vendor).is_empty());
}

#[tokio::test]
async fn an_utterance_ends_although_its_audio_stops() {
    let (_vendor, mut caller) = call().await;
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_lost_request_is_sent_again_with_all_of_its_audio() {
    let (vendor, mut caller) = call().await;
    caller.say();
    caller.pause();
    vendor.until(|records| records[0].audio_bytes > 0).await;
    vendor.drop_connections();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    let uploads = uploads(&vendor);
    assert!(uploads.len() == 2 && uploads[0] == uploads[1], "{uploads:?}");
    assert!(uploads[0] >= FORMAT.bytes_in(SECOND), "nothing of the second that was said is lost");
}

#[tokio::test]
async fn rc4_a_server_that_falls_silent_is_asked_again_with_all_of_the_audio() {
    let (vendor, mut caller) = call().await;
    vendor.stall();
    caller.say();
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn rd1_a_server_that_has_no_room_is_waited_for_and_then_reported() {
    let (vendor, mut caller) = call().await;
    vendor.refuse(Some(Refusal::status(429).retry_after(Duration::ZERO)));
    caller.say();
    caller.pause();
    let (_, error) = caller.until_error().await;
    assert_eq!((error.kind(), error.provider()), (ErrorKind::RateLimited, Some("openai")));
    assert!(matches!(error.retry(), Retry::After(_)));
    let asked: usize = vendor.records().iter().map(|record| record.texts.len()).sum();
    assert_eq!(asked, 6, "it was asked five times more");
}

#[tokio::test]
async fn rc4_a_server_that_begins_to_answer_and_never_ends_is_reported() {
    let _clock = Clock::start();
    let begun = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"I\"}\n\n";
    let mut config = config(&crate::pages_of::events(begun).await);
    config.stream = true;
    let mut caller = Caller::dial_in(&stt(config), FORMAT).await;
    caller.say();
    caller.pause();
    let (told, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let begun = told.iter().filter(|it| matches!(it, SttEvent::Transcript(_))).count();
    assert_eq!(begun, 6, "it was asked five times more");
}

#[tokio::test]
async fn what_is_said_while_a_server_has_no_room_is_told_later() {
    let (vendor, mut caller) = call().await;
    vendor.refuse(Some(Refusal::status(503).retry_after(Duration::ZERO)));
    caller.say();
    caller.pause();
    caller.say();
    caller.pause();
    vendor.until(|records| records.iter().any(|record| !record.texts.is_empty())).await;
    vendor.refuse(None);
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[1]);
}

#[tokio::test]
async fn a_server_that_does_not_keep_up_is_reported() {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let mut config = config(&vendor.url());
    config.stall_timeout = 60 * SECOND;
    let mut caller = Caller::dial_in(&stt(config), FORMAT).await;
    vendor.stall();
    for _ in 0..10 {
        caller.say();
        caller.pause();
    }
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Stalled);
}

#[tokio::test]
async fn a_request_that_the_server_refuses_is_not_sent_again() {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let mut config = config(&vendor.url());
    config.extra = vec![("colour".to_owned(), "red".to_owned())];
    let mut caller = Caller::dial_in(&stt(config), FORMAT).await;
    caller.say();
    caller.pause();
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(vendor.records()[0].texts.len(), 1);
}

#[tokio::test]
async fn formats_that_not_every_server_takes_are_unsupported() {
    let vendor = SpeechVendor::openai_transcriptions(TurnScript::utterances(UTTERANCES)).await;
    let stt = stt(config(&vendor.url()));
    let refused = stt.open(SttOptions::new(AudioFormat::MULAW_8K)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "openai", "api_key": "k" });
    assert_eq!(registry.stt.build(right.clone()).unwrap().name(), "openai");
    for (field, value) in [
        ("api_key", json!("")),
        ("base_url", json!("localhost")),
        ("colour", json!("red")),
        ("longest", json!("2s")),
        ("min_silence", json!("20s")),
        ("model", json!(" ")),
        ("name", json!("")),
        ("pre_roll", json!("3s")),
        ("stall_timeout", json!(0)),
        ("temperature", json!(2)),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.stt.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
    for (field, value) in [
        ("extra", json!([["file", "x"]])),
        ("extra", json!([["a\"b", "x"]])),
        ("stream", json!(true)),
    ] {
        let mut config = right.clone();
        config["word_timings"] = json!(true);
        config[field] = value;
        let error = registry.stt.build(config).unwrap_err();
        assert!(error.message().contains(field), "{field}: {error}");
    }
    let mut local = json!({ "provider": "openai-compatible", "model": "whisper" });
    assert!(registry.stt.build(local.clone()).unwrap_err().message().contains("`base_url`"));
    local["base_url"] = json!("http://localhost:8000/v1");
    assert_eq!(registry.stt.build(local).unwrap().name(), "openai-compatible");
}
