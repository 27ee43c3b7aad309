use std::{collections::VecDeque, sync::Arc};

use voiceagent_core::GenerationId;

/// What is to be said, in the order in which it came, generation by generation.
///
/// Texts of two generations may alternate; each stretch is a speech of its own.
#[derive(Debug, Default)]
pub(crate) struct Speeches {
    /// Oldest first; only the last one may be open.
    waiting: VecDeque<Speech>,
    /// This generation and all before it are over.
    over: Option<GenerationId>,
}

/// Texts of a generation that are spoken one behind the other.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) generation: GenerationId,
    pub(crate) texts: Vec<Arc<str>>,
    /// How many of them were handed to the vendor.
    pub(crate) sent: usize,
    /// No more texts come.
    pub(crate) closed: bool,
    /// The generation ends with it.
    pub(crate) finishes: bool,
}

impl Speeches {
    /// Adds a text, unless its generation is over.
    pub(crate) fn push(&mut self, generation: GenerationId, text: Arc<str>) {
        if self.is_over(generation) {
            return;
        }
        if let Some(last) = self.waiting.back_mut() {
            if last.generation == generation && !last.closed {
                last.texts.push(text);
                return;
            }
            last.closed = true;
        }
        let texts = vec![text];
        self.waiting.push_back(Speech {
            generation,
            texts,
            sent: 0,
            closed: false,
            finishes: false,
        });
    }

    /// No more text of a generation comes; whether it is finished with that.
    pub(crate) fn finish(&mut self, generation: GenerationId) -> bool {
        if self.is_over(generation) {
            return false;
        }
        match self.waiting.iter_mut().rev().find(|speech| speech.generation == generation) {
            Some(last) => {
                (last.closed, last.finishes) = (true, true);
                false
            }
            None => true,
        }
    }

    /// A generation and all before it are over.
    pub(crate) fn cancel(&mut self, generation: GenerationId) {
        self.over = self.over.max(Some(generation));
        self.waiting.retain(|speech| speech.generation > generation);
    }

    /// All that waits is over, and `spoken` too.
    pub(crate) fn give_up(&mut self, spoken: Option<GenerationId>) {
        let waiting = self.waiting.iter().map(|speech| speech.generation);
        self.over = self.over.max(waiting.chain(spoken).max());
        self.waiting.clear();
    }

    /// The oldest speech.
    pub(crate) fn front_mut(&mut self) -> Option<&mut Speech> {
        self.waiting.front_mut()
    }

    /// Takes the oldest speech out: it was spoken.
    pub(crate) fn pop(&mut self) -> Option<Speech> {
        self.waiting.pop_front()
    }

    fn is_over(&self, generation: GenerationId) -> bool {
        self.over.is_some_and(|over| generation <= over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: GenerationId = GenerationId::new(1);
    const TWO: GenerationId = GenerationId::new(2);

    fn pushed(texts: &[(GenerationId, &str)]) -> Speeches {
        let mut speeches = Speeches::default();
        texts.iter().for_each(|(generation, text)| speeches.push(*generation, (*text).into()));
        speeches
    }

    #[test]
    fn alternating_generations_keep_their_order_and_finish_with_their_last_text() {
        let mut speeches = pushed(&[(TWO, "a"), (TWO, "b"), (ONE, "c"), (TWO, "d")]);
        assert!(!speeches.finish(TWO) && !speeches.finish(ONE));
        let said = std::iter::from_fn(|| speeches.pop());
        let said: Vec<_> = said.map(|it| (it.texts.concat(), it.closed, it.finishes)).collect();
        let expected = [("ab", true, false), ("c", true, true), ("d", true, true)];
        assert_eq!(said, expected.map(|(text, closed, ends)| (text.to_owned(), closed, ends)));
    }

    #[test]
    fn a_generation_without_a_text_is_finished_at_once() {
        assert!(pushed(&[(ONE, "a")]).finish(TWO));
    }

    #[test]
    fn i8_what_is_over_stays_so() {
        let mut speeches = pushed(&[(ONE, "a"), (TWO, "b")]);
        speeches.cancel(ONE);
        speeches.push(ONE, "late".into());
        assert!(!speeches.finish(ONE), "nobody waits for it");
        assert_eq!(speeches.front_mut().map(|it| it.generation), Some(TWO));
        speeches.give_up(None);
        speeches.push(TWO, "late".into());
        assert!(speeches.front_mut().is_none());
    }
}
