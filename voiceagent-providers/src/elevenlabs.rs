//! ElevenLabs: recognition with Scribe (`/v1/speech-to-text/realtime`), and voices over a WebSocket
//! (`/v1/text-to-speech/{voice}/multi-stream-input` and `/stream-input`).
//!
//! Wire facts come from the types of ElevenLabs' Python SDK 2.78.0, its AsyncAPI description, and
//! its pages on multi-context WebSockets.

mod codec;
mod config;
mod messages;
mod scribe;
mod spelling;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText, tts::TextToSpeech};

pub use config::{ElevenLabsDictionary, ElevenLabsTtsConfig};
pub use scribe::{ElevenLabsStt, ElevenLabsSttConfig};
pub use tts::ElevenLabsTts;

/// The vendor's name in errors.
const PROVIDER: &str = "elevenlabs";

/// Adds the recognizer and the voice `elevenlabs`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: ElevenLabsSttConfig| {
        Ok(Arc::new(ElevenLabsStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.tts.register(PROVIDER, |config: ElevenLabsTtsConfig| {
        Ok(Arc::new(ElevenLabsTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let format = voiceagent_core::audio::AudioFormat::MULAW_8K;
    let config = ElevenLabsTtsConfig::new(crate::fuzz::key(), "VOICE");
    to.voice(codec::MultiCodec::new(&config, format));
    to.voice(codec::SingleCodec::new(&config, format));
    scribe::show(to);
}
