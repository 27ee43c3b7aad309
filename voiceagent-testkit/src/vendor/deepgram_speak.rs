use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    outbox::{Outbox, Output},
    query::Query,
    server::{DEEPGRAM, Script, Session},
    sound::{append_tone, silence},
};

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// Pieces of stale audio that still come before `Cleared`, and how long that takes.
const IN_FLIGHT: usize = 3;
const CLEARING: Duration = Duration::from_millis(20);

/// The vendor's limit of flushes.
const FLUSHES: usize = 20;
const FLUSH_WINDOW: Duration = Duration::from_secs(60);

/// How the vendor speaks on `/v1/speak`.
///
/// Every character lasts the same time; words are tones, all else is silence. The same text always
/// gives the same bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpeakScript {
    /// From a flush to its first audio.
    pub first_audio_delay: Duration,
    /// How long one character lasts.
    pub per_character: Duration,
    /// How many times faster than it plays audio is sent.
    pub speed: u32,
}

impl SpeakScript {
    /// First audio after 50 ms, 60 ms a character, 20 times faster than real time.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first_audio_delay: Duration::from_millis(50),
            per_character: Duration::from_millis(60),
            speed: 20,
        }
    }

    /// Changes how long the first audio takes.
    #[must_use]
    pub const fn first_audio_delay(mut self, delay: Duration) -> Self {
        self.first_audio_delay = delay;
        self
    }

    /// Changes how long one character lasts.
    #[must_use]
    pub const fn per_character(mut self, duration: Duration) -> Self {
        self.per_character = duration;
        self
    }

    /// Changes how many times faster than it plays audio is sent.
    #[must_use]
    pub const fn speed(mut self, times: u32) -> Self {
        self.speed = times;
        self
    }

    /// How long a text lasts.
    #[must_use]
    pub fn duration_of(&self, text: &str) -> Duration {
        self.per_character * u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
    }

    /// The audio of a text.
    #[must_use]
    pub fn audio(&self, format: AudioFormat, text: &str) -> Bytes {
        let mut audio = Vec::with_capacity(format.bytes_in(self.duration_of(text)));
        for character in text.chars() {
            if character.is_alphanumeric() {
                append_tone(&mut audio, format, self.per_character);
            } else {
                audio.extend_from_slice(&silence(format, self.per_character));
            }
        }
        audio.into()
    }
}

impl Default for SpeakScript {
    fn default() -> Self {
        Self::new()
    }
}

const KNOWN: [&str; 6] = ["encoding", "mip_opt_out", "model", "sample_rate", "speed", "tag"];

impl Script for SpeakScript {
    fn path(&self) -> &str {
        "/v1/speak"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &DEEPGRAM
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        let format = query.format()?;
        let narrow = format.sample_bytes() == Some(1);
        let rates: &[u32] =
            if narrow { &[8_000, 16_000] } else { &[8_000, 16_000, 24_000, 32_000, 48_000] };
        if !rates.contains(&format.sample_rate) {
            return Err(format!("sample_rate must be one of {rates:?}"));
        }
        match query.number::<f64>("speed")? {
            Some(speed) if !(0.7..=1.5).contains(&speed) => Err("speed is out of range".to_owned()),
            _ if !query.get("model").is_some_and(|model| model.starts_with("aura-")) => {
                Err("model must be an Aura voice".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn begin(&self, query: &Query, _progress: usize) -> Box<dyn Session> {
        let mut speak = Speak {
            script: self.clone(),
            format: query.format().expect("the parameters were checked"),
            text: String::new(),
            flushes: VecDeque::new(),
            sequence: 0,
            outbox: Outbox::default(),
        };
        let model = query.get("model").unwrap_or_default();
        speak.say(
            Instant::now(),
            &json!({ "type": "Metadata", "request_id": "scripted", "model_name": model,
                "model_version": "scripted", "model_uuid": "scripted" }),
        );
        Box::new(speak)
    }
}

struct Speak {
    script: SpeakScript,
    format: AudioFormat,
    /// Text that was not flushed.
    text: String,
    flushes: VecDeque<Instant>,
    sequence: u64,
    outbox: Outbox,
}

impl Session for Speak {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match (message["type"].as_str(), message["text"].as_str()) {
            (Some("Speak"), Some(text)) if text.chars().count() <= 2_000 => {
                self.text.push_str(text);
            }
            (Some("Flush"), _) => self.flush(now),
            (Some("Clear"), _) => {
                self.text.clear();
                self.outbox.clear_audio_but(IN_FLIGHT);
                self.answer(now + CLEARING, "Cleared");
            }
            (Some("Close"), _) => {
                self.outbox.push(now, Output::Close(1000, ""));
                self.outbox.hurry(now);
                return true;
            }
            _ => self.refuse(now),
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.outbox.pop(now)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Speak {
    fn flush(&mut self, now: Instant) {
        while self.flushes.front().is_some_and(|at| *at + FLUSH_WINDOW <= now) {
            self.flushes.pop_front();
        }
        if self.flushes.len() >= FLUSHES {
            let warning = json!({ "type": "Warning", "code": "EXCEEDED_FLUSH_LIMIT",
                "description": "too many flushes; this one is ignored" });
            self.say(now, &warning);
            return;
        }
        self.flushes.push_back(now);
        let mut audio = self.script.audio(self.format, &std::mem::take(&mut self.text));
        // Audio that is on its way already hides the delay of what follows.
        let due = self.outbox.last_due().unwrap_or(now + self.script.first_audio_delay);
        let mut due = due.max(now);
        let piece = self.format.bytes_in(PIECE).max(1);
        while !audio.is_empty() {
            self.outbox.push(due, Output::Binary(audio.split_to(piece.min(audio.len()))));
            due += PIECE / self.script.speed.max(1);
        }
        self.answer(due, "Flushed");
    }

    fn answer(&mut self, due: Instant, kind: &str) {
        let message = json!({ "type": kind, "sequence_id": self.sequence });
        self.sequence += 1;
        self.say(due, &message);
    }

    fn refuse(&mut self, now: Instant) {
        self.say(
            now,
            &json!({ "type": "Error", "err_code": "DATA-0000",
            "err_msg": "the message could not be read" }),
        );
        self.outbox.push(now, Output::Close(1008, "DATA-0000"));
    }

    fn say(&mut self, due: Instant, message: &Value) {
        self.outbox.push(due, Output::Text(message.to_string()));
    }
}
