use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use voiceagent_core::{GenerationId, audio::AudioFormat, stt::WordTiming};

use super::schedule::Schedule;
use crate::tone;

/// How fast a fake voice is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) per_char: Duration,
    pub(super) first_audio: Duration,
    pub(super) piece: Duration,
    /// How many times faster than it sounds the audio comes.
    pub(super) speed: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_char: Duration::from_millis(60),
            first_audio: Duration::from_millis(80),
            piece: Duration::from_millis(120),
            speed: 10,
        }
    }
}

/// Speaks texts one after another: knows which piece of audio is ready when.
pub(super) struct Speaker<E> {
    format: AudioFormat,
    pace: Pace,
    later: Schedule<(GenerationId, E)>,
    /// The generation that is being given, how long its audio is so far, and when it is ready.
    current: Option<(GenerationId, Duration, Instant)>,
    cancelled: Vec<GenerationId>,
}

impl<E> Speaker<E> {
    pub(super) const fn new(format: AudioFormat, pace: Pace) -> Self {
        let later = Schedule::new();
        Self { format, pace, later, current: None, cancelled: Vec::new() }
    }

    /// The times of the words of a text that is about to be spoken.
    pub(super) fn words(&self, generation: GenerationId, text: &str) -> Vec<WordTiming> {
        let begun = self.current.filter(|(id, ..)| *id == generation);
        let mut at = begun.map_or(Duration::ZERO, |(_, length, _)| length);
        let mut words = Vec::new();
        for piece in text.split_inclusive(char::is_whitespace) {
            let start = at;
            at += self.pace.per_char * count(piece);
            let word = piece.trim_end();
            if !word.is_empty() {
                let end = start + self.pace.per_char * count(word);
                words.push(WordTiming { word: word.into(), start, end });
            }
        }
        words
    }

    /// Adds something that comes just before the audio of the next text.
    pub(super) fn first(&mut self, generation: GenerationId, event: E) {
        let ready = self.ready(generation);
        self.add(generation, ready, event);
    }

    /// Adds the audio of a text.
    pub(super) fn speak(
        &mut self,
        generation: GenerationId,
        text: &str,
        audio: impl Fn(Bytes) -> E,
    ) {
        let mut ready = self.ready(generation);
        let mut rest = tone::spell(self.format, text, self.pace.per_char);
        let mut length = self.current.map_or(Duration::ZERO, |(_, length, _)| length);
        while !rest.is_empty() {
            let payload = rest.split_to(self.format.bytes_in(self.pace.piece).min(rest.len()));
            let sounds = self.format.duration_of(self.format.samples(payload.len()));
            self.add(generation, ready, audio(payload));
            ready += sounds / self.pace.speed.max(1);
            length += sounds;
        }
        self.current = Some((generation, length, ready));
    }

    /// Adds something that comes after everything so far.
    pub(super) fn then(&mut self, generation: GenerationId, event: E) {
        let last = self.later.last().unwrap_or_else(Instant::now);
        self.add(generation, last.max(Instant::now()), event);
    }

    /// Says nothing more of a generation, now and later.
    pub(super) fn cancel(&mut self, generation: GenerationId) {
        self.cancelled.push(generation);
        self.later.take(|(id, _)| *id == generation);
        self.current = self.current.filter(|(id, ..)| *id != generation);
    }

    /// Drops everything that was not said.
    pub(super) fn forget(&mut self) {
        self.later.take(|_| true);
        self.current = None;
    }

    /// Waits for the next thing to say.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn due(&mut self) -> (GenerationId, E) {
        self.later.due().await
    }

    /// When the next text of a generation is ready.
    fn ready(&mut self, generation: GenerationId) -> Instant {
        let now = Instant::now();
        let (_, _, ready) = *match &mut self.current {
            Some(current) if current.0 == generation => current,
            other => {
                let after = self.later.last().unwrap_or(now).max(now);
                other.insert((generation, Duration::ZERO, after + self.pace.first_audio))
            }
        };
        ready.max(now)
    }

    fn add(&mut self, generation: GenerationId, at: Instant, event: E) {
        if !self.cancelled.contains(&generation) {
            self.later.add(at, (generation, event));
        }
    }
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
