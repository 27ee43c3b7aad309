use std::{borrow::Cow, collections::BTreeMap};

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{Carrier, Wire};

/// When Plivo's clock begins, in milliseconds since 1970.
const DAY: u64 = 1_705_312_200_000;

/// The messages with which a carrier sends this frame of 20 ms again and again, for benches and
/// for tests of codecs.
#[must_use]
pub fn frame_messages(carrier: Carrier, stream: &str, frame: &[u8], count: usize) -> Vec<Message> {
    let mut wording = Wording::new(carrier, String::new(), stream.to_owned());
    (0..count).map(|_| wording.media(frame)).collect()
}

/// Writes and reads a carrier's messages, and numbers them.
#[derive(Debug)]
pub(super) struct Wording {
    pub(super) carrier: Carrier,
    pub(super) call: String,
    pub(super) stream: String,
    account: String,
    sequence: u64,
    chunk: u64,
}

/// What a server's message means.
#[derive(Debug)]
pub(super) enum Said {
    Audio(Bytes),
    Clear,
    Key(String),
    Mark(String),
    /// Whatever a carrier drops.
    Unknown(String),
}

impl Said {
    pub(super) fn wire(&self) -> Wire {
        match self {
            Self::Audio(audio) => Wire::Audio(audio.len()),
            Self::Clear => Wire::Clear,
            Self::Key(digit) => Wire::Key(digit.clone()),
            Self::Mark(name) => Wire::Mark(name.clone()),
            Self::Unknown(text) => Wire::Unknown(text.clone()),
        }
    }
}

impl Wording {
    pub(super) fn new(carrier: Carrier, call: String, stream: String) -> Self {
        let account = "AC00000000000000000000000000000001".to_owned();
        Self { carrier, call, stream, account, sequence: 0, chunk: 0 }
    }

    fn next(&mut self) -> String {
        self.sequence += 1;
        self.sequence.to_string()
    }

