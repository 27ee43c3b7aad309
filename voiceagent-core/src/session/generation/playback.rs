use std::sync::Arc;

use crate::CallTime;

/// Where a generation lies in what the caller is sent, and what was heard of it.
#[derive(Debug, Default)]
pub(in crate::session) struct Playback {
    /// The sample of the call's outbound audio at which this generation begins.
    pub(in crate::session) base: u64,
    /// Where something else was said on the side.
    pub(in crate::session) gaps: Vec<Gap>,
    /// The caller has been sent something.
    pub(in crate::session) started: bool,
    /// When that was.
    pub(in crate::session) started_at: CallTime,
    /// When its first sound was heard, once that is known.
    pub(in crate::session) heard_since: Option<CallTime>,
    /// How much of the text was told to be heard.
    pub(in crate::session) told: usize,
}

/// Words on the side that are over.
#[derive(Clone, Debug)]
pub(in crate::session) struct Gap {
    /// How much of the generation comes before them, in samples or, on a text leg, in bytes.
    pub(in crate::session) at: u64,
    pub(super) length: u64,
    pub(in crate::session) text: Arc<str>,
}

impl Playback {
    /// How much of the generation lies before a place of the outbound audio or text, where words
    /// on the side may still be `open`: after how much of it, and how long they are.
    pub(super) fn position(&self, place: u64, open: Option<(u64, u64)>) -> u64 {
        let mut position = place.saturating_sub(self.base);
        let gaps = self.gaps.iter().map(|gap| (gap.at, gap.length));
        for (at, length) in gaps.chain(open) {
            position -= length.min(position.saturating_sub(at));
        }
        position
    }

    /// The place of the outbound audio or text at which so much of the generation has passed, and
    /// everything that was said on the side before.
    pub(in crate::session) fn place(&self, position: u64) -> u64 {
        let before = self.gaps.iter().filter(|gap| gap.at <= position);
        self.base + position + before.map(|gap| gap.length).sum::<u64>()
    }
}
