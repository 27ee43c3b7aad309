use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    SpeakScript,
    contexts::Contexts,
    elevenlabs::{check, check_settings, inactivity, output_format, speak},
    outbox::{Outbox, Output},
    query::Query,
    server::{Idle, Script, Session, Sign},
};

/// ElevenLabs' `stream-input` for the voice `scripted-voice`, as its Python SDK 2.78.0 types and
/// speaks it: one stream of speech, after which the connection is closed. Without `auto_mode` it
/// says nothing before it is told to.
pub(super) struct ElevenLabsStream(pub(super) SpeakScript);

/// The one stream of a connection.
const STREAM: &str = "";

impl Script for ElevenLabsStream {
    fn path(&self) -> &str {
        "/v1/text-to-speech/scripted-voice/stream-input"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("xi-api-key", "scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
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
        Box::new(Stream {
            script: self.0.clone(),
            format: output_format(query).expect("the parameters were checked"),
            is_eager: query.is_on("auto_mode"),
            contexts: Contexts::default(),
            held: String::new(),
            refusals: Outbox::default(),
            inactivity,
            idle_at: Instant::now() + inactivity,
        })
    }
}

struct Stream {
    script: SpeakScript,
    format: AudioFormat,
    /// Texts are spoken as they come.
    is_eager: bool,
    contexts: Contexts,
    /// What waits for more text.
    held: String,
    refusals: Outbox,
    inactivity: Duration,
    idle_at: Instant,
}

impl Session for Stream {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse(now, "invalid_message");
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        self.idle_at = now + self.inactivity;
        let message: Value = serde_json::from_str(text).unwrap_or_default();
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

impl Stream {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let begun = self.contexts.get(STREAM).map(|context| context.ended);
        match (message["text"].as_str(), begun) {
            (Some(" "), None) if check_settings(&message["voice_settings"]) => {
                self.contexts.named(STREAM);
            }
            (_, None) => return Err("policy_violation"),
            (_, Some(true)) => return Err("stream_ended"),
            (Some(""), Some(false)) => self.end(now),
            (Some(" "), Some(false)) => {}
            (Some(text), Some(false)) if text.ends_with(' ') => {
                self.held.push_str(text);
                if self.is_eager || message["flush"] == true {
                    self.speak(now);
                }
            }
            _ => return Err("invalid_text"),
        }
        Ok(())
    }

    fn speak(&mut self, now: Instant) {
        let held = std::mem::take(&mut self.held);
        let text = held.trim();
        if !text.is_empty() {
            let context = self.contexts.named(STREAM);
            speak(context, &self.script, self.format, text, now, &json!({ "isFinal": null }));
        }
    }

    /// Says what is left, that this is all, and closes.
    fn end(&mut self, now: Instant) {
        self.speak(now);
        let context = self.contexts.named(STREAM);
        context.ended = true;
        let due = context.last_due().unwrap_or(now);
        context.send(due, &json!({ "audio": null, "isFinal": true }));
        context.push(due, Output::Close(1000, ""));
    }

    fn refuse(&mut self, now: Instant, name: &str) {
        let message = json!({ "message": "refused by the script", "error": name, "code": 1008 });
        self.refusals.push(now, Output::Text(message.to_string()));
        self.refusals.push(now, Output::Close(1008, "refused by the script"));
    }
}
