use std::sync::Arc;

use super::wording::Wording;
use crate::{
    spoken::{Sounds, SpokenForm},
    stt::WordTiming,
};

/// How fast a voice speaks when nothing is known about it, in characters a second.
const TYPICAL_PACE: u64 = 15;
/// How fast anybody speaks, in characters a second.
const FASTEST_PACE: u64 = 25;

/// How slowly a voice may speak, in bytes of text a second, and what it may add in pauses.
const SLOWEST_PACE: u64 = 1;
const LONGEST_PAUSE: u64 = 30;
/// The longest speech of one whose words are not known beforehand, in seconds.
const LONGEST_SPEECH: u64 = 600;

/// A voice names its words in order. One that is not found so many bytes on is spelled otherwise in
/// the text, and is passed over.
const NEAR: usize = 48;

/// Marks behind which a voice has no reason to wait for more.
const CLAUSE_ENDS: [char; 17] =
    ['.', ',', ';', ':', '!', '?', '…', '—', '–', '。', '，', '、', '！', '？', '；', '।', '؟'];

/// The text of a generation against its audio: which words are heard at which sample.
///
/// Word timings are exact. Without them, the end of each text whose audio is known to be complete
/// is an anchor, and between two anchors text is taken to flow evenly. A word counts as heard when
/// all of it was.
#[derive(Debug)]
pub(crate) struct Script {
    sample_rate: u64,
    /// How much text the voice spoke in so many samples before, if that is known.
    pace: Option<(u64, u64)>,
    /// Places in it are those of what is spoken; what was heard is told as it is written.
    wording: Wording,
    /// Ends of the texts that were handed to the voice.
    ends: Vec<usize>,
    /// Where the last of them begins, and at which sample it was handed over.
    given: (usize, u64),
    spoken_texts: usize,
    /// The voice tells when a text is complete.
    tells_texts: bool,
    /// Places where text and audio meet: byte of the text, sample of the audio.
    anchors: Vec<(usize, u64)>,
    /// How many of these tell nothing of the pace of the voice that speaks now; the first never does.
    of_others: usize,
    /// The same, from word timings.
    words: Vec<(usize, u64)>,
    /// The voice tells the times of its words.
    is_timed: bool,
    word_cursor: usize,
    samples: u64,
    /// Where the audio of the voice that speaks now begins: it counts from there.
    voice_base: u64,
    complete: bool,
    /// Text and audio come side by side, so that each share of the one belongs to the same share
    /// of the other.
    even: bool,
}

impl Script {
    pub(crate) fn new(sample_rate: u32) -> Self {
        let sample_rate = u64::from(sample_rate.max(1));
        Self {
            sample_rate,
            pace: None,
            wording: Wording::default(),
            ends: Vec::new(),
            given: (0, 0),
            spoken_texts: 0,
            tells_texts: false,
            anchors: vec![(0, 0)],
            of_others: 1,
            words: Vec::new(),
            is_timed: false,
            word_cursor: 0,
            samples: 0,
            voice_base: 0,
            complete: false,
            even: false,
        }
    }

    /// Says how much text the voice spoke in so many samples before.
    pub(crate) fn expect_pace(&mut self, text: usize, samples: u64) {
        self.pace = Some((text as u64, samples));
    }

    /// Says whether the voice tells when a text is complete.
    pub(crate) fn expect_ends(&mut self, told: bool) {
        self.tells_texts |= told;
    }

    /// Whether anybody speaks so much text in so many samples. A voice that claims it has said less.
    fn can_be_spoken(&self, text: u64, samples: u64) -> bool {
        text * self.sample_rate <= samples * self.bytes_of(FASTEST_PACE)
    }

    /// So many characters as bytes, in the script of the text: letters take up to four.
    fn bytes_of(&self, characters: u64) -> u64 {
        let text = self.spoken();
        characters * text.len() as u64 / (text.chars().count() as u64).max(1)
    }

    /// Whether text and audio come side by side, from one who speaks by itself.
    pub(super) fn flow_evenly(&mut self, even: bool) {
        self.even = even;
    }

    /// All text that was handed to the voice, as it is written.
    pub(crate) fn text(&self) -> &str {
        self.wording.written()
    }

    /// The same with its spoken form.
    pub(super) fn wording(&self) -> &Wording {
        &self.wording
    }

