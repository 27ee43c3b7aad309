use std::{collections::VecDeque, time::Duration};

use bytes::BytesMut;
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::Outbound,
};

use super::dialect::{Dialect, Pieces};

/// Audio that may wait for a socket that does not take it. A second is several times what a
/// session sends ahead; whoever is further behind must hear about it.
const AUDIO: Duration = Duration::from_secs(1);

/// Other requests that may wait: a mark for each 20 ms frame of two seconds, and some.
const ITEMS: usize = 128;

/// What was asked for and is not on the socket yet.
#[derive(Debug)]
pub(super) struct Backlog {
    format: AudioFormat,
    pieces: Pieces,
    /// Whether the carrier can be asked for marks.
    marks: bool,
    items: VecDeque<Outbound>,
    audio: u64,
    /// Frames that a clear overtook.
    pub(super) overtaken: u64,
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
            audio: 0,
            overtaken: 0,
            refused: 0,
        }
    }

    /// Whether what comes next should wait in the link, where its owner notices.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= ITEMS || self.format.duration_of(self.audio) >= AUDIO
    }

    /// How many more requests fit while looking for a clear behind a full backlog.
    pub(super) fn room(&self) -> usize {
        (2 * ITEMS).saturating_sub(self.items.len())
    }

    /// Lines up a request. A clear goes to the front and takes the place of all waiting audio;
    /// waiting marks stay, since each is owed an answer.
    pub(super) fn push(&mut self, outbound: Outbound) {
        match outbound {
            Outbound::Audio(frame) if frame.format == self.format => self.push_audio(frame),
            Outbound::Clear => {
                let before = self.items.len();
                self.items.retain(|item| !matches!(item, Outbound::Audio(_) | Outbound::Clear));
                self.overtaken += (before - self.items.len()) as u64;
                self.audio = 0;
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
    fn push_audio(&mut self, mut frame: AudioFrame) {
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
        self.audio += frame.samples();
        if let (Pieces::Exactly(_), Some(length)) = (self.pieces, length) {
            while frame.payload.len() > length {
                let piece = AudioFrame::new(frame.format, frame.at, frame.payload.split_to(length));
                frame.at = MediaTime(frame.at.0 + piece.samples());
                self.items.push_back(Outbound::Audio(piece));
            }
        }
        self.items.push_back(Outbound::Audio(frame));
    }

    pub(super) fn pop(&mut self) -> Option<Outbound> {
        let next = self.items.pop_front()?;
        if let Outbound::Audio(frame) = &next {
            self.audio -= frame.samples();
        }
        Some(next)
    }

    /// The next request, if it is a mark.
    pub(super) fn pop_mark(&mut self) -> Option<Outbound> {
        let next = self.items.front();
        next.is_some_and(|next| matches!(next, Outbound::Mark(_)))
            .then(|| self.items.pop_front())?
    }
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
            backlog.push(frame(AudioFormat::MULAW_8K));
            backlog.push(Outbound::Mark(MarkId::new(number)));
        }
        backlog.push(Outbound::Clear);
        backlog.push(frame(AudioFormat::MULAW_8K));
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
        assert_eq!((backlog.audio, backlog.overtaken), (0, 3));
    }

    #[test]
    fn one_second_of_audio_fills_it() {
        let mut backlog = backlog(Carrier::Twilio, AudioFormat::MULAW_8K);
        for _ in 0..50 {
            assert!(!backlog.is_full());
            backlog.push(frame(AudioFormat::MULAW_8K));
        }
        assert!(backlog.is_full());
        backlog.pop();
        assert!(!backlog.is_full());
    }

    #[test]
    fn audio_in_another_format_is_not_played_as_noise() {
        let mut backlog = backlog(Carrier::Twilio, AudioFormat::MULAW_8K);
        backlog.push(frame(AudioFormat::PCM_16K));
        assert_eq!((backlog.pop(), backlog.refused), (None, 1));
    }

    #[test]
    fn audio_leaves_in_the_lengths_that_the_carrier_takes() {
        let lengths = |carrier, format: AudioFormat, bytes: usize| -> Vec<usize> {
            let mut backlog = backlog(carrier, format);
            let audio = Bytes::from(vec![0x2A; bytes]);
            backlog.push(Outbound::Audio(AudioFrame::new(format, MediaTime(0), audio)));
            let lengths = std::iter::from_fn(|| backlog.pop()).map(|item| match item {
                Outbound::Audio(frame) => frame.payload.len(),
                other => panic!("{other:?}"),
            });
            let lengths = lengths.collect();
            assert_eq!(backlog.audio, 0);
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
        backlog.push(Outbound::Audio(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), audio)));
        let Some(Outbound::Audio(frame)) = backlog.pop() else { panic!("no audio") };
        assert_eq!(frame.payload[158..], [0x2A, 0xFF]);
    }

    #[test]
    fn a_leg_without_marks_takes_none() {
        let mut backlog = backlog(Carrier::Vonage, AudioFormat::PCM_16K);
        backlog.push(Outbound::Mark(MarkId::new(1)));
        assert_eq!((backlog.pop(), backlog.refused), (None, 1));
    }
}
