//! Deepgram: recognition with Nova (`/v1/listen`) and Flux (`/v2/listen`), and voices of
//! Aura (`/v1/speak`) and Flux (`/v2/speak`).
//!
//! Wire facts come from Deepgram's SDK types, its AsyncAPI description and its pages on keep-alive,
//! endpointing and flushing.

mod address;
mod codec;
mod config;
mod flux;
mod flux_tts;
mod messages;
mod stt;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText, tts::TextToSpeech};

pub use config::{DeepgramFluxConfig, DeepgramFluxTtsConfig, DeepgramSttConfig, DeepgramTtsConfig};
pub use flux::DeepgramFlux;
pub use flux_tts::DeepgramFluxTts;
pub use stt::DeepgramStt;
pub use tts::DeepgramTts;

/// The vendor's name in errors.
const PROVIDER: &str = "deepgram";

/// Adds the recognizers and the synthesizers `deepgram` and `deepgram-flux`.
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
    registry.tts.register("deepgram-flux", |config: DeepgramFluxTtsConfig| {
        Ok(Arc::new(DeepgramFluxTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}
