use std::collections::VecDeque;

use crate::audio::{AudioFrame, Decibels, MediaTime};

/// Frames that are remembered: 320 ms of a phone line, longer than any detector waits.
const FRAMES: usize = 16;

/// How loud the last frames were, to tell how loud a voice is that is noticed late.
pub(super) struct Levels(VecDeque<(MediaTime, Decibels)>);

impl Levels {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(FRAMES))
    }

    pub(super) fn push(&mut self, frame: &AudioFrame) {
        let Some(level) = Decibels::of_frame(frame) else { return };
        if self.0.len() == FRAMES {
            self.0.pop_front();
        }
        self.0.push_back((MediaTime(frame.at.0 + frame.samples()), level));
    }

    /// The loudest frame that does not end before; `None` where frames tell nothing of it.
    pub(super) fn loudest_since(&self, since: MediaTime) -> Option<Decibels> {
        let frames = self.0.iter().filter(|(end, _)| *end > since);
        frames.map(|(_, level)| *level).max_by(|one, other| one.0.total_cmp(&other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioFormat, Encoding};

    fn frame(number: u64, sample: i16) -> AudioFrame {
        let payload = sample.to_le_bytes().repeat(160).into();
        AudioFrame::new(AudioFormat::PCM_8K, MediaTime(number * 160), payload)
    }

    #[test]
    fn a_voice_is_as_loud_as_its_loudest_frame() {
        let mut levels = Levels::new();
        assert_eq!(levels.loudest_since(MediaTime(0)), None);
        for (number, sample) in [(0, 16_384), (1, 328), (2, 3_277), (3, 1_638)] {
            levels.push(&frame(number, sample));
        }
        let level = levels.loudest_since(MediaTime(160)).unwrap();
        assert!((level.0 + 20.0).abs() < 0.1, "{level}");
        for number in 4..100 {
            levels.push(&frame(number, 328));
        }
        assert!(levels.loudest_since(MediaTime(0)).unwrap() < Decibels(-39.0), "it is long past");
    }

    #[test]
    fn a_voice_that_is_noticed_300_ms_late_is_as_loud_as_it_began() {
        let mut levels = Levels::new();
        levels.push(&frame(0, 16_384));
        (1..16).for_each(|number| levels.push(&frame(number, 328)));
        let level = levels.loudest_since(MediaTime(0)).unwrap();
        assert!((level.0 + 6.0).abs() < 0.1, "{level}");
    }

    #[test]
    fn packets_tell_nothing() {
        let mut levels = Levels::new();
        let format = AudioFormat::mono(Encoding::Opus, 48_000);
        levels.push(&AudioFrame::new(format, MediaTime(0), vec![1; 20].into()));
        assert_eq!(levels.loudest_since(MediaTime(0)), None);
    }
}
