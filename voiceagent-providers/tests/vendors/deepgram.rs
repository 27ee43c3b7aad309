//! Deepgram's endpoints against the suites and a scripted vendor.

mod flux_tts;
mod stt;
mod tts;

use std::{sync::Arc, time::Duration};

use voiceagent_core::{Secret, stt::SpeechToText, tts::TextToSpeech};
use voiceagent_providers::deepgram::{
    DeepgramFlux, DeepgramFluxConfig, DeepgramStt, DeepgramSttConfig, DeepgramTts,
    DeepgramTtsConfig,
};
use voiceagent_testkit::{
    conformance,
    vendor::{ListenScript, SpeakScript, SpeechVendor, TurnScript},
};

use crate::clock::Clock;

const SECOND: Duration = Duration::from_secs(1);
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

fn key() -> Secret {
    Secret::new(SpeechVendor::KEY)
}

fn listen(url: &str) -> DeepgramSttConfig {
    let mut config = DeepgramSttConfig::new(key());
    config.base_url = url.to_owned();
    config.keep_alive = Duration::from_millis(100);
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

fn flux(url: &str) -> DeepgramFluxConfig {
    let mut config = DeepgramFluxConfig::new(key());
    config.base_url = url.to_owned();
    config.connect_timeout = SECOND;
    config.stall_timeout = SECOND;
    config
}

#[tokio::test]
async fn nova_passes_the_suite() {
    let _clock = Clock::start();
    let script = ListenScript::utterances(UTTERANCES).idle_limit(SECOND);
    let vendor = SpeechVendor::listen(script).await;
    let make =
        |url: &str| Arc::new(DeepgramStt::new(listen(url)).unwrap()) as Arc<dyn SpeechToText>;
    conformance::stt("deepgram", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn flux_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::flux(TurnScript::utterances(UTTERANCES)).await;
    let make = |url: &str| Arc::new(DeepgramFlux::new(flux(url)).unwrap()) as Arc<dyn SpeechToText>;
    conformance::stt("deepgram-flux", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn flux_with_early_notice_and_forced_ends_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::flux(TurnScript::utterances(UTTERANCES)).await;
    let make = |url: &str| {
        let mut config = flux(url);
        config.eager_eot_threshold = Some(0.5);
        config.finalize = true;
        Arc::new(DeepgramFlux::new(config).unwrap()) as Arc<dyn SpeechToText>
    };
    conformance::stt("deepgram-flux eager", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn aura_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let make = |url: &str| {
        let mut config = DeepgramTtsConfig::new(key());
        config.base_url = url.to_owned();
        config.connect_timeout = SECOND;
        Arc::new(DeepgramTts::new(config).unwrap()) as Arc<dyn TextToSpeech>
    };
    conformance::tts("deepgram", &vendor, make).await.assert();
}
