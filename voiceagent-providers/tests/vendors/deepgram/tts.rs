//! What only Deepgram's voices do, against a scripted vendor.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::timeout;
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, Secret,
    audio::AudioFormat,
    registry::Registry,
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_providers::deepgram::{DeepgramTts, DeepgramTtsConfig};
use voiceagent_testkit::vendor::{DeepgramVendor, Refusal, ScriptedVendor, SpeakScript};

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const PATIENCE: Duration = Duration::from_secs(30);
const ONE: GenerationId = GenerationId::new(1);
const TWO: GenerationId = GenerationId::new(2);

struct Voice(Link<TtsInput, TtsEvent>);

impl Voice {
    async fn open(vendor: &DeepgramVendor) -> Self {
        let mut config = DeepgramTtsConfig::new(Secret::new(DeepgramVendor::KEY));
        config.base_url = vendor.url();
        config.stall_timeout = Duration::from_secs(1);
        let tts = DeepgramTts::new(config).expect("the settings are right");
        Self(tts.open(TtsOptions::new(FORMAT)).await.expect("the vendor is there"))
    }

    fn say(&self, generation: GenerationId, text: &str) {
        let text = Arc::from(text);
        self.0.try_send(TtsInput::Text { generation, text }).expect("the link has room");
    }

    fn finish(&self, generation: GenerationId) {
        self.0.try_send(TtsInput::Finish { generation }).expect("the link has room");
    }

    async fn next(&mut self) -> Result<TtsEvent, Error> {
        timeout(PATIENCE, self.0.recv()).await.expect("something comes").expect("the link goes on")
    }

    /// The audio of a generation, and the counts of its `Spoken`.
    async fn until_finished(&mut self, number: GenerationId) -> (Vec<u8>, Vec<u32>) {
        let (mut audio, mut spoken) = (Vec::new(), Vec::new());
        loop {
            let event = self.next().await.expect("nothing fails");
            match &event {
                TtsEvent::Audio { generation, payload } if *generation == number => {
                    audio.extend_from_slice(payload);
                }
                TtsEvent::Spoken { generation, texts } if *generation == number => {
                    spoken.push(*texts);
                }
                TtsEvent::Audio { .. }
                | TtsEvent::Finished { .. }
                | TtsEvent::Spoken { .. }
                | TtsEvent::Words { .. }
                | _ => {
                    assert_eq!(event, TtsEvent::Finished { generation: number });
                    return (audio, spoken);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_text_is_flushed_and_reported_while_there_is_budget() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
    for text in ["One. ", "Two. ", "Three."] {
        voice.say(ONE, text);
    }
    voice.finish(ONE);
    let (audio, spoken) = voice.until_finished(ONE).await;
    assert_eq!(audio, vendor.audio(FORMAT, "One. Two. Three."));
    assert_eq!(spoken, [1, 1, 1]);
    assert_eq!(vendor.records()[0].count("Flush"), 3);
}

#[tokio::test]
async fn texts_are_merged_when_flushes_run_short_and_none_is_lost() {
    let script = SpeakScript::new().per_character(Duration::from_millis(10));
    let vendor = DeepgramVendor::speak(script).await;
    let mut voice = Voice::open(&vendor).await;
    let texts: Vec<_> = (0..40).map(|number| format!("Number {number}. ")).collect();
    for text in &texts {
        voice.say(ONE, text);
    }
    voice.finish(ONE);
    let (audio, spoken) = voice.until_finished(ONE).await;
    assert!(audio == vendor.audio(FORMAT, &texts.concat()));
    assert_eq!(spoken.iter().sum::<u32>(), 40);
    let flushes = vendor.records()[0].count("Flush");
    assert!((2..20).contains(&flushes), "{flushes} flushes");
    voice.say(TWO, "There is some left for another generation.");
    voice.finish(TWO);
    assert_eq!(voice.until_finished(TWO).await.1, [1]);
}

#[tokio::test]
async fn texts_that_nobody_heard_are_said_on_a_new_connection() {
    let delay = Duration::from_secs(5);
    let vendor = DeepgramVendor::speak(SpeakScript::new().first_audio_delay(delay)).await;
    let mut config = DeepgramTtsConfig::new(Secret::new(DeepgramVendor::KEY));
    config.base_url = vendor.url();
    config.stall_timeout = PATIENCE;
    let tts = DeepgramTts::new(config).unwrap();
    let mut voice = Voice(tts.open(TtsOptions::new(FORMAT)).await.unwrap());
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    vendor.until(|records| records.first().is_some_and(|it| it.count("Flush") == 1)).await;
    vendor.drop_connections();
    let (audio, spoken) = voice.until_finished(ONE).await;
    assert!(audio == vendor.audio(FORMAT, "Good morning."));
    assert_eq!((spoken, vendor.accepted()), (vec![1], 2));
}

#[tokio::test]
async fn a_stalled_connection_is_replaced_before_anything_was_heard() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
    vendor.until_connections(1).await;
    vendor.stall();
    voice.say(ONE, "Good morning.");
    voice.finish(ONE);
    assert!(voice.until_finished(ONE).await.0 == vendor.audio(FORMAT, "Good morning."));
    assert_eq!(vendor.accepted(), 2);
}

#[tokio::test]
async fn re6_a_vendor_that_never_clears_is_left() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
    voice.say(ONE, "This takes a while, and nobody listens to it any more.");
    while !matches!(voice.next().await.unwrap(), TtsEvent::Audio { .. }) {}
    vendor.stall();
    voice.0.try_send(TtsInput::Cancel { generation: ONE }).unwrap();
    voice.say(TWO, "Sorry.");
    voice.finish(TWO);
    let mut audio = Vec::new();
    loop {
        match voice.next().await.unwrap() {
            TtsEvent::Audio { generation: TWO, payload } => audio.extend_from_slice(&payload),
            TtsEvent::Finished { generation } => break assert_eq!(generation, TWO),
            TtsEvent::Audio { .. } | TtsEvent::Spoken { .. } | TtsEvent::Words { .. } | _ => {}
        }
    }
    assert!(audio == vendor.audio(FORMAT, "Sorry."));
    assert_eq!(vendor.records()[0].count("Clear"), 1);
}

#[tokio::test]
async fn a_generation_that_was_cancelled_stays_so() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
    voice.0.try_send(TtsInput::Cancel { generation: ONE }).unwrap();
    voice.say(ONE, "Too late.");
    voice.finish(ONE);
    voice.say(TWO, "In time.");
    voice.finish(TWO);
    assert!(voice.until_finished(TWO).await.0 == vendor.audio(FORMAT, "In time."));
    assert_eq!(vendor.records()[0].count("Clear"), 0, "there was nothing to clear");
}

#[tokio::test]
async fn a_text_without_words_is_counted_but_never_waited_for() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
    voice.say(ONE, "");
    voice.say(ONE, " … ");
    voice.finish(ONE);
    assert_eq!(voice.until_finished(ONE).await, (Vec::new(), vec![2]));
}

#[tokio::test]
async fn a_vendor_that_is_away_is_reported_and_asked_again_for_the_next_generation() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    let mut voice = Voice::open(&vendor).await;
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
    assert!(voice.until_finished(TWO).await.0 == vendor.audio(FORMAT, "But this."));
}

#[tokio::test]
async fn a_dropped_link_says_goodbye() {
    let vendor = DeepgramVendor::speak(SpeakScript::new()).await;
    drop(Voice::open(&vendor).await);
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
