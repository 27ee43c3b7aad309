use voiceagent_core::GenerationId;

/// What a vendor was given, and gave, of the generations that are not over.
#[derive(Debug, Default)]
pub(crate) struct Spoken(Vec<Part>);

/// Of one generation.
#[derive(Debug)]
pub(crate) struct Part {
    generation: GenerationId,
    /// How many samples came.
    pub(crate) samples: u64,
    pub(crate) text: String,
}

/// A context of which it may still be told what was heard.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) name: u64,
    pub(crate) generation: GenerationId,
    /// What of the generation came before it.
    pub(crate) before: String,
}

impl Spoken {
    /// What there is of a generation.
    pub(crate) fn of(&mut self, generation: GenerationId) -> &mut Part {
        let at = self.0.iter().position(|part| part.generation == generation);
        let at = at.unwrap_or_else(|| {
            self.0.push(Part { generation, samples: 0, text: String::new() });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// Forgets a generation.
    pub(crate) fn forget(&mut self, generation: GenerationId) {
        self.0.retain(|part| part.generation != generation);
    }

    /// Forgets a generation and all before it.
    pub(crate) fn forget_up_to(&mut self, generation: GenerationId) {
        self.0.retain(|part| part.generation > generation);
    }

    /// Forgets the texts: a new connection knows none of them.
    pub(crate) fn forget_texts(&mut self) {
        self.0.iter_mut().for_each(|part| part.text.clear());
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
