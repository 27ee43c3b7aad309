//! What recognizers have in common: a stream over a WebSocket, and utterances for services that
//! take nothing but whole ones.

mod codec;
mod level;
mod retries;
#[cfg(feature = "openai")]
mod segmenter;
mod stream;
mod tape;
#[cfg(any(feature = "assemblyai", feature = "cartesia", feature = "deepgram"))]
mod turns;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "elevenlabs",
    feature = "soniox",
    feature = "speechmatics"
))]
mod utterances;
pub(crate) mod words;

pub(crate) use codec::SttCodec;
#[cfg(feature = "openai")]
pub(crate) use retries::Retries;
#[cfg(feature = "openai")]
pub(crate) use segmenter::{Cutting, Found, Segmenter, Utterance};
pub(crate) use stream::{CAPACITY, Pause, Settings, Stream};
#[cfg(any(feature = "assemblyai", feature = "cartesia", feature = "deepgram"))]
pub(crate) use turns::Turns;
#[cfg(any(
    feature = "azure",
    feature = "cartesia",
    feature = "elevenlabs",
    feature = "soniox",
    feature = "speechmatics"
))]
pub(crate) use utterances::{InOrder, UtteranceCodec, Utterances};
