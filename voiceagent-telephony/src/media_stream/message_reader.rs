use std::borrow::Cow;

use voiceagent_core::{
    MarkId,
    audio::{AudioFormat, Encoding},
};

use super::{
    Carrier,
    event::{Event, MediaChunk},
    messages::{
        self, Connected, Dtmf, ExtraHeaders, Format, Listen, Loose, Message, Number, Parameters,
    },
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
            let name = message.mark.map_or(Loose(None), |mark| mark.name).or(message.name).0?;
            // A mark that is not a number is not one of ours.
            Some(name.parse().map_or(Event::Other, |number| Event::Mark(MarkId::new(number))))
        }
        "dtmf" | "websocket:dtmf" => {
            let inside = message.dtmf.map_or(Loose(None), |dtmf| match dtmf {
                Dtmf::Bare(digit) | Dtmf::Inside { digit } => digit,
            });
            let digit = inside.or(message.digit).0?;
            Some(Event::Dtmf(DtmfKey::parse(&digit)?))
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
    if media.track.0.is_some_and(|track| track != "inbound") {
        return Some(Event::Other);
    }
    Some(Event::Media(MediaChunk {
        payload: media.payload.0,
        number: media.chunk.and_then(|number| number.0),
        timestamp: media.timestamp.and_then(|number| number.0),
    }))
}

fn read_start<'a>(message: Message<'_>, text: &str) -> Option<Event<'a>> {
    let start = message.start?;
    let snake = message.snake_stream_sid.or(start.snake_stream_sid).0;
    // Some carriers name the stream twice, others only once.
    let camel = message.stream_sid.or(start.stream_sid).0;
    let spelled_in_snake = camel.is_none() && snake.is_some();
    let id = message.stream_id.or(message.snake_stream_id);
    let id = id.or(start.stream_id).or(start.snake_stream_id).0;
    let (carrier, call, stream) = if let Some(call) = start.call_control_id.0 {
        (Carrier::Telnyx, call, id?)
    } else if let Some(call) = start.call_id.0 {
        (Carrier::Plivo, call, id?)
    } else {
        let call = start.call_sid.or(start.snake_call_sid).0?;
        let carrier = match (spelled_in_snake, is_uuid(&call)) {
            (true, _) => Carrier::Exotel,
            (false, true) => Carrier::SignalWire,
            (false, false) => Carrier::Twilio,
        };
        (carrier, call, camel.or(snake)?)
    };
    let Parameters(mut parameters) = start.snake_parameters;
    parameters.extend(start.parameters.0);
    if carrier == Carrier::Plivo {
        let ExtraHeaders { extra_headers } = serde_json::from_str(text).ok()?;
        let named = |(name, value): (String, _)| (without_prefix(&name).to_owned(), value);
        parameters.extend(extra_headers.0.into_iter().map(named));
    }
    let account = start.account_sid.or(start.snake_account_sid).or(start.account_id).0;
    let format = start.format.or(start.snake_format);
    Some(Event::Start(Box::new(StreamStart {
        carrier,
        call: Some(call.into_owned()),
        stream: Some(stream.into_owned()),
        account: account.map(Cow::into_owned),
        format: format.map_or(ToldFormat::Nothing, |format| read_format(&format)),
        parameters,
    })))
}

/// SignalWire's names are UUIDs, and Twilio's are not.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// Plivo's servers put a prefix before the names of parameters, since they are headers of calls
/// too.
fn without_prefix(name: &str) -> &str {
    const PREFIX: &str = "X-PH-";
    match name.split_at_checked(PREFIX.len()) {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
        _ => name,
    }
}

fn read_connected<'a>(text: &str) -> Option<Event<'a>> {
    let connected: Connected<'_> = serde_json::from_str(text).ok()?;
    let Parameters(mut parameters) = connected.others;
    parameters.extend(connected.headers.0);
    parameters.remove("event");
    Some(Event::Start(Box::new(StreamStart {
        carrier: Carrier::Vonage,
        call: parameters.remove("call"),
        stream: None,
        account: None,
        format: read_content_type(&connected.content_type.0),
        parameters,
    })))
}

fn read_listen<'a>(text: &str) -> Option<Event<'a>> {
    let listen: Listen<'_> = serde_json::from_str(text).ok()?;
    let Parameters(mut parameters) = listen.others;
    // Who calls whom is no parameter.
    for name in ["callerName", "from", "to"] {
        parameters.remove(name);
    }
    let channels = if listen.mix_type.0.as_deref() == Some("stereo") { 2 } else { 1 };
    Some(Event::Start(Box::new(StreamStart {
        carrier: Carrier::Jambonz,
        call: Some(listen.call_sid.0.into_owned()),
        stream: None,
        account: listen.account_sid.0.map(Cow::into_owned),
        format: told_format("l16", Some(listen.sample_rate), Some(channels)),
        parameters,
    })))
}

/// A type such as `audio/l16;rate=16000`.
fn read_content_type(content_type: &str) -> ToldFormat {
    let mut parts = content_type.split(';').map(str::trim);
    let encoding = parts.next().unwrap_or_default();
    let rate = parts.find_map(|part| {
        let (name, rate) = part.split_once('=')?;
        name.trim_end().eq_ignore_ascii_case("rate").then(|| Number::parse(rate))
    });
    told_format(encoding, rate, Some(1))
}

fn read_format(format: &Format<'_>) -> ToldFormat {
    let channels = format.channels.map_or(Some(1), |channels| channels.0);
    let rate = format.sample_rate.or(format.snake_sample_rate);
    told_format(format.encoding.0.as_deref().unwrap_or_default(), rate, channels)
}

/// Telephony's 8 kHz where no rate is told. One that is told and cannot be read is not guessed.
fn told_format(encoding: &str, rate: Option<Number>, channels: Option<u64>) -> ToldFormat {
    let rate = rate.map_or(Some(8_000), |rate| rate.0).and_then(|rate| rate.try_into().ok());
    let (Some(rate), Some(1)) = (rate, channels) else { return ToldFormat::Unknown };
    let encoding = match encoding.trim().to_ascii_lowercase().as_str() {
        "audio/x-mulaw" | "audio/mulaw" | "pcmu" => Encoding::Mulaw,
        "audio/x-alaw" | "audio/alaw" | "pcma" => Encoding::Alaw,
        "audio/x-l16" | "audio/l16" | "audio/x-raw" | "l16" => Encoding::PcmS16Le,
        _ => return ToldFormat::Rate(rate),
    };
    ToldFormat::Format(AudioFormat::mono(encoding, rate))
}

#[cfg(test)]
mod tests;
