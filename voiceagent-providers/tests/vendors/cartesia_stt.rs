//! Cartesia's recognizers against the suite and scripted vendors.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    Secret,
    stt::{SpeechToText, SttEvent},
};
use voiceagent_providers::cartesia::{CartesiaStt, CartesiaSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::{
    caller::{Caller, FORMAT},
    clock::Clock,
    hearing::{self, SECOND, UTTERANCES},
};

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut CartesiaSttConfig)) -> CartesiaStt {
    let mut config = CartesiaSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config.finalize_timeout = SECOND / 2;
    change(&mut config);
    CartesiaStt::new(config).expect("the settings are right")
}

fn by_turns(_: &mut CartesiaSttConfig) {}

fn manual(config: &mut CartesiaSttConfig) {
    config.manual = true;
}

async fn turns_vendor() -> SpeechVendor {
    SpeechVendor::ink_turns(TurnScript::utterances(UTTERANCES)).await
}

async fn manual_vendor() -> SpeechVendor {
    SpeechVendor::ink_manual(TurnScript::utterances(UTTERANCES)).await
}

#[tokio::test]
async fn ink_by_turns_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = turns_vendor().await;
    let make = |_: &str| Arc::new(stt(&vendor, by_turns)) as Arc<dyn SpeechToText>;
    conformance::stt("cartesia", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn ink_that_is_asked_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = manual_vendor().await.with_idle_limit(SECOND);
    let make = |_: &str| Arc::new(stt(&vendor, manual)) as Arc<dyn SpeechToText>;
    conformance::stt("cartesia manual", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn a_turn_ends_although_its_audio_stops() {
    let vendor = turns_vendor().await;
    let mut caller = Caller::dial(&stt(&vendor, by_turns)).await;
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
    let sent = vendor.records()[0].audio_bytes;
    assert!(sent > FORMAT.bytes_in(SECOND), "silence was sent in place of audio");
}

#[tokio::test]
async fn a_request_to_finalize_when_nobody_spoke_is_answered_without_words() {
    let vendor = manual_vendor().await;
    let mut caller = hearing::dial(&stt(&vendor, manual)).await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "");
    assert_eq!(vendor.records()[0].texts, ["finalize"]);
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_silence() {
    let vendor = manual_vendor().await;
    let stt = stt(&vendor, |config| {
        manual(config);
        config.silence_after = Duration::from_millis(20);
    });
    let _caller = Caller::dial(&stt).await;
    let enough = 5 * FORMAT.bytes_in(SECOND / 10);
    vendor.until(|records| records.first().is_some_and(|it| it.audio_bytes >= enough)).await;
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let (turns, asked) = (turns_vendor().await, manual_vendor().await);
    for (vendor, stt) in [(&turns, stt(&turns, by_turns)), (&asked, stt(&asked, manual))] {
        drop(Caller::dial(&stt).await);
        vendor.until(|all| all.first().is_some_and(|it| it.said_goodbye)).await;
        vendor.until_connections(0).await;
    }
}

#[tokio::test]
async fn a_lost_connection_costs_no_words() {
    let turns = turns_vendor().await;
    hearing::a_lost_connection_costs_no_words(&turns, &stt(&turns, by_turns)).await;
    let asked = manual_vendor().await;
    hearing::a_lost_connection_costs_no_words(&asked, &stt(&asked, manual)).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_replaced_and_no_words_are_lost() {
    let vendor = manual_vendor().await;
    hearing::a_stalled_vendor_is_replaced(&vendor, &stt(&vendor, manual)).await;
}

#[tokio::test]
async fn rd1_too_many_sessions_are_waited_for_and_then_reported() {
    let vendor = turns_vendor().await;
    hearing::a_crowded_vendor_is_reported(&vendor, &stt(&vendor, by_turns)).await;
}

#[tokio::test]
async fn what_was_understood_is_told_although_the_vendor_is_lost_for_good() {
    let turns = turns_vendor().await;
    let ink = stt(&turns, by_turns);
    hearing::a_vendor_that_is_lost_for_good_loses_no_words(&turns, &ink).await;
    let asked = manual_vendor().await;
    let ink = stt(&asked, manual);
    hearing::a_vendor_that_is_lost_for_good_loses_no_words(&asked, &ink).await;
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let vendor = turns_vendor().await;
    let wrong = Secret::new("sk-wrong");
    let stt = stt(&vendor, |config| config.api_key = wrong.clone());
    hearing::a_wrong_key_is_told(&stt, &wrong).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let right = json!({ "provider": "cartesia", "api_key": "k", "turn_end_threshold": 0.2 });
    let wrong = [
        ("extra", json!([["encoding", "x"]]), "encoding"),
        ("language", json!("en"), "language"),
        ("manual", json!(true), "turn_end_threshold"),
        ("model", json!(" "), "model"),
        ("silence_after", json!(0), "silence_after"),
        ("turn_end_timeout", json!("100ms"), "turn_end_timeout"),
        ("turn_start_threshold", json!(2), "turn_start_threshold"),
    ];
    hearing::wrong_settings_are_refused(&right, &wrong);
}

#[tokio::test]
async fn rc3_noise_that_the_vendor_says_nothing_of_ends_no_link() {
    let _clock = Clock::start();
    let vendor = manual_vendor().await;
    let short = |config: &mut CartesiaSttConfig| {
        manual(config);
        config.stall_timeout = SECOND / 2;
    };
    hearing::noise_ends_no_link(&vendor, &stt(&vendor, short)).await;
}
