//! OpenAI's transcription sessions against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    Secret,
    stt::{SpeechToText, SttEvent},
};
use voiceagent_providers::openai::{OpenAiRealtimeStt, OpenAiRealtimeSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::clock::Clock;
use crate::hearing::{self, SECOND, UTTERANCES};

fn config(url: &str) -> OpenAiRealtimeSttConfig {
    let mut config = OpenAiRealtimeSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = format!("{url}/v1");
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config.finalize_timeout = SECOND / 2;
    config
}

fn ends_turns(config: &mut OpenAiRealtimeSttConfig) {
    config.model = "gpt-transcribe".into();
    config.silence = Some(Duration::from_millis(500));
}

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut OpenAiRealtimeSttConfig)) -> OpenAiRealtimeStt {
    let mut config = config(&vendor.url());
    change(&mut config);
    OpenAiRealtimeStt::new(config).expect("the settings are right")
}

async fn vendor() -> SpeechVendor {
    SpeechVendor::openai_listen(TurnScript::utterances(UTTERANCES)).await
}

async fn suite(subject: &str, change: impl Fn(&mut OpenAiRealtimeSttConfig) + Send + Sync) {
    let vendor = vendor().await;
    let make = |_: &str| Arc::new(stt(&vendor, &change)) as Arc<dyn SpeechToText>;
    conformance::stt(subject, &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn a_model_that_listens_all_the_time_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai-realtime", |_| {}).await;
}

#[tokio::test]
async fn a_model_that_is_asked_for_each_utterance_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai-realtime asked", |config| config.model = "gpt-transcribe".into()).await;
}

#[tokio::test]
async fn a_model_whose_vendor_ends_turns_passes_the_suite() {
    let _clock = Clock::start();
    suite("openai-realtime turns", ends_turns).await;
}

#[tokio::test]
async fn the_vendor_ends_a_turn_with_its_silence() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, ends_turns)).await;
    caller.say();
    caller.pause();
    caller.until(|event| *event == SttEvent::SpeechStarted).await;
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
    assert_eq!(vendor.records()[0].count("input_audio_buffer.commit"), 0);
}

#[tokio::test]
async fn a_request_to_finalize_when_nothing_was_sent_is_answered_without_words() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "");
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let live = vendor().await;
    hearing::a_lost_connection_costs_no_words(&live, &stt(&live, |_| {})).await;
    let turns = vendor().await;
    hearing::a_lost_connection_costs_no_words(&turns, &stt(&turns, ends_turns)).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_replaced_and_no_words_are_lost() {
    let live = vendor().await;
    hearing::a_stalled_vendor_is_replaced(&live, &stt(&live, |_| {})).await;
}

#[tokio::test]
async fn rd1_too_many_sessions_are_waited_for_and_then_reported() {
    let vendor = vendor().await;
    hearing::a_crowded_vendor_is_reported(&vendor, &stt(&vendor, |_| {})).await;
}

#[tokio::test]
async fn what_was_understood_is_told_although_the_vendor_is_lost_for_good() {
    let vendor = vendor().await;
    let stt = stt(&vendor, |_| {});
    hearing::a_vendor_that_is_lost_for_good_loses_no_words(&vendor, &stt).await;
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let vendor = vendor().await;
    let wrong = Secret::new("sk-wrong");
    let stt = stt(&vendor, |config| config.api_key = wrong.clone());
    hearing::a_wrong_key_is_told(&stt, &wrong).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let right = json!({ "provider": "openai-realtime", "api_key": "k" });
    let wrong = [
        ("delay", json!("long"), "delay"),
        ("delay", json!("low"), "delay"),
        ("model", json!(" "), "model"),
        ("noise_reduction", json!("all"), "noise_reduction"),
        ("silence", json!("500ms"), "silence"),
    ];
    hearing::wrong_settings_are_refused(&right, &wrong);
}
