//! ElevenLabs' voices against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{ErrorKind, Secret, registry::Registry, tts::TextToSpeech};
use voiceagent_providers::elevenlabs::{ElevenLabsTts, ElevenLabsTtsConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Record, ScriptedVendor, SpeakScript, SpeechVendor},
};

use crate::{
    clock::Clock,
    faults,
    voice::{FORMAT, ONE, TWO, Voice},
};

const SECOND: Duration = Duration::from_secs(1);

fn config(url: &str) -> ElevenLabsTtsConfig {
    let mut config = ElevenLabsTtsConfig::new(Secret::new(SpeechVendor::KEY), "scripted-voice");
    config.base_url = url.to_owned();
    config.stability = Some(0.5);
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn multi(url: &str) -> ElevenLabsTts {
    ElevenLabsTts::new(config(url)).expect("the settings are right")
}

/// One for a vendor that waits for a second in place of minutes.
fn kept_alive(url: &str, multi_context: bool) -> Arc<dyn TextToSpeech> {
    let mut config = config(url);
    (config.multi_context, config.keep_alive) = (multi_context, SECOND / 4);
    Arc::new(ElevenLabsTts::new(config).expect("the settings are right"))
}

async fn vendor() -> (SpeechVendor, ElevenLabsTts) {
    let vendor = SpeechVendor::elevenlabs(SpeakScript::new()).await;
    let tts = multi(&vendor.url());
    (vendor, tts)
}

/// How many messages of a connection hold this.
fn count(record: &Record, what: &str) -> usize {
    record.texts.iter().filter(|text| text.contains(what)).count()
}

#[tokio::test]
async fn elevenlabs_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = vendor().await.0.with_idle_limit(SECOND);
    let make = |url: &str| kept_alive(url, true);
    conformance::tts("elevenlabs", &vendor, make).await.assert();
}

fn single(url: &str) -> ElevenLabsTts {
    let mut config = config(url);
    config.multi_context = false;
    ElevenLabsTts::new(config).expect("the settings are right")
}

async fn stream_vendor() -> (SpeechVendor, ElevenLabsTts) {
    let vendor = SpeechVendor::elevenlabs_stream(SpeakScript::new()).await;
    let tts = single(&vendor.url());
    (vendor, tts)
}

#[tokio::test]
async fn elevenlabs_with_a_connection_for_each_answer_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = stream_vendor().await.0.with_idle_limit(SECOND);
    let make = |url: &str| kept_alive(url, false);
    conformance::tts("elevenlabs single context", &vendor, make).await.assert();
}

#[tokio::test]
async fn a_connection_for_each_answer_is_there_before_the_answer() {
    let (vendor, tts) = stream_vendor().await;
    let mut voice = Voice::open(&tts).await;
    let mut number = ONE;
    for opened in 2..5 {
        voice.say(number, "Yes.");
        voice.finish(number);
        assert!(voice.until_finished(number).await.audio == vendor.audio(FORMAT, "Yes."));
        vendor.until(|all| all.len() == opened).await;
        number = number.next();
    }
}

#[tokio::test]
async fn i9_an_interruption_leaves_the_connection_of_its_answer() {
    let (vendor, tts) = stream_vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "This goes on and on, and nobody wants to hear it to its very end.");
    voice.until_audio().await;
    voice.cancel(ONE);
    voice.say(TWO, "Go on.");
    voice.finish(TWO);
    let audio = voice.until_finished_after_others(TWO).await;
    assert!(audio == vendor.audio(FORMAT, "Go on."));
    vendor.until_connections(1).await;
}

#[tokio::test]
async fn faults_of_a_connection_for_each_answer_are_met_as_those_of_one_for_all() {
    let (vendor, tts) = stream_vendor().await;
    faults::is_dropped(&vendor, &tts).await;
    let (vendor, tts) = stream_vendor().await;
    faults::is_stalled(&vendor, &tts).await;
    let (vendor, tts) = stream_vendor().await;
    faults::is_stalled_at_once(&vendor, &tts).await;
    let (vendor, tts) = stream_vendor().await;
    faults::is_crowded(&vendor, &tts).await;
    let (vendor, tts) = stream_vendor().await;
    faults::loses_its_key(&vendor, &tts).await;
}

