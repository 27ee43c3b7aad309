//! Cartesia: recognition with Ink, by turns (`/stt/turns/websocket`) or when it is asked
//! (`/stt/websocket`), and Sonic voices over a WebSocket (`/tts/websocket`).
//!
//! Wire facts come from the types of Cartesia's Python SDK 4.2.0, and from its pages "Contexts",
//! "Buffering" and "Concurrency limits and timeouts".

mod codec;
mod config;
mod ink;
mod messages;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText, tts::TextToSpeech};

pub use config::CartesiaTtsConfig;
pub use ink::{CartesiaStt, CartesiaSttConfig};
pub use tts::CartesiaTts;

/// The vendor's name in errors.
const PROVIDER: &str = "cartesia";

/// The header that names the version of the vendor's interface.
const VERSION: [(&str, &str); 1] = [("cartesia-version", "2026-03-01")];

/// Adds the recognizer and the voice `cartesia`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: CartesiaSttConfig| {
        Ok(Arc::new(CartesiaStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.tts.register(PROVIDER, |config: CartesiaTtsConfig| {
        Ok(Arc::new(CartesiaTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let format = voiceagent_core::audio::AudioFormat::MULAW_8K;
    let config = CartesiaTtsConfig::new(crate::fuzz::key(), "VOICE");
    to.voice(codec::SonicCodec::new(config, None, format).expect("the format is known"));
    ink::show(to);
}
