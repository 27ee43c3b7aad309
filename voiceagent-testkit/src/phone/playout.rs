use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use voiceagent_core::audio::{AudioFormat, Encoding};

/// What a carrier keeps of the audio that it was sent.
#[derive(Debug, Default)]
pub(super) struct Playout {
    queue: VecDeque<Item>,
    audio: usize,
}

#[derive(Debug)]
enum Item {
    Audio(Bytes),
    Mark(String),
}

impl Playout {
    pub(super) fn push_audio(&mut self, audio: Bytes) {
        self.audio += audio.len();
        self.queue.push_back(Item::Audio(audio));
    }

    pub(super) fn push_mark(&mut self, name: String) {
        self.queue.push_back(Item::Mark(name));
    }

    /// The next mark, if everything before it has been played.
    pub(super) fn reached_mark(&mut self) -> Option<String> {
        match self.queue.pop_front()? {
            Item::Mark(name) => Some(name),
            audio @ Item::Audio(_) => {
                self.queue.push_front(audio);
                None
            }
        }
    }

    /// Plays up to `bytes` bytes. Marks on the way are put into `reached`.
    pub(super) fn play(&mut self, bytes: usize, reached: &mut Vec<String>) -> Vec<u8> {
        let mut played = Vec::with_capacity(bytes.min(self.audio));
        while played.len() < bytes
            && let Some(item) = self.queue.pop_front()
        {
            match item {
                Item::Mark(name) => reached.push(name),
                Item::Audio(mut audio) => {
                    let taken = audio.len().min(bytes - played.len());
                    played.extend_from_slice(&audio[..taken]);
                    audio.advance(taken);
                    if audio.has_remaining() {
                        self.queue.push_front(Item::Audio(audio));
                    }
                }
            }
        }
        self.audio -= played.len();
        played
    }

    /// Drops all audio. Returns how much it was, and the marks that are owed an echo.
    pub(super) fn clear(&mut self) -> (usize, Vec<String>) {
        let marks = self.queue.drain(..).filter_map(|item| match item {
            Item::Mark(name) => Some(name),
            Item::Audio(_) => None,
        });
        let marks = marks.collect();
        (std::mem::take(&mut self.audio), marks)
    }
}

/// As [`is_audible`], for the formats of all carriers.
pub(super) fn is_audible_in(format: AudioFormat, audio: &[u8]) -> bool {
    match format.encoding {
        Encoding::PcmS16Le => audio
            .as_chunks::<2>()
            .0
            .iter()
            .any(|sample| i16::from_le_bytes(*sample).unsigned_abs() > 412),
        _ => is_audible(audio),
    }
}

/// Whether a piece of mu-law holds more than the hiss of a line: a sample above -38 dBFS.
#[must_use]
pub fn is_audible(audio: &[u8]) -> bool {
    // ITU-T G.711 inverts all bits; three of them are the exponent.
    audio.iter().any(|sample| (!sample >> 4) & 7 >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_reached_when_everything_before_it_was_played() {
        let mut playout = Playout::default();
        playout.push_audio(Bytes::from(vec![1; 240]));
        playout.push_mark("a".to_owned());
        playout.push_audio(Bytes::from(vec![2; 100]));
        playout.push_mark("b".to_owned());
        let mut reached = Vec::new();
        assert_eq!(playout.reached_mark(), None);
        assert_eq!(playout.play(160, &mut reached), [1; 160]);
        assert!(reached.is_empty());
        let mixed = playout.play(160, &mut reached);
        assert_eq!((mixed.len(), mixed[79], mixed[80]), (160, 1, 2));
        assert_eq!(reached, ["a"]);
        assert_eq!(playout.play(160, &mut reached).len(), 20);
        assert_eq!(reached, ["a", "b"]);
        playout.push_mark("c".to_owned());
        assert_eq!(playout.reached_mark().as_deref(), Some("c"));
    }

    #[test]
    fn clear_drops_audio_and_returns_all_marks() {
        let mut playout = Playout::default();
        playout.push_audio(Bytes::from(vec![1; 240]));
        playout.push_mark("a".to_owned());
        playout.push_mark("b".to_owned());
        playout.play(160, &mut Vec::new());
        assert_eq!(playout.clear(), (80, vec!["a".to_owned(), "b".to_owned()]));
        assert!(playout.play(160, &mut Vec::new()).is_empty());
    }

    #[test]
    fn silence_is_not_audible() {
        assert!(!is_audible(&[0xFF, 0x7F, 0xF0, 0x70]));
        assert!(is_audible(&[0xFF, 0x00]));
        assert!(is_audible(&[0xC0]));
        assert!(!is_audible_in(AudioFormat::PCM_16K, &[0xFF, 0x00, 0x70, 0xFF]));
        assert!(is_audible_in(AudioFormat::PCM_16K, &[0x00, 0x00, 0x00, 0x80]));
    }
}
