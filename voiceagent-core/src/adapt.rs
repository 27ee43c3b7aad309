//! Decorators: implementations of a contract over other implementations of it.

mod fallback;
mod in_band_keys;
mod prompt_cache;

pub use fallback::FallbackLlm;
pub use in_band_keys::InBandKeys;
pub use prompt_cache::PromptCache;
