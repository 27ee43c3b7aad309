use std::collections::VecDeque;

use voiceagent_core::{GenerationId, realtime::Prompt};

use crate::wire::realtime::OwnNames;

/// What the vendor says, and what it is to say next.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    names: OwnNames,
    waiting: VecDeque<(GenerationId, Prompt)>,
    current: Option<Answer>,
    /// The end of the answer before may still come.
    is_late: bool,
}

/// An answer of the vendor's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) generation: GenerationId,
    /// Something of it has come.
    pub(super) begun: bool,
    pub(super) cancelled: bool,
    /// All of it has come; the vendor takes it for sounding until its turn is over.
    pub(super) complete: bool,
    /// The vendor waits for the results of its calls.
    pub(super) calls: bool,
}

impl Answer {
    const fn new(generation: GenerationId) -> Self {
        Self { generation, begun: false, cancelled: false, complete: false, calls: false }
    }
}

impl Mouth {
    pub(super) fn push(&mut self, generation: GenerationId, prompt: Prompt) {
        self.waiting.push_back((generation, prompt));
    }

    /// Begins what is to be said next, unless something else is being made.
    pub(super) fn advance(&mut self) -> Option<Prompt> {
        let before = self.current.filter(|_| !self.waiting.is_empty());
        if before.is_some_and(|before| !before.complete) {
            return None;
        }
        let (generation, prompt) = self.waiting.pop_front()?;
        self.is_late |= before.is_some_and(|before| !before.calls);
        self.current = Some(Answer::new(generation));
        Some(prompt)
    }

    /// The answer that comes, which the vendor may have begun by itself.
    pub(super) fn begin(&mut self, own: bool) -> Option<&mut Answer> {
        let goes_on = self.current.is_some_and(|answer| !answer.complete);
        if !goes_on && own {
            self.current = Some(Answer::new(self.names.give()));
        }
        let answer = self.current.as_mut().filter(|answer| !answer.complete)?;
        answer.begun = true;
        self.is_late = false;
        Some(answer)
    }

    /// The answer that is being made, or sounds.
    pub(super) const fn current(&mut self) -> Option<&mut Answer> {
        self.current.as_mut()
    }

    /// The vendor's turn is over.
    pub(super) fn end(&mut self, interrupted: bool) -> Option<Answer> {
        if self.is_late && self.current.is_some_and(|answer| !answer.begun) {
            return None;
        }
        self.is_late = interrupted;
        self.current.take()
    }

    /// Nothing more of a generation is wanted. Returns whether the vendor is at it.
    pub(super) fn cancel(&mut self, generation: GenerationId) -> bool {
        self.waiting.retain(|(waits, _)| *waits != generation);
        let current = self.current.as_mut().filter(|answer| answer.generation == generation);
        let Some(current) = current.filter(|answer| !answer.cancelled) else { return false };
        current.cancelled = true;
        // The calls are over with it, and the vendor says so.
        current.complete &= !current.calls;
        true
    }

    /// Whether something is to come.
    pub(super) fn is_owed(&self) -> bool {
        !self.waiting.is_empty() || self.current.is_some_and(|answer| !answer.complete)
    }

    /// Whether nothing sounds, and nothing is to come.
    pub(super) fn is_closed(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }
}
