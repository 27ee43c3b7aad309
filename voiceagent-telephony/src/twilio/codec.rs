use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use voiceagent_core::{
    MarkId,
    audio::{AudioFormat, Encoding},
};

use super::messages::{self, Message};
use crate::{
    DtmfKey,
    media_stream::{Dialect, Event, MediaChunk, StreamStart, append_base64},
};

/// Media Streams as Twilio writes them. Pure.
#[derive(Debug, Default)]
pub(crate) struct TwilioDialect {
    media_prefix: String,
    mark_prefix: String,
    clear: String,
}

impl Dialect for TwilioDialect {
    fn vendor(&self) -> &'static str {
        "twilio"
    }

    fn read<'a>(&self, text: &'a str) -> Option<Event<'a>> {
        let message: Message<'a> = serde_json::from_str(text).ok()?;
        match &*message.event.0 {
            "media" => read_media(message.media?),
            "mark" => Some(
                // A mark that is not a number is not one of ours.
                message.mark?.name.0.parse().map_or(Event::Other, |n| Event::Mark(MarkId::new(n))),
            ),
            "dtmf" => Some(Event::Dtmf(DtmfKey::parse(&message.dtmf?.digit.0)?)),
            "start" => read_start(message),
            "stop" => Some(Event::Stop),
            _ => Some(Event::Other),
        }
    }

    fn attach(&mut self, stream: &str) {
        let stream = serde_json::Value::from(stream);
        self.media_prefix =
            format!(r#"{{"event":"media","streamSid":{stream},"media":{{"payload":""#);
        self.mark_prefix = format!(r#"{{"event":"mark","streamSid":{stream},"mark":{{"name":""#);
        self.clear = format!(r#"{{"event":"clear","streamSid":{stream}}}"#);
    }

    fn write_media(&self, audio: &[u8], out: &mut BytesMut) {
        out.put_slice(self.media_prefix.as_bytes());
        append_base64(audio, out);
        out.put_slice(br#""}}"#);
    }

    fn write_mark(&self, mark: MarkId, out: &mut BytesMut) {
        out.put_slice(self.mark_prefix.as_bytes());
        write!(out, "{mark}").expect("a buffer that grows takes everything");
        out.put_slice(br#""}}"#);
    }

    fn write_clear(&self, out: &mut BytesMut) {
        out.put_slice(self.clear.as_bytes());
    }
}

fn read_media(media: messages::Media<'_>) -> Option<Event<'_>> {
    // The other track is our own voice. An agent that is fed with it answers itself.
    if media.track.is_some_and(|track| track.0 != "inbound") {
        return Some(Event::Other);
    }
    Some(Event::Media(MediaChunk {
        payload: media.payload.0,
        number: media.chunk.map(|number| number.0),
        timestamp: media.timestamp.map(|number| number.0),
    }))
}

fn read_start(message: Message<'_>) -> Option<Event<'_>> {
    let start = message.start?;
    // Twilio names the stream twice, others only once.
    let stream = message.stream.or(start.stream)?;
    Some(Event::Start(Box::new(StreamStart {
        call: start.call.0.into_owned(),
        stream: stream.0.into_owned(),
        account: start.account.map(|account| account.0.into_owned()),
        format: read_format(start.format.as_ref()),
        parameters: start.parameters.unwrap_or_default(),
    })))
}

/// Twilio has one format; a stream that says nothing has it too.
fn read_format(format: Option<&messages::Format<'_>>) -> Option<AudioFormat> {
    let Some(format) = format else { return Some(AudioFormat::MULAW_8K) };
    let encoding = match &*format.encoding.0 {
        "audio/x-mulaw" | "audio/mulaw" => Encoding::Mulaw,
        _ => return None,
    };
    let rate = format.sample_rate.map_or(8_000, |rate| rate.0);
    let channels = format.channels.map_or(1, |channels| channels.0);
    (rate == 8_000 && channels == 1).then(|| AudioFormat::mono(encoding, 8_000))
}

#[cfg(test)]
mod tests;
