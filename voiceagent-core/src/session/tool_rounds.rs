use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{CallTime, GenerationId, ToolCallId};

/// What a tool is given beyond its time: whoever runs it ends it by the same time and tells, and
/// is to come first.
const GRACE: Duration = Duration::from_secs(1);

/// When each running tool was started, and what it is called. Outlives the generation that asked,
/// because a tool does.
#[derive(Debug, Default)]
pub(super) struct ToolClock {
    running: BTreeMap<(GenerationId, ToolCallId), Run>,
}

#[derive(Debug)]
struct Run {
    name: Arc<str>,
    since: CallTime,
    deadline: CallTime,
}

impl ToolClock {
    pub(super) fn start(
        &mut self,
        generation: GenerationId,
        id: ToolCallId,
        name: Arc<str>,
        now: CallTime,
        timeout: Duration,
    ) {
        let deadline = now + timeout.saturating_add(GRACE);
        self.running.insert((generation, id), Run { name, since: now, deadline });
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
        let Run { name, since, .. } = self.running.remove(&(generation, id.clone()))?;
        Some((name, now - since))
    }

    /// Whether a tool call runs.
    pub(super) fn is_running(&self, generation: GenerationId, id: &ToolCallId) -> bool {
        self.running.contains_key(&(generation, id.clone()))
    }

    /// When the next tool is given up.
    pub(super) fn deadline(&self) -> Option<CallTime> {
        self.running.values().map(|run| run.deadline).min()
    }

    /// The tools that have not answered in their time.
    pub(super) fn overdue(&self, now: CallTime) -> Vec<(GenerationId, ToolCallId)> {
        let late = self.running.iter().filter(|(_, run)| run.deadline <= now);
        late.map(|(key, _)| key.clone()).collect()
    }
}
