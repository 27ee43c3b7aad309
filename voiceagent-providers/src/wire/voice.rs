//! What voices have in common, whatever their vendor.

#[cfg(any(feature = "espeak-ng", feature = "openai"))]
pub(crate) mod body;
#[cfg(any(feature = "azure", feature = "cartesia", feature = "deepgram", feature = "elevenlabs"))]
pub(crate) mod context_codec;
#[cfg(any(feature = "azure", feature = "cartesia", feature = "deepgram", feature = "elevenlabs"))]
pub(crate) mod contexts;
#[cfg(any(feature = "azure", feature = "cartesia", feature = "deepgram", feature = "elevenlabs"))]
pub(crate) mod line;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "espeak-ng",
    feature = "openai"
))]
pub(crate) mod patience;
#[cfg(any(feature = "espeak-ng", feature = "openai"))]
pub(crate) mod reader;
pub(crate) mod samples;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "espeak-ng",
    feature = "openai"
))]
pub(crate) mod speeches;
#[cfg(any(feature = "azure", feature = "cartesia", feature = "deepgram", feature = "elevenlabs"))]
pub(crate) mod spoken;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "deepgram",
    feature = "elevenlabs",
    feature = "espeak-ng",
    feature = "openai"
))]
pub(crate) mod texts;
