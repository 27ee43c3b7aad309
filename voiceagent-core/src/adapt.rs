//! Decorators: implementations of a contract over other implementations of it.

mod fallback;

pub use fallback::FallbackLlm;
