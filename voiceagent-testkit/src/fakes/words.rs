use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::{
    audio::AudioFrame,
    stt::{Transcript, WordTiming},
};

use crate::tone;

/// What is said in a stream of audio, and when: the script that a [`Caller`](super::Caller) writes
/// while it speaks and that recognizers read. A clone is the same script.
#[derive(Clone, Debug, Default)]
pub struct Words(Arc<Mutex<Vec<Utterance>>>);

#[derive(Clone, Debug)]
struct Utterance {
    start: Duration,
    end: Duration,
    words: Vec<WordTiming>,
}

impl Words {
    /// Notes that `text` is said from `start` to `end` of the stream, its words in equal shares.
    pub fn say(&self, text: &str, start: Duration, end: Duration) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let share = end.saturating_sub(start) / u32::try_from(words.len().max(1)).unwrap_or(1);
        let words = (0..).zip(words).map(|(number, word)| WordTiming {
            word: word.into(),
            start: start + share * number,
            end: start + share * (number + 1),
        });
        let utterance = Utterance { start, end, words: words.collect() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(utterance);
    }

    fn utterances(&self) -> Vec<Utterance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The ear of a fake recognizer: follows a stream of audio and a script, frame by frame.
///
/// It understands a word when it gets the frame that holds the word's middle, and when that frame
/// is audible: audio that was lost or silenced on its way is not understood.
#[derive(Debug)]
pub(super) struct Ear {
    script: Words,
    /// Where its stream begins: times count from there.
    zero: Option<Duration>,
    understood: Vec<WordTiming>,
    finalized: usize,
    speaking: bool,
}

/// What one frame brought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Noticed {
    pub(super) started: bool,
    pub(super) stopped: bool,
}

impl Ear {
    pub(super) const fn new(script: Words) -> Self {
        Self { script, zero: None, understood: Vec::new(), finalized: 0, speaking: false }
    }

    pub(super) fn hear(&mut self, frame: &AudioFrame) -> Noticed {
        let from = frame.format.duration_of(frame.at.0);
        let to = frame.format.duration_of(frame.at.0 + frame.samples());
        let zero = *self.zero.get_or_insert(from);
        let audible = tone::level(frame.format, &frame.payload) > tone::AUDIBLE;
        let (mut within, mut goes_on) = (false, false);
        for said in self.script.utterances() {
            let words = said.words.iter().filter(|word| {
                let middle = (word.start + word.end) / 2;
                audible && from <= middle && middle < to
            });
            self.understood.extend(words.map(|word| WordTiming {
                word: word.word.clone(),
                start: word.start.saturating_sub(zero),
                end: word.end - zero,
            }));
            within |= said.start < to && from < said.end;
            goes_on |= said.start < to && to < said.end;
        }
        let started = !self.speaking && within && audible;
        let stopped = (self.speaking || started) && !goes_on;
        self.speaking = (self.speaking || started) && goes_on;
        Noticed { started, stopped }
    }

    pub(super) const fn speaking(&self) -> bool {
        self.speaking
    }

    /// What was understood since the last final.
    pub(super) fn interim(&self) -> Transcript {
        Transcript::interim(text(&self.understood[self.finalized..]))
    }

    /// What was understood since the last final, for good.
    pub(super) fn finalize(&mut self) -> Transcript {
        let words = self.understood[self.finalized..].to_vec();
        self.finalized = self.understood.len();
        Transcript::final_(text(&words)).with_words(words)
    }
}

fn text(words: &[WordTiming]) -> String {
    words.iter().map(|word| &*word.word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use voiceagent_core::audio::{AudioFormat, MediaTime};

    use super::*;

    const FORMAT: AudioFormat = AudioFormat::MULAW_8K;

    fn frame(number: u64) -> AudioFrame {
        AudioFrame::new(
            FORMAT,
            MediaTime(number * 160),
            tone::speech(FORMAT, MediaTime(number * 160), 160),
        )
    }

    fn silent(number: u64) -> AudioFrame {
        let silence = tone::silence(FORMAT, Duration::from_millis(20));
        AudioFrame::new(FORMAT, MediaTime(number * 160), silence)
    }

    fn four_words() -> Ear {
        let words = Words::default();
        words.say("one two three four", Duration::from_millis(40), Duration::from_millis(440));
        Ear::new(words)
    }

    #[test]
    fn words_are_understood_when_their_audio_arrives() {
        let mut ear = four_words();
        let noticed: Vec<Noticed> = (0..12).map(|number| ear.hear(&frame(number))).collect();
        assert_eq!(&*ear.interim().text, "one two");
        assert_eq!(noticed.iter().position(|frame| frame.started), Some(2));
        assert!(noticed.iter().all(|frame| !frame.stopped) && ear.speaking());
        assert_eq!(&*ear.finalize().text, "one two");
        let rest: Vec<Noticed> = (12..30).map(|number| ear.hear(&frame(number))).collect();
        assert_eq!(rest.iter().position(|frame| frame.stopped), Some(21 - 12));
        assert_eq!(&*ear.finalize().text, "three four", "a final is never repeated");
        assert_eq!(&*ear.finalize().text, "");
    }

    #[test]
    fn lost_and_silenced_audio_is_not_understood() {
        let mut ear = four_words();
        for number in (0..30).filter(|number| !(7..12).contains(number)) {
            let heard = if number < 20 { frame(number) } else { silent(number) };
            ear.hear(&heard);
        }
        let understood = ear.finalize();
        assert_eq!(&*understood.text, "one three four");
        assert_eq!(understood.words[1].start, Duration::from_millis(240));

        let mut ear = four_words();
        assert!((0..30).all(|number| ear.hear(&silent(number)) == Noticed::default()));
        assert_eq!(&*ear.finalize().text, "");
    }

    #[test]
    fn speech_ends_even_when_the_frame_of_its_end_was_lost() {
        let mut ear = four_words();
        ear.hear(&frame(20));
        assert!(ear.speaking());
        assert!(ear.hear(&silent(25)).stopped);
    }
}
