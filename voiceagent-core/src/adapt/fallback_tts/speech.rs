use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use crate::{
    GenerationId,
    audio::AudioFormat,
    session::script::Script,
    stt::WordTiming,
    tts::{TtsEvent, TtsInput},
};

/// What is said under one name, by as many voices as it takes.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) generation: GenerationId,
    format: AudioFormat,
    /// What the voice that speaks now has to say, or what there is to say for the next.
    texts: Vec<Arc<str>>,
    /// These texts against the audio of this voice.
    script: Script,
    /// How many of them it was handed, and how many it has told to be complete.
    handed: usize,
    completed: usize,
    /// The owner has no more text; the voice knows it.
    is_finished: bool,
    finish_handed: bool,
    /// When the voice was handed the first of them.
    asked: Option<Instant>,
    /// Samples that other voices said before.
    before: u64,
    /// Words that have not been said completely.
    words: VecDeque<WordTiming>,
}

impl Speech {
    pub(super) fn new(generation: GenerationId, format: AudioFormat) -> Self {
        Self {
            generation,
            format,
            texts: Vec::new(),
            script: Script::new(format.sample_rate),
            handed: 0,
            completed: 0,
            is_finished: false,
            finish_handed: false,
            asked: None,
            before: 0,
            words: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, text: Arc<str>) {
        self.script.push_text(&text);
        self.texts.push(text);
    }

    pub(super) const fn finish(&mut self) {
        self.is_finished = true;
    }

    /// What the voice is to be handed next.
    pub(super) fn next_input(&mut self, now: Instant) -> Option<TtsInput> {
        let generation = self.generation;
        if let Some(text) = self.texts.get(self.handed) {
            self.handed += 1;
            self.asked.get_or_insert(now);
            return Some(TtsInput::Text { generation, text: text.clone() });
        }
        let is_news = self.is_finished && !std::mem::replace(&mut self.finish_handed, true);
        is_news.then_some(TtsInput::Finish { generation })
    }

    /// When the voice was asked to say it.
    pub(super) const fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// Texts that the voice was not handed.
    pub(super) fn waiting(&self) -> usize {
        self.texts.len() - self.handed
    }

    /// Whether the voice knows of it.
    pub(super) const fn is_known(&self) -> bool {
        self.handed > 0 || self.finish_handed
    }

    pub(super) const fn is_closing(&self) -> bool {
        self.finish_handed
    }

    /// Whether the voice has made no sound of words that it was handed.
    pub(super) fn is_mute(&self) -> bool {
        self.handed > 0 && self.script.is_mute()
    }

    /// Audio came, in the format of the owner. Returns the words that are complete with it.
    pub(super) fn on_audio(&mut self, bytes: usize) -> Vec<WordTiming> {
        self.script.push_audio(self.format.samples(bytes));
        let said = self.format.duration_of(self.before + self.script.samples());
        let complete = self.words.partition_point(|word| word.end <= said);
        self.words.drain(..complete).collect()
    }

    /// Times of words came, which count from the beginning of this voice.
    pub(super) fn on_words(&mut self, words: Vec<WordTiming>) {
        self.script.on_words(&words);
        let before = self.format.duration_of(self.before);
        self.words.extend(words.into_iter().map(|word| WordTiming {
            start: word.start + before,
            end: word.end + before,
            ..word
        }));
    }

    /// So many texts are complete.
    pub(super) fn on_spoken(&mut self, texts: u32) {
        self.completed += texts as usize;
        self.script.on_spoken(texts);
    }

    /// All words that were not told.
    pub(super) fn last_words(&mut self) -> Vec<WordTiming> {
        self.words.drain(..).collect()
    }

    /// How much text this voice has spoken in how many samples, when it has spoken all of it.
    pub(super) fn pace(&self) -> (usize, u64) {
        (self.script.text().len(), self.script.samples())
    }

    /// Another voice says the rest. Returns how many texts count as complete that were not told to
    /// be.
    pub(super) fn pass_on(&mut self) -> u32 {
        let mut heard = self.script.heard(self.script.samples()).len();
        let mut rest = Vec::with_capacity(self.texts.len());
        for text in &self.texts {
            let said = heard.min(text.len());
            heard -= said;
            let left = if said == 0 { text.clone() } else { text[said..].trim_start().into() };
            // Texts are said in order: what follows the first that is not complete is whole.
            if said == 0 || left.contains(char::is_alphanumeric) {
                rest.push(left);
            }
        }
        let gone = self.texts.len() - rest.len();
        let untold = gone.saturating_sub(self.completed);
        self.before += self.script.samples();
        self.script = Script::new(self.format.sample_rate);
        rest.iter().for_each(|text| self.script.push_text(text));
        self.texts = rest;
        (self.handed, self.completed, self.finish_handed) = (0, 0, false);
        self.asked = None;
        self.words.clear();
        u32::try_from(untold).unwrap_or(u32::MAX)
    }

    /// Says how fast the voice is that speaks it.
    pub(super) fn expect_pace(&mut self, pace: Option<(usize, u64)>) {
        if let Some((text, samples)) = pace {
            self.script.expect_pace(text, samples);
        }
    }

    /// Whether there is nothing left to say.
    pub(super) fn is_over(&self) -> bool {
        self.is_finished && self.texts.is_empty() && self.before > 0
    }

    /// An event of it.
    pub(super) const fn words_event(&self, words: Vec<WordTiming>) -> TtsEvent {
        TtsEvent::Words { generation: self.generation, words }
    }
}
