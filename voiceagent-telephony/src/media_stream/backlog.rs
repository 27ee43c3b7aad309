use std::{collections::VecDeque, time::Duration};

use voiceagent_core::{audio::AudioFormat, transport::Outbound};

/// Audio that may wait for a socket that does not take it. A second is several times what a
/// session sends ahead; whoever is further behind must hear about it.
const AUDIO: Duration = Duration::from_secs(1);

/// Other requests that may wait: a mark for each 20 ms frame of two seconds, and some.
const ITEMS: usize = 128;

/// What was asked for and is not on the socket yet.
#[derive(Debug)]
pub(super) struct Backlog {
    format: AudioFormat,
    items: VecDeque<Outbound>,
    audio: u64,
    /// Frames that a clear overtook.
    pub(super) overtaken: u64,
    /// Requests that this leg cannot fulfil, such as text or audio in another format.
    pub(super) refused: u64,
}

impl Backlog {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self { format, items: VecDeque::with_capacity(ITEMS), audio: 0, overtaken: 0, refused: 0 }
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
            Outbound::Audio(frame) if frame.format == self.format => {
                self.audio += frame.samples();
                self.items.push_back(Outbound::Audio(frame));
            }
            Outbound::Clear => {
                let before = self.items.len();
                self.items.retain(|item| !matches!(item, Outbound::Audio(_) | Outbound::Clear));
                self.overtaken += (before - self.items.len()) as u64;
                self.audio = 0;
                self.items.push_front(Outbound::Clear);
            }
            Outbound::Mark(_) | Outbound::HangUp | Outbound::Transfer(_) => {
                self.items.push_back(outbound);
            }
            // Audio in another format, text of text legs, later inventions.
            Outbound::Audio(_) | Outbound::Text { .. } | Outbound::TextEnd { .. } | _ => {
                self.refused += 1;
            }
        }
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
    use voiceagent_core::{
        MarkId,
        audio::{AudioFrame, MediaTime},
    };

    use super::*;

    fn frame(format: AudioFormat) -> Outbound {
        Outbound::Audio(AudioFrame::new(format, MediaTime(0), Bytes::from_static(&[0xFF; 160])))
    }

    #[test]
    fn i6_clear_takes_the_place_of_waiting_audio_and_keeps_the_marks() {
        let mut backlog = Backlog::new(AudioFormat::MULAW_8K);
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
        let mut backlog = Backlog::new(AudioFormat::MULAW_8K);
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
        let mut backlog = Backlog::new(AudioFormat::MULAW_8K);
        backlog.push(frame(AudioFormat::PCM_16K));
        assert_eq!((backlog.pop(), backlog.refused), (None, 1));
    }
}
