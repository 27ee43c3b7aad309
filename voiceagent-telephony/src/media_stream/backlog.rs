use std::{collections::VecDeque, time::Duration};

use bytes::BytesMut;
use tokio::time::Instant;
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Outbound,
};

use super::dialect::{Dialect, Pieces};

/// For how long audio waits for a socket that does not take it; what is spoken in that time, the
/// message that is being written and what the kernel holds are less than a second. A line is not a
/// file: what were said later would come after the answer to it.
const LATE: Duration = Duration::from_millis(400);

/// Requests that may wait: a mark for each 20 ms frame of two seconds, and some.
const ITEMS: usize = 128;

/// What was asked for and is not on the socket yet.
#[derive(Debug)]
pub(super) struct Backlog {
    format: AudioFormat,
    pieces: Pieces,
    /// Whether the carrier can be asked for marks.
    marks: bool,
    items: VecDeque<Outbound>,
    /// Since when each frame among them has waited.
    since: VecDeque<Instant>,
    /// Frames that a clear overtook.
    pub(super) overtaken: u64,
    /// Frames that waited for too long.
    pub(super) late: u64,
    /// Requests that this leg cannot fulfil, such as text or audio in another format.
    pub(super) refused: u64,
}

impl Backlog {
    pub(super) fn new(dialect: &Dialect, format: AudioFormat) -> Self {
        Self {
            format,
            pieces: dialect.pieces,
            marks: dialect.mark.is_some(),
            items: VecDeque::with_capacity(ITEMS),
            since: VecDeque::new(),
            overtaken: 0,
            late: 0,
            refused: 0,
        }
    }

    /// Whether what comes next should wait in the link, where its owner notices.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= ITEMS
    }

    /// How many more requests fit while looking for a clear behind a full backlog.
    pub(super) fn room(&self) -> usize {
        (2 * ITEMS).saturating_sub(self.items.len())
    }

    /// Lines up a request. A clear goes to the front and takes the place of all waiting audio;
    /// waiting marks stay, since each is owed an answer.
    pub(super) fn push(&mut self, outbound: Outbound, now: Instant) {
        match outbound {
            Outbound::Audio(frame) if frame.format == self.format => {
                self.push_audio(frame, now);
            }
            Outbound::Clear => {
                let before = self.items.len();
                self.items.retain(|item| !matches!(item, Outbound::Audio(_) | Outbound::Clear));
                self.overtaken += (before - self.items.len()) as u64;
                self.since.clear();
                self.items.push_front(Outbound::Clear);
            }
            Outbound::Mark(_) if self.marks => self.items.push_back(outbound),
            Outbound::HangUp | Outbound::Transfer(_) => self.items.push_back(outbound),
            // Audio in another format, marks of a leg without, text of text legs, later inventions.
            Outbound::Audio(_)
            | Outbound::Mark(_)
            | Outbound::Text { .. }
            | Outbound::TextEnd { .. }
            | _ => {
                self.refused += 1;
            }
        }
    }

    /// Lines audio up in the lengths that the carrier takes. A session sends whole frames, so that
    /// filling one up is the exception.
    fn push_audio(&mut self, mut frame: AudioFrame, now: Instant) {
        let length = match self.pieces {
            Pieces::Any => None,
            Pieces::Exactly(length) | Pieces::Whole(length) => Some(self.format.bytes_in(length)),
        };
        if let Some(length) = length.filter(|length| !frame.payload.len().is_multiple_of(*length)) {
            let mut filled = BytesMut::from(&*frame.payload);
            let silence = self.format.silence().unwrap_or(0);
            filled.resize(filled.len().next_multiple_of(length), silence);
            frame.payload = filled.freeze();
        }
        if let (Pieces::Exactly(_), Some(length)) = (self.pieces, length) {
            while frame.payload.len() > length {
                let piece = AudioFrame::new(frame.format, frame.at, frame.payload.split_to(length));
                frame.at = MediaTime(frame.at.0 + piece.samples());
                self.line_up(piece, now);
            }
        }
        self.line_up(frame, now);
    }

    fn line_up(&mut self, frame: AudioFrame, now: Instant) {
        self.items.push_back(Outbound::Audio(frame));
        self.since.push_back(now);
    }

    pub(super) fn pop(&mut self) -> Option<Outbound> {
        let next = self.items.pop_front()?;
        if is_audio(&next) {
            self.since.pop_front();
        }
        Some(next)
    }

    /// Leaves out the audio that has waited for too long; says whether it is the first.
    pub(super) fn leave_out_late(&mut self, now: Instant) -> bool {
        let late = self.since.partition_point(|since| now - *since >= LATE);
        if late == 0 {
            return false;
        }
        self.since.drain(..late);
        let mut left = late;
        self.items.retain(|item| {
            let goes = left > 0 && is_audio(item);
            left -= usize::from(goes);
            !goes
        });
        self.late += late as u64;
        self.late == late as u64
    }

    /// The next request, if it is a mark.
    pub(super) fn pop_mark(&mut self) -> Option<Outbound> {
        let next = self.items.front();
        next.is_some_and(|next| matches!(next, Outbound::Mark(_)))
            .then(|| self.items.pop_front())?
    }
}

