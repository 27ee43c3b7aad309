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

/// Speechmatics' `/v2`, as its Python SDK (`speechmatics-rt` 1.2.1) types it. An utterance becomes
/// final in two segments.
pub(super) struct Speechmatics(pub(super) TurnScript);

const KNOWN: [&str; 6] = [
    "additional_vocab",
    "conversation_config",
    "enable_partials",
    "language",
    "max_delay",
    "model",
];

impl Script for Speechmatics {
    fn path(&self) -> &str {
        "/v2"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        // The vendor's own SDK names itself.
        query.check_known(&["sm-sdk"])
    }

    fn idle(&self) -> Option<Idle> {
        Some(Idle { limit: Duration::from_secs(180), sign: Sign::Ping, close: (1008, "no ping") })
    }

    fn begin(&self, _query: &Query, progress: usize) -> Box<dyn Session> {
        let hearing = Hearing::new(&self.0, AudioFormat::PCM_16K, progress);
        Box::new(Segments { hearing, asked: None, received: 0 })
    }
}

struct Segments {
    hearing: Hearing,
    asked: Option<Asked>,
    received: u64,
}

/// What the client has asked for.
#[derive(Clone, Copy)]
struct Asked {
    format: AudioFormat,
    ends_after: Option<Duration>,
}

impl Session for Segments {
    fn on_audio(&mut self, mut audio: &[u8], now: Instant) {
        let Some(asked) = self.asked else {
            return self.refuse(now, "protocol_error", "recognition has not started");
        };
        self.received += 1;
        let receipt = json!({ "message": "AudioAdded", "seq_no": self.received });
        self.hearing.say(now, &receipt);
        while let Some(sound) = self.hearing.notice(&mut audio) {
            match sound {
                Sound::Words => {
                    let words = self.hearing.words_so_far();
                    let times = self.hearing.times(&words);
                    self.tell(now, "AddPartialTranscript", &words, &times);
                }
                Sound::Silence(since) if asked.ends_after.is_some_and(|limit| since >= limit) => {
                    self.end(now);
                }
                Sound::Began(_) | Sound::Silence(_) => {}
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match (self.asked, message["message"].as_str()) {
            (None, Some("StartRecognition")) => match Asked::check(&message) {
                Ok(asked) => {
                    self.hearing.listen_in(asked.format);
                    self.asked = Some(asked);
                    let started = json!({ "message": "RecognitionStarted", "id": "scripted" });
                    self.hearing.say(now, &started);
                }
                Err(why) => self.refuse(now, "invalid_config", why),
            },
            (Some(_), Some("ForceEndOfUtterance")) => self.end(now),
            (Some(_), Some("EndOfStream")) if message["last_seq_no"].is_u64() => {
                let end = json!({ "message": "EndOfTranscript" });
                self.hearing.say_goodbye(now, Some(&end));
                return true;
            }
            _ => self.refuse(now, "invalid_message", "unknown message"),
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

impl Segments {
    /// Tells the whole utterance in two segments, and that it is over.
    fn end(&mut self, now: Instant) {
        let words = self.hearing.words();
        let times = self.hearing.times(&words);
        let (first, rest) = (words.len() / 2, words.len());
        for part in [0..first, first..rest] {
            if !part.is_empty() {
                self.tell(now, "AddTranscript", &words[part.clone()], &times[part]);
            }
        }
        let at = self.hearing.position().as_secs_f64();
        let over = json!({ "message": "EndOfUtterance",
            "metadata": { "start_time": at, "end_time": at } });
        if self.hearing.speech().is_some() {
            self.hearing.say_last(now, over);
        } else {
            self.hearing.say(now, &over);
        }
        self.hearing.end();
    }

    fn tell(&mut self, now: Instant, kind: &str, words: &[String], times: &[(Duration, Duration)]) {
        let mut results = Vec::new();
        for (word, (start, end)) in words.iter().zip(times) {
            let (start, end) = (start.as_secs_f64(), end.as_secs_f64());
            let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let item = |kind, start: f64, content| {
                json!({ "type": kind, "start_time": start, "end_time": end,
                    "alternatives": [{ "content": content, "confidence": 0.98 }] })
            };
            results.push(item("word", start, bare));
            if bare.len() < word.len() {
                let mut mark = item("punctuation", end, &word[bare.len()..]);
                mark["attaches_to"] = "previous".into();
                results.push(mark);
            }
        }
        let place = |time: Option<&(Duration, Duration)>| time.copied().unwrap_or_default();
        let transcript: String = words.iter().map(|word| format!("{word} ")).collect();
        let metadata = json!({ "start_time": place(times.first()).0.as_secs_f64(),
            "end_time": place(times.last()).1.as_secs_f64(), "transcript": transcript });
        let message = json!({ "message": kind, "metadata": metadata, "results": results });
        self.hearing.say(now, &message);
    }

    fn refuse(&mut self, now: Instant, kind: &str, why: &str) {
        let error = json!({ "message": "Error", "type": kind, "reason": why });
        self.hearing.refuse(now, &error, 1008);
    }
}

impl Asked {
    /// Checks what recognition is to begin with.
    fn check(message: &Value) -> Result<Self, &'static str> {
        let config = &message["transcription_config"];
        let fields = config.as_object().ok_or("transcription_config is missing")?;
        if fields.keys().any(|field| !KNOWN.contains(&&**field)) {
            return Err("unknown field");
        }
        if config["language"].as_str().is_none_or(|language| language.len() != 2) {
            return Err("unknown language");
        }
        if !config["max_delay"].as_f64().is_some_and(|delay| (0.7..=4.0).contains(&delay)) {
            return Err("max_delay is out of range");
        }
        let silence = &config["conversation_config"]["end_of_utterance_silence_trigger"];
        let ends_after = match silence.as_f64() {
            None if silence.is_null() => None,
            Some(seconds) if (0.0..=2.0).contains(&seconds) => Some(seconds),
            _ => return Err("end_of_utterance_silence_trigger is out of range"),
        };
        let audio = &message["audio_format"];
        let encoding = match (audio["type"].as_str(), audio["encoding"].as_str()) {
            (Some("raw"), Some("pcm_s16le")) => Encoding::PcmS16Le,
            (Some("raw"), Some("mulaw")) => Encoding::Mulaw,
            _ => return Err("unknown audio_format"),
        };
        let rate = audio["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
        let format = AudioFormat::mono(encoding, rate.ok_or("sample_rate is missing")?);
        Ok(Self { format, ends_after: ends_after.map(Duration::from_secs_f64) })
    }
}
