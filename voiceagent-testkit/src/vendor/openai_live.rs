use std::{collections::BTreeSet, time::Duration};

use base64_simd::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    RealtimeScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    realtime::has_only,
    server::{Script, Session},
    sound::silence,
};
use crate::{fakes::Reply, tone};

/// Audio comes in pieces of this length, all the time.
const PIECE: Duration = Duration::from_millis(100);

/// The silence after which the model takes the user for done.
const SILENCE: Duration = Duration::from_millis(200);

/// From the beginning of a conversation to the first sound that is the model's.
const WARM_UP: Duration = Duration::from_millis(600);

/// OpenAI's `/v1/live/sessions`, as its Python SDK 3.52.0 types it.
pub(super) struct OpenAiLive(pub(super) RealtimeScript);

impl Script for OpenAiLive {
    fn path(&self) -> &str {
        "/v1/live/sessions"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        Box::new(Live {
            script: self.0.clone(),
            stream: None,
            calls: BTreeSet::new(),
            is_waited_for: false,
            named: 0,
            outbox: Outbox::default(),
        })
    }
}

/// One connection.
struct Live {
    script: RealtimeScript,
    /// What flows once the conversation has begun.
    stream: Option<Stream>,
    /// Calls without a result.
    calls: BTreeSet<String>,
    /// The backend waits for results.
    is_waited_for: bool,
    named: u32,
    outbox: Outbox,
}

/// Both directions of the audio.
struct Stream {
    format: AudioFormat,
    ears: Ears,
    /// The place that is sent next, from the beginning.
    position: Duration,
    due: Instant,
    /// What is being said, and the text that goes with it.
    saying: BytesMut,
    text: Option<String>,
}

impl Session for Live {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse("binary", &Value::Null, now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if message["type"] == "session.close" {
            self.say(now, json!({ "type": "session.closed", "reason": "close_requested" }));
            self.outbox.push(now, Output::Close(1000, ""));
            return true;
        }
        if let Err(code) = self.take(&message, now) {
            self.refuse(code, &message["event_id"], now);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        if let Some(output) = self.outbox.pop(now) {
            return Some(output);
        }
        let stream = self.stream.as_mut().filter(|stream| stream.due <= now)?;
        let message = stream.next(&self.script);
        Some(Output::Text(message.to_string()))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due().into_iter().chain(self.stream.as_ref().map(|stream| stream.due)).min()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Live {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let kind = message["type"].as_str().unwrap_or_default();
        if self.stream.is_none() {
            if kind != "session.start" {
                return Err("session_not_started");
            }
            let format = session(&message["session"])?;
            self.stream = Some(Stream::new(format, now));
            let session = json!({ "id": "live_1", "status": "active", "expires_at": 0 });
            self.say(now, json!({ "type": "session.started", "session": session }));
            return Ok(());
        }
        match kind {
            "session.input_audio.append" => self.hear(&message["audio"], now),
            "session.commentary.append" => {
                let text = message["content"].as_str().ok_or("invalid_type")?;
                if message.get("delegation_id").is_none() {
                    return Err("missing_required_parameter");
                }
                match text.split_once("nothing else:\n") {
                    // What it is to say word for word; the rest it would have to understand.
                    Some((_, exactly)) => self.answer(Reply::text(exactly), now),
                    None => self.reply(now),
                }
                Ok(())
            }
            "response.item.create" => {
                let item = &message["item"];
                if item["type"] != "function_call_output" || !item["output"].is_string() {
                    return Err("invalid_value");
                }
                let known = self.calls.remove(item["call_id"].as_str().unwrap_or_default());
                if known { Ok(()) } else { Err("invalid_call_id") }
            }
            "response.create" if self.is_waited_for && self.calls.is_empty() => {
                self.is_waited_for = false;
                self.reply(now);
                Ok(())
            }
            "response.create" => Err("missing_function_call_output"),
            _ => Err("unknown_type"),
        }
    }

    fn hear(&mut self, audio: &Value, now: Instant) -> Result<(), &'static str> {
        let audio = STANDARD.decode_to_vec(audio.as_str().ok_or("invalid_value")?);
        let audio = audio.map_err(|_| "invalid_value")?;
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut turns = 0;
        for (_, heard) in stream.ears.hear(&audio) {
            match heard {
                // It lets itself be interrupted.
                Heard::Began(_) => stream.saying.clear(),
                Heard::Silence(since) if since >= SILENCE && stream.ears.finish_speech() => {
                    turns += 1;
                }
                Heard::Silence(_) | Heard::Speech => {}
            }
        }
        for _ in 0..turns {
            self.transcribe(now);
            self.reply(now);
        }
        Ok(())
    }

    fn transcribe(&mut self, now: Instant) {
        let words = self.script.next_utterance();
        let at = self.stream.as_ref().map_or(0, |stream| stream.position.as_millis());
        // Pieces come with the spaces between them.
        let (first, rest) = words.split_at(words.find(' ').unwrap_or(words.len()));
        for text in [first, rest].into_iter().filter(|text| !text.is_empty()) {
            self.say(
                now,
                json!({ "type": "session.input_transcript.delta", "delta": text,
                "start_ms": at, "end_ms": at }),
            );
        }
    }

    fn reply(&mut self, now: Instant) {
        if let Some(code) = self.script.next_failure() {
            let error = json!({ "type": "invalid_request_error", "code": code, "message": "" });
            return self.say(now, json!({ "type": "error", "error": error }));
        }
        let reply = self.script.next_reply();
        self.answer(reply, now);
    }

    fn answer(&mut self, reply: Reply, now: Instant) {
        if let Some(stream) = &mut self.stream {
            stream.say(&reply.text, &self.script);
        }
        if reply.calls.is_empty() {
            return;
        }
        self.is_waited_for = true;
        let delegation = json!({ "id": "del_1", "target": "responses", "type": "delegation" });
        self.say(
            now,
            json!({ "type": "session.delegation.created", "offset_ms": 0,
            "delegation": delegation }),
        );
        self.backend(now, json!({ "type": "response.created", "response": { "id": "resp_1" } }));
        for (name, arguments) in reply.calls {
            self.named += 1;
            let call_id = format!("call_{}", self.named);
            let item = json!({ "type": "function_call", "status": "completed", "name": name,
                "call_id": call_id, "arguments": arguments.to_string() });
            self.calls.insert(call_id);
            self.backend(now, json!({ "type": "response.output_item.done", "item": item }));
        }
        let usage = json!({ "input_tokens": 20, "output_tokens": 10 });
        let response = json!({ "id": "resp_1", "output": [], "usage": usage });
        self.backend(now, json!({ "type": "response.completed", "response": response }));
    }

    fn backend(&mut self, now: Instant, event: Value) {
        self.say(
            now,
            json!({ "type": "response.event", "delegation_id": "del_1", "event": event }),
        );
    }

    fn refuse(&mut self, code: &str, event_id: &Value, now: Instant) {
        self.script.complain(code);
        let error = json!({ "type": "invalid_request_error", "code": code,
            "message": "refused by the script", "client_event_id": event_id });
        self.say(now, json!({ "type": "error", "error": error }));
    }

    fn say(&mut self, now: Instant, mut message: Value) {
        message["event_id"] = "scripted".into();
        self.outbox.push(now, Output::Text(message.to_string()));
    }
}

impl Stream {
    fn new(format: AudioFormat, now: Instant) -> Self {
        let (position, saying) = (Duration::ZERO, BytesMut::new());
        Self { format, ears: Ears::new(format), position, due: now, saying, text: None }
    }

