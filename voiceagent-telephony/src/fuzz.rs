//! What carriers and strangers say, for fuzz targets. No part of the interface.
//!
//! An input for what reads messages is a list of them, with the character 0x1E between.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;
use voiceagent_core::{
    Secret,
    audio::{AudioFormat, Encoding},
    transport::Inbound,
};

use crate::{
    audio_socket,
    front_door::CallStatus,
    media_stream::{self, Carrier, MediaCodec},
    signature::{
        CheckSignature, Form, PlivoSignature, SignalWireSignature, SignedRequest, TelnyxSignature,
        TwilioSignature, VapiSignature, VonageSignature, read_pairs,
    },
    vapi::VapiEvent,
};

/// What no refusal may repeat.
const KEY: &str = "sk-12345";

/// The formats that a stream may have, whatever the carrier.
const FORMATS: [AudioFormat; 4] =
    [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_8K, AudioFormat::PCM_24K];

/// A piece of audio that each carrier with JSON understands.
const GOOD: &str = r#"{"event":"media","media":{"track":"inbound","payload":"//////////8="}}"#;

/// Messages of a media stream, to the reader of each carrier: audio goes forward in whole samples,
/// and the reader still hears afterwards.
pub fn media_streams(bytes: &[u8]) {
    for carrier in Carrier::ALL.iter().copied() {
        for format in FORMATS {
            let mut codec = MediaCodec::with_format(carrier, "MZ1", format);
            let mut heard = Heard { format, until: 0 };
            for message in bytes.split(|byte| *byte == 0x1E) {
                match str::from_utf8(message) {
                    Ok(text) => heard.note(codec.read(text)),
                    Err(_) => heard.note(codec.read_binary(message)),
                }
                while let Some(waiting) = codec.waiting() {
                    heard.note(Some(waiting));
                }
            }
            let good = match carrier {
                Carrier::Jambonz | Carrier::Vonage => codec.read_binary(&[0; 320]),
                _ => codec.read(GOOD),
            };
            assert!(matches!(good, Some(Inbound::Audio(_))), "{carrier:?} is deaf");
            heard.note(good);
        }
    }
}

/// How far the audio of a stream has come.
struct Heard {
    format: AudioFormat,
    until: u64,
}

impl Heard {
    fn note(&mut self, inbound: Option<Inbound>) {
        let Some(Inbound::Audio(frame)) = inbound else { return };
        let sample = if self.format.encoding == Encoding::PcmS16Le { 2 } else { 1 };
        assert!(frame.payload.len().is_multiple_of(sample), "half a sample");
        assert!(frame.at.0 >= self.until, "audio goes back");
        self.until = frame.at.0 + frame.samples();
    }
}

/// The beginnings of media streams and relays, and what a relay says.
pub fn beginnings(bytes: &[u8]) {
    for message in bytes.split(|byte| *byte == 0x1E) {
        media_stream::fuzz(&String::from_utf8_lossy(message));
    }
}

/// What Asterisk sends over TCP: the same frames however it is cut, none longer than what came.
pub fn audio_sockets(bytes: &[u8]) {
    let whole = frames(&[bytes]);
    let length: usize = whole.len();
    // A frame has three bytes of a head.
    assert!(3 * length <= bytes.len());
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    assert_eq!(frames(&[head, tail]), whole);
    assert_eq!(frames(&bytes.chunks(1).collect::<Vec<_>>()), whole);
}

fn frames(pieces: &[&[u8]]) -> Vec<String> {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        frames.extend(std::iter::from_fn(|| audio_socket::fuzz(&mut buffer)));
    }
    frames
}

/// A webhook that nobody has signed: a line for its address, lines for headers, an empty one, and
/// the body. It is refused by all carriers' checks, in words that hold no key.
pub fn webhooks(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or((&*text, ""));
    let mut lines: VecDeque<&str> = head.lines().collect();
    let url = lines.pop_front().unwrap_or_default();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.trim().parse().ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    let headers: HeaderMap = lines.into_iter().filter_map(header).collect();
    let form = Form(read_pairs(body));
    let _ = VapiEvent::read(body.as_bytes());
    for (_, value) in &form.0 {
        let _ = CallStatus::parse(value);
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for form in [Some(&form), None] {
        let body = body.as_bytes();
        let request = SignedRequest { url, headers: &headers, body, form, now };
        let vapi = VapiSignature::new([Secret::new(KEY)]).expect("there is a key");
        let header = |name| headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
        let signature = header("x-vapi-signature").unwrap_or_default();
        let timestamp = header("x-vapi-timestamp").unwrap_or_default();
        assert!(vapi.body(timestamp, body, signature, 1_700_000_000).is_err(), "nobody signed it");
        for check in checks() {
            let refusal = check.check(&request).expect_err("nobody has signed it");
            assert!(!format!("{refusal} {refusal:?} {check:?}").contains(KEY));
            let _ = check.hint(refusal);
        }
    }
}

fn checks() -> Vec<Box<dyn CheckSignature>> {
    let key = || [Secret::new(KEY)];
    // A public key of somebody: 32 bytes as base64.
    let public = [Secret::new("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbk=")];
    vec![
        Box::new(TwilioSignature::new(key()).expect("there is a key")),
        Box::new(SignalWireSignature::new(key()).expect("there is a key")),
        Box::new(PlivoSignature::new(key()).expect("there is a key")),
        Box::new(VonageSignature::new(key()).expect("there is a key")),
        Box::new(TelnyxSignature::new(public).expect("it is a key")),
    ]
}

#[cfg(test)]
mod tests;
