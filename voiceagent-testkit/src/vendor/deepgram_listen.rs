use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    server::{DEEPGRAM, Script, Session},
};

/// Silence that parts two utterances of the script; a syllable's pause is shorter.
const GAP: Duration = Duration::from_millis(200);

const INTERIM_EVERY: Duration = Duration::from_millis(250);

/// How often silence is reported as an empty result.
const SILENCE_EVERY: Duration = Duration::from_secs(1);

/// What the vendor understands on `/v1/listen`.
///
/// It finds speech in the audio by its energy. The n-th stretch of speech of a connection is
/// understood as the n-th utterance of the script: interims come while it lasts, the final a while
/// after it, and `speech_final` after the silence that `endpointing` asks for. A connection that
/// follows one that was cut goes on where that one was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenScript {
    /// What is said, in order. Further speech is not understood.
    pub utterances: Arc<[Arc<str>]>,
    /// From the end of speech to its final.
    pub transcript_delay: Duration,
    /// How long a connection may be without audio and without `KeepAlive`.
    pub idle_limit: Duration,
}

impl ListenScript {
    /// A vendor that understands this.
    pub fn utterances<T: Into<Arc<str>>>(utterances: impl IntoIterator<Item = T>) -> Self {
        Self {
            utterances: utterances.into_iter().map(Into::into).collect(),
            transcript_delay: Duration::from_millis(100),
            idle_limit: Duration::from_secs(10),
        }
    }

    /// Changes how long a final takes.
    #[must_use]
    pub const fn transcript_delay(mut self, delay: Duration) -> Self {
        self.transcript_delay = delay;
        self
    }

    /// Changes how long a connection may be idle.
    #[must_use]
    pub const fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }
}

const KNOWN: [&str; 27] = [
    "channels",
    "detect_entities",
    "diarize",
    "diarize_model",
    "dictation",
    "encoding",
    "endpointing",
    "extra",
    "filler_words",
    "interim_results",
    "keyterm",
    "keywords",
    "language",
    "language_hint",
    "mip_opt_out",
    "model",
    "multichannel",
    "no_delay",
    "numerals",
    "profanity_filter",
    "punctuate",
    "redact",
    "sample_rate",
    "smart_format",
    "tag",
    "utterance_end_ms",
    "vad_events",
];

