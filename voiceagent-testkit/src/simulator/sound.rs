//! What the audio of the simulated world holds. It says what it is, so that detector, recognizer
//! and carrier are exact and cheap: a frame from the caller carries its loudness and the word whose
//! middle it holds; audio of the agent ends each word with the word's number.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use voiceagent_core::audio::AudioFormat;

/// What a phone line carries.
pub(super) const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
/// Samples, and bytes, of 20 ms.
pub(super) const FRAME: usize = 160;
/// Whoever waits for words takes a sound without any for noise after so long.
pub(super) const NOISE: Duration = Duration::from_secs(2);
/// How long a frame lasts, in milliseconds.
pub(super) const FRAME_MS: u64 = 20;

/// Mu-law bytes, from the quietest to the loudest.
const SILENT: u8 = 0xFF;
const MURMUR: u8 = 0x50;
const LOUD: u8 = 0x10;

/// The end of a word of the agent: this byte, then its number in five bytes of six bits and a check
/// of it in two, because speech that breaks off may be faded out in the middle of them.
const WORD_END: u8 = 0x00;
const DIGITS: usize = 7;
const DIGIT: u8 = 0x40;
/// The bytes that end a word.
pub(super) const SHORTEST_WORD: usize = DIGITS + 1 + DYING;
/// What follows in the word: the end of speech that breaks off may be faded out, for 5 ms.
const DYING: usize = 48;

/// How loud the caller's side is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Loudness {
    Silent,
    /// Steady noise: louder than silence, and no detector would call it speech.
    Murmur,
    /// A voice, or what a detector takes for one.
    Loud,
}

impl Loudness {
    /// What a detector makes of a sample.
    pub(super) fn of(sample: f32) -> Self {
        match sample.abs() {
            loud if loud > 0.25 => Self::Loud,
            murmur if murmur > 0.01 => Self::Murmur,
            _ => Self::Silent,
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Silent => SILENT,
            Self::Murmur => MURMUR,
            Self::Loud => LOUD,
        }
    }
}

/// Frames of the caller. Those without words are shared.
#[derive(Debug)]
pub(super) struct Frames([Bytes; 3]);

impl Frames {
    pub(super) fn new() -> Self {
        let plain = |loudness: Loudness| Bytes::from(vec![loudness.byte(); FRAME]);
        Self([Loudness::Silent, Loudness::Murmur, Loudness::Loud].map(plain))
    }

    /// A frame of 20 ms.
    pub(super) fn frame(&self, loudness: Loudness, word: Option<&str>) -> Bytes {
        let plain = &self.0[loudness as usize];
        let Some(word) = word.filter(|_| loudness == Loudness::Loud) else { return plain.clone() };
        let mut frame = BytesMut::from(&plain[..]);
        frame[0] = 0;
        frame[1] = word.len() as u8;
        frame[2..2 + word.len()].copy_from_slice(word.as_bytes());
        frame.freeze()
    }
}

/// The word whose middle a frame of the caller holds.
pub(super) fn word_in(frame: &[u8]) -> Option<&str> {
    let [0, length, rest @ ..] = frame else { return None };
    str::from_utf8(rest.get(..usize::from(*length))?).ok()
}

/// Whether a frame of the caller is loud.
pub(super) fn is_loud(frame: &[u8]) -> bool {
    frame.last() == Some(&LOUD)
}

/// Sound of the agent that ends the word with this number, so many samples long.
pub(super) fn spell(word: u32, samples: usize, into: &mut BytesMut) {
    let samples = samples.max(SHORTEST_WORD);
    into.resize(into.len() + samples - SHORTEST_WORD, LOUD);
    into.extend_from_slice(&[WORD_END]);
    for place in (0..DIGITS).rev() {
        into.extend_from_slice(&[DIGIT | (checked(word) >> (6 * place) & 0x3F) as u8]);
    }
    into.resize(into.len() + DYING, LOUD);
}

/// A number with its check: 12 bits of its product with an odd number that has no pattern.
fn checked(word: u32) -> u64 {
    u64::from(word) << 12 | u64::from(word.wrapping_mul(0x9E37_79B1) >> 20)
}

/// A pause of the agent.
pub(super) fn pause(samples: usize, into: &mut BytesMut) {
    into.resize(into.len() + samples, SILENT);
}

/// Reads the agent's audio, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The bytes so far, and what the digits of them make.
    begun: Option<(usize, u64)>,
    last: u8,
}

