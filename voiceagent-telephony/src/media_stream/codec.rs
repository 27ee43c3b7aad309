use axum::extract::ws::Message;
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
/// use voiceagent_telephony::media_stream::{Carrier, MediaCodec};
///
/// let mut codec = MediaCodec::new(Carrier::Twilio, "MZ1");
/// let message = codec.write(&Outbound::Mark(MarkId::new(7))).unwrap();
/// let text = message.to_text().unwrap();
/// assert_eq!(text, r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"7"}}"#);
/// assert!(codec.read(text).is_some());
/// ```
#[derive(Debug)]
pub struct MediaCodec {
    reader: Reader,
    writer: Writer,
}

impl MediaCodec {
    /// The words of a carrier, for the stream of this name, in the format that it sends when it
    /// does not say.
    #[must_use]
    pub fn new(carrier: Carrier, stream: &str) -> Self {
        let dialect = Dialect::of(carrier);
        let inbound = dialect.formats.first().copied().unwrap_or(AudioFormat::MULAW_8K);
        Self::with_format(carrier, stream, inbound)
    }

    /// The same, with audio in the format that the beginning of the stream named.
    #[must_use]
    pub fn with_format(carrier: Carrier, stream: &str, inbound: AudioFormat) -> Self {
        let dialect = Dialect::of(carrier);
        let outbound = dialect.plays.unwrap_or(inbound);
        Self {
            reader: Reader::new(dialect, inbound),
            writer: Writer::new(dialect, stream, outbound),
        }
    }

    /// Reads a text message; `None` for one that a call does not need, and for nonsense.
    pub fn read(&mut self, text: &str) -> Option<Inbound> {
        delivered(self.reader.read(text))
    }

    /// Reads a binary message, as carriers send it whose audio is not in JSON.
    pub fn read_binary(&mut self, audio: &[u8]) -> Option<Inbound> {
        delivered(self.reader.read_binary(audio))
    }

    /// What came too early and has its turn now: carriers that promise no order may send a frame
    /// before the one that it follows. To be asked after each message, until there is nothing.
    pub fn waiting(&mut self) -> Option<Inbound> {
        self.reader.waiting()
    }

    /// Writes a message; `None` for what has none, such as a hang-up.
    pub fn write(&mut self, outbound: &Outbound) -> Option<Message> {
        self.writer.write(outbound)
    }
}

fn delivered(reading: Reading) -> Option<Inbound> {
    match reading {
        Reading::Deliver(inbound) => Some(inbound),
        Reading::Ended => Some(Inbound::HungUp),
        Reading::Cleared | Reading::Nothing => None,
    }
}
