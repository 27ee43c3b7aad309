//! What only Deepgram's recognizers do, against a scripted vendor.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, Secret,
    stt::{SpeechToText, SttEvent, SttOptions},
};
use voiceagent_providers::deepgram::{
    DeepgramFlux, DeepgramFluxConfig, DeepgramStt, DeepgramSttConfig,
};
use voiceagent_testkit::vendor::{ListenScript, Refusal, ScriptedVendor, SpeechVendor, TurnScript};

use crate::caller::{Caller, FORMAT, PAUSE, SPOKEN};
use crate::clock::Clock;

fn config(vendor: &SpeechVendor) -> DeepgramSttConfig {
    let mut config = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url().replace("ws://", "http://");
    config
}

fn nova(vendor: &SpeechVendor) -> DeepgramStt {
    DeepgramStt::new(config(vendor)).expect("the settings are right")
}

fn flux(vendor: &SpeechVendor) -> DeepgramFlux {
    let mut config = DeepgramFluxConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    DeepgramFlux::new(config).expect("the settings are right")
}

async fn listening() -> SpeechVendor {
    SpeechVendor::listen(ListenScript::utterances(["one two", "three four"])).await
}

#[tokio::test]
async fn a10_word_times_go_on_over_a_lost_socket() {
    let vendor = listening().await;
    let mut caller = Caller::dial(&nova(&vendor)).await;
    caller.say();
    caller.pause();
    let first = caller.until_final().await;
    vendor.drop_connections();
    caller.say();
    caller.pause();
    let second = caller.until_final().await;
    assert_eq!((&*first.text, &*second.text), ("one two", "three four"));
    let begins = second.words[0].start;
    assert!(begins.abs_diff(SPOKEN + PAUSE) < Duration::from_millis(50), "{begins:?}");
}

#[tokio::test]
async fn settings_reach_the_vendor_unharmed() {
    let vendor = listening().await;
    let mut config = config(&vendor);
    config.keyterms = vec!["Bart's & Söhne".to_owned(), "50% off".to_owned()];
    let _caller = Caller::dial(&DeepgramStt::new(config).unwrap()).await;
    vendor.until(|records| records.len() == 1).await;
    let query = vendor.records().remove(0).query;
    let terms: Vec<_> = query.iter().filter(|(key, _)| key == "keyterm").collect();
    assert_eq!((&*terms[0].1, &*terms[1].1), ("Bart's & Söhne", "50% off"));
}

#[tokio::test]
async fn a_refusal_tells_the_vendors_reason() {
    let vendor = listening().await;
    let mut refused = config(&vendor);
    refused.api_key = Secret::new("sk-wrong");
    let refused = DeepgramStt::new(refused).unwrap().open(SttOptions::new(FORMAT)).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.message().ends_with("Invalid credentials."), "{error}");

    let mut wrong = config(&vendor);
    wrong.extra = vec![("keywords".to_owned(), "tires:2".to_owned())];
    let error = DeepgramStt::new(wrong).unwrap().open(SttOptions::new(FORMAT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.message().contains("Nova-3"), "{error}");
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let _clock = Clock::start();
    let vendor = listening().await;
    drop(Caller::dial(&nova(&vendor)).await);
    vendor.until(|all| all.first().is_some_and(|it| it.said_goodbye)).await;
    vendor.until_connections(0).await;
}

#[tokio::test]
async fn a_quiet_line_is_kept_alive_by_text_after_it_had_some_audio() {
    let vendor = listening().await;
    let mut config = config(&vendor);
    config.keep_alive = Duration::from_millis(20);
    let _caller = Caller::dial(&DeepgramStt::new(config).unwrap()).await;
    vendor.until(|records| records.first().is_some_and(|it| it.count("KeepAlive") >= 5)).await;
    assert_eq!(vendor.records()[0].audio_bytes, 800, "100 ms of silence came first");
}