    /// How far the text was spoken, as far as is known: a place that may lie within a word.
    pub(crate) fn reached(&self) -> usize {
        self.text_at(self.samples)
    }

    /// Samples that the voice has spoken.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    pub(crate) fn push_text(&mut self, text: &str) {
        self.push_text_as(text, None);
    }

    /// Adds a text in its spoken form, if there is one.
    pub(super) fn push_text_as(&mut self, text: &str, form: Option<&SpokenForm>) {
        self.given = (self.spoken().len(), self.samples);
        self.wording.push(text, form);
        self.ends.push(self.spoken().len());
    }

    /// All text as the voice is given it.
    fn spoken(&self) -> &str {
        self.wording.spoken()
    }

    pub(crate) fn push_audio(&mut self, samples: u64) {
        self.samples += samples;
    }

    /// Whether there is more audio than the words can need: the voice does not stop.
    pub(super) fn is_endless(&self) -> bool {
        let for_text = self.spoken().len() as u64 / SLOWEST_PACE + LONGEST_PAUSE;
        let seconds = if self.even { LONGEST_SPEECH } else { for_text };
        self.samples > seconds * self.sample_rate
    }

    /// All of the text is handed to the voice again, as one; it has not said anything yet.
    pub(super) fn restart(&mut self) {
        let anew = self.blank();
        let wording = std::mem::take(&mut self.wording);
        *self = Self { ends: vec![wording.spoken().len()], wording, ..anew };
    }

    /// One without a text.
    pub(super) fn blank(&self) -> Self {
        Self { sample_rate: self.sample_rate, pace: self.pace, ..Self::new(0) }
    }

    /// How many texts there are.
    pub(super) fn texts(&self) -> usize {
        self.ends.len()
    }

    /// The texts after the first `count`.
    pub(super) fn texts_after(&self, count: usize) -> Vec<Arc<str>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .skip(count)
            .map(|(start, end)| self.spoken()[*start..*end].into())
            .collect()
    }

    /// Whether the voice that speaks now has made no sound, though there are words.
    pub(crate) fn is_mute(&self) -> bool {
        self.samples == self.voice_base && self.spoken().contains(char::is_alphanumeric)
    }

    /// The audio so far holds the first `texts` texts completely, and another voice speaks the rest.
    pub(crate) fn on_voice_end(&mut self, texts: usize) {
        self.complete_texts(texts.saturating_sub(self.spoken_texts));
        self.word_cursor = self.word_cursor.max(self.anchors.last().map_or(0, |(end, _)| *end));
        self.voice_base = self.samples;
    }

    /// The audio so far holds the next `texts` texts completely.
    pub(crate) fn on_spoken(&mut self, texts: u32) {
        self.complete_texts(texts as usize);
    }

    fn complete_texts(&mut self, texts: usize) {
        self.spoken_texts = self.spoken_texts.saturating_add(texts).min(self.ends.len());
        if let Some(end) = self.spoken_texts.checked_sub(1).and_then(|last| self.ends.get(last)) {
            self.anchor(*end);
        }
    }

    /// The audio so far holds the next `texts` texts completely and `bytes` of the one behind them,
    /// where another voice goes on. Of the word behind, so much was said already and is said again.
    pub(crate) fn on_continued(&mut self, texts: u32, bytes: u32, again: u32) {
        self.spoken_texts = self.spoken_texts.saturating_add(texts as usize).min(self.ends.len());
        let end_of = |text: usize| text.checked_sub(1).map_or(0, |last| self.ends[last]);
        let (start, end) = (end_of(self.spoken_texts), self.ends.get(self.spoken_texts));
        let place = start.saturating_add(bytes as usize).min(*end.unwrap_or(&start));
        let place = place.max(self.anchors.last().map_or(0, |(text, _)| *text));
        let place = self.spoken().floor_char_boundary(place);
        let (before, rest) = self.spoken().split_at(place);
        let reached = match (again as usize).min(first_letters(rest)) {
            // Marks and spaces behind a word take no time that is known.
            0 => before.trim_end_matches(|letter: char| !letter.is_alphanumeric()).len(),
            again => place + again,
        };
        self.anchor(reached);
        self.anchors.push((place, self.samples));
        self.of_others = self.anchors.len();
        self.word_cursor = self.word_cursor.max(place);
    }

    /// Whether the voice owes audio, though more text may come: of words that it named, of texts
    /// whose ends it is known to tell, or of more clauses than anybody says in the audio since it had them.
    /// What stands behind the last of them may wait for its end.
    pub(crate) fn is_owed(&self) -> bool {
        let named = self.words.last().copied();
        if named.is_some_and(|(_, end)| end > self.samples + self.sample_rate / 2) {
            return true;
        }
        let known = self.anchors.last().copied().unwrap_or_default();
        let letters = |from: usize| letters_of_clauses(&self.spoken()[from..]);
        let is_behind = |(from, at): (usize, u64)| {
            let since = self.samples.saturating_sub(at);
            since * FASTEST_PACE < letters(from) * self.sample_rate
        };
        let is_untold = self.tells_texts && letters(known.0) > 0;
        is_untold || [known, self.given].into_iter().chain(named).any(is_behind)
    }

    /// The audio so far is all of it.
    pub(super) fn on_complete(&mut self) {
        self.complete = true;
        if !self.even {
            self.anchor(self.spoken().len());
        }
    }

    /// There is no more audio, though there are more words.
    pub(super) fn on_break_off(&mut self) {
        self.words.retain(|(_, end)| *end <= self.samples);
    }

    /// Whether the audio so far can hold all of the text.
    pub(super) fn may_be_whole(&self) -> bool {
        self.text_at(self.samples) == self.spoken().len()
    }

    /// The text so far belongs to the audio so far, and what follows to what follows.
    pub(super) fn on_round_end(&mut self) {
        self.anchor(self.spoken().len());
    }

    /// Times of the next words.
    pub(crate) fn on_words(&mut self, words: &[WordTiming]) {
        for word in words {
            let rest = &self.spoken()[self.word_cursor..];
            let Some(found) = find_word(rest, &word.word) else { continue };
            self.word_cursor += found + word.word.len();
            let micros = u64::try_from(word.end.as_micros()).unwrap_or(u64::MAX / 1_000_000);
            let end = micros.saturating_mul(self.sample_rate) / 1_000_000;
            let end = end.saturating_add(self.voice_base);
            self.words.push((self.word_cursor, end));
            self.is_timed = true;
        }
    }

    /// The words of which everything lies before `sample`.
    pub(crate) fn heard(&self, sample: u64) -> &str {
        &self.text()[..self.wording.written_at(self.heard_spoken(sample).len())]
    }

    fn heard_spoken(&self, sample: u64) -> &str {
        if self.complete && sample >= self.samples {
            return self.spoken();
        }
        if sample == 0 {
            return "";
        }
        if let Some(&(end, at)) = self.anchors.last()
            && end == self.spoken().len()
            && (1..=sample).contains(&at)
        {
            return self.spoken();
        }
        if self.is_timed {
            let heard = self.words.iter().take_while(|(_, end)| *end <= sample).last();
            return self.with_punctuation(heard.map_or(0, |(end, _)| *end));
        }
        // A text that was spoken completely was heard, though the next one may go on without a space.
        let heard = self.whole_words(self.text_at(sample), self.is_guess(sample));
        let (end, at) = self.anchor_before(sample);
        // Where there was no sound nothing is known.
        let known = if at == 0 { "" } else { self.spoken()[..end].trim_end() };
        if known.len() > heard.len() { known } else { heard }
    }

    /// The last place where text and audio meet up to `sample`.
    fn anchor_before(&self, sample: u64) -> (usize, u64) {
        let next = self.anchors.partition_point(|(_, at)| *at <= sample);
        next.checked_sub(1).map_or((0, 0), |last| self.anchors[last])
    }

    fn anchor(&mut self, end: usize) {
        if self.anchors.last().is_none_or(|(text, _)| *text < end) {
            self.anchors.push((end, self.samples));
        }
    }

    /// Where the text is at `sample`, in bytes, if it flows evenly between anchors.
    fn text_at(&self, sample: u64) -> usize {
        let next = self.anchors.partition_point(|(_, at)| *at <= sample);
        let (text, at) = self.anchor_before(sample);
        let into = sample - at;
        let further = match self.anchors.get(next) {
            Some((next_text, next_at)) => (next_text - text) as u64 * into / (next_at - at).max(1),
            None => self.at_pace(into),
        };
        self.spoken().len().min(text + usize::try_from(further).unwrap_or(usize::MAX))
    }

    /// How much text the voice speaks in so many samples, as far as is known.
    fn at_pace(&self, samples: u64) -> u64 {
        let (text, at) = self.anchors.last().copied().unwrap_or_default();
        if self.even {
            let rest = (self.spoken().len() - text) as u64;
            let share = samples * rest / self.samples.saturating_sub(at).max(1);
            // Text that runs ahead of its audio must not pass for heard.
            let fastest = samples * self.bytes_of(FASTEST_PACE) / self.sample_rate;
            return if self.complete { share } else { share.min(fastest) };
        }
        let (base, since) = self.anchors[self.of_others - 1];
        let (own, of) = ((text - base) as u64, at - since);
        match of {
            1.. if self.can_be_spoken(own, of) => samples * own / of,
            _ => {
                let known = self.pace.filter(|(text, of)| self.can_be_spoken(*text, *of));
                let typical = (self.bytes_of(TYPICAL_PACE), self.sample_rate);
                let (text, of) = known.unwrap_or(typical);
                samples * text / of.max(1)
            }
        }
    }

    /// Whether nobody has told where the text goes on from `sample`.
    fn is_guess(&self, sample: u64) -> bool {
        !self.complete && self.anchors.last().is_none_or(|(_, at)| *at <= sample)
    }

    /// Rounds down to the end of a word.
    fn whole_words(&self, mut end: usize, is_guess: bool) -> &str {
        while !self.spoken().is_char_boundary(end) {
            end -= 1;
        }
        if self.spoken()[end..].starts_with(char::is_alphanumeric) {
            end = self.spoken()[..end].rfind(char::is_whitespace).unwrap_or(0);
        } else if is_guess && !self.spoken()[end..].contains(char::is_alphanumeric) {
            // The guess ran past the last word, which may still be on its way.
            end = self.spoken().trim_end().rfind(char::is_whitespace).unwrap_or(0);
        }
        self.spoken()[..self.unbroken(end)].trim_end()
    }

    /// The place, or the nearest one outside of a pronunciation, of which no voice can make anything
    /// when it is cut.
    fn unbroken(&self, end: usize) -> usize {
        let text = self.spoken();
        Sounds::around(text, end).map_or(end, |sounds| sounds.cut(text, end))
    }

    /// The text up to `end` and the punctuation that belongs to its last word.
    fn with_punctuation(&self, end: usize) -> &str {
        let rest = &self.spoken()[end..];
        let more =
            rest.find(|c: char| c.is_whitespace() || c.is_alphanumeric()).unwrap_or(rest.len());
        if end == 0 { "" } else { &self.spoken()[..self.unbroken(end + more)] }
    }
}