    /// The first messages of a stream.
    pub(super) fn greeting(&mut self, parameters: &BTreeMap<String, String>) -> Vec<String> {
        let connected = match self.carrier {
            Carrier::Exotel => Some(json!({ "event": "connected" })),
            Carrier::SignalWire => {
                Some(json!({ "event": "connected", "protocol": "Call", "version": "0.2.0" }))
            }
            Carrier::Telnyx => Some(json!({ "event": "connected", "version": "1.0.0" })),
            Carrier::Twilio => {
                Some(json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }))
            }
            Carrier::Jambonz | Carrier::Plivo | Carrier::Vonage => None,
        };
        let start = self.start(parameters);
        connected.into_iter().chain([start]).map(|message| message.to_string()).collect()
    }

    fn start(&mut self, parameters: &BTreeMap<String, String>) -> Value {
        let sequence = self.next();
        let (call, stream, account) = (&self.call, &self.stream, &self.account);
        match self.carrier {
            Carrier::Twilio => json!({
                "event": "start", "sequenceNumber": sequence, "streamSid": stream,
                "start": {
                    "accountSid": account, "streamSid": stream, "callSid": call,
                    "tracks": ["inbound"], "customParameters": parameters,
                    "mediaFormat":
                        { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                },
            }),
            Carrier::SignalWire => json!({
                "event": "start", "sequenceNumber": sequence,
                "start": {
                    "accountSid": account, "streamSid": stream, "callSid": call,
                    "tracks": ["inbound"], "customParameters": parameters,
                    "mediaFormat":
                        { "encoding": "audio/x-L16", "sampleRate": 24000, "channels": 1 },
                },
            }),
            Carrier::Telnyx => json!({
                "event": "start", "sequence_number": sequence, "stream_id": stream,
                "start": {
                    "user_id": account, "call_control_id": call, "client_state": "YQ==",
                    "from": "+15550100", "to": "+15550199", "custom_parameters": parameters,
                    "media_format": { "encoding": "PCMU", "sample_rate": 8000, "channels": 1 },
                },
            }),
            Carrier::Plivo => json!({
                "event": "start", "sequenceNumber": 0,
                "start": {
                    "callId": call, "streamId": stream, "accountId": account,
                    "tracks": ["inbound"],
                    "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000 },
                },
                "extra_headers": pairs(parameters),
            }),
            Carrier::Exotel => json!({
                "event": "start", "sequence_number": sequence, "stream_sid": stream,
                "start": {
                    "stream_sid": stream, "call_sid": call, "account_sid": account,
                    "from": "+15550100", "to": "+15550199", "custom_parameters": parameters,
                    "media_format":
                        { "encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps" },
                },
            }),
            Carrier::Jambonz => {
                let mut message = json!({
                    "callSid": call, "accountSid": account, "direction": "inbound",
                    "from": "+15550100", "to": "+15550199", "callerName": "",
                    "sampleRate": 16000, "mixType": "mono",
                });
                for (name, value) in parameters {
                    message[name] = value.as_str().into();
                }
                message
            }
            Carrier::Vonage => {
                let mut message = Map::new();
                message.insert("event".to_owned(), "websocket:connected".into());
                message.insert("content-type".to_owned(), "audio/l16;rate=16000".into());
                message.insert("call".to_owned(), call.as_str().into());
                for (name, value) in parameters {
                    message.insert(name.clone(), value.as_str().into());
                }
                message.into()
            }
        }
    }

    /// One frame. Each is 20 ms after the one before on the carrier's clock, whatever the network
    /// did to it.
    pub(super) fn media(&mut self, audio: &[u8]) -> Message {
        let (sequence, stream) = (self.next(), &self.stream);
        let timestamp = self.chunk * 20;
        self.chunk += 1;
        let chunk = self.chunk;
        let payload = STANDARD.encode_to_string(audio);
        Message::text(match self.carrier {
            Carrier::Jambonz | Carrier::Vonage => return Message::Binary(audio.to_vec().into()),
            Carrier::Twilio => format!(
                r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}},"streamSid":"{stream}"}}"#,
            ),
            Carrier::SignalWire => format!(
                r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#,
            ),
            Carrier::Telnyx => format!(
                r#"{{"event":"media","sequence_number":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}},"stream_id":"{stream}"}}"#,
            ),
            Carrier::Plivo => format!(
                r#"{{"event":"media","sequenceNumber":{sequence},"streamId":"{stream}","media":{{"track":"inbound","timestamp":"{}","chunk":{chunk},"payload":"{payload}"}},"extra_headers":"{{}}"}}"#,
                DAY + timestamp,
            ),
            Carrier::Exotel => format!(
                r#"{{"event":"media","sequence_number":"{sequence}","stream_sid":"{stream}","media":{{"chunk":"{chunk}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#,
            ),
        })
    }

    pub(super) fn dtmf(&mut self, key: char) -> String {
        let (digit, sequence, stream) = (key.to_string(), self.next(), &self.stream);
        let message = match self.carrier {
            Carrier::Twilio => json!({
                "event": "dtmf", "streamSid": stream, "sequenceNumber": sequence,
                "dtmf": { "track": "inbound_track", "digit": digit },
            }),
            Carrier::SignalWire => {
                json!({ "event": "dtmf", "dtmf": { "duration": 100, "digit": digit } })
            }
            Carrier::Telnyx => json!({
                "event": "dtmf", "stream_id": stream, "sequence_number": sequence,
                "occurred_at": "2026-01-01T00:00:00Z", "dtmf": { "digit": digit },
            }),
            Carrier::Plivo => json!({
                "event": "dtmf", "sequenceNumber": self.sequence, "streamId": stream,
                "dtmf": { "track": "inbound", "digit": digit, "timestamp": "1" },
            }),
            Carrier::Exotel => json!({
                "event": "dtmf", "stream_sid": stream, "sequence_number": sequence,
                "dtmf": { "digit": digit, "duration": "100" },
            }),
            Carrier::Jambonz => json!({ "event": "dtmf", "dtmf": digit, "duration": "260" }),
            Carrier::Vonage => {
                json!({ "event": "websocket:dtmf", "digit": digit, "duration": 260 })
            }
        };
        message.to_string()
    }

    /// The answer to a mark.
    pub(super) fn mark(&mut self, name: &str) -> String {
        let (sequence, stream) = (self.next(), &self.stream);
        let mark = json!({ "name": name });
        let message = match self.carrier {
            Carrier::Twilio | Carrier::SignalWire | Carrier::Jambonz | Carrier::Vonage => json!({
                "event": "mark", "sequenceNumber": sequence, "streamSid": stream, "mark": mark,
            }),
            Carrier::Telnyx => json!({
                "event": "mark", "sequence_number": sequence, "stream_id": stream, "mark": mark,
            }),
            Carrier::Plivo => json!({
                "event": "playedStream", "sequenceNumber": self.sequence, "streamId": stream,
                "name": name,
            }),
            Carrier::Exotel => json!({
                "event": "mark", "sequence_number": sequence, "stream_sid": stream, "mark": mark,
            }),
        };
        message.to_string()
    }

    /// The answer to a clear, where there is one.
    pub(super) fn cleared(&self) -> Option<String> {
        let message = match self.carrier {
            Carrier::Plivo => json!({ "event": "clearedAudio", "streamId": self.stream }),
            Carrier::Vonage => json!({ "event": "websocket:cleared" }),
            Carrier::Exotel
            | Carrier::Jambonz
            | Carrier::SignalWire
            | Carrier::Telnyx
            | Carrier::Twilio => {
                return None;
            }
        };
        Some(message.to_string())
    }

    /// The last message, where there is one.
    pub(super) fn stop(&mut self) -> Option<String> {
        let (sequence, stream) = (self.next(), &self.stream);
        let message = match self.carrier {
            Carrier::Twilio => json!({
                "event": "stop", "sequenceNumber": sequence, "streamSid": stream,
                "stop": { "accountSid": self.account, "callSid": self.call },
            }),
            Carrier::SignalWire => json!({ "event": "stop", "sequenceNumber": sequence }),
            Carrier::Telnyx => json!({
                "event": "stop", "sequence_number": sequence, "stream_id": stream,
                "stop": { "user_id": self.account, "call_control_id": self.call },
            }),
            Carrier::Exotel => json!({
                "event": "stop", "sequence_number": sequence, "stream_sid": stream,
                "stop": { "call_sid": self.call, "reason": "callended" },
            }),
            Carrier::Jambonz | Carrier::Plivo | Carrier::Vonage => return None,
        };
        Some(message.to_string())
    }

    /// Reads a text message as the carrier does: whatever is wrong about it makes it unknown.
    pub(super) fn read(&self, text: &str) -> Said {
        let unknown = || Said::Unknown(text.to_owned());
        let Ok(message) = serde_json::from_str::<FromServer<'_>>(text) else { return unknown() };
        let named = match self.carrier {
            Carrier::Twilio | Carrier::SignalWire => message.stream_sid == self.stream,
            Carrier::Exotel => message.snake_stream_sid == self.stream,
            // Only a request to play needs no name.
            Carrier::Plivo => message.event == "playAudio" || message.stream_id == self.stream,
            Carrier::Jambonz | Carrier::Telnyx | Carrier::Vonage => true,
        };
        let media = message.media.filter(|media| media.is_for(self.carrier));
        let name = message.mark.map(|mark| mark.name).or(message.name);
        let (play, mark, clear) = match self.carrier {
            Carrier::Plivo => ("playAudio", "checkpoint", "clearAudio"),
            Carrier::Jambonz => ("", "", "killAudio"),
            Carrier::Vonage => ("", "", "clear"),
            Carrier::Exotel | Carrier::SignalWire | Carrier::Telnyx | Carrier::Twilio => {
                ("media", "mark", "clear")
            }
        };
        let event = match self.carrier {
            Carrier::Jambonz => message.kind,
            Carrier::Vonage => message.action,
            Carrier::Exotel
            | Carrier::Plivo
            | Carrier::SignalWire
            | Carrier::Telnyx
            | Carrier::Twilio => message.event,
        };
        match (&*event, media, name) {
            _ if !named || event.is_empty() => unknown(),
            (event, Some(media), _) if event == play => {
                let audio = STANDARD.decode_to_vec(&*media.payload).unwrap_or_default();
                let whole = !audio.is_empty() && audio.len().is_multiple_of(self.carrier.least());
                if whole { Said::Audio(audio.into()) } else { unknown() }
            }
            (event, _, Some(name)) if event == mark => Said::Mark(name),
            (event, ..) if event == clear => Said::Clear,
            ("dtmf", ..) if self.carrier == Carrier::SignalWire => match message.dtmf {
                Some(Dtmf { digit }) => Said::Key(digit),
                None => unknown(),
            },
            _ => unknown(),
        }
    }

    /// Reads a binary message.
    pub(super) fn read_binary(&self, audio: Bytes, frame: usize) -> Said {
        let takes = match self.carrier {
            Carrier::Jambonz => audio.len().is_multiple_of(2) && !audio.is_empty(),
            Carrier::Vonage => audio.len() == frame,
            Carrier::Exotel
            | Carrier::Plivo
            | Carrier::SignalWire
            | Carrier::Telnyx
            | Carrier::Twilio => false,
        };
        if takes {
            return Said::Audio(audio);
        }
        Said::Unknown(format!("{} bytes", audio.len()))
    }
}

