use voiceagent_core::{GenerationId, realtime::FIRST_OWN};

/// Names what a model begins by itself, in one conversation.
#[derive(Debug, Default)]
pub(crate) struct OwnNames {
    given: u64,
}

impl OwnNames {
    /// The next name.
    pub(crate) const fn give(&mut self) -> GenerationId {
        self.given += 1;
        GenerationId::new(FIRST_OWN.number() + self.given - 1)
    }
}
