//! The functions that the model calls, and what becomes of them.

use std::sync::Arc;

use super::{Command, Event, Session, generation::Stage};
use crate::{GenerationId, ToolCallId, llm::ToolCall};

impl Session {
    pub(super) fn on_llm_tool_call(&mut self, generation: GenerationId, call: ToolCall) {
        if !self.note_progress(generation) {
            return;
        }
        self.flush_text();
        let max_rounds = self.config.tool_use.max_rounds;
        let Some(live) = &mut self.live else { return };
        if live.rounds >= max_rounds {
            // The model was told that it may not. What it says in words still counts.
            return;
        }
        if !live.note_call(&call) {
            return;
        }
        let call = self.with_unique_id(call);
        let Some(live) = &mut self.live else { return };
        if live.committed || live.may_run_early(&call) {
            self.run_tool(call);
        } else {
            live.held_calls.push(call);
        }
    }

    /// Models name their calls anew in each round, some of them with the same names. In a
    /// conversation a name stands for one call.
    fn with_unique_id(&self, mut call: ToolCall) -> ToolCall {
        let is_taken = |id: &ToolCallId| {
            self.history.has_call(id) || self.live.as_ref().is_some_and(|live| live.has_call(id))
        };
        if is_taken(&call.id) {
            let mut others = (2_u32..).map(|nth| ToolCallId::new(format!("{}-{nth}", call.id)));
            call.id = others.find(|id| !is_taken(id)).expect("there are more numbers than calls");
        }
        call
    }

    pub(super) fn run_tool(&mut self, call: ToolCall) {
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        live.push_call(call.clone());
        self.tools.start(generation, call.id.clone(), call.name.clone(), self.now);
        self.emit(Event::ToolStarted { id: call.id.clone(), name: call.name.clone() });
        self.commands.push_back(Command::CallTool { generation, call });
    }

    pub(super) fn on_tool_finished(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        output: &Arc<str>,
    ) {
        self.note_tool_end(generation, id);
        let live = self.live.as_mut().filter(|live| live.id == generation);
        if live.is_some_and(|live| live.finish_call(id, output)) {
            self.tell_result(id, output);
            self.advance_tools();
        } else if self.history.finish(generation, id, output) {
            self.tell_result(id, output);
        }
    }

    pub(super) fn note_tool_end(&mut self, generation: GenerationId, id: &ToolCallId) {
        if let Some((name, after)) = self.tools.finish(generation, id, self.now) {
            self.emit(Event::ToolFinished { id: id.clone(), name, after });
        }
    }

    /// Goes on with the model when all tools of the round have finished.
    pub(super) fn advance_tools(&mut self) {
        let Some(live) = self.live.as_ref().filter(|live| live.stage == Stage::Tools) else {
            return;
        };
        if !live.held_calls.is_empty() || live.open_calls().next().is_some() {
            return;
        }
        let (generation, rounds) = (live.id, live.rounds);
        if rounds == self.config.tool_use.max_rounds {
            self.emit(Event::ToolLimit { generation });
        }
        self.ask_model();
    }
}
