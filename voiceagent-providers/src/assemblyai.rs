//! AssemblyAI: recognition of turns over a WebSocket (`/v3/ws`).
//!
//! Wire facts come from the types of AssemblyAI's Python SDK 1.8.2, its AsyncAPI descriptions, and
//! its page "Common session errors and closures".

mod codec;
mod config;
mod messages;
mod stt;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText};

pub use config::AssemblyAiSttConfig;
pub use stt::AssemblyAiStt;

/// The vendor's name in errors.
const PROVIDER: &str = "assemblyai";

/// Adds the recognizer `assemblyai`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: AssemblyAiSttConfig| {
        Ok(Arc::new(AssemblyAiStt::new(config)?) as Arc<dyn SpeechToText>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    for formats in [false, true] {
        to.recognizer(codec::TurnCodec::new(formats));
    }
}
