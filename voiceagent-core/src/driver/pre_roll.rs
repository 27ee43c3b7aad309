use std::{collections::VecDeque, time::Duration};

use crate::audio::{AudioFormat, AudioFrame, MediaTime};

/// How much of the caller's audio is held back. Longer speech that goes on when the recognizer
/// listens again has lost its first words anyway.
const HELD: Duration = Duration::from_millis(500);

/// Audio on its way to a recognizer that hears silence for now.
///
/// The silence takes the place of the audio half a second late. So the recognizer gets each moment
/// of the call once and in order, and what has only just been said when it listens again can still
/// be heard.
pub(super) struct PreRoll {
    held: VecDeque<AudioFrame>,
    /// Samples that are held, which positions that go back do not tell.
    samples: u64,
    limit: u64,
}

impl PreRoll {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self { held: VecDeque::new(), samples: 0, limit: format.samples_in(HELD) }
    }

    /// Takes a frame. Returns the one whose place silence takes, if any.
    pub(super) fn push(&mut self, frame: AudioFrame) -> Option<AudioFrame> {
        self.samples += frame.samples();
        self.held.push_back(frame);
        let first = (self.samples > self.limit).then(|| self.held.pop_front()).flatten()?;
        self.samples -= first.samples();
        Some(first)
    }

    /// What is still held, each frame with whether it is to be heard: those that reach beyond
    /// `from` are.
    pub(super) fn release(self, from: MediaTime) -> impl Iterator<Item = (AudioFrame, bool)> {
        self.held.into_iter().map(move |frame| {
            let audible = frame.at.0 + frame.samples() > from.0;
            (frame, audible)
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn positions_that_go_back_hold_no_more_than_half_a_second() {
        let mut pre_roll = PreRoll::new(AudioFormat::MULAW_8K);
        let numbers = (1_000..1_010).chain(0..100);
        let silenced = numbers.filter_map(|number| pre_roll.push(frame(number))).count();
        assert_eq!(silenced, 85, "25 frames are half a second");
    }

    fn frame(number: u64) -> AudioFrame {
        let payload = Bytes::from_static(&[0; 160]);
        AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(number * 160), payload)
    }

    #[test]
    fn i13_each_frame_leaves_once_and_in_order() {
        let mut pre_roll = PreRoll::new(AudioFormat::MULAW_8K);
        let silenced: Vec<_> = (0..40).filter_map(|number| pre_roll.push(frame(number))).collect();
        assert_eq!(silenced.len(), 15, "25 frames are half a second");
        let rest: Vec<_> = pre_roll.release(MediaTime(35 * 160)).collect();
        let all = silenced.iter().chain(rest.iter().map(|(frame, _)| frame));
        assert!(all.map(|frame| frame.at.0).eq((0..40).map(|number| number * 160)));
        let heard: Vec<_> = rest.iter().filter(|(_, heard)| *heard).collect();
        assert_eq!(heard.len(), 5);
        assert_eq!(heard[0].0.at.0, 35 * 160);
    }
}