const fn is_audio(item: &Outbound) -> bool {
    matches!(item, Outbound::Audio(_))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use voiceagent_core::MarkId;

    use super::*;
    use crate::media_stream::Carrier;

    fn backlog(carrier: Carrier, format: AudioFormat) -> Backlog {
        Backlog::new(Dialect::of(carrier), format)
    }

    fn frame(format: AudioFormat) -> Outbound {
        Outbound::Audio(AudioFrame::new(format, MediaTime(0), Bytes::from_static(&[0xFF; 160])))
    }

    #[test]
    fn i6_clear_takes_the_place_of_waiting_audio_and_keeps_the_marks() {
        let mut backlog = backlog(Carrier::Twilio, AudioFormat::MULAW_8K);
        for number in 0..3 {
            backlog.push(frame(AudioFormat::MULAW_8K), Instant::now());
            backlog.push(Outbound::Mark(MarkId::new(number)), Instant::now());
        }
        backlog.push(Outbound::Clear, Instant::now());
        backlog.push(frame(AudioFormat::MULAW_8K), Instant::now());
        let order: Vec<_> = std::iter::from_fn(|| backlog.pop()).collect();
        assert_eq!(
            order,
            [
                Outbound::Clear,
                Outbound::Mark(MarkId::new(0)),
                Outbound::Mark(MarkId::new(1)),
                Outbound::Mark(MarkId::new(2)),
                frame(AudioFormat::MULAW_8K),
            ]
        );
        assert_eq!((backlog.since.len(), backlog.overtaken), (0, 3));
    }

    #[test]
    fn audio_that_waits_for_too_long_is_left_out_and_its_marks_stay() {
        let mut backlog = backlog(Carrier::Twilio, AudioFormat::MULAW_8K);
        let began = Instant::now();
        for number in 0..3 {
            let now = began + Duration::from_millis(100 * number);
            backlog.push(frame(AudioFormat::MULAW_8K), now);
            backlog.push(Outbound::Mark(MarkId::new(number)), now);
        }
        assert!(!backlog.leave_out_late(began + Duration::from_millis(399)));
        assert!(backlog.leave_out_late(began + Duration::from_millis(500)), "the first");
        let order: Vec<_> = std::iter::from_fn(|| backlog.pop()).collect();
        let marks = [0, 1, 2].map(|number| Outbound::Mark(MarkId::new(number)));
        let [first, second, third] = marks;
        assert_eq!(order, [first, second, frame(AudioFormat::MULAW_8K), third]);
        assert_eq!(backlog.late, 2);
        backlog.push(frame(AudioFormat::MULAW_8K), began);
        assert!(!backlog.leave_out_late(began + LATE), "told already");
        assert_eq!((backlog.pop(), backlog.late), (None, 3));
    }

    #[test]
    fn audio_in_another_format_is_not_played_as_noise() {
        let mut backlog = backlog(Carrier::Twilio, AudioFormat::MULAW_8K);
        backlog.push(frame(AudioFormat::PCM_16K), Instant::now());
        assert_eq!((backlog.pop(), backlog.refused), (None, 1));
    }

    #[test]
    fn audio_leaves_in_the_lengths_that_the_carrier_takes() {
        let lengths = |carrier, format: AudioFormat, bytes: usize| -> Vec<usize> {
            let mut backlog = backlog(carrier, format);
            let audio = Bytes::from(vec![0x2A; bytes]);
            backlog.push(
                Outbound::Audio(AudioFrame::new(format, MediaTime(0), audio)),
                Instant::now(),
            );
            let lengths = std::iter::from_fn(|| backlog.pop()).map(|item| match item {
                Outbound::Audio(frame) => frame.payload.len(),
                other => panic!("{other:?}"),
            });
            let lengths = lengths.collect();
            assert!(backlog.since.is_empty());
            lengths
        };
        assert_eq!(lengths(Carrier::Twilio, AudioFormat::MULAW_8K, 1_000), [1_000]);
        assert_eq!(lengths(Carrier::Telnyx, AudioFormat::MULAW_8K, 10), [160]);
        assert_eq!(lengths(Carrier::Telnyx, AudioFormat::MULAW_8K, 800), [800]);
        assert_eq!(lengths(Carrier::Exotel, AudioFormat::PCM_8K, 400), [640]);
        assert_eq!(lengths(Carrier::Vonage, AudioFormat::PCM_16K, 1_500), [640, 640, 640]);
        assert_eq!(lengths(Carrier::Vonage, AudioFormat::PCM_8K, 320), [320]);
    }

    #[test]
    fn cp9_a_frame_is_filled_up_with_the_silence_of_its_format() {
        let mut backlog = backlog(Carrier::Telnyx, AudioFormat::MULAW_8K);
        let audio = Bytes::from_static(&[0x2A; 159]);
        let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), audio);
        backlog.push(Outbound::Audio(frame), Instant::now());
        let Some(Outbound::Audio(frame)) = backlog.pop() else { panic!("no audio") };
        assert_eq!(frame.payload[158..], [0x2A, 0xFF]);
    }

    #[test]
    fn a_leg_without_marks_takes_none() {
        let mut backlog = backlog(Carrier::Vonage, AudioFormat::PCM_16K);
        backlog.push(Outbound::Mark(MarkId::new(1)), Instant::now());
        assert_eq!((backlog.pop(), backlog.refused), (None, 1));
    }
}
