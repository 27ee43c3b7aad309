use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Change;
use crate::{Error, Result};

/// How a word or a phrase is pronounced.
///
/// A word in small letters is meant however it is written; one with a capital letter, as in "SAP",
/// is meant as it is.
///
/// ```
/// use voiceagent_core::spoken::{Pronunciation, SpokenForm};
///
/// let form = SpokenForm::english()
///     .pronounce(Pronunciation::new("nginx", "engine x"))
///     .pronounce(Pronunciation::new("Siobhan", "shiv-awn").with_ipa("ʃɪˈvɔn"));
/// assert_eq!(form.speak("Siobhan restarts Nginx."), "shiv-awn restarts engine x.");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pronunciation {
    /// The word or the phrase as it is written.
    pub text: Arc<str>,
    /// What is said in its place, spelled so that any voice gets it right.
    pub alias: Arc<str>,
    /// Its sounds, in the International Phonetic Alphabet, with spaces between words. Voices that
    /// take [`Phonemes`] are given these in place of the alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipa: Option<Arc<str>>,
}

/// How the sounds of a word are written in the text for a voice.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phonemes {
    /// `<<k|ɑ|t>>`, each word by itself (Cartesia, "IPA phonemes").
    Brackets,
    /// `<phoneme alphabet="ipa" ph="kɑt">cat</phoneme>` (SSML 1.1).
    Elements,
}

impl Pronunciation {
    /// A word that is spoken as another is written.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>, alias: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), alias: alias.into(), ipa: None }
    }

    /// The same with its sounds.
    #[must_use]
    pub fn with_ipa(mut self, ipa: impl Into<Arc<str>>) -> Self {
        self.ipa = Some(ipa.into());
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        let is_empty = |text: &str| text.trim().is_empty();
        if is_empty(&self.text)
            || is_empty(&self.alias)
            || self.ipa.as_deref().is_some_and(is_empty)
        {
            let wrong = "an entry of `spoken_form.pronunciations` lacks `text`, `alias` or `ipa`";
            return Err(Error::config(wrong));
        }
        let is_sound = |c: char| !matches!(c, '<' | '>' | '|' | '&' | '"' | '/' | '[' | ']');
        if !self.ipa.as_deref().unwrap_or_default().chars().all(is_sound) {
            let wrong = "field `spoken_form.pronunciations.ipa` holds nothing but sounds";
            return Err(Error::config(wrong));
        }
        Ok(())
    }

    fn spoken(&self, written: &str, phonemes: Option<Phonemes>) -> String {
        match (&self.ipa, phonemes) {
            (Some(ipa), Some(Phonemes::Brackets)) => {
                let words = ipa
                    .split_whitespace()
                    .map(|word| format!("<<{}>>", phones(word).collect::<Vec<_>>().join("|")));
                words.collect::<Vec<_>>().join(" ")
            }
            (Some(ipa), Some(Phonemes::Elements)) => {
                format!(r#"<phoneme alphabet="ipa" ph="{ipa}">{written}</phoneme>"#)
            }
            (Some(_), None) | (None, _) => (*self.alias).to_owned(),
        }
    }

    /// The length of what is written at the beginning of `rest`, if it is meant.
    fn matches(&self, rest: &str) -> Option<usize> {
        let known = &*self.text;
        if known.chars().any(char::is_uppercase) {
            return rest.starts_with(known).then_some(known.len());
        }
        let mut letters = rest.char_indices();
        for wanted in known.chars() {
            let (_, letter) = letters.next()?;
            if !letter.to_lowercase().eq(wanted.to_lowercase()) {
                return None;
            }
        }
        Some(letters.next().map_or(rest.len(), |(at, _)| at))
    }
}

/// The places of words in the dictionary; of two at one place the longer counts.
pub(super) fn changes(
    text: &str,
    dictionary: &[Pronunciation],
    phonemes: Option<Phonemes>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut end = 0;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let begins = !(before.is_alphanumeric() && letter.is_alphanumeric());
        before = letter;
        if at < end || !begins {
            continue;
        }
        let known = dictionary.iter().filter_map(|entry| {
            let written = at..at + entry.matches(&text[at..])?;
            ends_word(text, &written).then_some((written, entry))
        });
        if let Some((written, entry)) = known.max_by_key(|(written, _)| written.len()) {
            end = written.end;
            let spoken = entry.spoken(&text[written.clone()], phonemes);
            changes.push(Change { written, spoken });
        }
    }
    changes
}

fn ends_word(text: &str, place: &Range<usize>) -> bool {
    let last = text[place.clone()].chars().next_back();
    let next = text[place.end..].chars().next();
    !(last.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric))
}

/// Pairs of letters that are one sound.
const PAIRS: [&str; 7] = ["aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ", "dʒ", "tʃ"];

/// The sounds of a word, and its stresses, one by one.
fn phones(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.len_utf8();
        let pair = PAIRS.iter().find(|pair| rest.starts_with(**pair));
        let base = pair.map_or(first, |pair| pair.len());
        // What is long, or marked, is so together with its letter.
        let is_mark = |c: char| matches!(c, 'ː' | 'ˑ' | '\u{300}'..='\u{36F}' | 'ʰ' | 'ʲ' | 'ʷ');
        let end = rest[base..].find(|c| !is_mark(c)).map_or(rest.len(), |at| base + at);
        let (phone, behind) = rest.split_at(end);
        rest = behind;
        Some(phone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(text: &str, phonemes: Option<Phonemes>) -> String {
        let dictionary = [
            Pronunciation::new("sap", "S A P"),
            Pronunciation::new("SAP", "ess ay pee"),
            Pronunciation::new("New York", "Noo York").with_ipa("nuː jɔɹk"),
            Pronunciation::new("New York City", "the city"),
            Pronunciation::new("c++", "C plus plus"),
        ];
        let mut spoken = String::new();
        let mut at = 0;
        for change in changes(text, &dictionary, phonemes) {
            spoken += &text[at..change.written.start];
            spoken += &change.spoken;
            at = change.written.end;
        }
        spoken + &text[at..]
    }

    #[test]
    fn whole_words_and_the_longest_of_them_are_pronounced() {
        for (written, heard) in [
            ("Sap, SAP and saps", "S A P, ess ay pee and saps"),
            ("New York? New York City!", "Noo York? the city!"),
            ("new york, New Yorker", "new york, New Yorker"),
            ("C++, not xc++", "C plus plus, not xc++"),
        ] {
            assert_eq!(spoken(written, None), heard);
        }
    }

    #[test]
    fn voices_that_take_sounds_are_given_them() {
        assert_eq!(
            spoken("In New York, sap.", Some(Phonemes::Brackets)),
            "In <<n|uː>> <<j|ɔ|ɹ|k>>, S A P."
        );
        assert_eq!(
            spoken("In New York.", Some(Phonemes::Elements)),
            "In <phoneme alphabet=\"ipa\" ph=\"nuː jɔɹk\">New York</phoneme>."
        );
        let phones: Vec<&str> = phones("ˈdʒoʊˌtʃaɪ").collect();
        assert_eq!(phones, ["ˈ", "dʒ", "oʊ", "ˌ", "tʃ", "aɪ"]);
    }

    #[test]
    fn an_entry_says_something() {
        assert!(Pronunciation::new("a", "b").with_ipa("ɑ").validate().is_ok());
        for wrong in [
            Pronunciation::new(" ", "b"),
            Pronunciation::new("a", ""),
            Pronunciation::new("a", "b").with_ipa(" "),
            Pronunciation::new("a", "b").with_ipa("/ɑ/"),
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
