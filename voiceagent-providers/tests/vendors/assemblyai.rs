//! AssemblyAI's recognizer against the suite and a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use voiceagent_core::{
    ErrorKind, Retry, Secret,
    registry::Registry,
    stt::{SpeechToText, SttEvent, SttOptions},
};
use voiceagent_providers::assemblyai::{AssemblyAiStt, AssemblyAiSttConfig};
use voiceagent_testkit::{
    conformance,
    vendor::{Refusal, ScriptedVendor, SpeechVendor, TurnScript},
};

use crate::{
    caller::{Caller, FORMAT},
    clock::Clock,
};

const SECOND: Duration = Duration::from_secs(1);
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

fn config(url: &str) -> AssemblyAiSttConfig {
    let mut config = AssemblyAiSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = url.to_owned();
    config.keyterms = vec!["oil change".to_owned()];
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

async fn vendor() -> (SpeechVendor, AssemblyAiStt) {
    let vendor = SpeechVendor::assemblyai(TurnScript::utterances(UTTERANCES)).await;
    let stt = AssemblyAiStt::new(config(&vendor.url())).expect("the settings are right");
    (vendor, stt)
}

#[tokio::test]
async fn assemblyai_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = vendor().await.0.with_idle_limit(SECOND);
    let make = |url: &str| {
        let mut config = config(url);
        config.keep_alive = SECOND / 4;
        Arc::new(AssemblyAiStt::new(config).unwrap()) as Arc<dyn SpeechToText>
    };
    conformance::stt("assemblyai", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn assemblyai_with_formatted_turns_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = vendor().await.0.with_idle_limit(SECOND);
    let make = |url: &str| {
        let mut config = config(url);
        config.keep_alive = SECOND / 4;
        config.format_turns = true;
        Arc::new(AssemblyAiStt::new(config).unwrap()) as Arc<dyn SpeechToText>
    };
    conformance::stt("assemblyai formatted", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_between_turns() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.keep_alive = Duration::from_millis(20);
    let mut caller = Caller::dial(&AssemblyAiStt::new(config).unwrap()).await;
    vendor.until(|records| records.first().is_some_and(|it| it.count("KeepAlive") >= 3)).await;
    assert_eq!(vendor.records()[0].audio_bytes, 0, "it needs no audio");
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_turn_is_told_once_and_ends_although_its_audio_stops() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    caller.say();
    let said = caller.until_final().await;
    assert_eq!(&*said.text, UTTERANCES[0]);
    let words: Vec<_> = said.words.iter().map(|it| &*it.word).collect();
    assert_eq!(words, ["I", "need", "an", "oil", "change."]);
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
    let sent = vendor.records()[0].audio_bytes;
    assert!(sent > FORMAT.bytes_in(SECOND), "silence was sent in place of audio");
}

#[tokio::test]
async fn an_end_that_is_asked_for_comes_with_all_that_was_said() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    caller.say_for(Duration::from_millis(990));
    caller.until_interim().await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(vendor.records()[0].count("ForceEndpoint"), 1);
}

#[tokio::test]
async fn frames_of_a_phone_are_put_together_for_the_vendor() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    for _ in 0..50 {
        caller.say_for(Duration::from_millis(20));
    }
    caller.until_interim().await;
    assert_eq!(vendor.accepted(), 1, "the vendor refuses what is shorter than 50 ms");
}

#[tokio::test]
async fn rc4_a_vendor_that_falls_silent_within_a_turn_is_replaced_and_no_words_are_lost() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.finalize_timeout = Duration::from_millis(50);
    let mut caller = Caller::dial(&AssemblyAiStt::new(config).unwrap()).await;
    caller.say();
    caller.until_interim().await;
    vendor.stall();
    caller.say();
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn rc4_a_vendor_of_which_nothing_but_its_heart_is_left_is_replaced() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.stall_timeout = Duration::from_millis(300);
    let mut caller = Caller::dial(&AssemblyAiStt::new(config).unwrap()).await;
    caller.say();
    caller.until_interim().await;
    vendor.stall();
    // It beats on, far more often than it would be found out.
    for _ in 0..100 {
        vendor.push(
            r#"{"type":"Heartbeat","total_audio_received_ms":1000,"max_speech_probability":0.1}"#,
        );
        caller.say_for(Duration::from_millis(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
        if vendor.accepted() == 2 {
            break;
        }
    }
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn what_a_lost_connection_heard_is_played_again_no_faster_than_the_vendor_takes_it() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    caller.say_for(2 * SECOND);
    let all = FORMAT.bytes_in(2 * SECOND) / 10 * 9;
    vendor.until(|records| records[0].audio_bytes >= all).await;
    vendor.drop_connections();
    // The scripted vendor closes at 125 % of real time and a little.
    vendor.until(|records| records.get(1).is_some_and(|it| it.audio_bytes >= all)).await;
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    assert_eq!(vendor.accepted(), 2, "the second connection stays");
}

#[tokio::test]
async fn silence_that_is_made_up_for_the_vendor_moves_no_word() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::assemblyai(TurnScript::utterances(["one two three"; 8])).await;
    let mut caller = Caller::dial(&AssemblyAiStt::new(config(&vendor.url())).unwrap()).await;
    let (spoken, pause) = (Duration::from_millis(600), Duration::from_millis(30));
    let mut handed = Duration::ZERO;
    for number in 0..8 {
        let begun = handed;
        caller.say_for(spoken);
        handed += spoken;
        // What is too short to be sent is filled up when a final is asked for; else the vendor ends
        // the turn, for which it needs audio that the line does not bring.
        if number % 2 == 0 {
            caller.pause_for(pause);
            caller.finalize();
            handed += pause;
        }
        let words = caller.until_final().await.words;
        let (first, last) = (words[0].start, words[2].end);
        // The scripted vendor counts by frames.
        let near = |one: Duration, other: Duration| one.abs_diff(other) <= 2 * pause;
        let is_right = near(first, begun) && near(last, begun + spoken);
        assert!(is_right, "{number}: said from {begun:?}, told {first:?} to {last:?}");
    }
}