#[tokio::test]
async fn a_final_that_was_asked_for_is_not_forgotten_over_a_lost_socket() {
    let vendor = listening().await;
    let mut caller = Caller::dial(&nova(&vendor)).await;
    caller.say();
    caller.until_interim().await;
    vendor.drop_connections();
    vendor.until_connections(0).await;
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "one two");
    assert_eq!(vendor.records()[1].count("Finalize"), 1);
}

#[tokio::test]
async fn a_vendor_that_answers_no_finalize_does_not_hold_up_the_turn() {
    let vendor = listening().await;
    let mut config = config(&vendor);
    config.finalize_timeout = Duration::from_millis(50);
    let mut caller = Caller::dial(&DeepgramStt::new(config).unwrap()).await;
    caller.say();
    caller.until_interim().await;
    vendor.stall();
    caller.finalize();
    assert!("one two".starts_with(&*caller.until_final().await.text));
}

#[tokio::test]
async fn rc4_a_vendor_that_says_nothing_of_an_utterance_is_replaced_when_asked_for_its_final() {
    let vendor = listening().await;
    let mut config = config(&vendor);
    config.finalize_timeout = Duration::from_millis(50);
    let mut caller = Caller::dial(&DeepgramStt::new(config).unwrap()).await;
    vendor.stall();
    caller.say();
    caller.finalize();
    assert_eq!(&*caller.until_final().await.text, "one two");
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn closes_that_may_pass_are_survived_and_others_end_the_link() {
    let vendor = listening().await;
    let mut caller = Caller::dial(&nova(&vendor)).await;
    for (code, reason) in [(1011, "NET-0001"), (1000, ""), (1012, "restart")] {
        let before = vendor.accepted();
        vendor.close_connections(code, reason);
        vendor.until(|records| records.len() > before).await;
    }
    vendor.until_connections(1).await;
    caller.say();
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, "one two");
    vendor.close_connections(1008, "DATA-0000");
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.message().contains("DATA-0000"), "{error}");
}

#[tokio::test]
async fn a_goodbye_that_repeats_the_key_is_quoted_without_it() {
    let _clock = Clock::start();
    let vendor = listening().await;
    let mut caller = Caller::dial(&nova(&vendor)).await;
    vendor.close_connections(1008, &format!("{} is\nno key", SpeechVendor::KEY));
    let (_, error) = caller.until_error().await;
    assert_eq!(error.message(), "closed with code 1008: [secret] is no key");
}

#[tokio::test]
async fn rc8_a_vendor_that_stays_away_is_given_up_and_no_words_are_lost() {
    let vendor = listening().await;
    let mut caller = Caller::dial(&nova(&vendor)).await;
    caller.say();
    caller.until_interim().await;
    vendor.refuse(Some(Refusal::status(503)));
    vendor.drop_connections();
    let (events, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    let Some(SttEvent::Transcript(last)) = events.last() else { panic!("{events:?}") };
    assert!(last.is_final && "one two".starts_with(&*last.text), "{last:?}");
}

#[tokio::test]
async fn a_turn_ends_although_its_audio_stops() {
    let vendor = SpeechVendor::flux(TurnScript::utterances(["hello there"])).await;
    let mut caller = Caller::dial(&flux(&vendor)).await;
    caller.say();
    assert_eq!(&*caller.until_final().await.text, "hello there");
    caller.until(|event| *event == SttEvent::EndOfTurn).await;
    let sent = vendor.records()[0].audio_bytes;
    assert!(sent > FORMAT.bytes_in(SPOKEN), "silence was sent in place of audio");
}

#[tokio::test]
async fn a_turn_that_is_lost_for_good_ends_with_its_last_text() {
    let vendor = SpeechVendor::flux(TurnScript::utterances(["hello there"])).await;
    let mut caller = Caller::dial(&flux(&vendor)).await;
    caller.say();
    caller.until_interim().await;
    vendor.refuse(Some(Refusal::status(401)));
    vendor.drop_connections();
    let (events, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let [.., SttEvent::Transcript(last), SttEvent::EndOfTurn] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(last.is_final && "hello there".starts_with(&*last.text), "{last:?}");
}
