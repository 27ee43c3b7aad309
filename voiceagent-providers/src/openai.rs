//! OpenAI, and every server that speaks its chat completions or responses: Azure, vLLM, llama.cpp,
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
mod embeddings;
mod families;
mod live;
mod llm;
mod messages;
mod realtime;
mod realtime_stt;
mod request;
mod responses;
mod server;
mod speech;
mod thoughts;
mod transcriptions;

use std::sync::Arc;

use voiceagent_core::{
    Error, Result, embedding::Embedder, llm::LanguageModel, realtime::RealtimeModel,
    registry::Registry, stt::SpeechToText, tts::TextToSpeech,
};

pub use config::{OpenAiApi, OpenAiLlmConfig};
pub use embeddings::{OpenAiEmbedder, OpenAiEmbedderConfig};
pub use live::{OpenAiLive, OpenAiLiveConfig};
pub use llm::OpenAiLlm;
pub use realtime::{OpenAiRealtime, OpenAiRealtimeConfig, TurnDetection};
pub use realtime_stt::{OpenAiRealtimeStt, OpenAiRealtimeSttConfig};
pub use speech::{OpenAiTts, OpenAiTtsConfig};
pub use transcriptions::{OpenAiStt, OpenAiSttConfig};

/// The name under which other servers are registered.
const COMPATIBLE: &str = "openai-compatible";

/// Registers the recognizers, language models, voices and embedders `openai` and
/// `openai-compatible`, and the speech-to-speech models `openai` and `openai-live`.
///
/// They take the fields of [`OpenAiSttConfig`], [`OpenAiLlmConfig`], [`OpenAiTtsConfig`],
/// [`OpenAiEmbedderConfig`], [`OpenAiRealtimeConfig`] and [`OpenAiLiveConfig`].
/// `openai-compatible` needs a `base_url`, and a `model` if it is a language model.
pub fn register(registry: &mut Registry) {
    registry.embedding.register("openai", |config: OpenAiEmbedderConfig| {
        Ok(Arc::new(OpenAiEmbedder::new(config)?) as Arc<dyn Embedder>)
    });
    registry.embedding.register(COMPATIBLE, |mut config: OpenAiEmbedderConfig| {
        require("base_url", config.base_url.as_ref())?;
        config.name.get_or_insert_with(|| COMPATIBLE.into());
        Ok(Arc::new(OpenAiEmbedder::new(config)?) as Arc<dyn Embedder>)
    });
    registry.llm.register("openai", |config: OpenAiLlmConfig| {
        Ok(Arc::new(OpenAiLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
    registry.llm.register(COMPATIBLE, |mut config: OpenAiLlmConfig| {
        require("base_url", config.base_url.as_ref())?;
        require("model", config.model.as_ref())?;
        config.name.get_or_insert_with(|| COMPATIBLE.into());
        Ok(Arc::new(OpenAiLlm::new(config)?) as Arc<dyn LanguageModel>)
    });
    registry.stt.register("openai", |config: OpenAiSttConfig| {
        Ok(Arc::new(OpenAiStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.stt.register("openai-realtime", |config: OpenAiRealtimeSttConfig| {
        Ok(Arc::new(OpenAiRealtimeStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.stt.register(COMPATIBLE, |mut config: OpenAiSttConfig| {
        require("base_url", config.base_url.as_ref())?;
        config.name.get_or_insert_with(|| COMPATIBLE.into());
        Ok(Arc::new(OpenAiStt::new(config)?) as Arc<dyn SpeechToText>)
    });
    registry.realtime.register("openai", |config: OpenAiRealtimeConfig| {
        Ok(Arc::new(OpenAiRealtime::new(config)?) as Arc<dyn RealtimeModel>)
    });
    registry.realtime.register("openai-live", |config: OpenAiLiveConfig| {
        Ok(Arc::new(OpenAiLive::new(config)?) as Arc<dyn RealtimeModel>)
    });
    registry.tts.register("openai", |config: OpenAiTtsConfig| {
        Ok(Arc::new(OpenAiTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
    registry.tts.register(COMPATIBLE, |mut config: OpenAiTtsConfig| {
        require("base_url", config.base_url.as_ref())?;
        config.name.get_or_insert_with(|| COMPATIBLE.into());
        Ok(Arc::new(OpenAiTts::new(config)?) as Arc<dyn TextToSpeech>)
    });
}

/// Refuses a configuration without this field.
fn require(field: &str, value: Option<&Arc<str>>) -> Result<()> {
    let missing = || Error::config(format!("field `{field}` is missing"));
    value.map(drop).ok_or_else(|| missing().with_provider(COMPATIBLE))
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let ids = || crate::wire::llm::call_ids::CallIds::of(&[]);
    to.model(|| codec::Chunks::new(ids()));
    responses::show(to);
    realtime::show(to);
    realtime_stt::show(to);
    live::show(to);
}
