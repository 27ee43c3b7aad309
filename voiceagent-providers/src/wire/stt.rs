//! What recognizers have in common: a stream over a WebSocket, and utterances for services that
//! take nothing but whole ones.

mod codec;
#[cfg(test)]
pub(crate) mod fixture;
mod hello;
mod level;
mod pace;
mod retries;
mod segmenter;
mod settled;
mod stream;
mod tape;
mod turns;
mod utterances;
pub(crate) mod words;

pub(crate) use codec::SttCodec;
pub(crate) use retries::Retries;
pub(crate) use segmenter::{Cutting, Found, Segmenter, Utterance};
pub(crate) use settled::Settled;
pub(crate) use stream::{CAPACITY, Pause, Settings, Stream};
pub(crate) use turns::Turns;
pub(crate) use utterances::{InOrder, UtteranceCodec, Utterances};
