use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

/// What a vendor sends.
#[derive(Clone, Debug)]
pub(super) enum Output {
    Binary(Bytes),
    Close(u16, &'static str),
    Text(String),
}

/// What a vendor will send, in order, each when it is due.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Instant, Output)>,
}

impl Outbox {
    /// Sends at `due`, but not before what was queued earlier.
    pub(super) fn push(&mut self, due: Instant, output: Output) {
        let due = self.waiting.back().map_or(due, |(last, _)| due.max(*last));
        self.waiting.push_back((due, output));
    }

    /// The next output, if it is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Output> {
        if self.due()? > now {
            return None;
        }
        self.waiting.pop_front().map(|(_, output)| output)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    pub(super) fn last_due(&self) -> Option<Instant> {
        self.waiting.back().map(|(due, _)| *due)
    }

    /// Makes everything due.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.waiting.iter_mut().for_each(|(due, _)| *due = now.min(*due));
    }

    /// Forgets all but the next `kept` outputs.
    pub(super) fn truncate(&mut self, kept: usize) {
        self.waiting.truncate(kept);
    }

    /// Forgets all but the next `kept` outputs that are audio.
    pub(super) fn clear_audio_but(&mut self, mut kept: usize) {
        self.waiting.retain(|(_, output)| {
            let keeps = kept > 0 && matches!(output, Output::Binary(_));
            kept -= usize::from(keeps);
            keeps
        });
    }
}
