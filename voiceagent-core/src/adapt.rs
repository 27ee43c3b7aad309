//! Decorators: implementations of a contract over other implementations of it.

mod fallback;
mod prompt_cache;

pub use fallback::FallbackLlm;
pub use prompt_cache::PromptCache;
