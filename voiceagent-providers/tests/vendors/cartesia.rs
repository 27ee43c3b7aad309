//! Cartesia's voices against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use voiceagent_core::{ErrorKind, Secret, registry::Registry, tts::TextToSpeech};
use voiceagent_providers::cartesia::{CartesiaTts, CartesiaTtsConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Record, ScriptedVendor, SpeakScript, SpeechVendor},
};

use crate::{
    clock::Clock,
    faults,
    voice::{FORMAT, ONE, Voice},
};

const SECOND: Duration = Duration::from_secs(1);

fn sonic(url: &str) -> CartesiaTts {
    let mut config = CartesiaTtsConfig::new(Secret::new(SpeechVendor::KEY), "scripted-voice");
    config.base_url = url.to_owned();
    config.speed = Some(1.1);
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    CartesiaTts::new(config).expect("the settings are right")
}

async fn vendor() -> (SpeechVendor, CartesiaTts) {
    scripted(SpeakScript::new()).await
}

async fn scripted(script: SpeakScript) -> (SpeechVendor, CartesiaTts) {
    let vendor = SpeechVendor::cartesia(script).await;
    let tts = sonic(&vendor.url());
    (vendor, tts)
}

/// The last message of a connection.
fn last(record: &Record) -> Value {
    let text = record.texts.last().map_or("null", String::as_str);
    serde_json::from_str(text).expect("the voice sends JSON")
}

#[tokio::test]
async fn sonic_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = vendor().await.0.with_idle_limit(SECOND);
    let make = |url: &str| Arc::new(sonic(url)) as Arc<dyn TextToSpeech>;
    conformance::tts("cartesia", &vendor, make).await.assert();
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
async fn i8_nothing_of_a_cancelled_generation_is_heard_in_the_next() {
    let (vendor, tts) = vendor().await;
    faults::is_interrupted(&vendor, &tts).await;
    let record = vendor.records().remove(0);
    let is_cancel = |text: &&String| text.contains("\"cancel\":true");
    assert_eq!(record.texts.iter().filter(is_cancel).count(), 6);
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
async fn rd1_a_context_that_finds_no_room_is_said_again_and_then_reported() {
    let late = SpeakScript::new().first_audio_delay(Duration::from_secs(60));
    let (vendor, _) = scripted(late).await;
    let mut config = CartesiaTtsConfig::new(Secret::new(SpeechVendor::KEY), "scripted-voice");
    config.base_url = vendor.url();
    config.stall_timeout = Duration::from_secs(60);
    let mut voice = Voice::open(&CartesiaTts::new(config).unwrap()).await;
    voice.say(ONE, "Good morning.");
    for count in 1..=4 {
        vendor.until(|all| all.len() == count && !all[count - 1].texts.is_empty()).await;
        let context = last(&vendor.records()[count - 1])["context_id"].clone();
        let error = json!({ "type": "error", "context_id": context, "status_code": 429,
            "error_code": "concurrency_limited", "title": "Too many requests" });
        vendor.push(&error.to_string());
    }
    let fault = voice.until_fault().await;
    assert_eq!(fault.kind(), ErrorKind::RateLimited);
    assert!(fault.message().contains("concurrency_limited"), "{fault}");
}

#[tokio::test]
async fn a_complaint_about_what_is_over_is_not_heard() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "Good morning.");
    voice.until_audio().await;
    vendor.push(r#"{"type":"error","context_id":"999","status_code":400,"title":"No context"}"#);
    voice.finish(ONE);
    voice.until_finished(ONE).await;
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a_model_that_pauses_finds_a_new_context_where_the_old_one_was_forgotten() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "Let me see. ");
    vendor.until(|all| last(&all[0])["continue"] == false).await;
    voice.say(ONE, "Nine is free.");
    voice.finish(ONE);
    let said = voice.until_finished(ONE).await;
    assert!(said.audio == vendor.audio(FORMAT, "Let me see. Nine is free."));
    let nine = said.words.iter().find(|it| &*it.word == "Nine").expect("it is said");
    assert_eq!(nine.start, Duration::from_millis(12 * 60), "behind the first sentence");
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a_dropped_link_leaves_no_connection() {
    let (vendor, tts) = vendor().await;
    let voice = Voice::open(&tts).await;
    voice.say(ONE, "Good morning.");
    vendor.until(|all| all.first().is_some_and(|it| !it.texts.is_empty())).await;
    drop(voice);
    vendor.until_connections(0).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "cartesia", "api_key": "k", "voice": "v" });
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "cartesia");
    for (field, value) in [
        ("api_key", json!("")),
        ("api_key", json!("two words")),
        ("base_url", json!("api.cartesia.ai")),
        ("colour", json!("red")),
        ("max_buffer_delay", json!("6s")),
        ("max_buffer_delay", json!("3s")),
        ("model", json!(" ")),
        ("speed", json!(2)),
        ("stall_timeout", json!(0)),
        ("voice", json!("")),
        ("volume", json!(0.1)),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.tts.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
}
