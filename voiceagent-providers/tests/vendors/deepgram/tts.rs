//! What only Deepgram's voices do, against a scripted vendor.

use std::time::Duration;

use serde_json::json;
use voiceagent_core::{ErrorKind, GenerationId, Secret, registry::Registry};
use voiceagent_providers::deepgram::{DeepgramTts, DeepgramTtsConfig};
use voiceagent_testkit::vendor::{Refusal, ScriptedVendor, SpeakScript, SpeechVendor};

use crate::clock::Clock;
use crate::voice::{FORMAT, ONE, PATIENCE, Said, TWO, Voice};

/// A voice with these settings.
fn aura(vendor: &SpeechVendor, stall_timeout: Duration) -> DeepgramTts {
    let mut config = DeepgramTtsConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    config.stall_timeout = stall_timeout;
    DeepgramTts::new(config).expect("the settings are right")
}

async fn open(vendor: &SpeechVendor) -> Voice {
    Voice::open(&aura(vendor, Duration::from_secs(1))).await
}

#[tokio::test]
async fn every_text_is_flushed_and_reported_while_there_is_budget() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    for text in ["One. ", "Two. ", "Three."] {
        voice.say(ONE, text);
    }
    voice.finish(ONE);
    let Said { audio, spoken, .. } = voice.until_finished(ONE).await;
    assert_eq!(audio, vendor.audio(FORMAT, "One. Two. Three."));
    assert_eq!(spoken, [1, 1, 1]);
    assert_eq!(vendor.records()[0].count("Flush"), 3);
}

#[tokio::test]
async fn texts_are_merged_when_flushes_run_short_and_none_is_lost() {
    let script = SpeakScript::new().per_character(Duration::from_millis(10));
    let vendor = SpeechVendor::speak(script).await;
    let mut voice = open(&vendor).await;
    let texts: Vec<_> = (0..40).map(|number| format!("Number {number}. ")).collect();
    for text in &texts {
        voice.say(ONE, text);
    }
    voice.finish(ONE);
    let Said { audio, spoken, .. } = voice.until_finished(ONE).await;
    assert!(audio == vendor.audio(FORMAT, &texts.concat()));
    assert_eq!(spoken.iter().sum::<u32>(), 40);
    let flushes = vendor.records()[0].count("Flush");
    assert!((2..20).contains(&flushes), "{flushes} flushes");
    voice.say(TWO, "There is some left for another generation.");
    voice.finish(TWO);
    assert_eq!(voice.until_finished(TWO).await.spoken, [1]);
}

#[tokio::test]
async fn a_text_that_waits_for_more_is_spoken_when_nothing_else_is() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    // More than are flushed at once, of an answer that goes on.
    for _ in 0..7 {
        voice.say(ONE, "Yes. ");
        voice.until_spoken().await;
    }
    assert_eq!(vendor.records()[0].count("Flush"), 7);
}

#[tokio::test]
async fn an_answer_for_which_no_flush_is_left_is_given_up_at_once() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    let mut answers = (1..=40).map(GenerationId::new);
    let refused = loop {
        let answer = answers.next().expect("the vendor takes 20 flushes a minute");
        voice.say(answer, "Yes. ");
        voice.finish(answer);
        match voice.until_end(answer).await {
            Ok(()) => {}
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::RateLimited);
    assert!(refused.retry_after().is_some_and(|wait| wait > Duration::from_secs(40)));
    vendor.until(|records| records[0].count("Clear") == 1).await;
    assert_eq!(vendor.records()[0].count("Flush"), 20, "the vendor ignores what is beyond");
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn messages_that_say_nothing_do_not_hide_a_stall() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    vendor.until_connections(1).await;
    vendor.stall();
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    let mut chatter = tokio::time::interval(Duration::from_millis(100));
    let said = tokio::select! {
        said = voice.until_finished(ONE) => said,
        () = async {
            loop {
                chatter.tick().await;
                if vendor.accepted() == 1 {
                    vendor.push(r#"{"type":"Novelty"}"#);
                }
            }
        } => unreachable!("it goes on for ever"),
    };
    assert!(said.audio == vendor.audio(FORMAT, "Good morning."));
}

#[tokio::test]
async fn texts_that_nobody_heard_are_said_on_a_new_connection() {
    let delay = Duration::from_secs(5);
    let vendor = SpeechVendor::speak(SpeakScript::new().first_audio_delay(delay)).await;
    let mut voice = Voice::open(&aura(&vendor, PATIENCE)).await;
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    vendor.until(|records| records.first().is_some_and(|it| it.count("Flush") == 1)).await;
    vendor.drop_connections();
    let Said { audio, spoken, .. } = voice.until_finished(ONE).await;
    assert!(audio == vendor.audio(FORMAT, "Good morning."));
    assert_eq!((spoken, vendor.accepted()), (vec![1], 2));
}

#[tokio::test]
async fn a_stalled_connection_is_replaced_before_anything_was_heard() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    vendor.until_connections(1).await;
    vendor.stall();
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    assert!(voice.until_finished(ONE).await.audio == vendor.audio(FORMAT, "Good morning."));
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn re6_a_vendor_that_never_clears_is_left() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    voice.say(ONE, "This takes a while, and nobody listens to it any more.");
    voice.until_audio().await;
    vendor.stall();
    voice.cancel(ONE);
    voice.say(TWO, "Sorry.");
    voice.finish(TWO);
    let audio = voice.until_finished_after_others(TWO).await;
    assert!(audio == vendor.audio(FORMAT, "Sorry."));
    assert_eq!(vendor.records()[0].count("Clear"), 1);
}

#[tokio::test]
async fn a_generation_that_was_cancelled_stays_so() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    voice.cancel(ONE);
    voice.say(ONE, "Too late.");
    voice.finish(ONE);
    voice.say(TWO, "In time.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "In time."));
    assert_eq!(vendor.records()[0].count("Clear"), 0, "there was nothing to clear");
}

#[tokio::test]
async fn a_text_without_words_is_counted_but_never_waited_for() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    voice.say(ONE, "");
    voice.say(ONE, " … ");
    voice.finish(ONE);
    let said = voice.until_finished(ONE).await;
    assert_eq!((said.audio, said.spoken), (Vec::new(), vec![2]));
}

#[tokio::test]
async fn a_vendor_that_is_away_is_reported_and_asked_again_for_the_next_generation() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let mut voice = open(&vendor).await;
    vendor.until_connections(1).await;
    vendor.refuse(Some(Refusal::status(503)));
    vendor.drop_connections();
    vendor.until_connections(0).await;
    voice.say(ONE, "Nobody hears this.");
    voice.finish(ONE);
    assert_eq!(voice.next().await.unwrap_err().kind(), ErrorKind::Overloaded);
    vendor.refuse(None);
    voice.say(TWO, "But this.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.audio == vendor.audio(FORMAT, "But this."));
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    drop(open(&vendor).await);
    vendor.until(|records| records.first().is_some_and(|it| it.said_goodbye)).await;
    vendor.until_connections(0).await;
}

#[test]
fn unknown_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let config = |provider: &str| json!({ "provider": provider, "api_key": "k", "colour": "red" });
    for error in [
        registry.stt.build(config("deepgram")).unwrap_err(),
        registry.stt.build(config("deepgram-flux")).unwrap_err(),
        registry.tts.build(config("deepgram")).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("`colour`"), "{error}");
    }
}
