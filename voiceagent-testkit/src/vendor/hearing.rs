use std::{collections::VecDeque, time::Duration};

use serde_json::Value;
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    TurnScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
};

/// A word takes so long, and what was understood is told so often.
const WORD: Duration = Duration::from_millis(250);

/// So much audio is heard at once: what is noticed in it is answered before more is heard.
const PIECE: Duration = Duration::from_millis(20);

/// What a vendor notices in the audio.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sound {
    /// Speech began at this place.
    Began(Duration),
    /// Speech goes on, and there are more words of it.
    Words,
    /// Speech that was not ended is followed by so much silence.
    Silence(Duration),
}

/// What the sessions of recognizers have in common: what was heard, which utterance of the script
/// that is, and what is to be said about it.
pub(super) struct Hearing {
    pub(super) script: TurnScript,
    format: AudioFormat,
    ears: Ears,
    /// What was noticed in the last piece.
    noticed: VecDeque<Sound>,
    /// The utterance that is or will be spoken.
    next: usize,
    /// Utterances whose last message was sent.
    told: usize,
    /// Where the speech began that was not ended.
    speech: Option<Duration>,
    words_at: Duration,
    outbox: Outbox,
}

impl Hearing {
    pub(super) fn new(script: &TurnScript, format: AudioFormat, progress: usize) -> Self {
        Self {
            script: script.clone(),
            format,
            ears: Ears::new(format),
            noticed: VecDeque::new(),
            next: progress,
            told: progress,
            speech: None,
            words_at: WORD,
            outbox: Outbox::default(),
        }
    }

    /// Hears audio of another format from now on.
    pub(super) fn listen_in(&mut self, format: AudioFormat) {
        (self.format, self.ears) = (format, Ears::new(format));
    }

    /// Hears audio until something is noticed, and takes what was heard from its front.
    pub(super) fn notice(&mut self, audio: &mut &[u8]) -> Option<Sound> {
        loop {
            let noticed = self.noticed.pop_front();
            match noticed {
                Some(Sound::Words | Sound::Silence(_)) if self.speech.is_none() => continue,
                Some(sound) => return Some(sound),
                None if audio.is_empty() => return None,
                None => {}
            }
            let (piece, rest) = audio.split_at(self.format.bytes_in(PIECE).min(audio.len()));
            *audio = rest;
            self.hear(piece);
        }
    }

    fn hear(&mut self, piece: &[u8]) {
        for (position, heard) in self.ears.hear(piece) {
            match heard {
                Heard::Began(start) => {
                    self.speech = Some(start);
                    self.noticed.push_back(Sound::Began(start));
                }
                Heard::Silence(since) => self.noticed.push_back(Sound::Silence(since)),
                Heard::Speech => {}
            }
            if position >= self.words_at {
                self.words_at = position + WORD;
                self.noticed.push_back(Sound::Words);
            }
        }
    }

    /// Where the audio that was heard ends.
    pub(super) fn position(&self) -> Duration {
        self.ears.position()
    }

    /// Where speech began that was not ended, and where it was last heard.
    pub(super) fn speech(&self) -> Option<(Duration, Duration)> {
        Some((self.speech?, self.ears.last_voice()))
    }

    /// All words of the utterance.
    pub(super) fn words(&self) -> Vec<String> {
        let text = self.script.utterances.get(self.next).filter(|_| self.speech.is_some());
        text.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
    }

    /// The words that were said until now, at least one.
    pub(super) fn words_so_far(&self) -> Vec<String> {
        let length = self.position().saturating_sub(self.speech.unwrap_or_default());
        let count = usize::try_from(length.as_millis() / WORD.as_millis()).unwrap_or(usize::MAX);
        let mut words = self.words();
        words.truncate(count.max(1));
        words
    }

    /// When each of some words was said: they are spread evenly over the speech.
    pub(super) fn times(&self, words: &[String]) -> Vec<(Duration, Duration)> {
        let (start, end) = self.speech().unwrap_or_default();
        let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let one = end.saturating_sub(start) / count.max(1);
        (0..count).map(|at| (start + one * at, start + one * (at + 1))).collect()
    }

    /// The utterance is over, whoever decided that; the next voice begins the next one.
    pub(super) fn end(&mut self) {
        self.next += usize::from(self.speech.take().is_some());
        self.ears.end_speech();
    }

    /// Sends a message.
    pub(super) fn say(&mut self, now: Instant, message: &Value) {
        self.say_text(now, message.to_string());
    }

    /// Sends a message that is more than JSON.
    pub(super) fn say_text(&mut self, now: Instant, message: String) {
        self.outbox.push(now + self.script.delay, Output::Text(message));
    }

    /// Sends the last message about an utterance.
    pub(super) fn say_last(&mut self, now: Instant, mut message: Value) {
        message["is_last"] = true.into();
        self.say(now, &message);
    }

    /// Sends a message, and ends the connection.
    pub(super) fn refuse(&mut self, now: Instant, message: &Value, code: u16) {
        self.say(now, message);
        self.outbox.push(now, Output::Close(code, ""));
    }

    /// Sends all that waits and then this, and ends the connection.
    pub(super) fn say_goodbye(&mut self, now: Instant, message: Option<&Value>) {
        self.outbox.hurry(now);
        if let Some(message) = message {
            self.outbox.push(now, Output::Text(message.to_string()));
        }
        self.outbox.push(now, Output::Close(1000, ""));
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Output> {
        let output = self.outbox.pop(now)?;
        if let Output::Text(text) = &output {
            self.told += usize::from(text.contains(r#""is_last":true"#));
        }
        Some(output)
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.outbox.due()
    }

    /// How many utterances a connection that continues this one need not tell.
    pub(super) const fn progress(&self) -> usize {
        self.told
    }
}
