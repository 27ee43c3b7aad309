//! What voices have in common, whatever their vendor.

#[cfg(any(feature = "cartesia", feature = "elevenlabs"))]
pub(crate) mod contexts;
#[cfg(feature = "_socket")]
pub(crate) mod line;
pub(crate) mod patience;
pub(crate) mod samples;
pub(crate) mod texts;
