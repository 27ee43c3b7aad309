use base64_simd::{AsOut as _, STANDARD, STANDARD_NO_PAD};
use bytes::{Bytes, BytesMut};
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Inbound,
};

use super::{
    block_pool::BlockPool,
    dialect::Dialect,
    event::{Event, MediaChunk},
};

/// The longest message that is read. A 20 ms frame takes 400 bytes; nothing legitimate comes near.
pub(super) const LONGEST_MESSAGE: usize = 64 * 1024;

/// The longest pause in the carrier's own clock that is believed, in seconds of audio. Carriers
/// may leave out silence; a position further ahead is nonsense.
const LONGEST_PAUSE: u64 = 60;

/// What a message means for the call.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    Deliver(Inbound),
    Ended,
    Nothing,
}

/// Turns messages into what the session hears.
#[derive(Debug)]
pub(super) struct Reader {
    format: AudioFormat,
    pool: BlockPool,
    position: u64,
    next_number: Option<u64>,
    last_timestamp: Option<u64>,
    pub(super) counters: Counters,
}

/// What came in beside good messages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) binary: u64,
    /// Pieces of audio that the carrier numbered and that did not arrive.
    pub(super) gaps: u64,
    pub(super) malformed: u64,
    /// Pieces of audio that had come before.
    pub(super) repeated: u64,
    pub(super) second_starts: u64,
    pub(super) too_long: u64,
}

impl Reader {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self {
            format,
            pool: BlockPool::new(),
            position: 0,
            next_number: None,
            last_timestamp: None,
            counters: Counters::default(),
        }
    }

    /// Reads a message. Nonsense is counted and is nothing.
    pub(super) fn read(&mut self, dialect: &dyn Dialect, text: &str) -> Reading {
        if text.len() > LONGEST_MESSAGE {
            self.counters.too_long += 1;
            return Reading::Nothing;
        }
        match dialect.read(text) {
            Some(Event::Media(chunk)) => self.read_media(&chunk),
            Some(Event::Mark(mark)) => Reading::Deliver(Inbound::MarkPlayed(mark)),
            Some(Event::Dtmf(key)) => Reading::Deliver(Inbound::Dtmf(key.as_char())),
            Some(Event::Stop) => Reading::Ended,
            Some(Event::Start(_)) => {
                self.counters.second_starts += 1;
                Reading::Nothing
            }
            Some(Event::Other) => Reading::Nothing,
            None => {
                self.counters.malformed += 1;
                Reading::Nothing
            }
        }
    }

    fn read_media(&mut self, chunk: &MediaChunk<'_>) -> Reading {
        if !self.follow(chunk) {
            return Reading::Nothing;
        }
        let Some(payload) = decode_base64(&mut self.pool, &chunk.payload) else {
            self.counters.malformed += 1;
            return Reading::Nothing;
        };
        let at = self.place(chunk.timestamp);
        let frame = AudioFrame::new(self.format, MediaTime(at), payload);
        self.position = at + frame.samples();
        Reading::Deliver(Inbound::Audio(frame))
    }

    /// Whether the audio is new. A step over some numbers is only counted. A repetition is dropped
    /// when number and clock agree: some senders have no clock, and some number nothing.
    fn follow(&mut self, chunk: &MediaChunk<'_>) -> bool {
        let late = chunk.timestamp.is_some() && chunk.timestamp <= self.last_timestamp;
        match (chunk.number, self.next_number) {
            (Some(number), Some(next)) if number < next && late => {
                self.counters.repeated += 1;
                return false;
            }
            (Some(number), Some(next)) => self.counters.gaps += u64::from(number > next),
            (_, None) | (None, _) => {}
        }
        self.next_number = chunk.number.map(|number| number.saturating_add(1));
        self.last_timestamp = chunk.timestamp;
        true
    }

    /// Where the audio begins, in samples: after the audio before it, unless the carrier's clock
    /// says that more than a frame was left out in between.
    fn place(&self, timestamp: Option<u64>) -> u64 {
        let rate = u64::from(self.format.sample_rate);
        let Some(told) = timestamp.and_then(|millis| millis.checked_mul(rate / 1_000)) else {
            return self.position;
        };
        let ahead = told.saturating_sub(self.position);
        if ahead >= rate / 50 && ahead <= rate * LONGEST_PAUSE { told } else { self.position }
    }
}

