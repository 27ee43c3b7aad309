use std::sync::Arc;

use voiceagent_core::GenerationId;

use crate::wire::voice::texts::is_speakable;

/// Texts that are flushed together, so that one `Flushed` stands for all of them.
///
/// Audio carries no name. It belongs to the oldest batch that is not complete.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) generation: GenerationId,
    pub(super) texts: Vec<Arc<str>>,
    /// There is something to say in it; the vendor never answers to a flush of nothing.
    pub(super) speakable: bool,
    /// No more texts come, and the vendor was told so if there is something to say.
    pub(super) flushed: bool,
    /// The generation ends with it.
    pub(super) finishes: bool,
    /// Some of its audio was handed over.
    pub(super) heard: bool,
}

impl Batch {
    pub(super) const fn new(generation: GenerationId) -> Self {
        Self {
            generation,
            texts: Vec::new(),
            speakable: false,
            flushed: false,
            finishes: false,
            heard: false,
        }
    }

    /// Adds a text; whether it has to be sent.
    pub(super) fn push(&mut self, text: &Arc<str>) -> bool {
        let speakable = is_speakable(text);
        self.speakable |= speakable;
        self.texts.push(Arc::clone(text));
        speakable
    }

    /// The texts that have to be sent.
    pub(super) fn speakable(&self) -> impl Iterator<Item = &Arc<str>> {
        self.texts.iter().filter(|text| is_speakable(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_a_word_are_counted_but_not_sent() {
        let mut batch = Batch::new(GenerationId::new(1));
        assert!(!batch.push(&Arc::from("")));
        assert!(!batch.push(&Arc::from(" … ")));
        assert!(!batch.speakable);
        assert!(batch.push(&Arc::from("9")));
        assert!(batch.speakable);
        assert_eq!((batch.texts.len(), batch.speakable().count()), (3, 1));
    }
}
