//! Cartesia: Sonic voices over a WebSocket (`/tts/websocket`).
//!
//! Wire facts come from the types of Cartesia's Python SDK 4.2.0, and from its pages "Contexts",
//! "Buffering" and "Concurrency limits and timeouts".

mod codec;
mod config;
mod messages;
mod tts;

use std::sync::Arc;

use voiceagent_core::{registry::Registry, tts::TextToSpeech};

pub use config::CartesiaTtsConfig;
pub use tts::CartesiaTts;

/// The vendor's name in errors.
const PROVIDER: &str = "cartesia";

/// Adds the voice `cartesia`.
pub fn register(registry: &mut Registry) {
    registry.tts.register(PROVIDER, |config: CartesiaTtsConfig| {
        Ok(Arc::new(CartesiaTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}
