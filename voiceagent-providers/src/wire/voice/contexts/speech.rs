use std::{sync::Arc, time::Duration};

use voiceagent_core::GenerationId;

/// Texts of a generation that are spoken one behind the other.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) generation: GenerationId,
    pub(super) texts: Vec<Arc<str>>,
    /// How many of them the vendor has.
    pub(super) sent: usize,
    /// No more texts come.
    pub(super) closed: bool,
    /// The generation ends with it.
    pub(super) finishes: bool,
    /// Some of its audio was handed over.
    pub(super) heard: bool,
}

impl Speech {
    pub(super) const fn new(generation: GenerationId) -> Self {
        Self {
            generation,
            texts: Vec::new(),
            sent: 0,
            closed: false,
            finishes: false,
            heard: false,
        }
    }
}

/// What the vendor speaks now.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) name: u64,
    /// How much of the generation was spoken before it.
    pub(super) begins_at: Duration,
    /// A text was sent, and no audio came since.
    pub(super) owed: bool,
    /// The vendor was told that no more text comes.
    pub(super) ended: bool,
    /// It was ended because the vendor forgets it, and its speech goes on.
    pub(super) lapsed: bool,
}

impl Context {
    /// A context whose first text is on its way.
    pub(super) const fn new(name: u64, begins_at: Duration) -> Self {
        Self { name, begins_at, owed: true, ended: false, lapsed: false }
    }
}