/// How many letters of a text stand in whole clauses. Those of how a word is pronounced do not count.
fn letters_of_clauses(text: &str) -> u64 {
    let end = text.rfind(CLAUSE_ENDS).unwrap_or(0);
    let mut is_markup = false;
    let spoken = text[..end].chars().filter(|letter| {
        is_markup = *letter == '<' || is_markup && *letter != '>';
        !is_markup && letter.is_alphanumeric()
    });
    spoken.count() as u64
}

/// Where the last letter of the first word begins.
fn first_letters(text: &str) -> usize {
    let begin = text.find(char::is_alphanumeric).unwrap_or(0);
    let word = &text[begin..];
    let end = word.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(word.len());
    begin + word[..end].char_indices().next_back().map_or(0, |(at, _)| at)
}

/// Where `word` stands near the beginning of `text`, as a whole word and whatever its case.
fn find_word(text: &str, word: &str) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    let mut before = ' ';
    let mut starts = text.char_indices().take_while(|(at, _)| *at < NEAR);
    let found = starts.find(|&(at, here)| {
        let begins = !(before.is_alphanumeric() && here.is_alphanumeric());
        before = here;
        let rest = text.get(at + word.len()..).unwrap_or_default();
        let ends =
            !(word.ends_with(char::is_alphanumeric) && rest.starts_with(char::is_alphanumeric));
        begins
            && ends
            && text.get(at..at + word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word))
    });
    found.map(|(at, _)| at)
}

#[cfg(test)]
mod tests;
