use std::{borrow::Cow, sync::Arc, time::Duration};

use voiceagent_core::{
    Result,
    stt::{SttEvent, Transcript, WordTiming},
};

use super::{
    super::{
        PROVIDER,
        messages::{Alternative, CLOSE_STREAM, FINALIZE, KEEP_ALIVE, Results, UtteranceEnd},
    },
    fault, kind, parse, timings, warn,
};
use crate::wire::{
    json::seconds,
    secrets::Secrets,
    stt::{Settled, SttCodec},
    ws::Frame,
};

/// How much later than a word's end the vendor may round.
const ROUNDING: Duration = Duration::from_millis(20);

/// Understands `/v1/listen`.
#[derive(Debug, Default)]
pub(crate) struct ListenCodec {
    /// Where the connection's clock begins.
    zero: Duration,
    covered: Duration,
    /// The text that no final covers so far.
    interim: Option<Interim>,
    /// Finals with words were sent since the last end of turn.
    heard: bool,
    started: bool,
    owes_final: bool,
    /// What was told without waiting any longer for its final.
    settled: Settled,
}

#[derive(Debug)]
struct Interim {
    text: Arc<str>,
    confidence: f32,
    words: Vec<WordTiming>,
    end: Duration,
}

impl SttCodec for ListenCodec {
    const PROVIDER: &'static str = PROVIDER;
    const KEEP_ALIVE: Option<&'static str> = Some(KEEP_ALIVE);

    fn goodbye(&self) -> Option<Frame> {
        Some(CLOSE_STREAM.into())
    }

    fn decode(
        &mut self,
        text: &str,
        secrets: &Secrets,
        events: &mut Vec<SttEvent>,
    ) -> Result<bool> {
        match &*kind(text)? {
            "Results" => self.on_results(&parse(text)?, events),
            "UtteranceEnd" => self.on_utterance_end(&parse(text)?, events),
            "SpeechStarted" if !self.started => {
                self.started = true;
                events.push(SttEvent::SpeechStarted);
            }
            "Error" => return Err(fault(text, secrets)),
            "Warning" => warn(text, secrets),
            "Metadata" => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn covered(&self) -> Duration {
        self.covered
    }

    fn awaits_hello(&self) -> bool {
        false
    }

    fn lost(&mut self, kept: Duration, events: &mut Vec<SttEvent>) {
        if kept > self.covered + ROUNDING {
            self.promote(events);
        }
    }

    fn connected(&mut self, zero: Duration) {
        self.zero = zero;
        self.settled.clear();
    }

    fn finalize(&mut self) -> Option<Cow<'static, str>> {
        self.owes_final = true;
        Some(FINALIZE.into())
    }

    fn owes_final(&self) -> bool {
        self.owes_final
    }

    fn settle(&mut self, events: &mut Vec<SttEvent>) {
        if let Some(interim) = &self.interim {
            self.settled.note(&interim.text, interim.end);
        }
        self.promote(events);
        if std::mem::take(&mut self.owes_final)
            && !matches!(events.last(), Some(SttEvent::Transcript(last)) if last.is_final)
        {
            events.push(SttEvent::Transcript(Transcript::final_("")));
        }
    }
}

impl ListenCodec {
    fn on_results(&mut self, results: &Results<'_>, events: &mut Vec<SttEvent>) {
        let start = self.zero + seconds(results.start);
        let end = start + seconds(results.duration);
        let heard = results.channel.alternatives.first().and_then(|it| self.unheard(it, start));
        if !results.is_final {
            self.on_interim(heard, end, events);
            return;
        }
        self.settled.clear();
        self.covered = self.covered.max(end);
        let owed = results.from_finalize && std::mem::take(&mut self.owes_final);
        // An empty final is worth sending when it takes back an interim, or was asked for.
        let retracts = self.interim.take().is_some();
        match heard {
            Some(heard) => {
                self.heard = true;
                events.push(heard.into_event(true));
            }
            None if owed || retracts => {
                events.push(SttEvent::Transcript(Transcript::final_("")));
            }
            None => {}
        }
        // The silence that counts is one that nobody asked to end.
        if results.speech_final && !results.from_finalize {
            self.end_turn(events);
        }
    }

    fn on_interim(&mut self, heard: Option<Heard>, end: Duration, events: &mut Vec<SttEvent>) {
        match heard {
            Some(heard) => {
                let end = heard.words.last().map_or(end, |word| word.end);
                self.interim = Some(Interim {
                    text: heard.text.clone(),
                    confidence: heard.confidence,
                    words: heard.words.clone(),
                    end,
                });
                events.push(heard.into_event(false));
            }
            None => {
                if self.interim.take().is_some() {
                    events.push(SttEvent::Transcript(Transcript::interim("")));
                }
            }
        }
    }

    /// The gap between words is long enough, although noise may hide the silence.
    fn on_utterance_end(&mut self, gap: &UtteranceEnd, events: &mut Vec<SttEvent>) {
        let last_word = self.zero + seconds(gap.last_word_end);
        if self.interim.as_ref().is_some_and(|it| it.end <= last_word + ROUNDING) {
            self.promote(events);
        }
        self.end_turn(events);
    }

    fn end_turn(&mut self, events: &mut Vec<SttEvent>) {
        self.started = false;
        if std::mem::take(&mut self.heard) {
            events.push(SttEvent::EndOfTurn);
        }
    }

    /// Makes a final of the interim. Its words are not sent again should a final follow.
    fn promote(&mut self, events: &mut Vec<SttEvent>) {
        if let Some(Interim { text, confidence, words, end }) = self.interim.take() {
            self.covered = self.covered.max(end);
            self.heard = true;
            events.push(Heard { text, confidence, words }.into_event(true));
        }
    }

    /// The part of a result that no final covers; `None` when there are no words in it.
    fn unheard(&self, alternative: &Alternative<'_>, start: Duration) -> Option<Heard> {
        let text = alternative.transcript.trim();
        if text.is_empty() {
            return None;
        }
        let confidence = alternative.confidence;
        let mut words = timings(&alternative.words, self.zero);
        if words.is_empty() || start + ROUNDING >= self.covered {
            return Some(Heard { text: Arc::from(text), confidence, words });
        }
        if !self.settled.is_empty() {
            // The times of words may move until they are final.
            let said = Transcript::interim(text).with_words(words);
            let Transcript { text, words, .. } = self.settled.clone().rest_of(said)?;
            return Some(Heard { text, confidence, words });
        }
        words.retain(|word| word.start + ROUNDING >= self.covered);
        let text = words.iter().map(|it| &*it.word).collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| Heard { text: Arc::from(text), confidence, words })
    }
}

struct Heard {
    text: Arc<str>,
    confidence: f32,
    words: Vec<WordTiming>,
}

impl Heard {
    fn into_event(self, is_final: bool) -> SttEvent {
        let Self { text, confidence, words } = self;
        let transcript =
            if is_final { Transcript::final_(text) } else { Transcript::interim(text) };
        SttEvent::Transcript(transcript.with_confidence(confidence).with_words(words))
    }
}