impl Reader {
    /// The words that end in the next piece, each with the sample of the piece behind it.
    pub(super) fn read(&mut self, piece: &[u8]) -> Vec<(u32, usize)> {
        let mut words = Vec::new();
        let mut at = 0;
        while at < piece.len() {
            let Some((digits, number)) = self.begun else {
                let Some(next) = piece[at..].iter().position(|byte| *byte == WORD_END) else {
                    break;
                };
                self.begun = Some((0, 0));
                at += next + 1;
                continue;
            };
            let byte = piece[at];
            if digits < DIGITS {
                // Of a word that was cut off, this byte belongs to what follows.
                let is_digit = byte & 0xC0 == DIGIT;
                at += usize::from(is_digit);
                let number = number << 6 | u64::from(byte & 0x3F);
                let is_whole = digits + 1 < DIGITS || checked((number >> 12) as u32) == number;
                self.begun = Some((digits + 1, number)).filter(|_| is_digit && is_whole);
                continue;
            }
            // Faded or not, all of it sounds; but the last sample of a fade may be silent, unless
            // that is all there is of the fade.
            let dying = digits + 1 - DIGITS;
            let is_cut = byte == SILENT && (dying < DYING || self.last == LOUD);
            self.last = byte;
            self.begun = Some((digits + 1, number)).filter(|_| !is_cut && dying < DYING);
            at += 1;
            if dying == DYING && !is_cut {
                words.push(((number >> 12) as u32, at));
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_what_it_holds() {
        let frames = Frames::new();
        let spoken = frames.frame(Loudness::Loud, Some("hello"));
        assert_eq!(
            (word_in(&spoken), is_loud(&spoken), spoken.len()),
            (Some("hello"), true, FRAME)
        );
        let cough = frames.frame(Loudness::Loud, None);
        assert_eq!((word_in(&cough), is_loud(&cough)), (None, true));
        let murmur = frames.frame(Loudness::Murmur, Some("hello"));
        assert_eq!((word_in(&murmur), is_loud(&murmur)), (None, false));
    }

    #[test]
    fn a_word_that_was_cut_off_is_no_word() {
        let mut audio = BytesMut::new();
        spell(3, 400, &mut audio);
        audio.truncate(398 - DYING);
        spell(4, 400, &mut audio);
        assert_eq!(Reader::default().read(&audio), [(4, 798 - DYING)]);
        audio.truncate(798 - DYING - 8);
        pause(80, &mut audio);
        assert_eq!(Reader::default().read(&audio), [], "all but a millisecond is not all");
        let mut audio = BytesMut::new();
        spell(3, 400, &mut audio);
        audio.truncate(399);
        pause(80, &mut audio);
        assert_eq!(Reader::default().read(&audio), [], "nor is all but a sample");
        let mut audio = BytesMut::new();
        spell(3, 400, &mut audio);
        audio.truncate(370);
        pause(1, &mut audio);
        spell(4, 400, &mut audio);
        assert_eq!(Reader::default().read(&audio), [(4, 771)], "what follows is no part of it");
    }

    #[test]
    fn a_word_of_which_the_end_was_faded_is_a_word() {
        for faded in [&[LOUD + 1][..], &[LOUD + 1, SILENT]] {
            let mut audio = BytesMut::new();
            spell(3, 400, &mut audio);
            audio[400 - faded.len()..].copy_from_slice(faded);
            assert_eq!(Reader::default().read(&audio), [(3, 400)], "{faded:?}");
        }
    }

    #[test]
    fn a_word_whose_number_was_faded_is_no_word() {
        let mut audio = BytesMut::new();
        spell(70_000, 400, &mut audio);
        audio[400 - DYING - 3] -= 1;
        assert_eq!(Reader::default().read(&audio), []);
    }

    #[test]
    fn words_are_read_where_they_end_however_the_audio_is_cut() {
        let mut audio = BytesMut::new();
        spell(3, 400, &mut audio);
        pause(80, &mut audio);
        spell(70_000, 200, &mut audio);
        for size in [1, 7, 160, 1_000] {
            let (mut reader, mut words) = (Reader::default(), Vec::new());
            for (number, piece) in audio.chunks(size).enumerate() {
                let found = reader.read(piece).into_iter();
                words.extend(found.map(|(word, end)| (word, number * size + end)));
            }
            assert_eq!(words, [(3, 400), (70_000, 680)], "in pieces of {size}");
        }
    }
}
