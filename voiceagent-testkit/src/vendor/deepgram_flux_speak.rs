use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    outbox::{Outbox, Output},
    query::Query,
    server::{DEEPGRAM, Script, Session},
};

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// Pieces of stale audio that still come before an interruption is told, and how long that takes.
const IN_FLIGHT: usize = 3;
const STOPPING: Duration = Duration::from_millis(20);

/// Deepgram's `/v2/speak`, as its Python SDK 7.17.0 types it. It speaks what it has of a turn at
/// the end of each clause, and the rest when the turn is flushed.
pub(super) struct DeepgramFluxSpeak(pub(super) SpeakScript);

const KNOWN: [&str; 7] =
    ["encoding", "expressivity", "mip_opt_out", "model", "sample_rate", "speed", "tag"];

impl Script for DeepgramFluxSpeak {
    fn path(&self) -> &str {
        "/v2/speak"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &DEEPGRAM
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        query.format()?;
        for (parameter, range) in [("speed", 0.5..=1.5), ("expressivity", -2.0..=2.0)] {
            if query.number::<f64>(parameter)?.is_some_and(|value| !range.contains(&value)) {
                return Err(format!("{parameter} is out of range"));
            }
        }
        match query.get("model").is_some_and(|model| model.starts_with("flux-")) {
            true => Ok(()),
            false => Err("model must be a Flux voice".to_owned()),
        }
    }

    fn begin(&self, query: &Query, _progress: usize) -> Box<dyn Session> {
        let mut speak = Turns {
            script: self.0.clone(),
            format: query.format().expect("the parameters were checked"),
            turn: None,
            turns: 0,
            played: Duration::ZERO,
            interrupted_at: Duration::ZERO,
            outbox: Outbox::default(),
        };
        let model = query.get("model").unwrap_or_default();
        speak.say(
            Instant::now(),
            &json!({ "type": "Connected", "request_id": "scripted", "model_name": model,
                "model_version": "scripted", "model_uuids": ["scripted"] }),
        );
        Box::new(speak)
    }
}

struct Turns {
    script: SpeakScript,
    format: AudioFormat,
    /// The turn that was not flushed, or whose last audio is not sent.
    turn: Option<Turn>,
    turns: u64,
    /// Audio of the session, as far as it is taken for played.
    played: Duration,
    interrupted_at: Duration,
    outbox: Outbox,
}

#[derive(Default)]
struct Turn {
    id: String,
    /// All of its text, and how many bytes of it were spoken.
    text: String,
    spoken: usize,
    audio: Duration,
    /// Its last message was made, and is due then.
    ends: Option<Instant>,
}