#[tokio::test]
async fn a_vendor_that_was_given_audio_too_fast_is_called_again() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    vendor.close_connections(3007, "Audio Transmission Rate Exceeded");
    vendor.until(|records| records.len() == 2).await;
    vendor.until_connections(1).await;
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
}

#[tokio::test]
async fn a_final_is_asked_for_when_the_vendor_has_all_that_was_said() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    caller.say_for(SECOND);
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    let record = &vendor.records()[0];
    assert_eq!(record.count("ForceEndpoint"), 1);
    assert!(record.audio_bytes >= FORMAT.bytes_in(SECOND));
}

#[tokio::test]
async fn a_formatted_text_that_never_comes_is_not_waited_for() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.format_turns = true;
    config.finalize_timeout = Duration::from_millis(50);
    let mut caller = Caller::dial(&AssemblyAiStt::new(config).unwrap()).await;
    vendor.until_connections(1).await;
    vendor.push(
        r#"{"type":"Turn","turn_order":0,"turn_is_formatted":false,"end_of_turn":true,
            "transcript":"yes please","words":[]}"#,
    );
    assert_eq!(&*caller.until_final().await.text, "yes please");
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
    assert_eq!(vendor.accepted(), 1);
}

#[tokio::test]
async fn closes_that_may_pass_are_survived_and_others_end_the_link() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    for (code, reason) in [(3008, "Session Expired"), (3005, "Server error"), (1011, "")] {
        let before = vendor.accepted();
        vendor.close_connections(code, reason);
        vendor.until(|records| records.len() > before).await;
    }
    vendor.until_connections(1).await;
    caller.say();
    assert_eq!(&*caller.until_final().await.text, UTTERANCES[0]);
    vendor.close_connections(3006, "Invalid");
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn rd1_too_many_sessions_are_waited_for_and_then_reported() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    let mut caller = Caller::dial(&stt).await;
    vendor.refuse(Some(Refusal::status(429).retry_after(Duration::from_millis(10))));
    vendor.close_connections(3009, "Too many concurrent sessions");
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(matches!(error.retry(), Retry::After(_)));
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    let _clock = Clock::start();
    let (vendor, _) = vendor().await;
    let mut config = config(&vendor.url());
    config.api_key = Secret::new("sk-wrong");
    let refused = AssemblyAiStt::new(config).unwrap().open(SttOptions::new(FORMAT)).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("sk-wrong"));
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let (vendor, stt) = vendor().await;
    drop(Caller::dial(&stt).await);
    vendor.until(|all| all.first().is_some_and(|it| it.said_goodbye)).await;
    vendor.until_connections(0).await;
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "assemblyai", "api_key": "k", "max_turn_silence": "1s" });
    assert_eq!(registry.stt.build(right.clone()).unwrap().name(), "assemblyai");
    for (field, value, named) in [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("streaming.assemblyai.com"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("end_of_turn_confidence", json!(2), "end_of_turn_confidence"),
        ("extra", json!([["encoding", "opus"]]), "encoding"),
        ("languages", json!(["en"].repeat(11)), "languages"),
        ("min_turn_silence", json!("2s"), "min_turn_silence"),
        ("mode", json!("fast"), "mode"),
        ("model", json!(" "), "model"),
        ("silence_after", json!(0), "silence_after"),
        ("stall_timeout", json!(0), "stall_timeout"),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.stt.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
