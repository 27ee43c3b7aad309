//! Decorators: implementations of a contract over other implementations of it.

mod chain;
mod fallback_llm;
mod fallback_stt;
mod formats;
mod health;
mod prompt_cache;
mod words;

pub use fallback_llm::FallbackLlm;
pub use fallback_stt::{FallbackStt, SttFailover};
pub use health::{CircuitBreaker, Health};
pub use prompt_cache::PromptCache;