/// Plivo's form of parameters, as it is seen in the field.
fn pairs(parameters: &BTreeMap<String, String>) -> String {
    let pair = |(name, value): (&String, &String)| format!("X-PH-{name}: {value}");
    let pairs: Vec<_> = parameters.iter().map(pair).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A message from the server.
#[derive(Debug, Deserialize)]
struct FromServer<'a> {
    #[serde(default, borrow)]
    event: Cow<'a, str>,
    #[serde(default, borrow)]
    action: Cow<'a, str>,
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "streamSid", default, borrow)]
    stream_sid: Cow<'a, str>,
    #[serde(rename = "stream_sid", default, borrow)]
    snake_stream_sid: Cow<'a, str>,
    #[serde(rename = "streamId", default, borrow)]
    stream_id: Cow<'a, str>,
    #[serde(default, borrow)]
    media: Option<Media<'a>>,
    #[serde(default)]
    mark: Option<Mark>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    dtmf: Option<Dtmf>,
}

#[derive(Debug, Deserialize)]
struct Dtmf {
    digit: String,
}

#[derive(Debug, Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(rename = "contentType", default, borrow)]
    content_type: Cow<'a, str>,
    #[serde(rename = "sampleRate", default)]
    sample_rate: u32,
}

impl Media<'_> {
    /// Plivo wants to be told what it gets.
    fn is_for(&self, carrier: Carrier) -> bool {
        carrier != Carrier::Plivo
            || (self.content_type == "audio/x-mulaw" && self.sample_rate == 8_000)
    }
}

#[derive(Debug, Deserialize)]
struct Mark {
    name: String,
}
