use std::fmt::Debug;

use bytes::BytesMut;
use voiceagent_core::MarkId;

use super::event::Event;

/// How one vendor writes the messages of a media stream. Pure: text in, event out, and back.
///
/// One value serves one stream: [`attach`](Self::attach) tells it the stream's name, so that the
/// beginnings of outbound messages are rendered once.
pub(crate) trait Dialect: Debug + Send + Sync + 'static {
    /// The vendor, as it stands in errors and logs.
    fn vendor(&self) -> &'static str;

    /// Reads a message; `None` when it makes no sense.
    fn read<'a>(&self, text: &'a str) -> Option<Event<'a>>;

    /// Learns the name of the stream that outbound messages are for.
    fn attach(&mut self, stream: &str);

    /// Appends a message that plays `audio`.
    fn write_media(&self, audio: &[u8], out: &mut BytesMut);

    /// Appends a message that asks to be told when everything before it has been played.
    fn write_mark(&self, mark: MarkId, out: &mut BytesMut);

    /// Appends a message that drops what has not been played.
    fn write_clear(&self, out: &mut BytesMut);
}
