use std::{collections::VecDeque, ops::Range, time::Duration};

use crate::audio::{AudioFormat, AudioFrame, Decibels, MediaTime};

/// What counts as loud: a quiet talker does, the noise of a line does not.
const LOUD: Decibels = Decibels(-45.0);

/// The audio that no final covers. Positions are samples since the beginning of the stream.
#[derive(Debug)]
pub(super) struct Tape {
    format: AudioFormat,
    frames: VecDeque<Recorded>,
    end: u64,
    limit: u64,
}

#[derive(Debug)]
struct Recorded {
    start: u64,
    frame: AudioFrame,
    is_loud: bool,
}

impl Recorded {
    fn end(&self) -> u64 {
        self.start + self.frame.samples()
    }
}

impl Tape {
    /// An empty tape that keeps at most the last `limit` of audio.
    pub(super) fn new(format: AudioFormat, limit: Duration) -> Self {
        Self { format, frames: VecDeque::new(), end: 0, limit: format.samples_in(limit) }
    }

    /// Appends audio; the bytes are shared. Returns how much of it is loud, and whether audio was
    /// lost for want of room.
    pub(super) fn push(&mut self, frame: AudioFrame) -> (Duration, bool) {
        let is_loud = Decibels::of_frame(&frame).is_some_and(|level| level > LOUD);
        let recorded = Recorded { start: self.end, frame, is_loud };
        let loud = if is_loud { recorded.frame.samples() } else { 0 };
        self.end = recorded.end();
        self.frames.push_back(recorded);
        let kept = self.frames.len();
        self.forget_before(self.end.saturating_sub(self.limit));
        (self.format.duration_of(loud), self.frames.len() < kept)
    }

    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Where the audio on the tape begins.
    pub(super) fn start(&self) -> u64 {
        self.frames.front().map_or(self.end, |first| first.start)
    }

    /// Forgets the audio before `position`, but for the rest of a frame that reaches across it.
    pub(super) fn forget_before(&mut self, position: u64) {
        while self.frames.front().is_some_and(|first| first.end() <= position) {
            self.frames.pop_front();
        }
    }

    /// The audio from `position` to the end of its frame; `None` at the end of the tape.
    pub(super) fn read(&self, position: u64) -> Option<AudioFrame> {
        let after = self.frames.partition_point(|recorded| recorded.end() <= position);
        let Recorded { start, frame, .. } = self.frames.get(after)?;
        let skip = position.saturating_sub(*start);
        let bytes = usize::try_from(skip).ok()? * frame.payload.len()
            / usize::try_from(frame.samples().max(1)).ok()?;
        let at = MediaTime(frame.at.0 + skip);
        Some(AudioFrame::new(frame.format, at, frame.payload.slice(bytes..)))
    }

    /// Where the last loud audio ends.
    pub(super) fn loud_until(&self) -> Option<u64> {
        self.frames.iter().rev().find(|recorded| recorded.is_loud).map(Recorded::end)
    }

    /// Where the last stretch of loud audio begins, if another one behind `position` and a pause of
    /// `pause` come before it.
    pub(super) fn begins_anew(&self, position: u64, pause: Duration) -> Option<u64> {
        let loud = self.frames.iter().rev().filter(|it| it.is_loud && it.end() > position);
        let mut begins: Option<u64> = None;
        for recorded in loud {
            let parted =
                begins.filter(|begin| self.format.duration_of(begin - recorded.end()) >= pause);
            if parted.is_some() {
                return parted;
            }
            begins = Some(recorded.start);
        }
        None
    }

    /// Whether a stretch of loud audio in `within` begins after `since`, behind another one and a
    /// pause of `pause`.
    pub(super) fn is_parted(&self, within: Range<u64>, pause: Duration, since: u64) -> bool {
        let is_within = |it: &&Recorded| it.end() > within.start && it.start < within.end;
        let loud = self.frames.iter().filter(|it| it.is_loud).filter(is_within);
        let parts = |(before, behind): (&Recorded, &Recorded)| {
            behind.start > since && self.format.duration_of(behind.start - before.end()) >= pause
        };
        loud.clone().zip(loud.skip(1)).any(parts)
    }

    /// How much loud audio there is after `position`.
    pub(super) fn loud_from(&self, position: u64) -> Duration {
        let after = self.frames.iter().filter(|it| it.is_loud && it.end() > position);
        self.format.duration_of(after.map(|it| it.frame.samples()).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Frames of 20 ms whose bytes tell which frame they are from.
    fn tape(frames: u8, limit: Duration) -> Tape {
        let mut tape = Tape::new(AudioFormat::MULAW_8K, limit);
        for number in 0..frames {
            let at = MediaTime(u64::from(number) * 160);
            tape.push(AudioFrame::new(AudioFormat::MULAW_8K, at, vec![number; 160].into()));
        }
        tape
    }

    fn rest(tape: &Tape, position: u64) -> Vec<u8> {
        let mut position = position.max(tape.start());
        let mut all = Vec::new();
        while let Some(frame) = tape.read(position) {
            position += frame.samples();
            all.extend_from_slice(&frame.payload);
        }
        all
    }

    #[test]
    fn the_limit_keeps_the_latest_audio() {
        let tape = tape(10, 60 * MS);
        assert_eq!((tape.start(), tape.end()), (7 * 160, 1_600));
        assert_eq!(rest(&tape, 0), [[7; 160], [8; 160], [9; 160]].concat());
    }

    #[test]
    fn audio_is_read_to_the_sample() {
        let mut tape = tape(5, 1_000 * MS);
        tape.forget_before(400);
        assert_eq!(tape.start(), 320);
        assert_eq!(rest(&tape, 400), [vec![2; 80], vec![3; 160], vec![4; 160]].concat());
        assert_eq!(tape.read(400).unwrap().at, MediaTime(400));
        assert_eq!(tape.read(800), None);
    }

    #[test]
    fn a_sample_of_two_bytes_is_not_cut() {
        let format = AudioFormat::PCM_16K;
        let mut tape = Tape::new(format, 1_000 * MS);
        let bytes = Vec::from_iter((0..640_u32).map(|n| u8::try_from(n % 251).unwrap()));
        tape.push(AudioFrame::new(format, MediaTime(7), bytes.into()));
        let read = tape.read(80).unwrap();
        assert_eq!((read.at, read.payload.len(), read.payload[0]), (MediaTime(87), 480, 160));
    }

    #[test]
    fn what_is_loud_is_known() {
        let mut tape = tape(0, 1_000 * MS);
        for (number, byte) in [0xFF, 0x90, 0x90, 0xFF].into_iter().enumerate() {
            let at = MediaTime(number as u64 * 160);
            tape.push(AudioFrame::new(AudioFormat::MULAW_8K, at, vec![byte; 160].into()));
        }
        assert_eq!(tape.begins_anew(0, 20 * MS), None, "nothing was said before");
        tape.push(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(640), vec![0x90; 160].into()));
        assert_eq!(tape.begins_anew(0, 20 * MS), Some(640));
        assert_eq!((tape.begins_anew(0, 40 * MS), tape.begins_anew(480, 20 * MS)), (None, None));
        let parted = |within, pause, since| tape.is_parted(within, pause * MS, since);
        assert!(parted(0..800, 20, 0) && parted(0..641, 20, 639));
        assert!(!parted(0..800, 40, 0) && !parted(0..800, 20, 640));
        assert!(!parted(480..800, 20, 0) && !parted(0..640, 20, 0));
        assert_eq!(tape.loud_until(), Some(800));
        assert_eq!((tape.loud_from(0), tape.loud_from(320)), (60 * MS, 40 * MS));
    }
}
