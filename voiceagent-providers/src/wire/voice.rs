//! What voices have in common, whatever their vendor.

#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
pub(crate) mod context_codec;
#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
pub(crate) mod contexts;
#[cfg(feature = "_socket")]
pub(crate) mod line;
pub(crate) mod patience;
pub(crate) mod samples;
#[cfg(any(feature = "cartesia", feature = "elevenlabs", feature = "openai"))]
pub(crate) mod speeches;
pub(crate) mod texts;
