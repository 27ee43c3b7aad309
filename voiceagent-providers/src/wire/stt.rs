//! What recognizers over a WebSocket have in common.

mod codec;
mod level;
mod stream;
mod tape;

pub(crate) use codec::SttCodec;
pub(crate) use stream::{CAPACITY, Pause, Settings, Stream};
