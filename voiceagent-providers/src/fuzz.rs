//! What vendors say, for fuzz targets. No part of the interface.
//!
//! An input is a list of messages, with the character 0x1E between them. Each codec of a kind gets
//! all of them, also those of other vendors.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use voiceagent_core::{
    Error, GenerationId, Result, Secret, TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    llm::{LlmEvent, ToolCall},
    realtime::{Prompt, RealtimeInput, RealtimeOptions},
    registry::Registry,
    stt::SttEvent,
};

use crate::wire::{
    llm::answer::Codec,
    realtime::{Out, RealtimeCodec},
    secrets::Secrets,
    sse::SseParser,
    stt::SttCodec,
    voice::context_codec::ContextCodec,
};

/// What no error may repeat; corpora and damages hold it.
const KEY: &str = "sk-12345";

/// The longest event, as that of an answer.
const LONGEST: usize = 1 << 20;

/// A vendor shows its codecs, and a target takes those of its kind.
pub(crate) trait Target {
    /// A language model's; made anew, since a codec understands one answer.
    fn model<C: Codec>(&mut self, make: impl Fn() -> C) {
        drop(make);
    }

    /// A recognizer's.
    fn recognizer(&mut self, codec: impl SttCodec) {
        drop(codec);
    }

    /// A speech-to-speech model's.
    fn conversation(&mut self, codec: impl RealtimeCodec) {
        drop(codec);
    }

    /// A voice's.
    fn voice(&mut self, codec: impl ContextCodec) {
        drop(codec);
    }
}

/// The key that the vendor was told.
pub(crate) fn key() -> Secret {
    Secret::new(KEY)
}

/// How a conversation with a speech-to-speech model is opened.
pub(crate) fn options() -> RealtimeOptions {
    RealtimeOptions::new("You are a dealership agent.", AudioFormat::MULAW_8K)
}

/// Server-sent events are the same however the bytes are cut, and no longer than what came.
pub fn sse(bytes: &[u8]) {
    let whole = events(&[bytes]);
    let length: usize = whole.iter().map(String::len).sum();
    // What is no UTF-8 is replaced by a character of three bytes.
    assert!(length <= 3 * bytes.len());
    for middle in [bytes.len() / 2, bytes.len() / 3, 1.min(bytes.len())] {
        let (head, tail) = bytes.split_at(middle);
        assert_eq!(events(&[head, tail]), whole, "cut at {middle}");
    }
    assert_eq!(events(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
}

fn events(pieces: &[&[u8]]) -> Vec<String> {
    let mut parser = SseParser::new(LONGEST);
    let mut events = Vec::new();
    for piece in pieces {
        if parser.feed(piece).is_err() {
            break;
        }
        events.extend(std::iter::from_fn(|| parser.poll()));
    }
    events
}

/// Answers of language models, whole and in pieces: the same events, and the same end.
pub fn models(bytes: &[u8]) {
    show(&mut Models(bytes));
}

/// Messages of recognizers, with finals that are asked for and connections that are lost between.
pub fn recognizers(bytes: &[u8]) {
    show(&mut Recognizers(bytes));
}

/// Messages of voices, with contexts that begin, are cancelled and end between.
pub fn voices(bytes: &[u8]) {
    show(&mut Voices(bytes));
}

/// Messages of speech-to-speech models, with what a session wants between.
pub fn conversations(bytes: &[u8]) {
    show(&mut Conversations(bytes));
}

/// The settings of a provider, as somebody wrote them: refused by their field, without the value.
/// Names of settings are told as they stand, so a key within one is not looked for.
pub fn settings(bytes: &[u8]) {
    if is_named(bytes) {
        return;
    }
    let mut registry = Registry::default();
    crate::register(&mut registry);
    check(read(bytes).and_then(|config| registry.stt.build(config)).map(drop));
    check(read(bytes).and_then(|config| registry.llm.build(config)).map(drop));
    check(read(bytes).and_then(|config| registry.tts.build(config)).map(drop));
    check(read(bytes).and_then(|config| registry.realtime.build(config)).map(drop));
    check(read(bytes).and_then(|config| registry.embedding.build(config)).map(drop));
}

/// Whether the key stands in a name.
fn is_named(settings: &[u8]) -> bool {
    let settings = String::from_utf8_lossy(settings);
    let is_name = |rest: &str| {
        rest.split_once('"').is_some_and(|(_, after)| after.trim_start().starts_with(':'))
    };
    settings.split(KEY).skip(1).any(is_name)
}

/// Reads settings as JSON of any shape, as an application does.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|_| Error::config("no JSON"))
}

/// Shows the codecs of all vendors to a target.
fn show(to: &mut impl Target) {
    #[cfg(feature = "anthropic")]
    crate::anthropic::show(to);
    #[cfg(feature = "assemblyai")]
    crate::assemblyai::show(to);
    #[cfg(feature = "azure")]
    crate::azure::show(to);
    #[cfg(feature = "cartesia")]
    crate::cartesia::show(to);
    #[cfg(feature = "deepgram")]
    crate::deepgram::show(to);
    #[cfg(feature = "elevenlabs")]
    crate::elevenlabs::show(to);
    #[cfg(feature = "gemini")]
    crate::gemini::show(to);
    #[cfg(feature = "openai")]
    crate::openai::show(to);
    #[cfg(feature = "soniox")]
    crate::soniox::show(to);
    #[cfg(feature = "speechmatics")]
    crate::speechmatics::show(to);
}

fn messages(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.split(|byte| *byte == 0x1E).map(|text| String::from_utf8_lossy(text).into_owned())
}

fn secrets() -> Secrets {
    Secrets::new([&key()])
}

/// An error is told in words of ours, and what it quotes is without the key.
fn check<T>(result: Result<T>) {
    if let Err(error) = result {
        told(&error);
    }
}

fn told(error: &Error) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(KEY), "{shown}");
}

