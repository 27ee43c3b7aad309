//! Calls that arrive as a WebSocket with JSON messages and base64 audio, whoever the carrier is.
//!
//! A [`MediaSocket`] takes the socket, waits for the `start` message, checks the one-time token in
//! it, and only then hands the application a [`MediaStream`]. A thin codec for each vendor turns
//! messages into events and back; everything else is shared.

mod backlog;
mod block_pool;
mod codec;
mod control;
mod dialect;
mod event;
mod io;
mod pump;
mod reader;
mod socket;
mod start;
mod stream;
mod tokens;

pub use codec::MediaCodec;
pub use control::CallControl;
pub(crate) use dialect::Dialect;
pub(crate) use event::{Event, MediaChunk, StreamStart};
pub(crate) use reader::append_base64;
pub use socket::{MediaSocket, MediaSocketBuilder};
pub(crate) use start::is_name;
pub use stream::MediaStream;
pub use tokens::{Grant, StreamTokens, TokenCheck, TokenRefusal};
