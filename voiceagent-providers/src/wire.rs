//! What the vendors' protocols have in common.

#[cfg(feature = "_socket")]
pub(crate) mod address;
#[cfg(feature = "_socket")]
pub(crate) mod backoff;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod connect;
#[cfg(any(feature = "gemini", feature = "openai"))]
pub(crate) mod embedding;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod http;
#[cfg(any(feature = "_socket", feature = "anthropic"))]
pub(crate) mod json;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod limits;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod llm;
#[cfg(any(feature = "deepgram", feature = "gemini", feature = "openai"))]
pub(crate) mod realtime;
#[cfg(feature = "_socket")]
pub(crate) mod secrets;
#[cfg(any(feature = "_socket", feature = "anthropic", feature = "gemini"))]
pub(crate) mod settings;
#[cfg(any(feature = "anthropic", feature = "gemini", feature = "openai"))]
pub(crate) mod sse;
#[cfg(feature = "_socket")]
pub(crate) mod stt;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "espeak-ng",
    feature = "gemini",
    feature = "openai"
))]
pub(crate) mod voice;
#[cfg(feature = "_socket")]
pub(crate) mod ws;
