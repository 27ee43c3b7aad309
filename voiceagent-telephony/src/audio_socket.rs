//! Calls from Asterisk by its AudioSocket protocol, over TCP ("AudioSocket: message format").

mod frame;
mod leg;
mod server;

pub use server::{AudioSocket, AudioSocketCall};

/// The first message in the buffer, if it is there as a whole, as text.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(buffer: &mut bytes::BytesMut) -> Option<String> {
    frame::take(buffer).map(|frame| format!("{frame:?}"))
}
