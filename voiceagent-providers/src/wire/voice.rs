//! What voices have in common, whatever their vendor.

#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
pub(crate) mod contexts;
pub(crate) mod line;
pub(crate) mod samples;
pub(crate) mod texts;
