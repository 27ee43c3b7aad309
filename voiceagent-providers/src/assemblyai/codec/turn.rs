use std::{sync::Arc, time::Duration};

use voiceagent_core::stt::{SttEvent, Transcript, WordTiming};

use super::super::messages::{TurnMessage, Word};
use crate::wire::json;

/// A turn that is under way.
#[derive(Debug)]
pub(super) struct Turn {
    /// Its number on this connection, if this connection has named it.
    pub(super) order: Option<u64>,
    pub(super) start: Duration,
    pub(super) end: Duration,
    /// The vendor ended it, and its formatted text is owed.
    pub(super) is_ending: bool,
    text: Arc<str>,
    confidence: f32,
    words: Vec<WordTiming>,
}

impl Turn {
    pub(super) fn new(start: Duration) -> Self {
        Self {
            order: None,
            start,
            end: start,
            is_ending: false,
            text: Arc::from(""),
            confidence: 1.0,
            words: Vec::new(),
        }
    }

    /// Takes all of the turn so far; whether its text is another one.
    pub(super) fn update(&mut self, message: &TurnMessage<'_>, zero: Duration) -> bool {
        let whole = message.transcript.trim();
        // Until the end the transcript lacks the words that may still change.
        let text: Arc<str> = if message.end_of_turn || message.words.is_empty() {
            whole.into()
        } else {
            message.words.iter().map(|word| &*word.text).collect::<Vec<_>>().join(" ").into()
        };
        self.words = timings(&message.words, &text, zero);
        if let Some(last) = self.words.last() {
            self.end = last.end;
        }
        self.confidence = confidence(&message.words);
        std::mem::replace(&mut self.text, Arc::clone(&text)) != text
    }

    pub(super) fn transcript(&self, is_final: bool) -> SttEvent {
        let text = Arc::clone(&self.text);
        let transcript =
            if is_final { Transcript::final_(text) } else { Transcript::interim(text) };
        let words = self.words.clone();
        SttEvent::Transcript(transcript.with_confidence(self.confidence).with_words(words))
    }
}

/// Times of the words, which are spelled as in the text where there are as many of them.
fn timings(words: &[Word<'_>], text: &str, zero: Duration) -> Vec<WordTiming> {
    let spelled: Vec<_> = text.split_whitespace().collect();
    let fits = spelled.len() == words.len();
    let timing = |(at, word): (usize, &Word<'_>)| WordTiming {
        word: if fits { spelled[at].into() } else { Arc::from(&*word.text) },
        start: zero + json::milliseconds(word.start),
        end: zero + json::milliseconds(word.end),
    };
    words.iter().enumerate().map(timing).collect()
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
