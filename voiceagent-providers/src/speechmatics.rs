//! Speechmatics: recognition over a WebSocket (`/v2`).
//!
//! Wire facts come from the types of Speechmatics' Python SDK (`speechmatics-rt` 1.2.1), and from
//! its pages on latency, on the end of an utterance and on limits.

mod codec;
mod config;
mod messages;
mod stt;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, stt::SpeechToText};

pub use config::SpeechmaticsSttConfig;
pub use stt::SpeechmaticsStt;

/// The vendor's name in errors.
const PROVIDER: &str = "speechmatics";

/// Adds the recognizer `speechmatics`.
pub fn register(registry: &mut Registry) {
    registry.stt.register(PROVIDER, |config: SpeechmaticsSttConfig| {
        Ok(Arc::new(SpeechmaticsStt::new(config)?) as Arc<dyn SpeechToText>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    for ends_turns in [false, true] {
        to.recognizer(crate::wire::stt::InOrder::new(codec::SegmentCodec::new(ends_turns)));
    }
}
