//! What the vendors' protocols share.

#[cfg(feature = "openai")]
pub(crate) mod http;
#[cfg(feature = "openai")]
pub(crate) mod sse;
