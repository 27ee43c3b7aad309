use std::fmt::Write as _;

use axum::extract::ws::{Message, Utf8Bytes};
use base64_simd::{AsOut as _, STANDARD};
use bytes::{BufMut, BytesMut};
use voiceagent_core::{
    audio::{AudioFormat, Encoding},
    transport::{LARGEST_PIECE, Outbound},
};

use super::dialect::Dialect;
use crate::DtmfKey;

/// Outbound messages are cut from a block of at least this size, some ten frames of G.711; it is
/// free again as soon as the last of them has been written.
pub(super) const OUTBOUND_BLOCK: usize = 4 * 1024;

/// What names and braces of a message take.
const WORDS: usize = 256;

/// Writes messages one after the other into reused memory.
#[derive(Debug)]
pub(super) struct Writer {
    media: Option<Phrase>,
    mark: Option<Phrase>,
    key: Option<Phrase>,
    clear: String,
    block: BytesMut,
}

/// A message around the one thing in it that changes.
#[derive(Debug)]
struct Phrase {
    before: String,
    behind: String,
}

impl Writer {
    /// Writes for the stream of this name, in this format.
    pub(super) fn new(dialect: &Dialect, stream: &str, format: AudioFormat) -> Self {
        let two_pieces = 2 * message_length(format.bytes_in(LARGEST_PIECE));
        let known = Known { stream: serde_json::Value::from(stream).to_string(), format };
        Self {
            media: dialect.media.map(|template| known.phrase(template, "{audio}")),
            mark: dialect.mark.map(|template| known.phrase(template, "{mark}")),
            key: dialect.key.map(|template| known.phrase(template, "{key}")),
            clear: known.fill_in(dialect.clear),
            block: BytesMut::with_capacity(OUTBOUND_BLOCK.max(two_pieces)),
        }
    }

    /// Writes a message; `None` for what has none, such as a hang-up.
    pub(super) fn write(&mut self, outbound: &Outbound) -> Option<Message> {
        if let Outbound::Audio(frame) = outbound {
            let Some(media) = &self.media else {
                return Some(Message::Binary(frame.payload.clone()));
            };
            self.block.reserve(message_length(frame.payload.len()));
            self.block.put_slice(media.before.as_bytes());
            append_base64(&frame.payload, &mut self.block);
            self.block.put_slice(media.behind.as_bytes());
        } else if let Outbound::Mark(name) = outbound {
            let mark = self.mark.as_ref()?;
            self.block.put_slice(mark.before.as_bytes());
            write!(self.block, "{name}").expect("a buffer that grows takes everything");
            self.block.put_slice(mark.behind.as_bytes());
        } else if *outbound == Outbound::Clear {
            self.block.put_slice(self.clear.as_bytes());
        } else {
            return None;
        }
        let text = Utf8Bytes::try_from(self.block.split().freeze());
        Some(Message::Text(text.expect("dialects write JSON")))
    }

    /// Writes that a key is pressed; `None` where keys do not go over the stream.
    pub(super) fn write_key(&self, key: DtmfKey) -> Option<Message> {
        let Phrase { before, behind } = self.key.as_ref()?;
        Some(Message::text(format!("{before}{}{behind}", key.as_char())))
    }
}

/// Room for so much audio in base64, which adds a third.
const fn message_length(audio: usize) -> usize {
    audio + audio / 2 + WORDS
}

/// What stays the same as long as a stream lasts.
struct Known {
    /// As a JSON string, with its quotes.
    stream: String,
    format: AudioFormat,
}

impl Known {
    /// Splits before anything from outside is filled in, which might look like a place.
    fn phrase(&self, template: &str, place: &str) -> Phrase {
        let (before, behind) = template.split_once(place).expect("each template has its place");
        Phrase { before: self.fill_in(before), behind: self.fill_in(behind) }
    }

    fn fill_in(&self, template: &str) -> String {
        let encoding = if self.format.encoding == Encoding::PcmS16Le { "l16" } else { "mulaw" };
        let text = template.replace("{type}", &format!("audio/x-{encoding}"));
        let text = text.replace("{rate}", &self.format.sample_rate.to_string());
        text.replace("{stream}", &self.stream)
    }
}

