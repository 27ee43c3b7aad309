use std::time::Duration;

use voiceagent_core::{audio::AudioFormat, stt::WordTiming};

use super::messages::Alignment;
use crate::wire::json::milliseconds;

/// Puts the words of a context together from characters, which come with the audio in which they
/// begin: a word may be spread over messages.
#[derive(Debug)]
pub(super) struct Spelling {
    format: AudioFormat,
    /// Audio of the context so far, in bytes.
    position: usize,
    word: String,
    start: Duration,
    end: Duration,
}

impl Spelling {
    pub(super) const fn new(format: AudioFormat) -> Self {
        let (start, end) = (Duration::ZERO, Duration::ZERO);
        Self { format, position: 0, word: String::new(), start, end }
    }

    /// The words that are complete with this message, which has so many bytes of audio.
    pub(super) fn read(
        &mut self,
        bytes: usize,
        alignment: Option<&Alignment<'_>>,
    ) -> Vec<WordTiming> {
        let begins = self.format.duration_of(self.format.samples(self.position));
        self.position += bytes;
        let mut words = Vec::new();
        let Some(Alignment { chars, char_start_times_ms, char_durations_ms }) = alignment else {
            return words;
        };
        let times = char_start_times_ms.iter().zip(char_durations_ms);
        for (character, (start, duration)) in chars.iter().zip(times) {
            if character.0.chars().all(char::is_whitespace) {
                words.extend(self.finish());
                continue;
            }
            let start = begins + milliseconds(*start);
            if self.word.is_empty() {
                self.start = start;
            }
            self.word.push_str(&character.0);
            self.end = start + milliseconds(*duration);
        }
        words
    }

    /// The word that nothing follows.
    pub(super) fn finish(&mut self) -> Option<WordTiming> {
        let word = std::mem::take(&mut self.word);
        let (start, end) = (self.start, self.end);
        (!word.is_empty()).then(|| WordTiming { word: word.into(), start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::messages::Character, *};

    fn alignment(text: &str, start: f64) -> Alignment<'_> {
        let characters = text.char_indices();
        let one = |(at, it): (usize, char)| Character(text[at..at + it.len_utf8()].into());
        let chars: Vec<_> = characters.map(one).collect();
        let times = (0..chars.len()).scan(start, |at, _| Some(std::mem::replace(at, *at + 50.0)));
        Alignment {
            char_start_times_ms: times.collect(),
            char_durations_ms: vec![50.0; chars.len()],
            chars,
        }
    }

    #[test]
    fn h6_words_are_put_together_over_messages_whose_times_begin_anew() {
        let mut spelling = Spelling::new(AudioFormat::MULAW_8K);
        let mut words = spelling.read(1_600, Some(&alignment("We", 100.0)));
        words.extend(spelling.read(1_600, Some(&alignment("nn du ", 0.0))));
        words.extend(spelling.read(1_600, None));
        words.extend(spelling.read(1_600, Some(&alignment(" größer", 10.0))));
        words.extend(spelling.finish());
        let ms = |it: &WordTiming| (it.word.to_string(), it.start.as_millis(), it.end.as_millis());
        let found: Vec<_> = words.iter().map(ms).collect();
        let expected = [("Wenn", 100, 300), ("du", 350, 450), ("größer", 660, 960)];
        assert_eq!(found, expected.map(|(word, start, end)| (word.to_owned(), start, end)));
    }

    #[test]
    fn lists_that_do_not_fit_together_are_read_as_far_as_they_do() {
        let mut spelling = Spelling::new(AudioFormat::PCM_16K);
        let mut broken = alignment("Hello there", 0.0);
        broken.char_durations_ms.truncate(3);
        assert!(spelling.read(320, Some(&broken)).is_empty());
        assert_eq!(&*spelling.finish().unwrap().word, "Hel");
        assert!(spelling.finish().is_none());
    }
}