impl Script for ListenScript {
    fn path(&self) -> &str {
        "/v1/listen"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &DEEPGRAM
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        query.format()?;
        let model = query.get("model").ok_or("model is missing")?;
        if model.starts_with("nova-3") && query.get("keywords").is_some() {
            return Err("keywords are not supported by Nova-3".to_owned());
        }
        query.number::<u64>("endpointing")?;
        match query.number::<u64>("utterance_end_ms")? {
            Some(..1_000) => Err("utterance_end_ms must be at least 1000".to_owned()),
            Some(_) if !query.is_on("interim_results") => {
                Err("utterance_end_ms needs interim_results".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        let millis = |key| query.number(key).ok().flatten().map(Duration::from_millis);
        Box::new(Listen {
            script: self.clone(),
            ears: Ears::new(query.format().expect("the parameters were checked")),
            interims: query.is_on("interim_results"),
            vad_events: query.is_on("vad_events"),
            endpointing: millis("endpointing").unwrap_or(Duration::from_millis(10)),
            utterance_end: millis("utterance_end_ms"),
            next: progress,
            sent: progress,
            speech: None,
            voice_at: Instant::now(),
            open_turn: None,
            open_gap: None,
            reported: Duration::ZERO,
            outbox: Outbox::default(),
            idle_at: Instant::now() + self.idle_limit,
        })
    }
}

struct Listen {
    script: ListenScript,
    ears: Ears,
    interims: bool,
    vad_events: bool,
    endpointing: Duration,
    utterance_end: Option<Duration>,
    /// The utterance that is or will be spoken.
    next: usize,
    /// Finals that were sent.
    sent: usize,
    speech: Option<Speech>,
    /// When the last voice was received.
    voice_at: Instant,
    /// Where the speech ended that awaits its `speech_final`.
    open_turn: Option<Duration>,
    /// Where the last word ended that awaits its `UtteranceEnd`.
    open_gap: Option<Duration>,
    /// Up to where results have been sent.
    reported: Duration,
    outbox: Outbox,
    idle_at: Instant,
}

struct Speech {
    start: Duration,
    interim_at: Duration,
}

impl Session for Listen {
    fn on_audio(&mut self, audio: &[u8], now: Instant) {
        self.idle_at = now + self.script.idle_limit;
        for (position, heard) in self.ears.hear(audio) {
            match heard {
                Heard::Began(start) => self.on_began(start, now),
                Heard::Speech => self.voice_at = now,
                Heard::Silence(since) => self.on_silence(position, since, now),
            }
            self.interim(position, now);
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        self.idle_at = now + self.script.idle_limit;
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("KeepAlive") => {}
            Some("Finalize") => self.finalize(now),
            Some("CloseStream") => {
                self.finish_speech(now, false);
                self.outbox.hurry(now);
                let duration = self.ears.position().as_secs_f64();
                self.say(
                    now,
                    &json!({ "type": "Metadata", "request_id": "scripted",
                    "sha256": "0", "created": "2026-01-01T00:00:00.000Z", "duration": duration,
                    "channels": 1 }),
                );
                self.outbox.push(now, Output::Close(1000, ""));
                return true;
            }
            _ => {
                self.say(
                    now,
                    &json!({ "type": "Error", "variant": "SchemaError",
                    "description": "could not parse message", "message": text }),
                );
                self.outbox.push(now, Output::Close(1008, "DATA-0000"));
            }
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        if self.idle_at <= now {
            self.idle_at = now + self.script.idle_limit;
            return Some(Output::Close(1011, "NET-0001"));
        }
        let output = self.outbox.pop(now)?;
        if let Output::Text(text) = &output {
            // Only finals of speech carry this field.
            self.sent += usize::from(text.contains(r#""utterance":"#));
        }
        Some(output)
    }

    fn wake_at(&self) -> Option<Instant> {
        Some(self.outbox.due().map_or(self.idle_at, |due| due.min(self.idle_at)))
    }

    fn progress(&self) -> usize {
        self.sent
    }
}

impl Listen {
    fn on_began(&mut self, start: Duration, now: Instant) {
        self.voice_at = now;
        self.open_turn = None;
        self.open_gap = None;
        self.speech = Some(Speech { start, interim_at: start + INTERIM_EVERY });
        if self.vad_events {
            let timestamp = start.as_secs_f64();
            self.say(
                now,
                &json!({ "type": "SpeechStarted", "channel": [0, 1],
                "timestamp": timestamp }),
            );
        }
    }

    fn on_silence(&mut self, position: Duration, since: Duration, now: Instant) {
        if self.speech.is_some() {
            if since >= GAP {
                self.finish_speech(now, false);
            }
            return;
        }
        if self.open_turn.is_some_and(|end| position >= end + self.endpointing) {
            self.open_turn = None;
            self.results(now, position, "", json!({ "is_final": true, "speech_final": true }));
        }
        if let (Some(end), Some(gap)) = (self.open_gap, self.utterance_end)
            && position >= end + gap
        {
            self.open_gap = None;
            let last_word_end = end.as_secs_f64();
            self.say(
                now,
                &json!({ "type": "UtteranceEnd", "channel": [0, 1],
                "last_word_end": last_word_end }),
            );
        }
        if position >= self.reported + SILENCE_EVERY {
            self.results(now, position, "", json!({ "is_final": true, "speech_final": false }));
        }
    }

    fn interim(&mut self, position: Duration, now: Instant) {
        let Some(speech) = &mut self.speech else { return };
        if !self.interims || position < speech.interim_at {
            return;
        }
        speech.interim_at += INTERIM_EVERY;
        let said = position.saturating_sub(speech.start).as_millis() / INTERIM_EVERY.as_millis();
        let text = self.script.utterances.get(self.next).map_or("", |it| &**it);
        let words = usize::try_from(said).unwrap_or(usize::MAX);
        let text = text.split_whitespace().take(words).collect::<Vec<_>>().join(" ");
        self.results(now, position, &text, json!({ "is_final": false, "speech_final": false }));
    }

    /// Sends the final of the speech under way; whether there was any.
    fn finish_speech(&mut self, now: Instant, finalize: bool) -> bool {
        if self.speech.is_none() {
            return false;
        }
        self.ears.end_speech();
        let (end, position) = (self.ears.last_voice(), self.ears.position());
        let text = self.script.utterances.get(self.next).cloned().unwrap_or_default();
        let complete = position >= end + self.endpointing;
        let due = now.max(self.voice_at + self.script.transcript_delay);
        let flags = json!({ "is_final": true, "speech_final": complete,
            "from_finalize": finalize, "utterance": self.next });
        self.results(due, position, &text, flags);
        self.speech = None;
        self.next += 1;
        self.open_turn = (!complete).then_some(end);
        self.open_gap = Some(end);
        true
    }

    fn finalize(&mut self, now: Instant) {
        if !self.finish_speech(now, true) {
            let position = self.ears.position();
            let flags = json!({ "is_final": true, "speech_final": false, "from_finalize": true });
            self.results(now, position, "", flags);
        }
    }

    /// Sends a result that reaches from the last final to `end`.
    fn results(&mut self, due: Instant, end: Duration, text: &str, mut message: Value) {
        let start = self.reported.min(end);
        let words = words(text, self.speech_start(start), end.min(self.ears.last_voice()));
        let confidence = if text.is_empty() { 0.0 } else { 0.98 };
        if message["is_final"] == true {
            self.reported = end;
        }
        message["type"] = "Results".into();
        message["channel_index"] = json!([0, 1]);
        message["start"] = start.as_secs_f64().into();
        message["duration"] = (end - start).as_secs_f64().into();
        message["channel"] = json!({ "alternatives": [
            { "transcript": text, "confidence": confidence, "words": words }] });
        message["metadata"] = json!({ "request_id": "scripted", "model_uuid": "scripted" });
        self.say(due, &message);
    }

    fn speech_start(&self, otherwise: Duration) -> Duration {
        self.speech.as_ref().map_or(otherwise, |speech| speech.start)
    }

    fn say(&mut self, due: Instant, message: &Value) {
        self.outbox.push(due, Output::Text(message.to_string()));
    }
}

/// Spreads words evenly over a stretch of audio.
fn words(text: &str, start: Duration, end: Duration) -> Vec<Value> {
    let count = u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX).max(1);
    let one = end.saturating_sub(start) / count;
    let word = |(number, word): (u32, &str)| {
        let at = start + one * number;
        json!({ "word": word.to_lowercase(), "punctuated_word": word, "confidence": 0.98,
            "start": at.as_secs_f64(), "end": (at + one).as_secs_f64() })
    };
    (0..).zip(text.split_whitespace()).map(word).collect()
}