#[tokio::test]
async fn a_vendor_that_is_gone_in_mid_sentence_is_reported_once() {
    let (vendor, tts) = vendor().await;
    faults::is_dropped(&vendor, &tts).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_in_mid_sentence_is_reported_and_replaced() {
    let (vendor, tts) = vendor().await;
    faults::is_stalled(&vendor, &tts).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_unheard_is_replaced_without_a_word() {
    let (vendor, tts) = vendor().await;
    faults::is_stalled_at_once(&vendor, &tts).await;
}

#[tokio::test]
async fn rd1_a_vendor_that_has_no_room_is_reported_with_the_time_to_wait() {
    let (vendor, tts) = vendor().await;
    faults::is_crowded(&vendor, &tts).await;
}

#[tokio::test]
async fn a_key_that_is_refused_in_mid_call_ends_the_voice() {
    let (vendor, tts) = vendor().await;
    faults::loses_its_key(&vendor, &tts).await;
}

#[tokio::test]
async fn i9_interruptions_close_their_contexts_so_that_none_runs_short() {
    let (vendor, tts) = vendor().await;
    faults::is_interrupted(&vendor, &tts).await;
    let record = vendor.records().remove(0);
    assert_eq!(count(&record, "close_context"), 7, "six were cancelled, one was completed");
    assert_eq!(count(&record, "flush"), 1);
}

#[tokio::test]
async fn a12_generations_and_their_words_follow_each_other_on_one_socket() {
    let (vendor, tts) = vendor().await;
    faults::speaks_twice(&vendor, &tts).await;
}

#[tokio::test]
async fn a12_words_between_the_texts_of_another_generation_come_in_their_place() {
    let (vendor, tts) = vendor().await;
    faults::speaks_in_turns(&vendor, &tts).await;
}

#[tokio::test]
async fn many_generations_share_one_warm_socket() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    let mut number = ONE;
    for _ in 0..12 {
        voice.say(number, "Yes.");
        voice.finish(number);
        assert!(voice.until_finished(number).await.audio == vendor.audio(FORMAT, "Yes."));
        number = number.next();
    }
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn an_idle_socket_is_kept_alive_by_the_context_that_speaks_next() {
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.keep_alive = Duration::from_millis(20);
    let mut voice = Voice::open(&ElevenLabsTts::new(config).unwrap()).await;
    vendor.until(|all| all.first().is_some_and(|it| count(it, r#""text":"""#) >= 3)).await;
    voice.say(ONE, "Yes.");
    voice.finish(ONE);
    assert!(voice.until_finished(ONE).await.audio == vendor.audio(FORMAT, "Yes."));
    let record = vendor.records().remove(0);
    let spoken = record.texts.iter().find(|text| text.contains("Yes.")).expect("it was said");
    assert!(spoken.contains(r#""context_id":"1""#), "{spoken}");
}

#[tokio::test]
async fn an_idle_socket_that_the_vendor_closes_is_replaced_by_the_next_text() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    vendor.until_connections(1).await;
    vendor.push(r#"{"message":"idle","error":"input_timeout_exceeded","code":1008}"#);
    vendor.until_connections(0).await;
    voice.say(ONE, "Yes.");
    voice.finish(ONE);
    assert!(voice.until_finished(ONE).await.audio == vendor.audio(FORMAT, "Yes."));
}

#[tokio::test]
async fn a_text_that_the_vendor_refuses_is_reported_and_the_next_one_is_said() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "Something that is not allowed.");
    vendor.until(|all| all.first().is_some_and(|it| count(it, "Something") == 1)).await;
    vendor.push(r#"{"message":"Something","error":"policy_violation","code":1008}"#);
    let fault = voice.until_fault().await;
    assert_eq!(fault.kind(), ErrorKind::Rejected);
    assert!(!fault.to_string().contains("Something"), "{fault}");
    voice.say(TWO, "Something else.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "Something else."));
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let (vendor, tts) = vendor().await;
    drop(Voice::open(&tts).await);
    vendor.until(|all| all.first().is_some_and(|it| it.said_goodbye)).await;
    vendor.until_connections(0).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "elevenlabs", "api_key": "k", "voice": "v" });
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "elevenlabs");
    for (field, value, named) in [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("api.elevenlabs.io"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("extra", json!([["model_id", "x"]]), "model_id"),
        ("keep_alive", json!("3min"), "keep_alive"),
        ("model", json!(" "), "model"),
        ("similarity_boost", json!(2), "similarity_boost"),
        ("speed", json!(2), "speed"),
        ("stability", json!(-1), "stability"),
        ("stall_timeout", json!(0), "stall_timeout"),
        ("style", json!(1.5), "style"),
        ("voice", json!("a/b"), "voice"),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.tts.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
