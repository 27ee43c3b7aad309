use std::{collections::VecDeque, ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};
use voiceagent_core::{audio::AudioFormat, stt::SttEvent};

/// The audio that no final transcript covers so far, to be played again to a new connection.
///
/// Positions count from the beginning of the stream, over all connections, with the silence that
/// was made up for the vendor.
#[derive(Debug)]
pub(crate) struct Tape {
    format: AudioFormat,
    frames: VecDeque<(u64, Bytes)>,
    end: u64,
    limit: u64,
    /// Silence that was made up, in order and apart, as far back as the limit reaches.
    made_up: VecDeque<Range<u64>>,
    /// Samples of such silence before that.
    made_up_before: u64,
}

impl Tape {
    /// An empty tape that keeps at most the last `limit` of audio.
    pub(crate) fn new(format: AudioFormat, limit: Duration) -> Self {
        Self {
            format,
            frames: VecDeque::new(),
            end: 0,
            limit: format.samples_in(limit),
            made_up: VecDeque::new(),
            made_up_before: 0,
        }
    }

    /// Appends audio. The bytes are shared, not copied.
    pub(crate) fn push(&mut self, payload: Bytes) {
        let samples = self.format.samples(payload.len());
        self.frames.push_back((self.end, payload));
        self.end += samples;
        let oldest = self.end.saturating_sub(self.limit);
        self.drop_before(oldest);
        while let Some(past) = self.made_up.pop_front_if(|made_up| made_up.end < oldest) {
            self.made_up_before += past.end - past.start;
        }
    }

    /// Appends silence that nobody has handed over, and returns it.
    pub(crate) fn push_silence(&mut self, bytes: usize) -> Bytes {
        let silence = Bytes::from(vec![self.format.silence().unwrap_or_default(); bytes]);
        let begin = self.end;
        self.push(silence.clone());
        match self.made_up.back_mut() {
            Some(last) if last.end == begin => last.end = self.end,
            _ => self.made_up.push_back(begin..self.end),
        }
        silence
    }

    /// Tells the times of words in the audio that was handed over: what was made up is no part of
    /// it, and nobody else knows of it.
    pub(crate) fn leave_out_made_up(&self, event: &mut SttEvent) {
        let SttEvent::Transcript(told) = event else { return };
        for word in &mut told.words {
            (word.start, word.end) = (self.handed_over(word.start), self.handed_over(word.end));
        }
    }

    /// How much of the audio before a place was handed over.
    fn handed_over(&self, place: Duration) -> Duration {
        let at = self.format.samples_in(place);
        let before = |made_up: &Range<u64>| made_up.end.min(at) - made_up.start.min(at);
        let made_up = self.made_up_before + self.made_up.iter().map(before).sum::<u64>();
        place.saturating_sub(self.format.duration_of(made_up))
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
    use voiceagent_core::stt::{Transcript, WordTiming};

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
    fn words_are_told_where_they_lie_in_what_was_handed_over() {
        let mut tape = Tape::new(AudioFormat::MULAW_8K, 1000 * MS);
        let word = |at: u32| WordTiming { word: "yes".into(), start: at * MS, end: (at + 20) * MS };
        let told = |tape: &Tape, at: u32| {
            let words = Transcript::final_("yes").with_words(vec![word(at)]);
            let mut event = SttEvent::Transcript(words);
            tape.leave_out_made_up(&mut event);
            let SttEvent::Transcript(told) = event else { unreachable!() };
            (told.words[0].start, told.words[0].end)
        };
        // Before the first audio, in the middle of it, and at its end.
        tape.push_silence(8 * 100);
        tape.push_silence(8 * 100);
        tape.push(Bytes::from(vec![1; 8 * 100]));
        assert_eq!(tape.push_silence(8 * 50), [0xFF; 8 * 50][..]);
        tape.push(Bytes::from(vec![2; 8 * 100]));
        for (at, handed) in [(200, (0, 20)), (290, (90, 100)), (340, (100, 110)), (350, (100, 120))]
        {
            assert_eq!(told(&tape, at), (handed.0 * MS, handed.1 * MS), "{at}");
        }
        assert_eq!(tape.end(), 450 * MS, "the vendor has all of it");
        // What is older than the tape still counts.
        tape.push(Bytes::from(vec![3; 8 * 2_000]));
        assert!(tape.made_up.is_empty());
        assert_eq!(told(&tape, 2_400), (2_150 * MS, 2_170 * MS));
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
