//! Speechmatics' recognizer against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Secret,
    adapt::FallbackStt,
    stt::{SpeechToText, SttEvent, SttOptions},
};
use voiceagent_providers::speechmatics::{SpeechmaticsStt, SpeechmaticsSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Refusal, ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::{
    caller::{Caller, PAUSE, SPOKEN},
    clock::Clock,
    hearing::{self, SECOND, UTTERANCES},
};

fn waits(config: &mut SpeechmaticsSttConfig) {
    config.end_of_utterance = None;
}

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut SpeechmaticsSttConfig)) -> SpeechmaticsStt {
    let mut config = SpeechmaticsSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config.finalize_timeout = SECOND / 2;
    change(&mut config);
    SpeechmaticsStt::new(config).expect("the settings are right")
}

async fn vendor() -> SpeechVendor {
    SpeechVendor::speechmatics(TurnScript::utterances(UTTERANCES)).await
}

async fn suite(subject: &str, change: impl Fn(&mut SpeechmaticsSttConfig) + Send + Sync) {
    let vendor = vendor().await.with_idle_limit(SECOND);
    let kept_alive = |config: &mut SpeechmaticsSttConfig| {
        change(config);
        config.keep_alive = SECOND / 4;
    };
    let make = |_: &str| Arc::new(stt(&vendor, kept_alive)) as Arc<dyn SpeechToText>;
    conformance::stt(subject, &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn speechmatics_passes_the_suite() {
    let _clock = Clock::start();
    suite("speechmatics", |_| {}).await;
}

#[tokio::test]
async fn speechmatics_that_waits_to_be_asked_passes_the_suite() {
    let _clock = Clock::start();
    suite("speechmatics asked", waits).await;
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
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_silence() {
    let vendor = vendor().await;
    let stt = stt(&vendor, |config| config.keep_alive = Duration::from_millis(20));
    let _caller = Caller::dial(&stt).await;
    vendor.until(|records| records.first().is_some_and(|it| it.audio_bytes >= 4_000)).await;
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let turns = vendor().await;
    hearing::a_lost_connection_costs_no_words(&turns, &stt(&turns, |_| {})).await;
    let asked = vendor().await;
    hearing::a_lost_connection_costs_no_words(&asked, &stt(&asked, waits)).await;
}

#[tokio::test]
async fn a_chain_that_waited_for_its_caller_loses_no_word_at_a_failover() {
    let _clock = Clock::start();
    let (first, rest) = (vendor().await, TurnScript::utterances([UTTERANCES[1]]));
    let second = SpeechVendor::speechmatics(rest).await;
    let quick = |config: &mut SpeechmaticsSttConfig| config.keep_alive = SECOND / 10;
    let next = vec![Arc::new(stt(&second, waits)) as Arc<dyn SpeechToText>];
    let chain = FallbackStt::new(Arc::new(stt(&first, quick)), next);
    let mut caller = hearing::dial(&chain).await;
    let format = chain.capabilities().formats[0];
    let kept_alive = format.bytes_in(SECOND / 2);
    first.until(|all| all.first().is_some_and(|it| it.audio_bytes >= kept_alive)).await;
    caller.say();
    caller.pause_for(SECOND / 5);
    caller.finalize();
    // It goes on before the final of what was said has come.
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    first.refuse(Some(Refusal::status(503)));
    first.drop_connections();
    caller.pause();
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[1]);
    let replayed = second.records()[0].audio_bytes;
    assert!(replayed >= format.bytes_in(SPOKEN + PAUSE), "{replayed} bytes are less than was said");
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_replaced_and_no_words_are_lost() {
    let vendor = vendor().await;
    hearing::a_stalled_vendor_is_replaced(&vendor, &stt(&vendor, waits)).await;
}

#[tokio::test]
async fn rd1_too_many_sessions_are_reported_with_the_time_to_wait() {
    let vendor = vendor().await;
    hearing::a_crowded_vendor_is_reported(&vendor, &stt(&vendor, |_| {})).await;
}

#[tokio::test]
async fn what_was_understood_is_told_although_the_vendor_is_lost_for_good() {
    let vendor = vendor().await;
    hearing::a_vendor_that_is_lost_for_good_loses_no_words(&vendor, &stt(&vendor, |_| {})).await;
}

#[tokio::test]
async fn a_wrong_key_and_what_the_vendor_does_not_know_are_told_at_once() {
    let vendor = vendor().await;
    let wrong = Secret::new("not-the-key");
    let with_wrong_key = stt(&vendor, |config| config.api_key = wrong.clone());
    hearing::a_wrong_key_is_told(&with_wrong_key, &wrong).await;
    let klingon = stt(&vendor, |config| config.language = Some("tlh".into()));
    let format = klingon.capabilities().formats[0];
    let error = klingon.open(SttOptions::new(format)).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let vendor = vendor().await;
    drop(Caller::dial(&stt(&vendor, |_| {})).await);
    vendor.until(|records| records.first().is_some_and(|it| it.said_goodbye)).await;
    vendor.until_connections(0).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let right = json!({ "provider": "speechmatics", "api_key": "k" });
    let wrong = [
        ("end_of_utterance", json!("3s"), "end_of_utterance"),
        ("keep_alive", json!("4m"), "keep_alive"),
        ("max_delay", json!("5s"), "max_delay"),
        ("model", json!(" "), "model"),
    ];
    hearing::wrong_settings_are_refused(&right, &wrong);
}
