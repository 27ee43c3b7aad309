//! Text legs whose far end answers no marks: what was sent counts as heard, until the far end says
//! otherwise.

use std::sync::Arc;

use super::{Event, InterruptionReason, Session, generation::Generation, history::Entry};
use crate::GenerationId;

/// What the agent said last, and where it stands in the history.
#[derive(Debug)]
pub(super) struct Said {
    generation: GenerationId,
    text: String,
    /// In how many entries of the agent.
    entries: usize,
}

impl Session {
    /// Remembers what is about to be written into the history.
    pub(super) fn keep_said(&mut self, generation: &Generation, entries: &[Entry]) {
        if self.output.is_text() && !self.config.marks {
            self.said = Some(Said {
                generation: generation.id,
                text: generation.script.text().to_owned(),
                entries: entries
                    .iter()
                    .filter(|one| matches!(one, Entry::Assistant { .. }))
                    .count(),
            });
        }
    }

    /// The far end stopped what counts as heard. Returns whether that was meant.
    pub(super) fn cut_said(&mut self, heard: Option<&str>) -> bool {
        let Some(heard) = heard.filter(|_| self.live.as_ref().is_none_or(|live| !live.started))
        else {
            return false;
        };
        let is_meant = |said: &mut Said| said.text.starts_with(heard);
        let Some(Said { generation, text, entries }) = self.said.take_if(is_meant) else {
            return false;
        };
        if heard.len() < text.len() {
            self.history.cut(entries, &text, heard.len());
            let pii_heard: Arc<str> = heard.trim().into();
            let reason = InterruptionReason::BargeIn;
            self.emit(Event::Interrupted { generation, reason, after: Default::default() });
            self.emit(Event::AgentStopped { generation, pii_heard, interrupted: true });
        }
        true
    }
}
