use std::{sync::Arc, time::Duration};

use voiceagent_core::{
    Result,
    stt::{SttEvent, Transcript, WordTiming},
};

use super::{
    super::{
        PROVIDER,
        messages::{CLOSE_STREAM, FORCE_END_TURN, KEEP_ALIVE, TurnInfo, Word},
    },
    fault, kind, parse, timings, warn,
};
use crate::wire::{json::seconds, secrets::Secrets, stt::SttCodec};

/// Audio before the present place that is kept while nobody speaks: a turn is noticed a little
/// after its first sound.
const LEAD_IN: Duration = Duration::from_secs(1);

/// Understands `/v2/listen`.
#[derive(Debug)]
pub(crate) struct FluxCodec {
    /// Where the connection's clock begins.
    zero: Duration,
    covered: Duration,
    turn: Option<Turn>,
    forces_end: bool,
    owes_final: bool,
}

#[derive(Debug)]
struct Turn {
    start: Duration,
    end: Duration,
    text: Arc<str>,
    confidence: f32,
    words: Vec<WordTiming>,
    eager: bool,
}

impl FluxCodec {
    /// `forces_end`: a request to finalize ends the turn.
    pub(crate) const fn new(forces_end: bool) -> Self {
        Self {
            zero: Duration::ZERO,
            covered: Duration::ZERO,
            turn: None,
            forces_end,
            owes_final: false,
        }
    }
}

impl SttCodec for FluxCodec {
    const PROVIDER: &'static str = PROVIDER;
    const GOODBYE: &'static str = CLOSE_STREAM;
    const KEEP_ALIVE: &'static str = KEEP_ALIVE;

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        match &*kind(text)? {
            "TurnInfo" => self.on_turn_info(&parse(text)?, events),
            "Error" => return Err(fault(text, secrets)),
            "Warning" | "ConfigureFailure" => warn(text, secrets),
            "Connected" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn covered(&self) -> Duration {
        self.turn.as_ref().map_or(self.covered, |turn| turn.start.max(self.covered))
    }

    fn in_turn(&self) -> bool {
        self.turn.is_some()
    }

    fn awaits_hello(&self) -> bool {
        true
    }

    fn is_hello(text: &str, secrets: &Secrets) -> Result<bool> {
        match kind(text).as_deref() {
            Ok("Connected") => Ok(true),
            Ok("Error") => Err(fault(text, secrets)),
            _ => Ok(false),
        }
    }

    /// A turn lives inside one connection. The next one hears it anew if its audio is at hand;
    /// else it ends here with what was understood.
    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        let covered = self.covered();
        let Some(turn) = &mut self.turn else { return };
        if kept > covered {
            self.settle(events);
        } else if std::mem::take(&mut turn.eager) {
            events.push(SttEvent::TurnResumed);
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.zero = zero;
    }

    fn finalize(&mut self) -> Option<&'static str> {
        let asks = self.forces_end && self.turn.is_some();
        self.owes_final |= asks;
        asks.then_some(FORCE_END_TURN)
    }

    fn owes_final(&self) -> bool {
        self.owes_final
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        if let Some(turn) = self.turn.take() {
            self.end_turn(turn, events);
        }
    }
}

impl FluxCodec {
    fn on_turn_info(&mut self, info: &TurnInfo<'_>, events: &mut Vec<SttEvent>) {
        let end = self.zero + seconds(info.audio_window_end);
        let begins = info.event == "StartOfTurn" || !info.transcript.trim().is_empty();
        let Some(mut turn) = self.turn.take().or_else(|| begins.then(|| self.begin(info, events)))
        else {
            self.covered = self.covered.max(end.saturating_sub(LEAD_IN));
            return;
        };
        turn.end = end;
        let changed = turn.update(info, self.zero);
        if &*info.event == "EndOfTurn" {
            self.end_turn(turn, events);
            return;
        }
        if changed {
            events.push(turn.transcript(false));
        }
        match &*info.event {
            "EagerEndOfTurn" if !turn.eager => {
                turn.eager = true;
                events.push(SttEvent::EagerEndOfTurn);
            }
            "TurnResumed" if turn.eager => {
                turn.eager = false;
                events.push(SttEvent::TurnResumed);
            }
            _ => {}
        }
        self.turn = Some(turn);
    }

    fn begin(&self, info: &TurnInfo<'_>, events: &mut Vec<SttEvent>) -> Turn {
        events.push(SttEvent::SpeechStarted);
        Turn {
            start: self.zero + seconds(info.audio_window_start),
            end: self.zero,
            text: Arc::from(""),
            confidence: 1.0,
            words: Vec::new(),
            eager: false,
        }
    }

    fn end_turn(&mut self, turn: Turn, events: &mut Vec<SttEvent>) {
        self.covered = self.covered.max(turn.end);
        self.owes_final = false;
        events.push(turn.transcript(true));
        events.push(SttEvent::EndOfTurn);
    }
}

impl Turn {
    /// Takes the text of the whole turn so far; whether it is another one.
    fn update(&mut self, info: &TurnInfo<'_>, zero: Duration) -> bool {
        let text = info.transcript.trim();
        self.words = timings(&info.words, zero);
        self.confidence = confidence(&info.words);
        let changed = *self.text != *text;
        if changed {
            self.text = Arc::from(text);
        }
        changed
    }

    fn transcript(&self, is_final: bool) -> SttEvent {
        let text = Arc::clone(&self.text);
        let transcript =
            if is_final { Transcript::final_(text) } else { Transcript::interim(text) };
        let words = self.words.clone();
        SttEvent::Transcript(transcript.with_confidence(self.confidence).with_words(words))
    }
}

/// The vendor is sure of words only, so that a text is as sure as they are on average.
fn confidence(words: &[Word<'_>]) -> f32 {
    if words.is_empty() {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^24 words")]
    let count = words.len() as f32;
    words.iter().map(|word| word.confidence).sum::<f32>() / count
}
