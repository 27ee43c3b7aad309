//! Anthropic's Messages API.
//!
//! ```
//! use serde_json::json;
//! use voiceagent_core::registry::Registry;
//!
//! let mut registry = Registry::default();
//! voiceagent_providers::anthropic::register(&mut registry);
//!
//! let config = json!({ "provider": "anthropic", "api_key": "sk-ant-123", "cache_ttl": "1h" });
//! assert_eq!(registry.llm.build(config).unwrap().name(), "anthropic");
//! ```

mod blocks;
mod codec;
mod config;
mod llm;
mod messages;
mod request;

use std::sync::Arc;

use voiceagent_core::{llm::LanguageModel, registry::Registry};

pub use config::AnthropicLlmConfig;
pub use llm::AnthropicLlm;

/// Registers the language model `anthropic`, which takes the fields of [`AnthropicLlmConfig`].
pub fn register(registry: &mut Registry) {
    registry.llm.register("anthropic", |config: AnthropicLlmConfig| {
        Ok(Arc::new(AnthropicLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    use crate::wire::llm::{call_ids::CallIds, keepsakes::Keepsakes};
    to.model(|| codec::Events::new(CallIds::of(&[]), Keepsakes::default()));
}
