//! Azure Speech against the suites and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Secret, registry::Registry, stt::SpeechToText, tts::TextToSpeech,
};
use voiceagent_providers::azure::{AzureStt, AzureSttConfig, AzureTts, AzureTtsConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeakScript, SpeechVendor, TurnScript},
};

use crate::{
    caller::Caller,
    clock::Clock,
    faults,
    hearing::{self, SECOND, UTTERANCES},
    voice::{FORMAT, ONE, TWO, Voice},
};

fn stt(vendor: &SpeechVendor, change: impl Fn(&mut AzureSttConfig)) -> AzureStt {
    let mut config = AzureSttConfig::new(Secret::new(SpeechVendor::KEY), "westeurope");
    config.base_url = Some(vendor.url());
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    change(&mut config);
    AzureStt::new(config).expect("the settings are right")
}

fn tts(url: &str) -> AzureTts {
    let mut config = AzureTtsConfig::new(Secret::new(SpeechVendor::KEY), "westeurope");
    config.base_url = Some(url.to_owned());
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    AzureTts::new(config).expect("the settings are right")
}

async fn ears() -> SpeechVendor {
    SpeechVendor::azure_listen(TurnScript::utterances(UTTERANCES)).await
}

async fn mouth() -> (SpeechVendor, AzureTts) {
    let vendor = SpeechVendor::azure_speak(SpeakScript::new()).await;
    let tts = tts(&vendor.url());
    (vendor, tts)
}

#[tokio::test]
async fn recognition_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = ears().await;
    let make = |_: &str| Arc::new(stt(&vendor, |_| {})) as Arc<dyn SpeechToText>;
    conformance::stt("azure", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn voices_pass_the_suite() {
    let _clock = Clock::start();
    let (vendor, _) = mouth().await;
    let make = |url: &str| Arc::new(tts(url)) as Arc<dyn TextToSpeech>;
    conformance::tts("azure", &vendor, make).await.assert();
}

#[tokio::test]
async fn a_phrase_is_told_with_the_times_of_its_words() {
    let vendor = ears().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.say();
    caller.pause();
    let said = caller.until_final().await;
    let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
    assert_eq!(words, ["I", "need", "an", "oil", "change."]);
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_silence() {
    let vendor = ears().await;
    let stt = stt(&vendor, |config| config.keep_alive = Duration::from_millis(20));
    let _caller = Caller::dial(&stt).await;
    vendor.until(|records| records.first().is_some_and(|it| it.audio_bytes >= 4_000)).await;
}

#[tokio::test]
async fn a_request_that_the_vendor_ends_is_gone_on_with_on_another_connection() {
    let vendor = ears().await;
    let mut caller = hearing::dial(&stt(&vendor, |_| {})).await;
    caller.say_for(SECOND / 2);
    caller.until_interim().await;
    vendor.push("X-RequestId:1\r\nPath:turn.end\r\n\r\n{}");
    vendor.until(|records| records.len() == 2).await;
    caller.say_for(SECOND / 2);
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_lost_or_stalled_connection_costs_no_words() {
    let lost = ears().await;
    hearing::a_lost_connection_costs_no_words(&lost, &stt(&lost, |_| {})).await;
    let crowded = ears().await;
    hearing::a_crowded_vendor_is_reported(&crowded, &stt(&crowded, |_| {})).await;
    let wrong = Secret::new("not-the-key");
    let with_wrong_key = stt(&crowded, |config| config.api_key = wrong.clone());
    crowded.refuse(None);
    hearing::a_wrong_key_is_told(&with_wrong_key, &wrong).await;
}

#[tokio::test]
async fn what_was_understood_is_told_although_the_vendor_is_lost_for_good() {
    let vendor = ears().await;
    hearing::a_vendor_that_is_lost_for_good_loses_no_words(&vendor, &stt(&vendor, |_| {})).await;
}

#[tokio::test]
async fn i8_nothing_of_a_stopped_request_is_heard_in_the_next() {
    let (vendor, tts) = mouth().await;
    faults::is_interrupted(&vendor, &tts).await;
    let record = vendor.records().remove(0);
    let stops = record.texts.iter().filter(|text| text.starts_with("Path: synthesis.control"));
    // What had not begun need not be stopped.
    assert!((1..=6).contains(&stops.count()));
}

#[tokio::test]
async fn a_clause_that_the_vendor_keeps_back_is_asked_for_when_the_model_pauses() {
    let (vendor, tts) = mouth().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "One moment please ");
    voice.until_audio().await;
    voice.say(ONE, "and here it is.");
    voice.finish(ONE);
    let said = voice.until_finished(ONE).await;
    let here = said.words.iter().find(|it| &*it.word == "here").expect("it is said");
    let before = vendor.audio(FORMAT, "One moment please and ").len();
    assert_eq!(here.start, FORMAT.duration_of(FORMAT.samples(before)));
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a12_generations_and_their_words_follow_each_other_on_one_socket() {
    let (one, tts) = mouth().await;
    faults::speaks_twice(&one, &tts).await;
    let (other, tts) = mouth().await;
    faults::speaks_in_turns(&other, &tts).await;
}

#[tokio::test]
async fn a_voice_that_is_gone_or_falls_silent_in_mid_sentence_is_reported_once() {
    let (gone, tts) = mouth().await;
    faults::is_dropped(&gone, &tts).await;
    let (silent, tts) = mouth().await;
    faults::is_stalled(&silent, &tts).await;
}

#[tokio::test]
async fn rc4_a_voice_that_falls_silent_unheard_is_replaced_without_a_word() {
    let (vendor, tts) = mouth().await;
    faults::is_stalled_at_once(&vendor, &tts).await;
}

#[tokio::test]
async fn a_request_that_is_never_stopped_is_left() {
    let (vendor, tts) = mouth().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "This takes a while, and nobody listens to it any more.");
    voice.until_audio().await;
    vendor.stall();
    voice.cancel(ONE);
    voice.say(TWO, "Sorry.");
    voice.finish(TWO);
    assert!(voice.until_finished_after_others(TWO).await == vendor.audio(FORMAT, "Sorry."));
    assert_eq!(vendor.accepted(), 2);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "azure", "api_key": "k", "region": "westeurope" });
    assert_eq!(registry.stt.build(right.clone()).unwrap().name(), "azure");
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "azure");
    for (field, value, is_voice) in [
        ("api_key", json!(""), true),
        ("base_url", json!("somewhere"), true),
        ("colour", json!("red"), true),
        ("connect_timeout", json!(0), true),
        ("keep_alive", json!(0), false),
        ("language", json!("en"), false),
        ("region", json!(""), true),
        ("region", json!("west europe"), false),
        ("segmentation_silence", json!("6s"), false),
        ("stall_timeout", json!(0), true),
        ("voice", json!("Ava"), true),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = match is_voice {
            true => registry.tts.build(config).unwrap_err(),
            false => registry.stt.build(config).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
}

#[tokio::test]
async fn rc3_noise_that_the_vendor_says_nothing_of_ends_no_link() {
    let _clock = Clock::start();
    let vendor = ears().await;
    hearing::noise_ends_no_link(&vendor, &stt(&vendor, |_| {})).await;
}
