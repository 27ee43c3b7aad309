//! What the vendors' protocols have in common.

#[cfg(feature = "deepgram")]
pub(crate) mod backoff;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod connect;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod http;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod llm;
#[cfg(feature = "deepgram")]
pub(crate) mod secrets;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod sse;
#[cfg(feature = "deepgram")]
pub(crate) mod ws;
