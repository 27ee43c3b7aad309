//! Decorators: implementations of a contract over other implementations of it.

mod fallback_llm;
mod prompt_cache;

pub use fallback_llm::FallbackLlm;
pub use prompt_cache::PromptCache;
