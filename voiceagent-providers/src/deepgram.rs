//! Deepgram: recognition with Nova (`/v1/listen`) and Flux (`/v2/listen`), and Aura voices.
//!
//! Wire facts come from Deepgram's SDK types, its AsyncAPI description and its pages on keep-alive,
//! endpointing and flushing.

mod address;
mod codec;
mod config;
mod flux;
mod messages;
mod stt;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText, tts::TextToSpeech};

pub use config::{DeepgramFluxConfig, DeepgramSttConfig, DeepgramTtsConfig};
pub use flux::DeepgramFlux;
pub use stt::DeepgramStt;
pub use tts::DeepgramTts;

/// The vendor's name in errors.
const PROVIDER: &str = "deepgram";

/// Adds the recognizers `deepgram` and `deepgram-flux` and the synthesizer `deepgram`.
pub fn register(registry: &mut Registry) {
    registry.stt.register("deepgram", |config: DeepgramSttConfig| {
        Ok(Arc::new(DeepgramStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.stt.register("deepgram-flux", |config: DeepgramFluxConfig| {
        Ok(Arc::new(DeepgramFlux::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.tts.register("deepgram", |config: DeepgramTtsConfig| {
        Ok(Arc::new(DeepgramTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}
