//! Azure Speech: recognition and voices over WebSockets.
//!
//! Wire facts come from the JavaScript of Microsoft's Speech SDK 1.52.0
//! (`microsoft-cognitiveservices-speech-sdk`), and from the pages "Speech WebSocket protocol" and
//! "How to lower speech synthesis latency", which names the endpoint for texts that come in pieces.

mod address;
mod codec;
mod config;
mod frames;
mod messages;
mod stt;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText, tts::TextToSpeech};

pub use config::{AzureSttConfig, AzureTtsConfig};
pub use stt::AzureStt;
pub use tts::AzureTts;

/// The vendor's name in errors.
const PROVIDER: &str = "azure";

/// Adds the recognizer and the synthesizer `azure`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: AzureSttConfig| {
        Ok(Arc::new(AzureStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.tts.register(PROVIDER, |config: AzureTtsConfig| {
        Ok(Arc::new(AzureTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let frames = || frames::Frames::new(std::time::UNIX_EPOCH);
    let manner = codec::Manner {
        voice: "en-US-AvaNeural".into(),
        language: "en-US".into(),
        rate: None,
        pitch: None,
        volume: None,
        style: None,
    };
    let ear = codec::PhraseCodec::new(frames(), 7, [0; 44]);
    to.recognizer(crate::wire::stt::InOrder::new(ear));
    to.voice(codec::PieceCodec::new(frames(), manner, "raw-8khz-8bit-mono-mulaw"));
}
