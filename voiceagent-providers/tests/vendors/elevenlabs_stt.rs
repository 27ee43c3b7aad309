//! ElevenLabs' recognizer against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    Secret,
    stt::{SpeechToText, SttEvent},
};
use voiceagent_providers::elevenlabs::{ElevenLabsStt, ElevenLabsSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::clock::Clock;
use crate::hearing::{self, SECOND, UTTERANCES};

fn ends_turns(config: &mut ElevenLabsSttConfig) {
    config.silence = Some(SECOND / 2);
}

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut ElevenLabsSttConfig)) -> ElevenLabsStt {
    let mut config = ElevenLabsSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config.finalize_timeout = SECOND / 2;
    change(&mut config);
    ElevenLabsStt::new(config).expect("the settings are right")
}

async fn vendor() -> SpeechVendor {
    SpeechVendor::scribe(TurnScript::utterances(UTTERANCES)).await
}

async fn suite(subject: &str, change: impl Fn(&mut ElevenLabsSttConfig) + Send + Sync) {
    let vendor = vendor().await;
    let make = |_: &str| Arc::new(stt(&vendor, &change)) as Arc<dyn SpeechToText>;
    conformance::stt(subject, &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn scribe_passes_the_suite() {
    let _clock = Clock::start();
    suite("elevenlabs", |_| {}).await;
}

#[tokio::test]
async fn scribe_that_ends_turns_passes_the_suite() {
    let _clock = Clock::start();
    suite("elevenlabs turns", ends_turns).await;
}

#[tokio::test]
async fn the_vendor_ends_a_turn_with_its_silence() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, ends_turns)).await;
    caller.say();
    caller.pause();
    let said = caller.until_final().await;
    let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
    assert_eq!(words, ["I", "need", "an", "oil", "change."]);
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
}

#[tokio::test]
async fn a_request_to_finalize_too_early_is_answered_without_words() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "");
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_silence() {
    let vendor = vendor().await;
    let stt = stt(&vendor, |config| config.silence_after = Duration::from_millis(20));
    let _caller = hearing::dial(&stt).await;
    vendor.until(|records| records.first().is_some_and(|it| it.texts.len() >= 5)).await;
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let asked = vendor().await;
    hearing::a_lost_connection_costs_no_words(&asked, &stt(&asked, |_| {})).await;
    let turns = vendor().await;
    hearing::a_lost_connection_costs_no_words(&turns, &stt(&turns, ends_turns)).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_replaced_and_no_words_are_lost() {
    let vendor = vendor().await;
    hearing::a_stalled_vendor_is_replaced(&vendor, &stt(&vendor, |_| {})).await;
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
    let right = json!({ "provider": "elevenlabs", "api_key": "k", "silence": "500ms" });
    let wrong = [
        ("extra", json!([["model_id", "x"]]), "model_id"),
        ("model", json!(" "), "model"),
        ("silence", json!("5s"), "silence"),
        ("silence_after", json!(0), "silence_after"),
    ];
    hearing::wrong_settings_are_refused(&right, &wrong);
}

#[tokio::test]
async fn rc3_noise_that_the_vendor_says_nothing_of_ends_no_link() {
    let _clock = Clock::start();
    let vendor = vendor().await;
    hearing::noise_ends_no_link(&vendor, &stt(&vendor, |_| {})).await;
}
