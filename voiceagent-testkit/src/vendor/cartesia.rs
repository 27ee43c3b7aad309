use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    SpeakScript,
    contexts::Contexts,
    outbox::{Outbox, Output},
    query::Query,
    server::{Idle, Script, Session, Sign},
};

/// Cartesia's `/tts/websocket`, as its Python SDK 4.2.0 types it.
pub(super) struct Cartesia(pub(super) SpeakScript);

const HEADERS: [(&str, &str); 2] =
    [("x-api-key", "scripted-vendor-key"), ("cartesia-version", "2026-03-01")];

impl Script for Cartesia {
    fn path(&self) -> &str {
        "/tts/websocket"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn idle(&self) -> Option<Idle> {
        Some(Idle {
            limit: Duration::from_secs(300),
            sign: Sign::Message,
            close: (1000, "connection idle timeout"),
        })
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        Box::new(Speech {
            script: self.0.clone(),
            requests: Vec::new(),
            contexts: Contexts::default(),
            refusals: Outbox::default(),
        })
    }
}

struct Speech {
    script: SpeakScript,
    /// What the messages of each context must have in common.
    requests: Vec<(String, Value)>,
    contexts: Contexts,
    refusals: Outbox,
}

impl Session for Speech {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now, None, "audio is not taken");
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(context) = message["context_id"].as_str().map(str::to_owned) else {
            self.refuse(now, None, "context_id is missing");
            return false;
        };
        if message["cancel"] == true {
            self.contexts.cancel(&context);
        } else if let Err(why) = self.generate(&context, message, now) {
            self.refuse(now, Some(&context), &why);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.refusals.pop(now).or_else(|| self.contexts.pop(now))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.refusals.due().into_iter().chain(self.contexts.due()).min()
    }

    fn progress(&self) -> usize {
        0
    }
}

const KNOWN: [&str; 11] = [
    "add_timestamps",
    "context_id",
    "continue",
    "generation_config",
    "language",
    "max_buffer_delay_ms",
    "model_id",
    "output_format",
    "pronunciation_dict_id",
    "transcript",
    "voice",
];

impl Speech {
    fn generate(&mut self, name: &str, mut message: Value, now: Instant) -> Result<(), String> {
        let format = check(&message)?;
        let fields = message.as_object_mut().expect("it has fields that were checked");
        let transcript = fields.remove("transcript");
        let transcript = transcript.as_ref().and_then(Value::as_str).ok_or("no transcript")?;
        let goes_on = fields.remove("continue") == Some(Value::Bool(true));
        match self.requests.iter().find(|(known, _)| known == name) {
            Some((_, first)) if *first != message => {
                return Err("the fields of a context must stay the same".to_owned());
            }
            Some(_) => {}
            None => self.requests.push((name.to_owned(), message.clone())),
        }
        let context = self.contexts.named(name);
        if context.ended {
            return Err("the context has ended".to_owned());
        }
        if message["add_timestamps"] == true && !transcript.trim().is_empty() {
            let times = timestamps(transcript, context.position, self.script.per_character);
            let event = json!({ "type": "timestamps", "context_id": name, "done": false,
                "status_code": 206, "word_timestamps": times });
            context.send(now + self.script.first_audio_delay, &event);
        }
        let mut last = now;
        for piece in context.speak(&self.script, format, transcript, now) {
            let data = STANDARD.encode_to_string(&piece.audio);
            let event = json!({ "type": "chunk", "context_id": name, "data": data, "done": false,
                "status_code": 206, "step_time": 31.2 });
            context.send(piece.due, &event);
            last = piece.due;
        }
        if !goes_on {
            context.ended = true;
            let event =
                json!({ "type": "done", "context_id": name, "done": true, "status_code": 200 });
            context.send(last, &event);
        }
        Ok(())
    }

    fn refuse(&mut self, now: Instant, context: Option<&str>, why: &str) {
        let message = json!({ "type": "error", "context_id": context, "done": true,
            "status_code": 400, "error_code": "invalid_request", "title": "Invalid request",
            "message": why, "request_id": "scripted" });
        self.refusals.push(now, Output::Text(message.to_string()));
    }
}

/// Checks a request; the format in which it wants to be answered.
fn check(message: &Value) -> Result<AudioFormat, String> {
    let fields = message.as_object().ok_or("not an object")?;
    if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&&***key)) {
        return Err(format!("unknown field {unknown}"));
    }
    let voice = &message["voice"];
    if voice["mode"] != "id" || voice["id"].as_str().is_none_or(str::is_empty) {
        return Err("voice must be an id".to_owned());
    }
    if !message["model_id"].as_str().is_some_and(|model| model.starts_with("sonic")) {
        return Err("model_id must be a Sonic model".to_owned());
    }
    let delay = &message["max_buffer_delay_ms"];
    if !delay.is_null() && delay.as_u64().is_none_or(|delay| delay > 5_000) {
        return Err("max_buffer_delay_ms is out of range".to_owned());
    }
    for (field, range) in [("speed", 0.6..=1.5), ("volume", 0.5..=2.0)] {
        let value = &message["generation_config"][field];
        if !value.is_null() && !value.as_f64().is_some_and(|value| range.contains(&value)) {
            return Err(format!("{field} is out of range"));
        }
    }
    output_format(&message["output_format"])
}

fn output_format(wanted: &Value) -> Result<AudioFormat, String> {
    let encoding = match wanted["encoding"].as_str() {
        Some("pcm_alaw") => Encoding::Alaw,
        Some("pcm_mulaw") => Encoding::Mulaw,
        Some("pcm_s16le") => Encoding::PcmS16Le,
        _ => return Err("encoding is not supported".to_owned()),
    };
    let rate = wanted["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
    let rate = rate.filter(|it| [8_000, 16_000, 22_050, 24_000, 44_100, 48_000].contains(it));
    if wanted["container"] != "raw" {
        return Err("container must be raw".to_owned());
    }
    Ok(AudioFormat::mono(encoding, rate.ok_or("sample_rate is not supported")?))
}

/// When the words of a transcript are spoken that begins at `position`.
fn timestamps(transcript: &str, position: Duration, per_character: Duration) -> Value {
    let (mut words, mut start, mut end) = (Vec::new(), Vec::new(), Vec::new());
    let at = |bytes: usize| {
        let characters = u32::try_from(transcript[..bytes].chars().count()).unwrap_or(u32::MAX);
        (position + per_character * characters).as_secs_f64()
    };
    for word in transcript.split_whitespace() {
        let begins = word.as_ptr().addr() - transcript.as_ptr().addr();
        words.push(word);
        start.push(at(begins));
        end.push(at(begins + word.len()));
    }
    json!({ "words": words, "start": start, "end": end })
}
