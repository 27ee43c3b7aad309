//! Soniox' recognizer against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    Secret,
    stt::{SpeechToText, SttEvent},
};
use voiceagent_providers::soniox::{SonioxStt, SonioxSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::{
    caller::Caller,
    clock::Clock,
    hearing::{self, SECOND, UTTERANCES},
};

fn waits(config: &mut SonioxSttConfig) {
    config.endpoint_detection = false;
}

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut SonioxSttConfig)) -> SonioxStt {
    let mut config = SonioxSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config.finalize_timeout = SECOND / 2;
    change(&mut config);
    SonioxStt::new(config).expect("the settings are right")
}

async fn vendor() -> SpeechVendor {
    SpeechVendor::soniox(TurnScript::utterances(UTTERANCES)).await
}

async fn suite(subject: &str, change: impl Fn(&mut SonioxSttConfig) + Send + Sync) {
    let vendor = vendor().await.with_idle_limit(SECOND);
    let kept_alive = |config: &mut SonioxSttConfig| {
        change(config);
        config.keep_alive = SECOND / 4;
    };
    let make = |_: &str| Arc::new(stt(&vendor, kept_alive)) as Arc<dyn SpeechToText>;
    conformance::stt(subject, &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn soniox_passes_the_suite() {
    let _clock = Clock::start();
    suite("soniox", |_| {}).await;
}

#[tokio::test]
async fn soniox_that_waits_to_be_asked_passes_the_suite() {
    let _clock = Clock::start();
    suite("soniox asked", waits).await;
}

#[tokio::test]
async fn the_vendor_ends_a_turn_with_all_of_its_words() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.say();
    caller.pause();
    let said = caller.until_final().await;
    let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
    assert_eq!(words, ["I", "need", "an", "oil", "change."]);
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
}

#[tokio::test]
async fn a_request_to_finalize_when_nobody_spoke_is_answered_without_words() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "");
    assert_eq!(vendor.records()[0].count("finalize"), 1);
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_text_after_it_had_some_audio() {
    let vendor = vendor().await;
    let stt = stt(&vendor, |config| config.keep_alive = Duration::from_millis(20));
    let _caller = Caller::dial(&stt).await;
    vendor.until(|records| records.first().is_some_and(|it| it.count("keepalive") >= 5)).await;
    assert_eq!(vendor.records()[0].audio_bytes, 800, "100 ms of silence came first");
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let turns = vendor().await;
    hearing::a_lost_connection_costs_no_words(&turns, &stt(&turns, |_| {})).await;
    let asked = vendor().await;
    hearing::a_lost_connection_costs_no_words(&asked, &stt(&asked, waits)).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_replaced_and_no_words_are_lost() {
    let vendor = vendor().await;
    hearing::a_stalled_vendor_is_replaced(&vendor, &stt(&vendor, waits)).await;
}

#[tokio::test]
async fn a_request_that_the_vendor_cannot_continue_is_begun_anew() {
    let vendor = vendor().await;
    let stt = stt(&vendor, |_| {});
    let mut caller = hearing::dial(&stt).await;
    caller.say_for(SECOND / 2);
    caller.until_interim().await;
    let error = r#"{"tokens":[],"error_code":503,"error_message":"Cannot continue request"}"#;
    vendor.push(error);
    vendor.until(|records| records.len() == 2).await;
    caller.say_for(SECOND / 2);
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
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
    let right = json!({ "provider": "soniox", "api_key": "k", "languages": ["en"] });
    let wrong = [
        ("keep_alive", json!("20s"), "keep_alive"),
        ("max_endpoint_delay", json!("5s"), "max_endpoint_delay"),
        ("model", json!(" "), "model"),
    ];
    hearing::wrong_settings_are_refused(&right, &wrong);
}

#[tokio::test]
async fn frames_without_audio_do_not_end_the_stream() {
    let vendor = vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    // To this vendor an empty message is the end.
    caller.say_nothing();
    caller.say();
    caller.say_nothing();
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!((vendor.accepted(), vendor.records()[0].said_goodbye), (1, false));
}
