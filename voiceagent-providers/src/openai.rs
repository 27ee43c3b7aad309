//! OpenAI, and every server that speaks its chat completions protocol: Azure, vLLM, llama.cpp,
//! Ollama, Groq, Together, LiteLLM and more.
//!
//! ```
//! use serde_json::json;
//! use voiceagent_core::registry::Registry;
//!
//! let mut registry = Registry::default();
//! voiceagent_providers::openai::register(&mut registry);
//!
//! let vendor = registry.llm.build(json!({ "provider": "openai", "api_key": "sk-123" })).unwrap();
//! assert_eq!(vendor.name(), "openai");
//!
//! let local = json!({
//!     "provider": "openai-compatible",
//!     "base_url": "http://localhost:11434/v1",
//!     "model": "qwen3:8b",
//!     "name": "ollama",
//! });
//! assert_eq!(registry.llm.build(local).unwrap().name(), "ollama");
//! ```

mod calls;
mod codec;
mod config;
mod llm;
mod messages;
mod request;
mod thoughts;

use std::sync::Arc;

use voiceagent_core::{Error, llm::LanguageModel, registry::Registry};

pub use config::OpenAiLlmConfig;
pub use llm::OpenAiLlm;

/// Registers the language models `openai` and `openai-compatible`.
///
/// They take the fields of [`OpenAiLlmConfig`]; `openai-compatible` needs a `base_url` and a
/// `model`.
pub fn register(registry: &mut Registry) {
    registry.llm.register("openai", |config: OpenAiLlmConfig| {
        Ok(Arc::new(OpenAiLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
    registry.llm.register("openai-compatible", |mut config: OpenAiLlmConfig| {
        for (field, value) in [("base_url", &config.base_url), ("model", &config.model)] {
            if value.is_none() {
                return Err(Error::config(format!("field `{field}` is missing"))
                    .with_provider("openai-compatible"));
            }
        }
        config.name.get_or_insert_with(|| "openai-compatible".into());
        Ok(Arc::new(OpenAiLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
}
