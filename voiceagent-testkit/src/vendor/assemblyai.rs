use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    TurnScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    server::{Idle, Script, Session, Sign},
};

const UPDATE_EVERY: Duration = Duration::from_millis(250);

/// The lengths of a piece of audio that are taken, in milliseconds.
const PIECES: std::ops::RangeInclusive<u128> = 50..=1_000;

/// The fastest that audio may come, in percent of real time, and how far ahead it may be in all.
const PACE_PERCENT: u32 = 125;
const AHEAD: Duration = Duration::from_millis(500);

/// AssemblyAI's `/v3/ws`, as its Python SDK 1.8.2 types it. Each stretch of speech is a turn.
pub(super) struct AssemblyAi(pub(super) TurnScript);

const HEADERS: [(&str, &str); 2] =
    [("authorization", "scripted-vendor-key"), ("assemblyai-version", "2025-05-12")];

const KNOWN: [&str; 17] = [
    "agent_context",
    "encoding",
    "end_of_turn_confidence_threshold",
    "format_turns",
    "inactivity_timeout",
    "keyterms_prompt",
    "language_codes",
    "language_detection",
    "max_turn_silence",
    "min_turn_silence",
    "mode",
    "prompt",
    "sample_rate",
    "session_heartbeat",
    "speech_model",
    "vad_threshold",
    "voice_focus",
];

const MODELS: [&str; 3] = ["u3-", "universal-", "whisper-"];

