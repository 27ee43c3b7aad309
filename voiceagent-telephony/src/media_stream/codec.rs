use axum::extract::ws::{Message, Utf8Bytes};
use voiceagent_core::{
    audio::AudioFormat,
    transport::{Inbound, Outbound},
};

use super::{
    Carrier,
    dialect::Dialect,
    reader::{Reader, Reading},
    writer::Writer,
};

/// The messages of a media stream without their socket: for tests, tools, and servers of one's own.
///
/// It is what a [`MediaStream`](super::MediaStream) reads and writes with. Once its memory has been
/// used the first time, neither reading nor writing audio allocates, as long as frames and messages
/// are dropped within a few seconds.
///
/// ```
/// use voiceagent_core::{MarkId, transport::Outbound};
/// use voiceagent_telephony::media_stream::MediaCodec;
///
/// let mut codec = MediaCodec::twilio("MZ1");
/// let text = codec.write(&Outbound::Mark(MarkId::new(7))).unwrap();
/// assert_eq!(&*text, r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"7"}}"#);
/// assert!(codec.read(&text).is_some());
/// ```
#[derive(Debug)]
pub struct MediaCodec {
    reader: Reader,
    writer: Writer,
}

impl MediaCodec {
    /// Media Streams as Twilio writes them, for the stream of this name, in mu-law at 8 kHz.
    #[must_use]
    pub fn twilio(stream: &str) -> Self {
        let dialect = Dialect::of(Carrier::Twilio);
        let format = AudioFormat::MULAW_8K;
        Self { reader: Reader::new(dialect, format), writer: Writer::new(dialect, stream, format) }
    }

    /// Reads a message; `None` for one that a call does not need, and for nonsense.
    pub fn read(&mut self, text: &str) -> Option<Inbound> {
        match self.reader.read(text) {
            Reading::Deliver(inbound) => Some(inbound),
            Reading::Ended => Some(Inbound::HungUp),
            Reading::Cleared | Reading::Nothing => None,
        }
    }

    /// Writes a message; `None` for what has none, such as a hang-up.
    pub fn write(&mut self, outbound: &Outbound) -> Option<Utf8Bytes> {
        match self.writer.write(outbound)? {
            Message::Text(text) => Some(text),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
        }
    }
}
