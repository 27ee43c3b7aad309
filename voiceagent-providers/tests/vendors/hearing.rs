//! Faults that every recognizer over a WebSocket outlives, and what it reports of others.

use std::time::Duration;

use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, Retry, Secret,
    audio::AudioFormat,
    registry::Registry,
    stt::{SpeechToText, SttEvent, SttOptions},
};
use voiceagent_testkit::vendor::{Refusal, ScriptedVendor, SpeechVendor};

use crate::caller::Caller;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

/// Somebody on a line to a recognizer in the first format that it takes.
pub(crate) async fn dial(stt: &dyn SpeechToText) -> Caller {
    Caller::dial_in(stt, stt.capabilities().formats[0]).await
}

/// Says an utterance, and gives its words when it is over.
async fn say(caller: &mut Caller, stt: &dyn SpeechToText) -> String {
    caller.say();
    caller.pause();
    if !stt.capabilities().end_of_turn {
        caller.finalize();
    }
    // What was cut off may have been told in parts.
    let mut said = caller.until_final().await.text.to_string();
    while said.is_empty() {
        said = caller.until_final().await.text.to_string();
    }
    said
}

/// A connection that is lost in the middle of an utterance costs no words.
pub(crate) async fn a_lost_connection_costs_no_words(
    vendor: &SpeechVendor,
    stt: &dyn SpeechToText,
) {
    let mut caller = dial(stt).await;
    caller.say_for(SECOND / 2);
    if stt.capabilities().interim {
        caller.until_interim().await;
    }
    vendor.drop_connections();
    assert_eq!(say(&mut caller, stt).await, UTTERANCES[0]);
    assert_eq!(say(&mut caller, stt).await, UTTERANCES[1]);
    assert_eq!(vendor.accepted(), 2);
}

/// A vendor that falls silent within an utterance, and does not answer when asked for its final.
pub(crate) async fn a_stalled_vendor_is_replaced(vendor: &SpeechVendor, stt: &dyn SpeechToText) {
    let mut caller = dial(stt).await;
    caller.say();
    if stt.capabilities().interim {
        caller.until_interim().await;
    }
    vendor.stall();
    assert_eq!(say(&mut caller, stt).await, UTTERANCES[0]);
    assert_eq!(vendor.accepted(), 2);
}

/// A vendor that says nothing about noise, however long that lasts, is heard behind it.
pub(crate) async fn noise_ends_no_link(vendor: &SpeechVendor, stt: &dyn SpeechToText) {
    let mut caller = Caller::dial_in(stt, AudioFormat::PCM_16K).await;
    caller.noise_for(SECOND * 20).await;
    assert!(vendor.accepted() > 2, "it was taken for a stall: {}", vendor.accepted());
    caller.pause();
    assert_eq!(say(&mut caller, stt).await, UTTERANCES[0]);
}

/// Too many sessions are waited for, and then reported.
pub(crate) async fn a_crowded_vendor_is_reported(vendor: &SpeechVendor, stt: &dyn SpeechToText) {
    let mut caller = dial(stt).await;
    vendor.refuse(Some(Refusal::status(429).retry_after(Duration::ZERO)));
    vendor.drop_connections();
    let (_, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(matches!(error.retry(), Retry::After(_)));
}

/// What was understood of an utterance is told although its vendor is lost for good.
pub(crate) async fn a_vendor_that_is_lost_for_good_loses_no_words(
    vendor: &SpeechVendor,
    stt: &dyn SpeechToText,
) {
    let mut caller = dial(stt).await;
    caller.say();
    caller.until_interim().await;
    vendor.refuse(Some(Refusal::status(401)));
    vendor.drop_connections();
    let (events, error) = caller.until_error().await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let told = events.iter().rev().find_map(|event| match event {
        SttEvent::Transcript(told) => Some(told),
        _ => None,
    });
    let told = told.expect("what was understood is told");
    assert!(told.is_final && UTTERANCES[0].starts_with(&*told.text), "{told:?}");
}

/// A key that is refused is told at once, and not repeated.
pub(crate) async fn a_wrong_key_is_told(stt: &dyn SpeechToText, wrong: &Secret) {
    let format = stt.capabilities().formats[0];
    let error = stt.open(SttOptions::new(format)).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains(wrong.expose()));
}

/// Each of these settings in place of the right one is refused by its name.
pub(crate) fn wrong_settings_are_refused(right: &Value, wrong: &[(&str, Value, &str)]) {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let name = right["provider"].as_str().expect("a name");
    assert_eq!(registry.stt.build(right.clone()).expect("it is right").name(), name);
    let everywhere = [
        ("api_key", json!(""), "api_key"),
        ("base_url", json!("somewhere"), "base_url"),
        ("colour", json!("red"), "colour"),
        ("connect_timeout", json!(0), "connect_timeout"),
        ("stall_timeout", json!(0), "stall_timeout"),
        ("finalize_timeout", json!(0), "finalize_timeout"),
    ];
    for (field, value, named) in everywhere.iter().chain(wrong) {
        let mut config = right.clone();
        config[*field] = value.clone();
        let error = registry.stt.build(config).expect_err("it is wrong");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{named}`")), "{field}: {error}");
    }
}
