use std::time::Duration;

/// A stream of speech that the vendor speaks now.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) name: u64,
    /// How much of the generation was spoken before it.
    pub(super) begins_at: Duration,
    /// How long the text of the generation was before it.
    pub(super) text_from: usize,
    /// A text was sent, and no audio came since.
    pub(super) owed: bool,
    /// The vendor was told that no more text comes.
    pub(super) ended: bool,
    /// It was ended because the vendor forgets it, and its speech goes on.
    pub(super) lapsed: bool,
}

impl Context {
    /// One that begins with a text.
    pub(super) const fn new(name: u64, begins_at: Duration, text_from: usize) -> Self {
        Self { name, begins_at, text_from, owed: true, ended: false, lapsed: false }
    }
}