impl Session for Turns {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        self.settle(now);
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match (message["type"].as_str(), message["text"].as_str()) {
            (Some("Speak"), Some(text)) if text.chars().count() <= 2_000 => self.speak(text, now),
            (Some("Flush"), _) => self.flush(now),
            (Some("Interrupt"), _) => self.interrupt(&message["playback_offset"], now),
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

impl Turns {
    /// A turn whose last message was sent is over.
    fn settle(&mut self, now: Instant) {
        let is_over = |turn: &mut Turn| turn.ends.is_some_and(|ends| ends <= now);
        if let Some(turn) = self.turn.take_if(is_over) {
            self.played += turn.audio;
        }
    }

    fn speak(&mut self, text: &str, now: Instant) {
        if self.turn.as_ref().is_some_and(|turn| turn.ends.is_some()) {
            // It would wait for its turn, which no client of ours asks for.
            return self.refuse(now);
        }
        let turn = self.turn.get_or_insert_with(|| {
            self.turns += 1;
            Turn { id: format!("dg_sp_{:012x}", self.turns), ..Turn::default() }
        });
        turn.text.push_str(text);
        let clauses = turn.text.rfind(['.', ',', '?', '!']).map_or(0, |at| at + 1);
        self.voice(clauses, now);
    }

    /// Speaks the text of the turn up to `end`.
    fn voice(&mut self, end: usize, now: Instant) {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.spoken < end) else { return };
        let mut audio = self.script.audio(self.format, &turn.text[turn.spoken..end]);
        turn.spoken = end;
        // Audio that is on its way already hides the delay of what follows.
        let due = self.outbox.last_due().unwrap_or(now + self.script.first_audio_delay);
        let mut due = due.max(now);
        if turn.audio.is_zero() {
            let started = json!({ "type": "SpeechStarted", "speech_id": turn.id });
            self.outbox.push(due, Output::Text(started.to_string()));
        }
        turn.audio += self.format.duration_of(self.format.samples(audio.len()));
        while !audio.is_empty() {
            let piece = self.format.bytes_in(PIECE).clamp(1, audio.len());
            self.outbox.push(due, Output::Binary(audio.split_to(piece)));
            due += PIECE / self.script.speed.max(1);
        }
    }

    fn flush(&mut self, now: Instant) {
        let open = self.turn.as_ref().filter(|turn| turn.ends.is_none());
        let Some(end) = open.map(|turn| turn.text.len()) else {
            return self.warn(now, "NO_ACTIVE_SPEECH");
        };
        self.voice(end, now);
        let due = self.outbox.last_due().unwrap_or(now).max(now);
        let Some(turn) = &mut self.turn else { return };
        turn.ends = Some(due);
        let flushed = json!({ "type": "Flushed", "speech_id": turn.id });
        let mut metadata = turn.metadata();
        metadata["type"] = "SpeechMetadata".into();
        self.say(due, &flushed);
        self.say(due, &metadata);
    }

    fn interrupt(&mut self, offset: &Value, now: Instant) {
        if self.played.is_zero() && self.turn.as_ref().is_none_or(|turn| turn.audio.is_zero()) {
            return self.warn(now, "NO_AUDIO_GENERATED");
        }
        let place = match offset["type"].as_str() {
            None if offset.is_null() => None,
            Some("time_ms") => offset["value"].as_u64().map(Duration::from_millis),
            _ => return self.refuse(now),
        };
        if place.is_some_and(|place| place <= self.interrupted_at) {
            return self.warn(now, "INVALID_INTERRUPT_OFFSET");
        }
        let Some(turn) = self.turn.take() else { return self.warn(now, "NO_ACTIVE_SPEECH") };
        let begins_at = self.played;
        self.played = place.unwrap_or(begins_at + turn.audio);
        self.interrupted_at = self.played;
        let mut told = json!({ "type": "SpeechInterrupted",
            "audio_played_ms": self.played.as_millis(), "metadata": turn.metadata() });
        if let Some(place) = place {
            let heard = place.saturating_sub(begins_at);
            let characters = heard.as_millis() / self.script.per_character.as_millis().max(1);
            let (spoken, rest) = turn.split(usize::try_from(characters).unwrap_or(usize::MAX));
            told["text_spoken"] = spoken.into();
            told["text_remaining"] = rest.into();
        }
        self.outbox.clear_audio_but(IN_FLIGHT);
        self.say(now + STOPPING, &told);
    }

    fn warn(&mut self, now: Instant, code: &str) {
        self.say(now, &json!({ "type": "Warning", "code": code, "description": "scripted" }));
    }

    fn refuse(&mut self, now: Instant) {
        self.say(
            now,
            &json!({ "type": "Error", "code": "MESSAGE-0000",
            "description": "the message could not be read" }),
        );
        self.outbox.push(now, Output::Close(1008, "MESSAGE-0000"));
    }

    fn say(&mut self, due: Instant, message: &Value) {
        self.outbox.push(due, Output::Text(message.to_string()));
    }
}

impl Turn {
    fn metadata(&self) -> Value {
        json!({ "speech_id": self.id, "audio_duration_ms": self.audio.as_millis(),
            "input_character_count": self.text.chars().count(),
            "billable_character_count": self.text.chars().count(),
            "controls_applied": { "pronunciations_applied": 0, "breaks_applied": 0,
                "pronunciation_warnings": 0 } })
    }

    /// The words that are whole within so many characters, and the rest.
    fn split(&self, characters: usize) -> (&str, &str) {
        let end = self.text.char_indices().nth(characters).map_or(self.text.len(), |(at, _)| at);
        let within = self.text[end..].starts_with(char::is_alphanumeric);
        let end = if within { self.text[..end].rfind(' ').unwrap_or(0) } else { end };
        self.text.split_at(end)
    }
}
