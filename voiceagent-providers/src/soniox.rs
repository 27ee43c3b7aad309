//! Soniox: recognition over a WebSocket (`/transcribe-websocket`).
//!
//! Wire facts come from the types of Soniox' Python SDK 2.10.0, and from its page on real-time
//! transcription.

mod codec;
mod config;
mod messages;
mod stt;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText};

pub use config::SonioxSttConfig;
pub use stt::SonioxStt;

/// The vendor's name in errors.
const PROVIDER: &str = "soniox";

/// Adds the recognizer `soniox`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: SonioxSttConfig| {
        Ok(Arc::new(SonioxStt::new(config)?) as Arc<dyn SpeechToText>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    to.recognizer(crate::wire::stt::InOrder::new(codec::TokenCodec::default()));
}
