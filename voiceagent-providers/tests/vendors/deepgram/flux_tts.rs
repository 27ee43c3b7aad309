//! Flux voices, against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{ErrorKind, Secret, registry::Registry, tts::TextToSpeech};
use voiceagent_providers::deepgram::{DeepgramFluxTts, DeepgramFluxTtsConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{ScriptedVendor, SpeakScript, SpeechVendor},
};

use crate::{
    clock::Clock,
    faults,
    voice::{FORMAT, ONE, TWO, Voice},
};

const SECOND: Duration = Duration::from_secs(1);

fn flux(url: &str) -> DeepgramFluxTts {
    let mut config = DeepgramFluxTtsConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = url.to_owned();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    DeepgramFluxTts::new(config).expect("the settings are right")
}

async fn vendor() -> (SpeechVendor, DeepgramFluxTts) {
    let vendor = SpeechVendor::flux_speak(SpeakScript::new()).await;
    let tts = flux(&vendor.url());
    (vendor, tts)
}

/// Long enough that it is being made when somebody interrupts.
const LONG: &str = "We have nine thirty or ten, and then there is half past ten, which is a good \
    time as well, and on the day after it there is nothing but the evening that is free. ";

#[tokio::test]
async fn flux_voices_pass_the_suite() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let make = |url: &str| Arc::new(flux(url)) as Arc<dyn TextToSpeech>;
    conformance::tts("deepgram-flux", &vendor, make).await.assert();
}

#[tokio::test]
async fn h6_the_vendor_tells_which_words_were_heard() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    for (number, heard, words) in [(ONE, 13 * 60, "We have nine"), (TWO, 30, "")] {
        voice.say(number, LONG);
        voice.say(number, LONG);
        let heard = Duration::from_millis(heard);
        let mut came = 0;
        while came < FORMAT.bytes_in(heard) {
            came += voice.until_audio().await;
        }
        voice.interrupt(number, heard);
        assert_eq!(voice.until_heard(number).await.trim_end(), words);
    }
    assert_eq!((vendor.accepted(), vendor.records()[0].count("Interrupt")), (1, 2));
}

#[tokio::test]
async fn h6_words_of_the_texts_before_a_pause_were_heard_too() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "Let me see. ");
    vendor.until(|all| all[0].count("Flush") == 1).await;
    voice.say(ONE, LONG);
    vendor.until(|all| all[0].count("Speak") == 2).await;
    let heard = vendor.audio(FORMAT, "Let me see. We have nine ").len();
    let mut came = 0;
    while came < heard {
        came += voice.until_audio().await;
    }
    voice.interrupt(ONE, FORMAT.duration_of(FORMAT.samples(heard)));
    assert_eq!(voice.until_heard(ONE).await.trim_end(), "Let me see. We have nine");
}

#[tokio::test]
async fn a_clause_that_the_vendor_keeps_back_is_asked_for_when_the_model_pauses() {
    let (vendor, tts) = vendor().await;
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "One moment please ");
    voice.until_audio().await;
    assert_eq!(vendor.records()[0].count("Flush"), 1);
    voice.say(ONE, "and here it is.");
    voice.finish(ONE);
    voice.until_finished(ONE).await;
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn a_generation_that_is_cancelled_before_its_first_sound_is_not_heard() {
    let late = SpeakScript::new().first_audio_delay(SECOND / 5);
    let vendor = SpeechVendor::flux_speak(late).await;
    let mut voice = Voice::open(&flux(&vendor.url())).await;
    voice.say(ONE, "Nobody hears this.");
    vendor.until(|all| all[0].count("Speak") == 1).await;
    voice.cancel(ONE);
    voice.say(TWO, "But this.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "But this."));
    assert_eq!((vendor.accepted(), vendor.records()[0].count("Interrupt")), (1, 0));
}

#[tokio::test]
async fn i8_nothing_of_a_cancelled_generation_is_heard_in_the_next() {
    let (vendor, tts) = vendor().await;
    faults::is_interrupted(&vendor, &tts).await;
}

#[tokio::test]
async fn a_vendor_that_is_gone_in_mid_sentence_is_reported_once() {
    let (vendor, tts) = vendor().await;
    faults::is_dropped(&vendor, &tts).await;
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_is_reported_if_it_was_heard_and_replaced() {
    let (heard, tts) = vendor().await;
    faults::is_stalled(&heard, &tts).await;
    let (unheard, tts) = vendor().await;
    faults::is_stalled_at_once(&unheard, &tts).await;
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
async fn a12_generations_follow_each_other_in_order_on_one_socket() {
    let (one, tts) = vendor().await;
    faults::speaks_twice(&one, &tts).await;
    let (other, tts) = vendor().await;
    faults::speaks_in_turns(&other, &tts).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "deepgram-flux", "api_key": "k" });
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "deepgram-flux");
    for (field, value) in [
        ("api_key", json!("")),
        ("base_url", json!("api.deepgram.com")),
        ("colour", json!("red")),
        ("expressivity", json!(3)),
        ("model", json!(" ")),
        ("speed", json!(2)),
        ("speed", json!(1.02)),
        ("stall_timeout", json!(0)),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.tts.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
}