impl Script for AssemblyAi {
    fn path(&self) -> &str {
        "/v3/ws"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &HEADERS
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        format(query)?;
        let model = query.get("speech_model").unwrap_or_default();
        if !MODELS.iter().any(|known| model.starts_with(known)) {
            return Err("speech_model must be a known model".to_owned());
        }
        for key in ["keyterms_prompt", "language_codes"] {
            let list = query.get(key).map(serde_json::from_str::<Vec<String>>);
            if list.is_some_and(|list| list.is_err()) {
                return Err(format!("{key} must be a list in JSON"));
            }
        }
        let (least, most) = (query.number("min_turn_silence")?, query.number("max_turn_silence")?);
        match query.number::<f64>("end_of_turn_confidence_threshold")? {
            Some(threshold) if !(0.0..=1.0).contains(&threshold) => {
                Err("end_of_turn_confidence_threshold is out of range".to_owned())
            }
            _ if least.zip(most).is_some_and(|(least, most): (u64, u64)| least > most) => {
                Err("min_turn_silence is longer than max_turn_silence".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The shortest `inactivity_timeout` that may be asked for; without one it has no limit.
    fn idle(&self) -> Option<Idle> {
        Some(Idle {
            limit: Duration::from_secs(5),
            sign: Sign::Message,
            close: (3005, "inactivity"),
        })
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        let format = format(query).expect("the parameters were checked");
        let mut turns = Turns {
            script: self.0.clone(),
            format,
            ears: Ears::new(format),
            since: Instant::now(),
            formats: query.is_on("format_turns"),
            next: progress,
            ended: progress,
            turn: None,
            order: 0,
            update_at: UPDATE_EVERY,
            outbox: Outbox::default(),
        };
        let begin = json!({ "type": "Begin", "id": "scripted", "expires_at": 4_102_444_800_u64 });
        turns.say(Instant::now(), &begin);
        Box::new(turns)
    }
}

fn format(query: &Query) -> Result<AudioFormat, String> {
    let rate = query.number("sample_rate")?.ok_or("sample_rate is missing")?;
    match query.get("encoding") {
        Some("pcm_mulaw") => Ok(AudioFormat::mono(Encoding::Mulaw, rate)),
        Some("pcm_s16le") | None => Ok(AudioFormat::mono(Encoding::PcmS16Le, rate)),
        other => Err(format!("encoding {other:?} is not supported")),
    }
}

struct Turns {
    script: TurnScript,
    format: AudioFormat,
    ears: Ears,
    /// When the connection began.
    since: Instant,
    /// A turn ends twice, the second time formatted.
    formats: bool,
    /// The utterance that is or will be spoken.
    next: usize,
    /// Utterances whose end was sent.
    ended: usize,
    /// Where the speech of the turn began.
    turn: Option<Duration>,
    order: u64,
    update_at: Duration,
    outbox: Outbox,
}

/// What a `Turn` says of itself.
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Ended,
    EndedAndFormatted,
    Partial,
}

impl Session for Turns {
    fn on_audio(&mut self, audio: &[u8], now: Instant) {
        let length = self.format.duration_of(self.format.samples(audio.len()));
        if !PIECES.contains(&length.as_millis()) {
            self.refuse(now, 3007, "Input Duration Error: 50 to 1000 ms are taken");
            return;
        }
        let allowed = now.duration_since(self.since) * PACE_PERCENT / 100 + AHEAD;
        if self.ears.position() + length > allowed {
            self.refuse(now, 3007, "Audio Transmission Rate Exceeded");
            return;
        }
        for (position, heard) in self.ears.hear(audio) {
            match heard {
                Heard::Began(start) => {
                    self.turn = Some(start);
                    let timestamp = start.as_millis();
                    self.say(now, &json!({ "type": "SpeechStarted", "timestamp": timestamp }));
                }
                Heard::Silence(since) if since >= self.script.end_after => self.end_turn(now),
                Heard::Silence(_) | Heard::Speech => {}
            }
            if position >= self.update_at {
                self.update_at = position + UPDATE_EVERY;
                self.tell(State::Partial, now);
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("ForceEndpoint") => self.end_turn(now),
            Some("KeepAlive" | "UpdateConfiguration") => {}
            Some("Terminate") => {
                self.outbox.hurry(now);
                let heard = self.ears.position().as_secs();
                let end = json!({ "type": "Termination", "audio_duration_seconds": heard,
                    "session_duration_seconds": heard });
                self.outbox.push(now, Output::Text(end.to_string()));
                self.outbox.push(now, Output::Close(1000, ""));
                return true;
            }
            _ => self.refuse(now, 3006, "Invalid message"),
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        let output = self.outbox.pop(now)?;
        if let Output::Text(text) = &output {
            // Only the last message of a turn carries this field.
            self.ended += usize::from(text.contains(r#""is_last":true"#));
        }
        Some(output)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due()
    }

    fn progress(&self) -> usize {
        self.ended
    }
}

impl Turns {
    fn end_turn(&mut self, now: Instant) {
        if self.turn.is_none() {
            return;
        }
        self.tell(State::Ended, now);
        if self.formats {
            self.tell(State::EndedAndFormatted, now);
        }
        self.turn = None;
        self.next += 1;
        self.order += 1;
        self.ears.end_speech();
    }

    /// Sends the turn as it is, if there is one.
    fn tell(&mut self, state: State, now: Instant) {
        let Some(start) = self.turn else { return };
        let text = self.script.utterances.get(self.next).cloned().unwrap_or_default();
        let is_formatted = !self.formats || state == State::EndedAndFormatted;
        let all: Vec<_> = text.split_whitespace().map(|word| spelled(word, is_formatted)).collect();
        let heard = self.ears.position().saturating_sub(start).as_millis();
        let heard = usize::try_from(heard / UPDATE_EVERY.as_millis()).unwrap_or(usize::MAX).max(1);
        let is_partial = state == State::Partial;
        let said = if is_partial { &all[..heard.min(all.len())] } else { &all[..] };
        let fixed = said.len() - usize::from(is_partial && !said.is_empty());
        let is_last = !is_partial && is_formatted;
        let turn = json!({ "type": "Turn", "turn_order": self.order,
            "turn_is_formatted": is_formatted, "end_of_turn": !is_partial,
            "transcript": said[..fixed].join(" "), "end_of_turn_confidence": 0.5,
            "words": words(said, fixed, start, self.ears.last_voice()), "is_last": is_last });
        self.say(now, &turn);
    }

    fn refuse(&mut self, now: Instant, code: u16, why: &'static str) {
        self.say(now, &json!({ "type": "Error", "error_code": code, "error": why }));
        self.outbox.push(now, Output::Close(code, why));
    }

    fn say(&mut self, now: Instant, message: &Value) {
        self.outbox.push(now + self.script.delay, Output::Text(message.to_string()));
    }
}

fn spelled(word: &str, is_formatted: bool) -> String {
    if is_formatted {
        return word.to_owned();
    }
    word.to_lowercase().trim_end_matches([',', '.', '?', '!']).to_owned()
}

/// Spreads words evenly over a stretch of audio.
fn words(said: &[String], fixed: usize, start: Duration, end: Duration) -> Vec<Value> {
    let count = u32::try_from(said.len()).unwrap_or(u32::MAX).max(1);
    let one = end.saturating_sub(start) / count;
    let word = |(number, (at, text)): (u32, (usize, &String))| {
        let begins = start + one * number;
        json!({ "text": text, "start": begins.as_millis(), "end": (begins + one).as_millis(),
            "confidence": 0.97, "word_is_final": at < fixed })
    };
    (0..).zip(said.iter().enumerate()).map(word).collect()
}
