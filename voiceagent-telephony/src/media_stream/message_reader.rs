use std::collections::BTreeMap;

use serde_json::Value;
use voiceagent_core::{
    MarkId,
    audio::{AudioFormat, Encoding},
};

use super::{
    Carrier,
    event::{Event, MediaChunk},
    messages::{self, Connected, Dtmf, ExtraHeaders, Listen, Message, Text},
    start::{StreamStart, ToldFormat},
};
use crate::DtmfKey;

/// Reads a message of any carrier; `None` when it makes no sense. Pure.
///
/// No two carriers mean different things by the same word, so that nobody has to know beforehand
/// who speaks.
pub(super) fn read_message(text: &str) -> Option<Event<'_>> {
    let Ok(message) = serde_json::from_str::<Message<'_>>(text) else {
        return read_listen(text);
    };
    match &*message.event.0 {
        "media" => read_media(message.media?),
        "mark" | "playedStream" => {
            let name = message.mark.map(|mark| mark.name).or(message.name)?;
            // A mark that is not a number is not one of ours.
            Some(name.0.parse().map_or(Event::Other, |number| Event::Mark(MarkId::new(number))))
        }
        "dtmf" | "websocket:dtmf" => {
            let inside = message.dtmf.map(|dtmf| match dtmf {
                Dtmf::Bare(digit) | Dtmf::Inside { digit } => digit,
            });
            let digit = inside.or(message.digit)?;
            Some(Event::Dtmf(DtmfKey::parse(&digit.0)?))
        }
        "clearedAudio" | "websocket:cleared" => Some(Event::Cleared),
        "start" => read_start(message, text),
        "websocket:connected" => read_connected(text),
        "stop" => Some(Event::Stop),
        "error" => Some(Event::Complaint),
        _ => Some(Event::Other),
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

fn read_start<'a>(message: Message<'_>, text: &str) -> Option<Event<'a>> {
    let start = message.start?;
    let snake = message.snake_stream_sid.or(start.snake_stream_sid);
    // Some carriers name the stream twice, others only once.
    let camel = message.stream_sid.or(start.stream_sid);
    let spelled_in_snake = camel.is_none() && snake.is_some();
    let id = message.stream_id.or(start.stream_id);
    let (carrier, call, stream) = if let Some(call) = start.call_control_id {
        (Carrier::Telnyx, call, id?)
    } else if let Some(call) = start.call_id {
        (Carrier::Plivo, call, id?)
    } else {
        let call = start.call_sid?;
        let carrier = match (spelled_in_snake, is_uuid(&call.0)) {
            (true, _) => Carrier::Exotel,
            (false, true) => Carrier::SignalWire,
            (false, false) => Carrier::Twilio,
        };
        (carrier, call, camel.or(snake)?)
    };
    let mut parameters = start.parameters.unwrap_or_default();
    if carrier == Carrier::Plivo {
        let ExtraHeaders { extra_headers } = serde_json::from_str(text).ok()?;
        parameters.extend(extra_headers.iter().flat_map(|headers| split_headers(&headers.0)));
    }
    Some(Event::Start(Box::new(StreamStart {
        carrier,
        call: Some(call.0.into_owned()),
        stream: Some(stream.0.into_owned()),
        account: start.account.map(|account| account.0.into_owned()),
        format: start.format.map_or(ToldFormat::Nothing, |format| read_format(&format)),
        parameters,
    })))
}

/// SignalWire's names are UUIDs, and Twilio's are not.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// The pairs of Plivo's `extra_headers`. Its servers put a prefix before names that are headers
/// of calls too.
fn split_headers(headers: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = headers.trim_matches(['{', '}']).split([';', ',']);
    pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim();
        Some((name.strip_prefix("X-PH-").unwrap_or(name).to_owned(), value.trim().to_owned()))
    })
}

fn read_connected<'a>(text: &str) -> Option<Event<'a>> {
    let connected: Connected<'_> = serde_json::from_str(text).ok()?;
    let mut parameters = texts(connected.others.into_iter().chain(connected.headers));
    parameters.remove("event");
    Some(Event::Start(Box::new(StreamStart {
        carrier: Carrier::Vonage,
        call: parameters.remove("call"),
        stream: None,
        account: None,
        format: read_content_type(&connected.content_type),
        parameters,
    })))
}

fn read_listen<'a>(text: &str) -> Option<Event<'a>> {
    let listen: Listen = serde_json::from_str(text).ok()?;
    let mut parameters = texts(listen.others.into_iter());
    // Who calls whom is no parameter.
    for name in ["callerName", "from", "to"] {
        parameters.remove(name);
    }
    let channels = if listen.mix_type.as_deref() == Some("stereo") { 2 } else { 1 };
    Some(Event::Start(Box::new(StreamStart {
        carrier: Carrier::Jambonz,
        call: Some(listen.call_sid),
        stream: None,
        account: listen.account_sid,
        format: told_format("l16", Some(listen.sample_rate.0), channels),
        parameters,
    })))
}

/// Those fields that are text.
fn texts(fields: impl Iterator<Item = (String, Value)>) -> BTreeMap<String, String> {
    let text = |(name, value)| match value {
        Value::String(value) => Some((name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    fields.filter_map(text).collect()
}

/// A type such as `audio/l16;rate=16000`.
fn read_content_type(content_type: &Text<'_>) -> ToldFormat {
    let (encoding, rate) = match content_type.0.split_once(";rate=") {
        Some((encoding, rate)) => (encoding, rate.trim().parse().ok()),
        None => (&*content_type.0, None),
    };
    told_format(encoding, rate, 1)
}

fn read_format(format: &messages::Format<'_>) -> ToldFormat {
    let channels = format.channels.map_or(1, |channels| channels.0);
    told_format(&format.encoding.0, format.sample_rate.map(|rate| rate.0), channels)
}

fn told_format(encoding: &str, rate: Option<u64>, channels: u64) -> ToldFormat {
    let encoding = match encoding.trim().to_ascii_lowercase().as_str() {
        "audio/x-mulaw" | "audio/mulaw" | "pcmu" => Encoding::Mulaw,
        "audio/x-alaw" | "audio/alaw" | "pcma" => Encoding::Alaw,
        "audio/x-l16" | "audio/l16" | "audio/x-raw" | "l16" => Encoding::PcmS16Le,
        _ => return ToldFormat::Unknown,
    };
    match (u32::try_from(rate.unwrap_or(8_000)), channels) {
        (Ok(rate), 1) => ToldFormat::Format(AudioFormat::mono(encoding, rate)),
        (_, _) => ToldFormat::Unknown,
    }
}

#[cfg(test)]
mod tests;