struct Models<'a>(&'a [u8]);

impl Target for Models<'_> {
    fn model<C: Codec>(&mut self, make: impl Fn() -> C) {
        // The corpora are streams of events, and so are most of their damaged copies.
        let understood = |pieces: &[&[u8]]| {
            let mut codec = make();
            let mut parser = SseParser::new(LONGEST);
            let mut understand = || {
                for piece in pieces {
                    parser.feed(piece)?;
                    while let Some(data) = parser.poll() {
                        codec.handle(&data)?;
                        let _ = (codec.is_finished(), codec.is_done());
                    }
                }
                codec.end()
            };
            let error = understand().err();
            let events: Vec<_> = std::iter::from_fn(|| codec.poll()).map(without_id).collect();
            (events, error.map(|error| error.to_string()))
        };
        let whole = understood(&[self.0]);
        let (head, tail) = self.0.split_at(self.0.len() / 2);
        assert_eq!(understood(&[head, tail]), whole);
        // Sockets bring the same events as messages.
        let mut codec = make();
        for message in messages(self.0) {
            check(codec.handle(&message));
        }
        check(codec.end());
    }
}

/// Calls without a name of the vendor's get one of ours, which is another each time.
fn without_id(event: LlmEvent) -> LlmEvent {
    match event {
        LlmEvent::ToolCall(call) => LlmEvent::ToolCall(ToolCall { id: "".into(), ..call }),
        event => event,
    }
}

struct Recognizers<'a>(&'a [u8]);

impl Target for Recognizers<'_> {
    fn recognizer(&mut self, mut codec: impl SttCodec) {
        let mut told = Vec::new();
        for round in 0..2_u32 {
            let zero = Duration::from_secs(60) * round;
            codec.connected(zero);
            for (place, message) in (1..).zip(messages(self.0)) {
                let _ = codec.pack(Bytes::from_static(&[0xFF; 160]));
                codec.on_sent(zero + Duration::from_secs(1) * place);
                hear(&mut codec, &message, &mut told);
                if place % 2 == 0 {
                    let _ = codec.finalize();
                }
            }
            codec.lost(codec.covered(), &mut told);
        }
        codec.settle(&mut told);
        let _ = (codec.owes_final(), codec.in_turn(), codec.awaits_hello(), codec.goodbye());
    }
}

fn hear<C: SttCodec>(codec: &mut C, message: &str, told: &mut Vec<SttEvent>) {
    let _ = codec.is_receipt(message);
    check(C::is_hello(message, &secrets()));
    check(codec.decode(message, &secrets(), told));
}

struct Voices<'a>(&'a [u8]);

impl Target for Voices<'_> {
    fn voice(&mut self, mut codec: impl ContextCodec) {
        codec.connected();
        let _ = (codec.begin(1), codec.say(1, "Good day."));
        for (place, message) in (1_u64..).zip(messages(self.0)) {
            check(codec.decode(&message, &secrets()));
            let _ = codec.decode_audio(Bytes::from(message.into_bytes()));
            let _ = codec.keep_alive(place);
            if place % 2 == 0 {
                let heard = (place % 4 == 0).then_some(Duration::from_millis(100 * place));
                let _ = (codec.cancel(place, heard), codec.is_stopping());
            } else {
                let _ = codec.end(place);
            }
            let _ = (codec.begin(place + 1), codec.say(place + 1, "<And> \"more\"."));
        }
    }
}

struct Conversations<'a>(&'a [u8]);

impl Target for Conversations<'_> {
    fn conversation(&mut self, mut codec: impl RealtimeCodec) {
        let mut out = Out::default();
        codec.begin(&mut out);
        for (place, message) in (1_u64..).zip(messages(self.0)) {
            check(codec.decode(&message, &secrets(), &mut out));
            check(codec.decode_binary(Bytes::from(message.into_bytes()), &secrets(), &mut out));
            for input in wants(place) {
                codec.take(input, &mut out);
            }
            let _ = (codec.is_ready(), codec.owes(), codec.is_idle(), codec.keep_alive());
            if codec.is_dismissed() && codec.is_resumable() {
                codec.begin(&mut out);
            }
        }
    }
}

/// What a session says behind a message.
fn wants(place: u64) -> Vec<RealtimeInput> {
    let generation = GenerationId::new(place);
    let audio = Bytes::from_static(&[0x80; 160]);
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(160 * place), audio);
    let heard = Duration::from_millis(20);
    let rest = match place % 4 {
        0 => RealtimeInput::Cancel { generation },
        1 => RealtimeInput::Commit { turn: TurnId::new(place) },
        2 => RealtimeInput::Truncate { generation, heard },
        _ => RealtimeInput::ToolResult { id: "call_1".into(), output: Arc::from("{}") },
    };
    let generate = RealtimeInput::Generate { generation, prompt: Prompt::Answer };
    vec![RealtimeInput::Audio(frame), rest, generate]
}

#[cfg(test)]
mod tests;
