use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    contexts::{Context, Contexts, Piece},
    outbox::{Outbox, Output},
    query::Query,
    server::{Idle, Script, Session, Sign},
};

/// ElevenLabs' `multi-stream-input` for the voice `scripted-voice`, as its Python SDK 2.78.0 types
/// it.
pub(super) struct ElevenLabs(pub(super) SpeakScript);

/// Contexts of one connection that may be open at the same time.
const CONTEXTS: usize = 5;

const KNOWN: [&str; 9] = [
    "apply_text_normalization",
    "auto_mode",
    "enable_logging",
    "enable_ssml_parsing",
    "inactivity_timeout",
    "language_code",
    "model_id",
    "output_format",
    "sync_alignment",
];

impl Script for ElevenLabs {
    fn path(&self) -> &str {
        "/v1/text-to-speech/scripted-voice/multi-stream-input"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("xi-api-key", "scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        // Without it the vendor waits for 120 characters, which a short answer never has.
        if !query.is_on("auto_mode") {
            return Err("this script speaks in auto_mode only".to_owned());
        }
        check(query)
    }

    /// The longest `inactivity_timeout` that may be asked for, which stands for the one that is.
    fn idle(&self) -> Option<Idle> {
        Some(Idle {
            limit: Duration::from_secs(180),
            sign: Sign::Message,
            close: (1008, "input_timeout_exceeded"),
        })
    }

    fn begin(&self, query: &Query, _progress: usize) -> Box<dyn Session> {
        let inactivity = inactivity(query);
        Box::new(Speech {
            script: self.0.clone(),
            format: output_format(query).expect("the parameters were checked"),
            contexts: Contexts::default(),
            refusals: Outbox::default(),
            inactivity,
            idle_at: Instant::now() + inactivity,
        })
    }
}

/// Checks the parameters that both ways of speaking have.
pub(super) fn check(query: &Query) -> Result<(), String> {
    query.check_known(&KNOWN)?;
    output_format(query)?;
    if !query.get("model_id").is_some_and(|model| model.starts_with("eleven_")) {
        return Err("model_id must name a model".to_owned());
    }
    match query.number::<u64>("inactivity_timeout")? {
        Some(seconds) if !(20..=180).contains(&seconds) => {
            Err("inactivity_timeout must be from 20 to 180".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn inactivity(query: &Query) -> Duration {
    Duration::from_secs(query.number("inactivity_timeout").ok().flatten().unwrap_or(20))
}

pub(super) fn output_format(query: &Query) -> Result<AudioFormat, String> {
    match query.get("output_format") {
        Some("alaw_8000") => Ok(AudioFormat::ALAW_8K),
        Some("pcm_16000") => Ok(AudioFormat::PCM_16K),
        Some("pcm_24000") => Ok(AudioFormat::PCM_24K),
        Some("pcm_8000") => Ok(AudioFormat::PCM_8K),
        Some("ulaw_8000") => Ok(AudioFormat::MULAW_8K),
        other => Err(format!("output_format {other:?} is not supported")),
    }
}

struct Speech {
    script: SpeakScript,
    format: AudioFormat,
    contexts: Contexts,
    refusals: Outbox,
    inactivity: Duration,
    idle_at: Instant,
}

impl Session for Speech {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now, "invalid_message");
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        self.idle_at = now + self.inactivity;
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if message["close_socket"] == true {
            self.refusals.push(now, Output::Close(1000, ""));
            return true;
        }
        if let Err(name) = self.take(&message, now) {
            self.refuse(now, name);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        if self.idle_at <= now {
            self.idle_at = now + self.inactivity;
            self.refuse(now, "input_timeout_exceeded");
        }
        self.refusals.pop(now).or_else(|| self.contexts.pop(now))
    }

    fn wake_at(&self) -> Option<Instant> {
        let due = self.refusals.due().into_iter().chain(self.contexts.due());
        due.chain([self.idle_at]).min()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Speech {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let name = message["context_id"].as_str().ok_or("missing_context")?;
        if message["close_context"] == true {
            self.close(name, now);
            return Ok(());
        }
        if message["flush"] == true {
            self.contexts.get(name).ok_or("unknown_context")?.flushed = true;
            return Ok(());
        }
        match (message["text"].as_str(), self.contexts.get(name)) {
            (Some(" "), None) if check_settings(&message["voice_settings"]) => {
                if self.contexts.active() >= CONTEXTS {
                    return Err("max_active_conversations");
                }
                self.contexts.named(name);
                Ok(())
            }
            // A context that is kept alive before it began could not be begun any more.
            (_, None) => Err("policy_violation"),
            (_, Some(context)) if context.ended => Err("context_closed"),
            (Some(""), Some(_)) => Ok(()),
            (Some(text), Some(_)) if text.ends_with(' ') => {
                self.speak(name, text.trim(), now);
                Ok(())
            }
            _ => Err("invalid_text"),
        }
    }

    fn speak(&mut self, name: &str, text: &str, now: Instant) {
        let of = json!({ "contextId": name });
        speak(self.contexts.named(name), &self.script, self.format, text, now, &of);
    }

    /// Ends a context, without what was not flushed.
    fn close(&mut self, name: &str, now: Instant) {
        let Some(context) = self.contexts.get(name) else { return };
        if context.ended {
            return;
        }
        if !context.flushed {
            self.contexts.cancel(name);
        }
        let context = self.contexts.named(name);
        context.ended = true;
        context.send(now, &json!({ "isFinal": true, "contextId": name }));
    }

    fn refuse(&mut self, now: Instant, name: &str) {
        let message = json!({ "message": "refused by the script", "error": name, "code": 1008 });
        self.refusals.push(now, Output::Text(message.to_string()));
        self.refusals.push(now, Output::Close(1008, "refused by the script"));
    }
}

/// Says a text, with `of` in each message.
pub(super) fn speak(
    context: &mut Context,
    script: &SpeakScript,
    format: AudioFormat,
    text: &str,
    now: Instant,
    of: &Value,
) {
    let begins = context.position;
    let text = if begins.is_zero() { text.to_owned() } else { format!(" {text}") };
    for piece in context.speak(script, format, &text, now) {
        let alignment = alignment(&text, begins, &piece, format, script.per_character);
        let mut event = of.clone();
        event["audio"] = STANDARD.encode_to_string(&piece.audio).into();
        event["alignment"] = alignment.clone();
        event["normalizedAlignment"] = alignment;
        context.send(piece.due, &event);
    }
}

pub(super) fn check_settings(settings: &Value) -> bool {
    let within = |field: &str, least: f64, most: f64| {
        let value = &settings[field];
        value.is_null() || value.as_f64().is_some_and(|it| (least..=most).contains(&it))
    };
    within("stability", 0.0, 1.0)
        && within("similarity_boost", 0.0, 1.0)
        && within("style", 0.0, 1.0)
        && within("speed", 0.7, 1.2)
}

/// The characters that begin in a piece of a text that begins at `begins`.
fn alignment(
    text: &str,
    begins: Duration,
    piece: &Piece,
    format: AudioFormat,
    per_character: Duration,
) -> Value {
    let ends = piece.position + format.duration_of(format.samples(piece.audio.len()));
    let (mut chars, mut starts) = (Vec::new(), Vec::new());
    let mut at = begins;
    for character in text.chars() {
        if (piece.position..ends).contains(&at) {
            chars.push(character.to_string());
            starts.push((at - piece.position).as_millis());
        }
        at += per_character;
    }
    let durations = vec![per_character.as_millis(); chars.len()];
    json!({ "chars": chars, "charStartTimesMs": starts, "charDurationsMs": durations })
}
