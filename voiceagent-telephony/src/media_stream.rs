//! Calls that arrive as a WebSocket, whoever the carrier is.
//!
//! A [`MediaSocket`] takes the socket, waits for the message that begins the stream, checks the
//! one-time token in it, and only then hands the application a [`MediaStream`]. One reader
//! understands the messages of all carriers; what they must be sent, and what they do with marks
//! and clears, is a table of data.

mod backlog;
mod block_pool;
mod carrier;
mod codec;
mod dialect;
mod event;
#[cfg(test)]
mod fake_socket;
mod heard_calls;
mod io;
mod message_reader;
mod messages;
mod news;
mod owed_marks;
mod places;
mod pump;
mod reader;
mod relay;
mod request;
mod socket;
mod start;
mod stream;
mod stream_keys;
mod tokens;
mod writer;

pub use carrier::Carrier;
pub use codec::MediaCodec;
pub(crate) use heard_calls::HeardCalls;
pub(crate) use places::{Place, Places, Stay};
pub use relay::{RelayCall, RelaySocket};
pub use socket::{MediaSocket, MediaSocketBuilder};
pub(crate) use start::is_name;
pub use stream::MediaStream;
pub use stream_keys::StreamKeys;
pub use tokens::{Grant, StreamTokens, TokenCheck, TokenRefusal};
