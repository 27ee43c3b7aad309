//! The spoken form of a text: what a voice is given in place of what was written.
//!
//! `$5.50` is written, remembered and shown to the language model; "five dollars and fifty cents"
//! is what a voice says. Each change knows which part of the written text it stands for, so that
//! what was heard of the spoken form is known of the written one.

mod english;
mod markup;
mod pronunciation;
mod sounds;
mod stripped;

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};
pub(crate) use english::{ONES, TENS};
pub use pronunciation::{Phonemes, Pronunciation};
pub(crate) use sounds::Sounds;

use stripped::Stripped;

/// How texts are put into words before a voice is given them. The history keeps what was written.
///
/// ```
/// use voiceagent_core::spoken::SpokenForm;
///
/// let form = SpokenForm::english();
/// assert_eq!(
///     form.speak("**Done!** That is $5.50, on Nov. 22 at 10:30 a.m."),
///     "Done! That is five dollars and fifty cents, on November twenty-second at ten thirty AM."
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SpokenForm {
    /// BCP 47 tag of the language of the texts. Numbers and the like are put into words in English
    /// only; in other languages they are left to the voice.
    pub language: Arc<str>,
    /// Whether marks of Markdown and emoji are left out.
    pub markup: bool,
    /// Whether numbers, money, dates, times, telephone numbers, addresses of mail and web, units,
    /// abbreviations and symbols are put into words.
    pub words: bool,
    /// Whether `3/4/2026` is the third of April.
    pub day_first: bool,
    /// Words that are pronounced otherwise than a voice would guess. They come before all rules.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub pronunciations: Arc<[Pronunciation]>,
    /// How the voice takes sounds. An [`Agent`](crate::Agent) sets it by what its voice claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phonemes: Option<Phonemes>,
}

impl Default for SpokenForm {
    fn default() -> Self {
        Self {
            language: Arc::from("en-US"),
            markup: true,
            words: true,
            day_first: false,
            pronunciations: Arc::from([]),
            phonemes: None,
        }
    }
}

/// A part of a text that is spoken otherwise than it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// Bytes of the written text.
    pub(crate) written: Range<usize>,
    pub(crate) spoken: String,
}

impl SpokenForm {
    /// American English, with everything in words.
    #[must_use]
    pub fn english() -> Self {
        Self::default()
    }

    /// A language by its BCP 47 tag. In those that are not English, nothing but markup is left out.
    #[must_use]
    pub fn of(language: impl Into<Arc<str>>) -> Self {
        Self { language: language.into(), ..Self::default() }
    }

    /// Adds a word to the dictionary.
    #[must_use]
    pub fn pronounce(mut self, word: Pronunciation) -> Self {
        self.pronunciations = self.pronunciations.iter().cloned().chain([word]).collect();
        self
    }

    /// What a voice is given of a whole text.
    #[must_use]
    pub fn speak(&self, text: &str) -> String {
        let mut spoken = String::with_capacity(text.len());
        let mut at = 0;
        for change in self.changes(text) {
            spoken.push_str(&text[at..change.written.start]);
            spoken.push_str(&change.spoken);
            at = change.written.end;
        }
        spoken + &text[at..]
    }

    /// What is spoken otherwise, from the beginning to the end of a text.
    pub(crate) fn changes(&self, text: &str) -> Vec<Change> {
        let mut removed = Vec::new();
        if self.markup {
            removed = markup::marks(text);
        }
        let stripped = Stripped::new(text, removed);
        let text = stripped.text();
        let mut changes = pronunciation::changes(text, &self.pronunciations, self.phonemes);
        if self.words && self.is_english() {
            let mut words = english::changes(text, self.day_first);
            let apart = |one: &Range<usize>, other: &Range<usize>| {
                one.end <= other.start || other.end <= one.start
            };
            words.retain(|word| changes.iter().all(|known| apart(&word.written, &known.written)));
            changes.append(&mut words);
        }
        stripped.in_written(changes)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if self.language.trim().is_empty() {
            return Err(Error::config("field `spoken_form.language` must be a tag like `en-US`"));
        }
        self.pronunciations.iter().try_for_each(Pronunciation::validate)
    }

    fn is_english(&self) -> bool {
        let primary = self.language.split(['-', '_']).next().unwrap_or_default();
        primary.eq_ignore_ascii_case("en")
    }
}

#[cfg(test)]
mod tests;
