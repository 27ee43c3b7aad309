use std::sync::Arc;

use bytes::Bytes;

use super::{PlayoutConfig, generation::Generation, playout::Playout, text_out::TextOut};
use crate::{CallTime, GenerationId, MarkId, audio::AudioFormat, transport::Outbound};

/// The way to the caller, in audio or in text.
#[derive(Debug)]
pub(super) enum Output {
    Audio(Playout),
    Text(TextOut),
}

impl Output {
    pub(super) fn new(config: PlayoutConfig, format: Option<AudioFormat>, marks: bool) -> Self {
        match format {
            Some(format) => Self::Audio(Playout::new(config, format, marks)),
            None => Self::Text(TextOut::new(marks)),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Makes ready for a generation; returns where in the outbound audio it will begin.
    pub(super) fn begin(&mut self) -> u64 {
        match self {
            Self::Audio(playout) => playout.begin(),
            Self::Text(text) => {
                text.begin();
                0
            }
        }
    }

    pub(super) fn push_audio(&mut self, payload: Bytes) -> u64 {
        match self {
            Self::Audio(playout) => playout.push(payload),
            Self::Text(_) => 0,
        }
    }

    pub(super) fn push_text(&mut self, generation: GenerationId, text: &Arc<str>) {
        if let Self::Text(out) = self {
            out.push(generation, text);
        }
    }

    /// Adds a text that is a message of its own.
    pub(super) fn push_message(&mut self, generation: GenerationId, text: &Arc<str>) {
        if let Self::Text(out) = self {
            out.push(generation, text);
            out.end(generation);
        }
    }

    /// Takes back audio that was added last and has not left.
    pub(super) fn take_back(&mut self, samples: u64) {
        if let Self::Audio(playout) = self {
            playout.take_back(samples);
        }
    }

    /// Lets the last audio fall silent, if it has not left: its voice has broken off.
    pub(super) fn fade_out(&mut self) {
        if let Self::Audio(playout) = self {
            playout.fade_out();
        }
    }

    /// Lets the last audio leave though nothing follows. Returns the silence that was added.
    pub(super) fn fill_frame(&mut self) -> u64 {
        match self {
            Self::Audio(playout) => playout.fill_frame(),
            Self::Text(_) => 0,
        }
    }

    /// Samples or bytes that have left.
    pub(super) fn sent(&self) -> u64 {
        match self {
            Self::Audio(playout) => playout.sent(),
            Self::Text(text) => text.sent(),
        }
    }

    /// Samples or bytes that were heard or read.
    pub(super) fn playhead(&self, now: CallTime) -> u64 {
        match self {
            Self::Audio(playout) => playout.heard(now),
            Self::Text(text) => text.heard(),
        }
    }

    /// Since when, or until when, nothing that was sent is being heard. A text leg cannot tell the
    /// past.
    pub(super) fn silent_from(&self, now: CallTime) -> CallTime {
        match self {
            Self::Audio(playout) => playout.silent_from(now),
            Self::Text(text) => text.silent_from(now),
        }
    }

    pub(super) fn complete(&mut self, generation: GenerationId) {
        match self {
            Self::Audio(playout) => playout.complete(),
            Self::Text(text) => text.complete(generation),
        }
    }

    pub(super) fn hold(&mut self, held: bool) {
        match self {
            Self::Audio(playout) => playout.hold(held),
            Self::Text(text) => text.hold(held),
        }
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Outbound> {
        match self {
            Self::Audio(playout) => playout.poll(now),
            Self::Text(text) => text.poll(now),
        }
    }

    /// Whether audio may leave at `now`.
    pub(super) fn is_due(&self, now: CallTime) -> bool {
        matches!(self, Self::Audio(playout) if playout.is_due(now))
    }

    pub(super) fn next_wake(&self, now: CallTime) -> Option<CallTime> {
        match self {
            Self::Audio(playout) => playout.next_wake(now),
            Self::Text(text) => text.next_wake(now),
        }
    }

    pub(super) fn on_mark(&mut self, now: CallTime, mark: MarkId) -> bool {
        match self {
            Self::Audio(playout) => playout.on_mark(now, mark),
            Self::Text(text) => text.on_mark(mark),
        }
    }

    /// Whether a mark tells that the far end has cleared what it had.
    pub(super) fn is_cleared_by(&mut self, mark: MarkId) -> bool {
        match self {
            Self::Audio(playout) => playout.is_cleared_by(mark),
            Self::Text(_) => false,
        }
    }

    /// Whether a mark will tell when the far end has cleared what it had.
    pub(super) fn awaits_clear(&self) -> bool {
        match self {
            Self::Audio(playout) => playout.awaits_clear(),
            Self::Text(_) => false,
        }
    }

    /// When a generation began to be heard, judged by what is known to be heard now.
    pub(super) fn heard_since(&self, now: CallTime, generation: &Generation) -> CallTime {
        match self {
            Self::Audio(playout) => playout.heard_since(generation.playback.base),
            Self::Text(_) => now,
        }
    }

    pub(super) fn is_audible(&self, now: CallTime) -> bool {
        match self {
            Self::Audio(playout) => playout.is_audible(now),
            Self::Text(text) => text.is_audible(now),
        }
    }

    /// Until when what was sent is heard, or thought to be; `None` if nothing is.
    pub(super) fn audible_until(&self, now: CallTime) -> Option<CallTime> {
        match self {
            Self::Audio(playout) => playout.audible_until(now),
            Self::Text(text) => text.audible_until(now),
        }
    }

    pub(super) fn is_drained(&self, now: CallTime) -> bool {
        match self {
            Self::Audio(playout) => playout.is_drained(now),
            Self::Text(text) => text.is_drained(now),
        }
    }

    /// How much of a generation's audio was heard, in samples.
    pub(super) fn heard_samples(&self, now: CallTime, generation: &Generation) -> u64 {
        match self {
            // The last frame is filled up with silence, in which nothing is said.
            Self::Audio(_) => {
                generation.position(self.playhead(now)).min(generation.content.script.samples())
            }
            Self::Text(_) => 0,
        }
    }

    /// How much of a generation's text was heard, in bytes.
    pub(super) fn heard(&self, now: CallTime, generation: &Generation) -> usize {
        let position = generation.position(self.playhead(now));
        match self {
            Self::Audio(_) => {
                // The last frame is filled up with silence, in which nothing is said.
                let spoken = position.min(generation.content.script.samples());
                generation.content.script.heard(spoken).len()
            }
            Self::Text(_) => usize::try_from(position).unwrap_or(usize::MAX),
        }
    }

    /// The far end of a text leg says up to which place it was heard.
    pub(super) fn on_heard(&mut self, place: u64) {
        if let Self::Text(text) = self {
            text.on_heard(place);
        }
    }

    /// Whether something sounds that could be cleared and sent once more. Text that was sent is
    /// read, so it cannot.
    pub(super) fn can_rewind(&self, now: CallTime) -> bool {
        match self {
            Self::Audio(playout) => playout.can_rewind(now),
            Self::Text(_) => false,
        }
    }

    /// Takes back what the far end has been told to drop. Returns how many samples that are.
    pub(super) fn rewind(&mut self, now: CallTime) -> u64 {
        match self {
            Self::Audio(playout) => playout.rewind(now),
            Self::Text(_) => 0,
        }
    }

    /// Drops what was not heard; more may follow.
    pub(super) fn cut(&mut self, now: CallTime) {
        match self {
            Self::Audio(playout) => playout.cut(now),
            Self::Text(text) => text.cut(),
        }
    }

    pub(super) fn clear(&mut self, now: CallTime) {
        match self {
            Self::Audio(playout) => playout.clear(now),
            Self::Text(text) => text.clear(),
        }
    }
}
