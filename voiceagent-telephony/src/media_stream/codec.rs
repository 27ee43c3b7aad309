use axum::extract::ws::Utf8Bytes;
use bytes::BytesMut;
use voiceagent_core::{
    audio::AudioFormat,
    transport::{Inbound, Outbound},
};

use super::{
    Dialect,
    reader::{Reader, Reading},
};
use crate::twilio::TwilioDialect;

/// Outbound messages are cut from a block of this size, some ten frames; it is free again as soon
/// as the last of them has been written.
pub(super) const OUTBOUND_BLOCK: usize = 4 * 1024;

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
    dialect: TwilioDialect,
    reader: Reader,
    writer: Writer,
}

impl MediaCodec {
    /// Media Streams as Twilio writes them, for the stream of this name, in mu-law at 8 kHz.
    #[must_use]
    pub fn twilio(stream: &str) -> Self {
        let mut dialect = TwilioDialect::default();
        dialect.attach(stream);
        let reader = Reader::new(AudioFormat::MULAW_8K);
        Self { dialect, reader, writer: Writer::new() }
    }

    /// Reads a message; `None` for one that a call does not need, and for nonsense.
    pub fn read(&mut self, text: &str) -> Option<Inbound> {
        match self.reader.read(&self.dialect, text) {
            Reading::Deliver(inbound) => Some(inbound),
            Reading::Ended => Some(Inbound::HungUp),
            Reading::Nothing => None,
        }
    }

    /// Writes a message; `None` for what has none, such as a hang-up.
    pub fn write(&mut self, outbound: &Outbound) -> Option<Utf8Bytes> {
        self.writer.write(&self.dialect, outbound)
    }
}

/// Writes messages one after the other into reused memory.
#[derive(Debug)]
pub(super) struct Writer {
    block: BytesMut,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { block: BytesMut::with_capacity(OUTBOUND_BLOCK) }
    }

    pub(super) fn write(
        &mut self,
        dialect: &dyn Dialect,
        outbound: &Outbound,
    ) -> Option<Utf8Bytes> {
        if let Outbound::Audio(frame) = outbound {
            // Base64 adds a third; names and braces fit in the rest.
            self.block.reserve(frame.payload.len() + frame.payload.len() / 2 + 256);
            dialect.write_media(&frame.payload, &mut self.block);
        } else if let Outbound::Mark(mark) = outbound {
            dialect.write_mark(*mark, &mut self.block);
        } else if *outbound == Outbound::Clear {
            dialect.write_clear(&mut self.block);
        } else {
            return None;
        }
        let text = Utf8Bytes::try_from(self.block.split().freeze());
        Some(text.expect("dialects write JSON"))
    }
}