    /// Says a text as soon as it can.
    fn say(&mut self, text: &str, script: &RealtimeScript) {
        if text.is_empty() {
            return;
        }
        let before = script.first_audio_delay.max(WARM_UP.saturating_sub(self.position));
        self.saying.clear();
        self.saying.extend_from_slice(&silence(self.format, before));
        self.saying.extend_from_slice(&tone::spell(self.format, text, script.per_character));
        self.text = Some(text.to_owned());
    }

    /// The next message of the stream: a text just before its sound, and sound or silence.
    fn next(&mut self, script: &RealtimeScript) -> Value {
        let at = self.position.as_millis();
        if let Some(text) = self.text.take() {
            return json!({ "type": "session.output_transcript.delta", "event_id": "scripted",
                "delta": text, "start_ms": at, "end_ms": at + PIECE.as_millis() });
        }
        let length = self.format.bytes_in(PIECE);
        let mut audio = self.saying.split_to(length.min(self.saying.len()));
        let rest = self.format.duration_of(self.format.samples(length - audio.len()));
        audio.extend_from_slice(&silence(self.format, rest));
        self.position += PIECE;
        self.due += PIECE / script.speed.max(1);
        let audio = STANDARD.encode_to_string(Bytes::from(audio));
        json!({ "type": "session.output_audio.delta", "delta": audio })
    }
}

/// Reads a session, and refuses what the vendor does not know.
fn session(session: &Value) -> Result<AudioFormat, &'static str> {
    known(session, &["audio", "delegation", "input", "instructions", "model", "store"])?;
    if !session["model"].as_str().is_some_and(|model| model.starts_with("gpt-live")) {
        return Err("invalid_model");
    }
    let input = session["input"].as_array().map_or(&[][..], Vec::as_slice);
    if input.len() > 128 || input.iter().any(|item| !item["content"][0]["text"].is_string()) {
        return Err("invalid_input");
    }
    let delegation = &session["delegation"];
    known(delegation, &["responses", "type"])?;
    let backend = &delegation["responses"];
    let fields = ["instructions", "max_output_tokens", "model", "parallel_tool_calls", "reasoning"];
    known(backend, &[&fields[..], &["tools"]].concat())?;
    if delegation["type"] != "responses" || !backend["model"].is_string() {
        return Err("invalid_delegation");
    }
    let format = &session["audio"]["format"];
    match (format["type"].as_str(), format["rate"].as_u64()) {
        (Some("audio/pcm"), Some(16_000)) => Ok(AudioFormat::PCM_16K),
        (Some("audio/pcm"), Some(24_000)) => Ok(AudioFormat::PCM_24K),
        (Some("audio/pcma"), Some(8_000)) => Ok(AudioFormat::mono(Encoding::Alaw, 8_000)),
        (Some("audio/pcmu"), Some(8_000)) => Ok(AudioFormat::mono(Encoding::Mulaw, 8_000)),
        _ => Err("invalid_format"),
    }
}

fn known(object: &Value, fields: &[&str]) -> Result<(), &'static str> {
    has_only(object, fields).then_some(()).ok_or("unknown_parameter")
}
