use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    TurnScript,
    hearing::{Hearing, Sound},
    outbox::Output,
    query::Query,
    server::{Idle, Script, Session, Sign},
};

/// Cartesia's `/stt/turns/websocket`, as its Python SDK 4.2.0 types it. Each stretch of speech is a
/// turn.
pub(super) struct InkTurns(pub(super) TurnScript);

/// Cartesia's `/stt/websocket`, as its Python SDK 4.2.0 types it.
pub(super) struct InkManual(pub(super) TurnScript);

const HEADERS: [(&str, &str); 2] =
    [("x-api-key", "scripted-vendor-key"), ("cartesia-version", "2026-03-01")];

const TURNS_KNOWN: [&str; 8] = [
    "encoding",
    "keyterm",
    "model",
    "sample_rate",
    "turn_eager_end_threshold",
    "turn_end_threshold",
    "turn_end_timeout_ms",
    "turn_start_threshold",
];

const MANUAL_KNOWN: [&str; 6] =
    ["encoding", "language", "max_silence_duration_secs", "min_volume", "model", "sample_rate"];

impl Script for InkTurns {
    fn path(&self) -> &str {
        "/stt/turns/websocket"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&TURNS_KNOWN)?;
        for key in ["turn_start_threshold", "turn_eager_end_threshold", "turn_end_threshold"] {
            if query.number::<f64>(key)?.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
                return Err(format!("{key} is out of range"));
            }
        }
        match query.number::<u64>("turn_end_timeout_ms")? {
            None | Some(640..=11_200) => check(query),
            Some(_) => Err("turn_end_timeout_ms is out of range".to_owned()),
        }
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        let mut ink = Ink::new(&self.0, query, progress, false);
        ink.say(Instant::now(), json!({ "type": "connected" }));
        Box::new(ink)
    }
}

impl Script for InkManual {
    fn path(&self) -> &str {
        "/stt/websocket"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&MANUAL_KNOWN)?;
        check(query)
    }

    fn idle(&self) -> Option<Idle> {
        Some(Idle {
            limit: Duration::from_secs(180),
            sign: Sign::Message,
            close: (1000, "connection idle timeout"),
        })
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        Box::new(Ink::new(&self.0, query, progress, true))
    }
}

fn check(query: &Query) -> Result<(), String> {
    if !query.get("model").is_some_and(|model| model.starts_with("ink-")) {
        return Err("model must be an Ink model".to_owned());
    }
    format(query).map(drop)
}

fn format(query: &Query) -> Result<AudioFormat, String> {
    let rate = query.number("sample_rate")?.ok_or("sample_rate is missing")?;
    let encoding = match query.get("encoding") {
        Some("pcm_s16le") => Encoding::PcmS16Le,
        Some("pcm_mulaw") => Encoding::Mulaw,
        Some("pcm_alaw") => Encoding::Alaw,
        other => return Err(format!("encoding {other:?} is not supported")),
    };
    Ok(AudioFormat::mono(encoding, rate))
}

struct Ink {
    hearing: Hearing,
    manual: bool,
    /// The turn is probably over.
    is_ending: bool,
}

impl Session for Ink {
    fn on_audio(&mut self, mut audio: &[u8], now: Instant) {
        while let Some(sound) = self.hearing.notice(&mut audio) {
            if self.manual {
                self.on_sound(sound, now);
            } else {
                self.on_turn(sound, now);
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match (self.manual, text, message["type"].as_str()) {
            (true, "finalize", _) => self.finalize(now),
            (true, "close", _) => {
                self.hearing.say_goodbye(now, Some(&json!({ "type": "done" })));
                return true;
            }
            (false, _, Some("close")) => {
                self.hearing.say_goodbye(now, None);
                return true;
            }
            _ => {
                let error = json!({ "type": "error", "title": "Invalid message", "message": text,
                    "status_code": 400, "error_code": "invalid_message" });
                self.hearing.refuse(now, &error, 1008);
            }
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

impl Ink {
    fn new(script: &TurnScript, query: &Query, progress: usize, manual: bool) -> Self {
        let format = format(query).expect("the parameters were checked");
        Self { hearing: Hearing::new(script, format, progress), manual, is_ending: false }
    }

    fn on_turn(&mut self, sound: Sound, now: Instant) {
        let Hearing { script, .. } = &self.hearing;
        let (eager_after, end_after) = (script.eager_after, script.end_after);
        match sound {
            Sound::Began(_) => self.say(now, json!({ "type": "turn.start" })),
            Sound::Words => {
                let words = self.hearing.words_so_far().join(" ");
                self.say(now, json!({ "type": "turn.update", "transcript": words }));
            }
            Sound::Silence(since) if since >= end_after => {
                let text = self.hearing.words().join(" ");
                let end = json!({ "type": "turn.end", "transcript": text, "request_id": "r1" });
                self.hearing.say_last(now, end);
                self.hearing.end();
                self.is_ending = false;
            }
            Sound::Silence(since) if since >= eager_after && !self.is_ending => {
                self.is_ending = true;
                let text = self.hearing.words().join(" ");
                self.say(now, json!({ "type": "turn.eager_end", "transcript": text }));
            }
            Sound::Silence(_) => {}
        }
    }

    fn on_sound(&mut self, sound: Sound, now: Instant) {
        if matches!(sound, Sound::Words) {
            let text = format!(" {}", self.hearing.words_so_far().join(" "));
            let duration = self.hearing.position().as_secs_f64();
            self.say(
                now,
                json!({ "type": "transcript", "is_final": false, "text": text,
                "duration": duration }),
            );
        }
    }

    fn finalize(&mut self, now: Instant) {
        let words = self.hearing.words();
        if !words.is_empty() {
            let times = self.hearing.times(&words);
            let seconds = |times: Vec<Duration>| -> Vec<f64> {
                times.into_iter().map(|time| time.as_secs_f64()).collect()
            };
            let (starts, ends) = times.into_iter().unzip();
            let text = format!(" {}", words.join(" "));
            let lists = json!({ "words": words, "start": seconds(starts), "end": seconds(ends) });
            self.say(
                now,
                json!({ "type": "transcript", "is_final": true, "text": text,
                "language": "en", "words": [lists] }),
            );
        }
        let done = json!({ "type": "flush_done", "request_id": "r1" });
        if self.hearing.speech().is_some() {
            self.hearing.say_last(now, done);
        } else {
            self.hearing.say(now, &done);
        }
        self.hearing.end();
    }

    fn say(&mut self, now: Instant, mut message: Value) {
        message["request_id"] = "r1".into();
        self.hearing.say(now, &message);
    }
}
