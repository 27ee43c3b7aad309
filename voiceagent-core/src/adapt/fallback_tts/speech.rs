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
    /// How many of them it was handed, how many it has told to be complete, and how many of these
    /// the owner was told.
    handed: usize,
    completed: usize,
    told: usize,
    /// How much of the owner's first text, of which this is the rest, other voices have said.
    cut: usize,
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
            told: 0,
            cut: 0,
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

    /// So many texts are complete. The owner is told so, or will be told where it goes on.
    pub(super) fn on_spoken(&mut self, texts: u32, is_told: bool) {
        self.completed += texts as usize;
        self.told += if is_told { texts as usize } else { 0 };
        self.script.on_spoken(texts);
    }

    /// The voice is a chain, of which another one goes on behind so many texts and bytes. Returns
    /// what the owner is to be told.
    pub(super) fn on_continued(&mut self, texts: u32, bytes: u32, again: u32) -> TtsEvent {
        self.completed += texts as usize;
        self.script.on_continued(texts, bytes, again);
        let cut = if self.completed == 0 { self.cut } else { 0 };
        self.continued(self.completed, cut + bytes as usize, again as usize)
    }

    /// Tells that another voice goes on behind so many of the texts, and so much of the next one, and
    /// how much it says again.
    fn continued(&mut self, texts: usize, bytes: usize, again: usize) -> TtsEvent {
        let untold = texts.saturating_sub(self.told);
        self.told = self.told.max(texts);
        let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let generation = self.generation;
        let (texts, bytes, again) = (count(untold), count(bytes), count(again));
        TtsEvent::Continued { generation, texts, bytes, again }
    }

    /// Whether the voice owes audio of what it has, though more may come.
    pub(super) fn is_owed(&self) -> bool {
        !self.finish_handed && !self.is_mute() && self.handed > 0 && self.script.is_owed()
    }

    /// All words that were not told.
    pub(super) fn last_words(&mut self) -> Vec<WordTiming> {
        self.words.drain(..).collect()
    }

    /// How much text this voice has spoken in how many samples, when it has spoken all of it.
    pub(super) fn pace(&self) -> (usize, u64) {
        (self.script.text().len(), self.script.samples())
    }

    /// Another voice says the rest. Returns where it goes on, if anything was said.
    pub(super) fn pass_on(&mut self) -> Option<TtsEvent> {
        let complete: usize = self.texts.iter().take(self.completed).map(|text| text.len()).sum();
        let mut heard = self.script.heard(self.script.samples()).len().max(complete);
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
        let begun = self.texts.get(gone).zip(rest.first());
        let said = begun.map_or(0, |(whole, left)| whole.len() - left.len());
        let cut = if gone == 0 { self.cut + said } else { said };
        let place = self.texts[..gone].iter().map(|text| text.len()).sum::<usize>() + said;
        let again = self.script.reached().saturating_sub(place);
        let is_news = self.script.samples() > 0 || gone > self.told;
        let continued = is_news.then(|| self.continued(gone, cut, again));
        self.before += self.script.samples();
        self.script = Script::new(self.format.sample_rate);
        rest.iter().for_each(|text| self.script.push_text(text));
        self.texts = rest;
        (self.handed, self.completed, self.told, self.cut) = (0, 0, 0, cut);
        self.finish_handed = false;
        self.asked = None;
        self.words.clear();
        continued
    }

    /// Says how fast the voice is that speaks it, and whether it tells when a text is complete.
    pub(super) fn expect(&mut self, pace: Option<(usize, u64)>, tells_texts: bool) {
        self.script.expect_ends(tells_texts);
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

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
    const TEXTS: [&str; 3] =
        ["Your appointment is at nine. ", "Please bring the keys, ", "and the registration."];

    /// A speech by two voices, and what the session makes of what it is told of it.
    struct Heard {
        script: Script,
        /// The words of which all was said, behind each letter.
        truth: Vec<(u64, usize)>,
    }

    fn generation() -> GenerationId {
        GenerationId::new(1)
    }

    /// The words that end within so many letters, whatever mark is behind them.
    fn words(letters: usize) -> usize {
        let text = TEXTS.concat();
        let ends = text.trim_end().match_indices(' ').map(|(at, _)| at).chain([text.len()]);
        let letters_of = |end: &usize| text[..*end].trim_end_matches([' ', '.', ',']).len();
        ends.filter(|end| letters_of(end) <= letters).count()
    }

    /// Lets a voice say so many letters of what it is given, at so many samples each.
    fn say(speech: &mut Speech, heard: &mut Heard, letters: usize, each: u64, tells: bool) {
        let whole: usize = TEXTS.concat().len();
        let given: usize = speech.texts.iter().map(|text| text.len()).sum();
        let mut ends = Vec::new();
        for text in &speech.texts {
            ends.push(ends.last().copied().unwrap_or(0) + text.len());
        }
        for letter in 1..=letters.min(given) {
            speech.on_audio(usize::try_from(each).unwrap());
            heard.script.push_audio(each);
            if tells && ends.contains(&letter) {
                speech.on_spoken(1, true);
                heard.script.on_spoken(1);
            }
            let before = heard.truth.last().map_or(0, |(_, words)| *words);
            let said = words(whole - given + letter).max(before);
            heard.truth.push((heard.script.samples(), said));
        }
    }

    /// Lets the first voice end behind so many letters, and the second say the rest.
    fn cut(after: usize, paces: (u64, u64), tells: bool) -> Heard {
        let mut heard = Heard { script: Script::new(FORMAT.sample_rate), truth: Vec::new() };
        let mut speech = Speech::new(generation(), FORMAT);
        for text in TEXTS {
            speech.push(text.into());
            heard.script.push_text(text);
        }
        speech.expect(Some((100, 100 * paces.0)), tells);
        speech.finish();
        while speech.next_input(crate::adapt::chain::now()).is_some() {}
        say(&mut speech, &mut heard, after, paces.0, tells);
        if let Some(TtsEvent::Continued { texts, bytes, again, .. }) = speech.pass_on() {
            heard.script.on_continued(texts, bytes, again);
        }
        say(&mut speech, &mut heard, usize::MAX, paces.1, tells);
        heard.script.on_voice_end(TEXTS.len());
        heard
    }

    #[tokio::test(start_paused = true)]
    async fn h1_wherever_a_voice_is_cut_the_session_knows_which_words_were_heard() {
        let whole = TEXTS.concat().len();
        for (paces, tells) in [(480, 480), (480, 720), (640, 400)]
            .into_iter()
            .flat_map(|paces| [(paces, false), (paces, true)])
        {
            for after in 0..=whole {
                let heard = cut(after, paces, tells);
                for (sample, said) in &heard.truth {
                    let known = words(heard.script.heard(*sample).len());
                    let case = || format!("{paces:?} {tells} cut after {after}, at {sample}");
                    assert!(known <= *said, "{}: {known} of {said}", case());
                    assert!(known + 1 >= *said, "{}: {known} of {said}", case());
                }
                assert_eq!(heard.truth.last().map(|(_, said)| *said), Some(words(whole)));
            }
        }
    }

    #[test]
    fn a_chain_within_a_chain_tells_where_its_own_next_voice_goes_on() {
        let mut speech = Speech::new(generation(), FORMAT);
        TEXTS.iter().for_each(|text| speech.push((*text).into()));
        speech.expect(Some((100, 100 * 480)), false);
        while speech.next_input(crate::adapt::chain::now()).is_some() {}
        let continued = |texts, bytes, again| {
            let generation = generation();
            TtsEvent::Continued { generation, texts, bytes, again }
        };
        speech.on_audio(7 * 480);
        assert_eq!(speech.pass_on(), Some(continued(0, 5, 2)), "behind the first word");
        speech.expect(Some((100, 100 * 480)), false);
        while speech.next_input(crate::adapt::chain::now()).is_some() {}
        speech.on_audio(15 * 480);
        assert_eq!(speech.on_continued(0, 12, 1), continued(0, 17, 1));
        assert_eq!(speech.on_continued(1, 7, 0), continued(1, 7, 0));
        assert_eq!(speech.on_continued(1, 4, 0), continued(1, 4, 0), "told once");
    }
}