/// Decodes base64, padded or not, into pooled memory; `None` when it is empty or wrong.
fn decode_base64(pool: &mut BlockPool, text: &str) -> Option<Bytes> {
    let text = text.trim_end_matches('=').as_bytes();
    let length = STANDARD_NO_PAD.decoded_length(text).ok().filter(|length| *length > 0)?;
    pool.fill(length, |piece| STANDARD_NO_PAD.decode(text, piece.as_out()).is_ok())
}

/// Appends `bytes` in base64, without an intermediate string.
pub(crate) fn append_base64(bytes: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + STANDARD.encoded_length(bytes.len()), 0);
    let _ = STANDARD.encode(bytes, out[start..].as_out());
}

#[cfg(test)]
mod tests {
    use voiceagent_core::MarkId;

    use super::*;
    use crate::twilio::TwilioDialect;

    fn media(number: u64, timestamp: u64, payload: &str) -> String {
        format!(
            r#"{{"event":"media","media":{{"track":"inbound","chunk":"{number}","timestamp":"{timestamp}","payload":"{payload}"}}}}"#
        )
    }

    struct Line(Reader);

    impl Line {
        fn new() -> Self {
            Self(Reader::new(AudioFormat::MULAW_8K))
        }

        fn read(&mut self, text: &str) -> Reading {
            self.0.read(&TwilioDialect::default(), text)
        }

        /// Position and length of the audio in a message.
        fn hear(&mut self, text: &str) -> Option<(u64, usize)> {
            match self.read(text) {
                Reading::Deliver(Inbound::Audio(frame)) => Some((frame.at.0, frame.payload.len())),
                Reading::Deliver(_) | Reading::Ended | Reading::Nothing => None,
            }
        }
    }

    fn frame() -> String {
        STANDARD.encode_to_string([0xFF; 160])
    }

    #[test]
    fn a16_gaps_are_counted_and_repetitions_are_not_heard_twice() {
        let mut line = Line::new();
        let heard: Vec<_> =
            [2, 3, 3, 2, 6, 7].map(|number| line.hear(&media(number, 0, &frame()))).to_vec();
        assert_eq!(
            heard,
            [Some((0, 160)), Some((160, 160)), None, None, Some((320, 160)), Some((480, 160))]
        );
        assert_eq!((line.0.counters.gaps, line.0.counters.repeated), (1, 2));
    }

    #[test]
    fn a_sender_that_numbers_nothing_is_heard() {
        let mut line = Line::new();
        for frames in 0..5 {
            assert_eq!(line.hear(&media(1, frames * 20, &frame())), Some((frames * 160, 160)));
        }
    }

    #[test]
    fn a16_audio_keeps_its_place_when_the_carrier_leaves_out_silence() {
        let mut line = Line::new();
        let times = [(2, 0), (3, 21), (4, 39), (5, 1_000), (6, 1_020), (7, u64::MAX), (8, 90_000)];
        let heard: Vec<_> = times
            .into_iter()
            .filter_map(|(number, time)| line.hear(&media(number, time, &frame())))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(heard, [0, 160, 320, 8_000, 8_160, 8_320, 8_480]);
    }

    #[test]
    fn bad_base64_is_counted_and_unpadded_base64_is_read() {
        let mut line = Line::new();
        assert_eq!(line.hear(&media(2, 0, "/38AgA")), Some((0, 4)));
        assert_eq!(line.hear(&media(3, 0, "/38AgA==")), Some((4, 4)));
        for (number, bad) in (4..).zip(["", "=", "A", "!!!!", "_38-", "AAAA AAAA", "é"]) {
            assert_eq!(line.hear(&media(number, 0, bad)), None, "{bad}");
        }
        assert_eq!(line.0.counters.malformed, 7);
    }

    #[test]
    fn a_message_of_70_kb_is_skipped() {
        let mut line = Line::new();
        assert_eq!(line.read(&media(2, 0, &"A".repeat(70_000))), Reading::Nothing);
        assert_eq!(line.0.counters.too_long, 1);
        assert_eq!(line.hear(&media(3, 0, &frame())), Some((0, 160)));
    }

    #[test]
    fn a_mark_and_a_second_start_are_told_apart() {
        let mut line = Line::new();
        let mark = r#"{"event":"mark","mark":{"name":"9"}}"#;
        assert_eq!(line.read(mark), Reading::Deliver(Inbound::MarkPlayed(MarkId::new(9))));
        let start = r#"{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1"}}"#;
        assert_eq!(line.read(start), Reading::Nothing);
        assert_eq!(line.0.counters.second_starts, 1);
    }
}
