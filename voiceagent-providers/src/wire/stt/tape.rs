use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use voiceagent_core::audio::AudioFormat;

/// The audio that no final transcript covers so far, to be played again to a new connection.
///
/// Positions count from the beginning of the stream, over all connections.
#[derive(Debug)]
pub(crate) struct Tape {
    format: AudioFormat,
    frames: VecDeque<(u64, Bytes)>,
    end: u64,
    limit: u64,
}

impl Tape {
    /// An empty tape that keeps at most the last `limit` of audio.
    pub(crate) fn new(format: AudioFormat, limit: Duration) -> Self {
        Self { format, frames: VecDeque::new(), end: 0, limit: format.samples_in(limit) }
    }

    /// Appends audio. The bytes are shared, not copied.
    pub(crate) fn push(&mut self, payload: Bytes) {
        let samples = self.format.samples(payload.len());
        self.frames.push_back((self.end, payload));
        self.end += samples;
        self.drop_before(self.end.saturating_sub(self.limit));
    }

    /// Where the audio on the tape begins.
    pub(crate) fn start(&self) -> Duration {
        self.format.duration_of(self.frames.front().map_or(self.end, |(at, _)| *at))
    }

    /// Forgets the audio before `position`, but for the rest of a frame that reaches across it.
    pub(crate) fn forget_before(&mut self, position: Duration) {
        self.drop_before(self.format.samples_in(position));
    }

    /// Where the audio on the tape ends.
    pub(crate) fn end(&self) -> Duration {
        self.format.duration_of(self.end)
    }

    /// The audio from the sample `position` on, at most `longest` of it, and where it really begins.
    pub(crate) fn piece(&self, position: u64, longest: Duration) -> (u64, Bytes) {
        let start = self.frames.front().map_or(self.end, |(at, _)| *at);
        let from = position.max(start).min(self.end);
        let first = self.frames.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let mut frames = self.frames.range(first.min(self.frames.len())..);
        let Some((at, payload)) = frames.next() else { return (from, Bytes::new()) };
        let longest = self.format.bytes_in(longest);
        let rest = payload.slice(self.format.bytes_of(from - at).min(payload.len())..);
        if rest.len() >= longest || frames.len() == 0 {
            return (from, rest.slice(..longest.min(rest.len())));
        }
        let mut piece = BytesMut::from(rest);
        for (_, payload) in frames {
            let room = longest - piece.len();
            piece.extend_from_slice(&payload[..room.min(payload.len())]);
            if piece.len() == longest {
                break;
            }
        }
        (from, piece.freeze())
    }

    /// The audio from `position` on, and where it really begins.
    pub(crate) fn read(&self, position: Duration) -> (Duration, BytesMut) {
        let from = self.format.samples_in(position.max(self.start())).min(self.end);
        let mut all = BytesMut::new();
        for (at, payload) in &self.frames {
            let skip = self.format.bytes_of(from.saturating_sub(*at));
            all.extend_from_slice(payload.get(skip..).unwrap_or_default());
        }
        (self.format.duration_of(from), all)
    }

    fn drop_before(&mut self, position: u64) {
        while let Some((at, payload)) = self.frames.front() {
            if at + self.format.samples(payload.len()) > position {
                break;
            }
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// 20 ms frames whose bytes tell which frame they are from.
    fn tape(frames: u8, limit: Duration) -> Tape {
        let mut tape = Tape::new(AudioFormat::MULAW_8K, limit);
        for number in 0..frames {
            tape.push(Bytes::from(vec![number; 160]));
        }
        tape
    }

    #[test]
    fn the_limit_keeps_the_latest_audio() {
        let tape = tape(10, 60 * MS);
        assert_eq!(tape.start(), 140 * MS);
        let (from, piece) = tape.piece(0, 1000 * MS);
        assert_eq!(from, 8 * 140);
        assert_eq!(piece, [[7; 160], [8; 160], [9; 160]].concat());
    }

    #[test]
    fn covered_audio_is_forgotten_and_the_rest_kept_to_the_sample() {
        let mut tape = tape(5, 1000 * MS);
        tape.forget_before(50 * MS);
        assert_eq!(tape.start(), 40 * MS);
        assert_eq!(
            tape.piece(8 * 50, 20 * MS),
            (8 * 50, [vec![2; 80], vec![3; 80]].concat().into())
        );
        assert_eq!(
            tape.piece(8 * 70, 20 * MS),
            (8 * 70, [vec![3; 80], vec![4; 80]].concat().into())
        );
        assert_eq!(tape.piece(8 * 90, 20 * MS), (8 * 90, vec![4; 80].into()));
    }

    #[test]
    fn an_empty_tape_begins_where_it_ends() {
        let mut tape = tape(5, 1000 * MS);
        tape.forget_before(Duration::from_secs(9));
        assert_eq!(tape.start(), 100 * MS);
        assert_eq!(tape.piece(8 * 9_000, 20 * MS), (8 * 100, Bytes::new()));
    }

    #[test]
    fn whole_samples_are_replayed_of_wide_formats() {
        let mut tape = Tape::new(AudioFormat::PCM_16K, 1000 * MS);
        tape.push(Bytes::from_iter((0..640).map(|n| u8::try_from(n % 251).unwrap())));
        let (from, piece) = tape.piece(16 * 5, 1000 * MS);
        assert_eq!((from, piece.len(), piece[0]), (16 * 5, 480, 160));
    }
}
