//! Decorators: implementations of a contract over other implementations of it.

mod chain;
mod failover;
mod fallback_llm;
mod fallback_stt;
mod fallback_tts;
mod first_item;
mod formats;
mod health;
mod hedged;
mod in_band_keys;
mod prompt_cache;
mod voices;
mod warm;
mod words;

pub use failover::Failover;
pub use fallback_llm::{FallbackLlm, LlmFailover};
pub use fallback_stt::{FallbackStt, SttFailover};
pub use fallback_tts::{FallbackTts, TtsFailover};
pub use health::{CircuitBreaker, Health};
pub use hedged::Hedged;
pub use in_band_keys::InBandKeys;
pub use prompt_cache::PromptCache;
pub use voices::{VoiceSwitch, Voices};
pub use warm::{WarmLlm, WarmStt, WarmTts, Warmth};
