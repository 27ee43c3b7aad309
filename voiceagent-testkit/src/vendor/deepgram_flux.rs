use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    TurnScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    server::{DEEPGRAM, Script, Session},
};

const UPDATE_EVERY: Duration = Duration::from_millis(250);

/// Silence within a turn that parts two utterances of the script.
const GAP: Duration = Duration::from_millis(200);

/// Deepgram's `/v2/listen`, which bridges pauses within a turn.
pub(super) struct DeepgramFlux(pub(super) TurnScript);

const KNOWN: [&str; 13] = [
    "eager_eot_threshold",
    "encoding",
    "eot_threshold",
    "eot_timeout_ms",
    "keyterm",
    "language_hint",
    "mip_opt_out",
    "model",
    "numerals",
    "profanity_filter",
    "redact",
    "sample_rate",
    "tag",
];

impl Script for DeepgramFlux {
    fn path(&self) -> &str {
        "/v2/listen"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &DEEPGRAM
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&KNOWN)?;
        query.format()?;
        if !query.get("model").is_some_and(|model| model.starts_with("flux-")) {
            return Err("model must be a Flux model".to_owned());
        }
        let sure = query.number::<f64>("eot_threshold")?.unwrap_or(0.7);
        let eager = query.number::<f64>("eager_eot_threshold")?.unwrap_or(0.3);
        if !(0.5..=1.0).contains(&sure) || !(0.3..=0.9).contains(&eager) || eager > sure {
            return Err("a threshold is out of range".to_owned());
        }
        match query.number::<u64>("eot_timeout_ms")? {
            None | Some(500..=60_000) => Ok(()),
            Some(_) => Err("eot_timeout_ms is out of range".to_owned()),
        }
    }

    fn begin(&self, query: &Query, progress: usize) -> Box<dyn Session> {
        let mut flux = Flux {
            script: self.0.clone(),
            ears: Ears::new(query.format().expect("the parameters were checked")),
            eager: query.get("eager_eot_threshold").is_some(),
            next: progress,
            ended: progress,
            turn: None,
            turn_index: 0,
            sequence: 0,
            update_at: UPDATE_EVERY,
            outbox: Outbox::default(),
        };
        flux.say(Instant::now(), json!({ "type": "Connected" }));
        Box::new(flux)
    }
}

struct Flux {
    script: TurnScript,
    ears: Ears,
    eager: bool,
    /// The utterance that is or will be spoken.
    next: usize,
    /// Utterances in turns whose end was sent.
    ended: usize,
    turn: Option<Turn>,
    turn_index: u64,
    sequence: u64,
    update_at: Duration,
    outbox: Outbox,
}

struct Turn {
    start: Duration,
    /// The first utterance of the turn.
    first: usize,
    /// Where the utterance began that is being spoken.
    speech: Option<Duration>,
    eager_sent: bool,
}

impl Session for Flux {
    fn on_audio(&mut self, audio: &[u8], now: Instant) {
        for (position, heard) in self.ears.hear(audio) {
            match heard {
                Heard::Began(start) => self.on_began(start, now),
                Heard::Speech => {}
                Heard::Silence(since) => self.on_silence(since, now),
            }
            if position >= self.update_at {
                self.update_at = position + UPDATE_EVERY;
                if self.turn.as_ref().is_none_or(|turn| turn.speech.is_some()) {
                    self.turn_info("Update", now, None);
                }
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("CloseStream") => {
                self.outbox.hurry(now);
                self.outbox.push(now, Output::Close(1000, ""));
                return true;
            }
            Some("ForceEndTurn") => {
                if let Some(turn) = &mut self.turn {
                    self.next += usize::from(turn.speech.take().is_some());
                    self.end_turn(now, "manual");
                }
            }
            Some("Configure") => self.say(now, json!({ "type": "ConfigureSuccess" })),
            _ => {
                self.say(
                    now,
                    json!({ "type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE",
                    "description": "the message could not be parsed" }),
                );
                self.outbox.push(now, Output::Close(1008, "UNPARSABLE_CLIENT_MESSAGE"));
            }
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        let output = self.outbox.pop(now)?;
        if let Output::Text(text) = &output
            && let Some((_, utterances)) = text.split_once(r#""utterances":"#)
        {
            let digits = utterances.split(|c: char| !c.is_ascii_digit()).next();
            self.ended = digits.and_then(|it| it.parse().ok()).unwrap_or(self.ended);
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

impl Flux {
    fn on_began(&mut self, start: Duration, now: Instant) {
        if let Some(turn) = &mut self.turn {
            turn.speech = Some(start);
            if std::mem::take(&mut turn.eager_sent) {
                self.turn_info("TurnResumed", now, None);
            }
            return;
        }
        let first = self.next;
        self.turn = Some(Turn { start, first, speech: Some(start), eager_sent: false });
        self.turn_info("StartOfTurn", now, None);
    }

    fn on_silence(&mut self, since: Duration, now: Instant) {
        let Some(turn) = &mut self.turn else { return };
        if turn.speech.is_some() && since >= GAP {
            turn.speech = None;
            self.next += 1;
            self.ears.end_speech();
        }
        if turn.speech.is_some() {
            return;
        }
        if since >= self.script.end_after {
            self.end_turn(now, "model");
        } else if self.eager && since >= self.script.eager_after && !turn.eager_sent {
            turn.eager_sent = true;
            self.turn_info("EagerEndOfTurn", now, None);
        }
    }

    fn end_turn(&mut self, now: Instant, trigger: &str) {
        self.turn_info("EndOfTurn", now, Some(trigger));
        self.turn = None;
        self.turn_index += 1;
        self.ears.end_speech();
    }

    fn turn_info(&mut self, event: &str, now: Instant, trigger: Option<&str>) {
        let position = self.ears.position();
        let text = self.text(position);
        let start = self.turn.as_ref().map_or(position, |turn| turn.start).as_secs_f64();
        let word = |word: &str| json!({ "word": word, "confidence": 0.97 });
        let words: Vec<_> = text.split_whitespace().map(word).collect();
        let mut message = json!({
            "type": "TurnInfo", "event": event, "turn_index": self.turn_index,
            "audio_window_start": start, "audio_window_end": position.as_secs_f64(),
            "transcript": text, "words": words, "end_of_turn_confidence": 0.5,
        });
        if let Some(trigger) = trigger {
            message["trigger"] = trigger.into();
            message["utterances"] = self.next.into();
        }
        self.say(now + self.script.delay, message);
    }

    /// The text of the turn so far.
    fn text(&self, position: Duration) -> String {
        let Some(turn) = &self.turn else { return String::new() };
        let script = &self.script.utterances;
        let spoken = script.iter().take(self.next).skip(turn.first);
        let mut words: Vec<&str> = spoken.flat_map(|it| it.split_whitespace()).collect();
        if let (Some(start), Some(now)) = (turn.speech, script.get(self.next)) {
            let said = position.saturating_sub(start).as_millis() / UPDATE_EVERY.as_millis();
            let said = usize::try_from(said).unwrap_or(usize::MAX).max(1);
            words.extend(now.split_whitespace().take(said));
        }
        words.join(" ")
    }

    fn say(&mut self, due: Instant, mut message: Value) {
        message["request_id"] = "scripted".into();
        message["sequence_id"] = self.sequence.into();
        self.sequence += 1;
        self.outbox.push(due, Output::Text(message.to_string()));
    }
}