/// Appends `bytes` in base64, without an intermediate string.
fn append_base64(bytes: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + STANDARD.encoded_length(bytes.len()), 0);
    let _ = STANDARD.encode(bytes, out[start..].as_out());
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{
        MarkId,
        audio::{AudioFrame, MediaTime},
    };

    use super::*;
    use crate::media_stream::Carrier;

    fn written(carrier: Carrier, outbound: &Outbound) -> Option<String> {
        let dialect = Dialect::of(carrier);
        let format = dialect.plays.unwrap_or(dialect.formats[0]);
        let message = Writer::new(dialect, "MZ1", format).write(outbound)?;
        Some(message.into_text().unwrap().to_string())
    }

    #[test]
    fn cp14_outbound_messages_are_what_each_carrier_expects() {
        let audio = |format| {
            let payload = [0x41, 0x7F, 0x00, 0x42].as_slice().into();
            Outbound::Audio(AudioFrame::new(format, MediaTime(0), payload))
        };
        let (clear, mark) = (Outbound::Clear, Outbound::Mark(MarkId::new(12)));
        let expected = [
            (
                Carrier::Exotel,
                r#"{"event":"media","stream_sid":"MZ1","media":{"payload":"QX8AQg=="}}"#,
                Some(r#"{"event":"mark","stream_sid":"MZ1","mark":{"name":"12"}}"#),
                r#"{"event":"clear","stream_sid":"MZ1"}"#,
            ),
            (Carrier::Jambonz, "A\u{7F}\0B", None, r#"{"type":"killAudio"}"#),
            (
                Carrier::Plivo,
                r#"{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"QX8AQg=="}}"#,
                Some(r#"{"event":"checkpoint","streamId":"MZ1","name":"12"}"#),
                r#"{"event":"clearAudio","streamId":"MZ1"}"#,
            ),
            (
                Carrier::SignalWire,
                r#"{"event":"media","streamSid":"MZ1","media":{"payload":"QX8AQg=="}}"#,
                Some(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"12"}}"#),
                r#"{"event":"clear","streamSid":"MZ1"}"#,
            ),
            (
                Carrier::Telnyx,
                r#"{"event":"media","media":{"payload":"QX8AQg=="}}"#,
                Some(r#"{"event":"mark","mark":{"name":"12"}}"#),
                r#"{"event":"clear"}"#,
            ),
            (
                Carrier::Twilio,
                r#"{"event":"media","streamSid":"MZ1","media":{"payload":"QX8AQg=="}}"#,
                Some(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"12"}}"#),
                r#"{"event":"clear","streamSid":"MZ1"}"#,
            ),
            (Carrier::Vonage, "A\u{7F}\0B", None, r#"{"action":"clear"}"#),
        ];
        assert_eq!(expected.map(|(carrier, ..)| carrier).as_slice(), Carrier::ALL);
        for (carrier, media_text, mark_text, clear_text) in expected {
            let media = written(carrier, &audio(AudioFormat::PCM_8K));
            assert_eq!(media.as_deref(), Some(media_text), "{carrier}");
            assert_eq!(written(carrier, &mark).as_deref(), mark_text, "{carrier}");
            assert_eq!(written(carrier, &clear).as_deref(), Some(clear_text), "{carrier}");
            assert_eq!(written(carrier, &Outbound::HangUp), None);
        }
    }

    #[test]
    fn a_stream_name_cannot_break_out_of_its_string() {
        let name = r#"M{audio}{mark}"},"event":"clear"#;
        for &carrier in Carrier::ALL {
            let dialect = Dialect::of(carrier);
            let mut writer = Writer::new(dialect, name, dialect.formats[0]);
            for outbound in [Outbound::Mark(MarkId::new(1)), Outbound::Clear] {
                let Some(Message::Text(text)) = writer.write(&outbound) else { continue };
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                let stream = ["streamSid", "stream_sid", "streamId"].map(|key| &value[key]);
                let told = stream.into_iter().find(|told| !told.is_null());
                assert!(told.is_none_or(|told| told == name), "{carrier}: {text}");
            }
        }
    }
}
