//! Deepgram: recognition with Nova (`/v1/listen`) and Flux (`/v2/listen`), voices of Aura
//! (`/v1/speak`) and Flux (`/v2/speak`), and both with a language model between them as the Voice
//! Agent (`/v1/agent/converse`).
//!
//! Wire facts come from Deepgram's SDK types, its AsyncAPI description and its pages on keep-alive,
//! endpointing and flushing.

mod address;
mod agent;
mod codec;
mod config;
mod flux;
mod flux_tts;
mod messages;
mod stt;
mod tts;

use std::sync::Arc;

use voiceagent_core::{
    realtime::RealtimeModel, registry::Registry, stt::SpeechToText, tts::TextToSpeech,
};

pub use agent::{DeepgramAgent, DeepgramAgentConfig, ThinkEndpoint};
pub use config::{DeepgramFluxConfig, DeepgramFluxTtsConfig, DeepgramSttConfig, DeepgramTtsConfig};
pub use flux::DeepgramFlux;
pub use flux_tts::DeepgramFluxTts;
pub use stt::DeepgramStt;
pub use tts::DeepgramTts;

/// The vendor's name in errors.
const PROVIDER: &str = "deepgram";

/// Adds the recognizers and the synthesizers `deepgram` and `deepgram-flux`, and the speech-to-speech
/// model `deepgram`.
pub fn register(registry: &mut Registry) {
    registry.realtime.register("deepgram", |config: DeepgramAgentConfig| {
        Ok(Arc::new(DeepgramAgent::new(config)?) as Arc<dyn RealtimeModel>)
    });
    registry.stt.register("deepgram", |config: DeepgramSttConfig| {
        Ok(Arc::new(DeepgramStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.stt.register("deepgram-flux", |config: DeepgramFluxConfig| {
        Ok(Arc::new(DeepgramFlux::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.tts.register("deepgram", |config: DeepgramTtsConfig| {
        Ok(Arc::new(DeepgramTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
    registry.tts.register("deepgram-flux", |config: DeepgramFluxTtsConfig| {
        Ok(Arc::new(DeepgramFluxTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let format = voiceagent_core::audio::AudioFormat::MULAW_8K;
    to.recognizer(codec::ListenCodec::default());
    to.recognizer(codec::FluxCodec::new(true));
    to.voice(codec::FluxSpeakCodec::new(format));
    agent::show(to);
}
