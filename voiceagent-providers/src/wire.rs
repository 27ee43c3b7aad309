//! What the vendors' protocols have in common.

#[cfg(feature = "deepgram")]
pub(crate) mod backoff;
#[cfg(feature = "deepgram")]
pub(crate) mod ws;
