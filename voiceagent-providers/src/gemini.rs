//! Google's Gemini API.
//!
//! ```
//! use serde_json::json;
//! use voiceagent_core::registry::Registry;
//!
//! let mut registry = Registry::default();
//! voiceagent_providers::gemini::register(&mut registry);
//!
//! let config = json!({ "provider": "gemini", "api_key": "AIza-123", "thinking_level": "LOW" });
//! assert_eq!(registry.llm.build(config).unwrap().name(), "gemini");
//! ```

mod codec;
mod config;
mod live;
mod llm;
mod messages;
mod request;
mod schema;
mod vertex;

use std::sync::Arc;

use voiceagent_core::{
    embedding::Embedder, llm::LanguageModel, realtime::RealtimeModel, registry::Registry,
};

pub use config::GeminiLlmConfig;
pub use live::{ActivityDetection, GeminiLive, GeminiLiveConfig, Sensitivity, TurnDetection};
pub use llm::GeminiLlm;
pub use vertex::{VertexEmbedder, VertexEmbedderConfig};

/// Registers the language model `gemini`, which takes the fields of [`GeminiLlmConfig`], the
/// speech-to-speech model `gemini`, which takes those of [`GeminiLiveConfig`], and the embedder
/// `vertex`, which takes those of [`VertexEmbedderConfig`].
pub fn register(registry: &mut Registry) {
    registry.embedding.register(vertex::PROVIDER, |config: VertexEmbedderConfig| {
        Ok(Arc::new(VertexEmbedder::new(config)?) as Arc<dyn Embedder>)
    });
    registry.llm.register("gemini", |config: GeminiLlmConfig| {
        Ok(Arc::new(GeminiLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
    registry.realtime.register("gemini", |config: GeminiLiveConfig| {
        Ok(Arc::new(GeminiLive::new(config)?) as Arc<dyn RealtimeModel>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    use crate::wire::llm::{call_ids::CallIds, keepsakes::Keepsakes};
    to.model(|| codec::Chunks::new(CallIds::of(&[]), Keepsakes::default()));
    live::show(to);
}
