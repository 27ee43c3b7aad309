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

/// Soniox' `/transcribe-websocket`, as its Python SDK 2.10.0 types it. The key comes with the
/// handshake, and may not come in the first message as well.
pub(super) struct Soniox(pub(super) TurnScript);

const KNOWN: [&str; 8] = [
    "audio_format",
    "context",
    "enable_endpoint_detection",
    "language_hints",
    "max_endpoint_delay_ms",
    "model",
    "num_channels",
    "sample_rate",
];

impl Script for Soniox {
    fn path(&self) -> &str {
        "/transcribe-websocket"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn idle(&self) -> Option<Idle> {
        Some(Idle {
            limit: Duration::from_secs(20),
            sign: Sign::Message,
            close: (1011, "no audio and no keepalive"),
        })
    }

    fn begin(&self, _query: &Query, progress: usize) -> Box<dyn Session> {
        let hearing = Hearing::new(&self.0, AudioFormat::PCM_16K, progress);
        Box::new(Tokens { hearing, asked: None })
    }
}

struct Tokens {
    hearing: Hearing,
    asked: Option<Asked>,
}

/// What the client has asked for.
#[derive(Clone, Copy)]
struct Asked {
    format: AudioFormat,
    ends_turns: bool,
}

impl Session for Tokens {
    fn on_audio(&mut self, mut audio: &[u8], now: Instant) {
        let Some(asked) = self.asked else {
            return self.refuse(now, 400, "the first message must be the configuration");
        };
        if audio.is_empty() {
            let finished = json!({ "tokens": [], "finished": true });
            return self.hearing.say_goodbye(now, Some(&finished));
        }
        let end_after = self.hearing.script.end_after;
        while let Some(sound) = self.hearing.notice(&mut audio) {
            match sound {
                Sound::Words => {
                    let words = self.hearing.words_so_far();
                    let tokens = self.tokens(&words, false);
                    self.say(now, tokens, false);
                }
                Sound::Silence(since) if asked.ends_turns && since >= end_after => {
                    self.end(now, "<end>");
                }
                Sound::Began(_) | Sound::Silence(_) => {}
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match (self.asked, message["type"].as_str()) {
            (None, _) => match Asked::check(&message) {
                Ok(asked) => {
                    self.hearing.listen_in(asked.format);
                    self.asked = Some(asked);
                }
                Err((code, why)) => self.refuse(now, code, why),
            },
            (Some(_), Some("finalize")) => self.end(now, "<fin>"),
            (Some(_), Some("keepalive")) => {}
            (Some(_), _) => self.refuse(now, 400, "unknown message"),
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

impl Tokens {
    /// Tells the whole utterance, and why.
    fn end(&mut self, now: Instant, mark: &str) {
        let words = self.hearing.words();
        let mut tokens = self.tokens(&words, true);
        tokens.push(json!({ "text": mark, "is_final": true }));
        let spoke = self.hearing.speech().is_some();
        self.say(now, tokens, spoke);
        self.hearing.end();
    }

    /// Words in parts, each with the space before it.
    fn tokens(&self, words: &[String], is_final: bool) -> Vec<Value> {
        let times = self.hearing.times(words);
        let mut tokens = Vec::new();
        for (word, (start, end)) in words.iter().zip(times) {
            let word = if tokens.is_empty() { word.clone() } else { format!(" {word}") };
            let middle = (0..=word.len() / 2).rev().find(|at| word.is_char_boundary(*at));
            let (first, second) = word.split_at(middle.unwrap_or(0));
            for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
                tokens.push(json!({ "text": part, "start_ms": start.as_millis(),
                    "end_ms": end.as_millis(), "confidence": 0.98, "is_final": is_final }));
            }
        }
        tokens
    }

    fn say(&mut self, now: Instant, tokens: Vec<Value>, is_last: bool) {
        let total = self.hearing.position().as_millis();
        let start = self.hearing.speech().map_or(total, |(start, _)| start.as_millis());
        let ended = tokens.last().is_some_and(|token| token["is_final"] == true);
        let processed = if ended { total } else { start.min(total) };
        let message = json!({ "tokens": tokens, "final_audio_proc_ms": processed,
            "total_audio_proc_ms": total });
        if is_last {
            self.hearing.say_last(now, message);
        } else {
            self.hearing.say(now, &message);
        }
    }

    fn refuse(&mut self, now: Instant, code: u16, why: &str) {
        let error = json!({ "tokens": [], "error_code": code, "error_message": why });
        self.hearing.refuse(now, &error, 1000);
    }
}

impl Asked {
    /// Checks a configuration; the error is the code and the message of a refusal.
    fn check(message: &Value) -> Result<Self, (u16, &'static str)> {
        let fields = message.as_object().ok_or((400, "the configuration must be an object"))?;
        if fields.keys().any(|field| !KNOWN.contains(&&**field)) {
            return Err((400, "unknown field"));
        }
        if !message["model"].as_str().is_some_and(|model| model.starts_with("stt-rt-")) {
            return Err((400, "unknown model"));
        }
        let encoding = match message["audio_format"].as_str() {
            Some("pcm_s16le") => Encoding::PcmS16Le,
            Some("mulaw") => Encoding::Mulaw,
            Some("alaw") => Encoding::Alaw,
            _ => return Err((400, "unknown audio_format")),
        };
        let rate = message["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
        let rate = rate.filter(|_| message["num_channels"] == 1).ok_or((400, "unknown rate"))?;
        let delay = message["max_endpoint_delay_ms"].as_u64().unwrap_or(2_000);
        if !(500..=3_000).contains(&delay) {
            return Err((400, "max_endpoint_delay_ms is out of range"));
        }
        let ends_turns = message["enable_endpoint_detection"] == true;
        Ok(Self { format: AudioFormat::mono(encoding, rate), ends_turns })
    }
}
