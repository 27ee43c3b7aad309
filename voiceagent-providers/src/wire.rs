//! What the vendors' protocols have in common.

#[cfg(feature = "deepgram")]
pub(crate) mod backoff;
#[cfg(feature = "openai")]
pub(crate) mod connect;
#[cfg(feature = "openai")]
pub(crate) mod http;
#[cfg(feature = "deepgram")]
pub(crate) mod secrets;
#[cfg(feature = "openai")]
pub(crate) mod sse;
#[cfg(feature = "deepgram")]
pub(crate) mod ws;
