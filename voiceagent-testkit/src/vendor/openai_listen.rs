use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    TurnScript,
    hearing::{Hearing, Sound},
    outbox::Output,
    query::Query,
    server::{Script, Session},
};

/// OpenAI's `/v1/realtime?intent=transcription`, as its Python SDK 3.52.0 types it.
pub(super) struct OpenAiListen(pub(super) TurnScript);

const HEADERS: [(&str, &str); 1] = [("authorization", "Bearer scripted-vendor-key")];

/// Models that listen all the time, and refuse to look for silence.
const LIVE: [&str; 2] = ["gpt-live-transcribe", "gpt-realtime-whisper"];

/// Less audio is no utterance.
const SHORTEST: Duration = Duration::from_millis(100);

impl Script for OpenAiListen {
    fn path(&self) -> &str {
        "/v1/realtime"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&["intent"])?;
        match query.get("intent") {
            Some("transcription") => Ok(()),
            other => Err(format!("intent {other:?} is not supported")),
        }
    }

    fn begin(&self, _query: &Query, progress: usize) -> Box<dyn Session> {
        let mut hearing = Hearing::new(&self.0, AudioFormat::PCM_24K, progress);
        let session = json!({ "type": "transcription" });
        hearing.say(Instant::now(), &json!({ "type": "session.created", "session": session }));
        Box::new(Items { hearing, asked: None, item: 0, words: 0, from: Duration::ZERO })
    }
}

struct Items {
    hearing: Hearing,
    asked: Option<Asked>,
    item: usize,
    /// Words of the utterance that were told.
    words: usize,
    /// Where the audio begins that was not committed.
    from: Duration,
}

/// What the client has asked for.
#[derive(Clone, Copy)]
struct Asked {
    format: AudioFormat,
    is_live: bool,
    silence: Option<Duration>,
}

impl Session for Items {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.complain(now, "invalid_binary_message");
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("session.update") => match Asked::check(&message["session"]) {
                Ok(asked) => {
                    self.hearing.listen_in(asked.format);
                    self.asked = Some(asked);
                    let session = &message["session"];
                    let updated = json!({ "type": "session.updated", "session": session });
                    self.hearing.say(now, &updated);
                }
                Err(code) => self.complain(now, code),
            },
            Some("input_audio_buffer.append") => {
                let audio = message["audio"].as_str().unwrap_or_default();
                match STANDARD.decode_to_vec(audio) {
                    Ok(audio) => self.hear(&audio, now),
                    Err(_) => self.complain(now, "invalid_value"),
                }
            }
            Some("input_audio_buffer.commit") => {
                if self.hearing.position() < self.from + SHORTEST {
                    self.complain(now, "input_audio_buffer_commit_empty");
                } else {
                    self.commit(now);
                }
            }
            _ => self.complain(now, "invalid_value"),
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.hearing.poll(now)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.hearing.wake_at()
    }

    fn progress(&self) -> usize {
        self.hearing.progress()
    }
}

impl Items {
    fn hear(&mut self, mut audio: &[u8], now: Instant) {
        let Some(Asked { is_live, silence, .. }) = self.asked else {
            return self.complain(now, "session_not_configured");
        };
        while let Some(sound) = self.hearing.notice(&mut audio) {
            match sound {
                Sound::Began(start) if silence.is_some() => {
                    let start = start.as_millis();
                    let kind = "input_audio_buffer.speech_started";
                    self.say(now, json!({ "type": kind, "audio_start_ms": start }));
                }
                Sound::Words if is_live => self.tell_words(now),
                Sound::Silence(since) if silence.is_some_and(|limit| since >= limit) => {
                    let end = self.hearing.position().as_millis();
                    let kind = "input_audio_buffer.speech_stopped";
                    self.say(now, json!({ "type": kind, "audio_end_ms": end }));
                    self.commit(now);
                }
                Sound::Began(_) | Sound::Silence(_) | Sound::Words => {}
            }
        }
    }

    fn commit(&mut self, now: Instant) {
        self.from = self.hearing.position();
        self.say(now, json!({ "type": "input_audio_buffer.committed", "previous_item_id": null }));
        let spoke = self.hearing.speech().is_some();
        let text = self.hearing.words().join(" ");
        let kind = "conversation.item.input_audio_transcription.completed";
        let completed = json!({ "type": kind, "item_id": self.id(), "content_index": 0,
            "transcript": text });
        if spoke {
            self.hearing.say_last(now, completed);
        } else {
            self.hearing.say(now, &completed);
        }
        self.hearing.end();
        self.item += 1;
        self.words = 0;
    }

    /// Tells the words that were said since the last time.
    fn tell_words(&mut self, now: Instant) {
        let words = self.hearing.words_so_far();
        for word in words.iter().skip(self.words) {
            let kind = "conversation.item.input_audio_transcription.delta";
            let delta = format!("{word} ");
            self.say(now, json!({ "type": kind, "content_index": 0, "delta": delta }));
        }
        self.words = words.len();
    }

    fn say(&mut self, now: Instant, mut message: Value) {
        message["item_id"] = self.id().into();
        self.hearing.say(now, &message);
    }

    fn id(&self) -> String {
        format!("item_{}", self.item)
    }

    fn complain(&mut self, now: Instant, code: &str) {
        let error = json!({ "type": "invalid_request_error", "code": code, "message": code,
            "param": null });
        self.hearing.say(now, &json!({ "type": "error", "error": error }));
    }
}

impl Asked {
    /// Checks a session; the error is the code of a refusal.
    fn check(session: &Value) -> Result<Self, &'static str> {
        let input = &session["audio"]["input"];
        if session["type"] != "transcription" {
            return Err("invalid_value");
        }
        let format = match (input["format"]["type"].as_str(), input["format"]["rate"].as_u64()) {
            (Some("audio/pcm"), Some(24_000)) => AudioFormat::PCM_24K,
            (Some("audio/pcmu"), None) => AudioFormat::MULAW_8K,
            (Some("audio/pcma"), None) => AudioFormat::ALAW_8K,
            _ => return Err("invalid_value"),
        };
        let model = input["transcription"]["model"].as_str().ok_or("invalid_model")?;
        let is_live = LIVE.contains(&model);
        if !is_live && !model.starts_with("gpt-") && model != "whisper-1" {
            return Err("invalid_model");
        }
        let detection = &input["turn_detection"];
        let silence = detection["silence_duration_ms"].as_u64().map(Duration::from_millis);
        if !detection.is_null() && (is_live || detection["type"] != "server_vad") {
            return Err("unsupported_turn_detection");
        }
        Ok(Self { format, is_live, silence })
    }
}
