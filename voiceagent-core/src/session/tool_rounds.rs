use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{CallTime, GenerationId, ToolCallId};

/// When each running tool was started, and what it is called. Outlives the generation that asked,
/// because a tool does.
#[derive(Debug, Default)]
pub(super) struct ToolClock {
    running: BTreeMap<(GenerationId, ToolCallId), (Arc<str>, CallTime)>,
}

impl ToolClock {
    pub(super) fn start(
        &mut self,
        generation: GenerationId,
        id: ToolCallId,
        name: Arc<str>,
        now: CallTime,
    ) {
        self.running.insert((generation, id), (name, now));
    }

    /// Whether no tool runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// The name and running time of a tool that finished; `None` if it was not running.
    pub(super) fn finish(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        now: CallTime,
    ) -> Option<(Arc<str>, Duration)> {
        let (name, since) = self.running.remove(&(generation, id.clone()))?;
        Some((name, now - since))
    }
}
