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
    limit: u64,
}

impl PreRoll {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self { held: VecDeque::new(), limit: format.samples_in(HELD) }
    }

    /// Takes a frame. Returns the one whose place silence takes, if any.
    pub(super) fn push(&mut self, frame: AudioFrame) -> Option<AudioFrame> {
        let end = frame.at.0 + frame.samples();
        self.held.push_back(frame);
        let is_full = self.held.front().is_some_and(|first| first.at.0 + self.limit < end);
        if is_full { self.held.pop_front() } else { None }
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
