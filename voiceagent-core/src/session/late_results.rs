//! Results of tools for which no answer waits any more.

use std::sync::Arc;

use super::{Session, generation::Generation, history::Standing};
use crate::{CallTime, GenerationId, ToolCallId, tool::ToolSpec};

/// Results that are written down and that the model has not seen, and how it was instructed when it
/// asked for them.
///
/// They wait until nobody speaks, and are told together. A turn that is answered before tells them
/// as well.
#[derive(Debug)]
pub(super) struct LateResults {
    untold: Vec<(GenerationId, ToolCallId)>,
    /// Of the answer that called a tool last.
    instructions: Arc<str>,
    tools: Arc<[ToolSpec]>,
}

impl Default for LateResults {
    fn default() -> Self {
        Self { untold: Vec::new(), instructions: Arc::from(""), tools: Arc::from([]) }
    }
}

impl LateResults {
    /// Notes the instructions under which a tool is called, and the tools that go with them.
    pub(super) fn instruct(&mut self, instructions: &Arc<str>, tools: &Arc<[ToolSpec]>) {
        self.instructions.clone_from(instructions);
        self.tools.clone_from(tools);
    }
}

impl Session {
    /// Whether there are results that the model has not seen.
    pub(super) fn has_late_results(&self) -> bool {
        !self.late.untold.is_empty()
    }

    /// Notes a result that came when the answer did not wait for it any more.
    pub(super) fn note_late_result(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        standing: Standing,
    ) {
        if self.is_duplex() {
            // It goes on by itself.
            return;
        }
        match standing {
            Standing::Detached | Standing::Running => {
                self.late.untold.push((generation, id.clone()));
            }
            Standing::Cancelled | Standing::Overdue | Standing::Replaced | Standing::Unasked => {}
        }
    }

    /// The owner of the call has stopped an answer: the results of its tools are written down when
    /// they come, and not told.
    pub(super) fn leave_unasked(&mut self, generation: &Generation) {
        let of = generation.id;
        for call in generation.open_calls().filter(|call| self.tools.is_running(of, &call.id)) {
            self.history.set_standing(of, &call.id, Standing::Unasked);
        }
    }

    /// The model is about to be asked: it is shown the late results as the latest that happened.
    pub(super) fn bring_late_results(&mut self) {
        let told = std::mem::take(&mut self.late.untold);
        if !told.is_empty() {
            self.history.bring_forward(&told);
        }
    }

    /// Until when late results wait for a voice, or for the words of one. Who is not understood for
    /// long is a noise.
    pub(super) fn late_results_wait_until(&self) -> Option<CallTime> {
        let voice = self.user.speaking_since.and_then(|_| self.user_holds_floor_until());
        self.words_may_come_until().max(voice)
    }

    /// Tells late results when nobody speaks. Returns whether there were any.
    pub(super) fn begin_late_reply(&mut self) -> bool {
        let is_quiet = self.user.is_empty() && self.late_results_wait_until().is_none();
        if self.late.untold.is_empty() || !is_quiet || self.is_closing() {
            return false;
        }
        let mut generation = self.new_generation(None);
        generation.committed = true;
        generation.tells_late = true;
        generation.request.instructions = self.late.instructions.clone();
        generation.request.tools = self.late.tools.clone();
        self.live = Some(generation);
        self.ask_model();
        true
    }
}
