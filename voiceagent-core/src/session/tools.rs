//! The functions that the model calls, and what becomes of them.

use std::sync::Arc;

use serde_json::json;

use super::{
    Command, Event, Session, Timer,
    generation::{Leave, Stage},
    history::Standing,
};
use crate::{CallTime, GenerationId, ToolCallId, llm::ToolCall};

impl Session {
    pub(super) fn on_llm_tool_call(&mut self, generation: GenerationId, call: ToolCall) {
        if !self.note_progress(generation) {
            return;
        }
        self.release_words();
        self.flush_text();
        let max_rounds = self.config.tool_use.max_rounds;
        let Some(live) = &mut self.live else { return };
        if live.rounds.count >= max_rounds {
            // The model was told that it may not. What it says in words still counts.
            return;
        }
        if !live.rounds.note_call(&call) {
            return;
        }
        let call = self.with_unique_id(call);
        let may_play = self.may_play();
        let Some(live) = &mut self.live else { return };
        if may_play || live.request.may_run_early(&call) {
            self.run_tool(call);
        } else {
            live.rounds.held_calls.push(call);
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

    /// Whether the live answer may be heard: its turn is over, and the user leaves it the floor.
    /// Before, nothing is done that could not be taken back.
    pub(super) fn may_play(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.committed)
            && !self.waits_for_silence()
            && self.words_may_come_until().is_none()
    }

    /// Until when words may come of what the user said since the last turn. Before, nobody knows
    /// whether it was a noise.
    pub(super) fn words_may_come_until(&self) -> Option<CallTime> {
        let last = self.user.last_speech.filter(|_| self.user.begun)?;
        let until = last + self.config.endpointing.transcript_timeout;
        (until > self.now).then_some(until)
    }

    /// Runs the calls that waited until the answer may be heard.
    pub(super) fn release_held_calls(&mut self) {
        let may_play = self.may_play();
        let Some(live) =
            self.live.as_mut().filter(|live| may_play && !live.rounds.held_calls.is_empty())
        else {
            return;
        };
        for call in std::mem::take(&mut live.rounds.held_calls) {
            self.run_tool(call);
        }
        self.advance_tools();
    }

    /// What the model is told in place of a result if its answer does not offer such a tool: it may
    /// remember one from another turn.
    fn refuse_unknown(&self, name: &str) -> Option<Arc<str>> {
        let is_offered = self.live.as_ref().is_some_and(|live| live.request.spec(name).is_some());
        let why = || json!({ "error": format!("there is no tool named `{name}`") });
        (!is_offered).then(|| why().to_string().into())
    }

    pub(super) fn run_tool(&mut self, call: ToolCall) {
        let refused =
            self.refuse_unknown(&call.name).or_else(|| self.refuse_repeat(&call).map(Into::into));
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        live.push_call(call.clone());
        if self.config.realtime.is_some() {
            // The model waits for the result, whatever else the tool says of itself: a second one
            // for the same call would not be taken.
            live.wait_for(&call.id);
        }
        if let Some(why) = refused {
            live.finish_call(&call.id, &why);
            return;
        }
        self.late.instruct(&live.request.instructions, &live.request.tools);
        let timeout = live.request.spec(&call.name).map(|spec| spec.timeout).unwrap_or_default();
        let (id, name) = (call.id.clone(), call.name.clone());
        self.tools.start(generation, id.clone(), name.clone(), self.now, timeout);
        self.emit(Event::ToolStarted { id, name });
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
        if let Some(standing) = live.and_then(|live| live.finish_call(id, output)) {
            if standing == Standing::Detached {
                self.note_late_result(generation, id, standing);
            }
            self.advance_tools();
        } else if let Some(standing) = self.history.finish(generation, id, output) {
            self.note_late_result(generation, id, standing);
        }
    }

    pub(super) fn note_tool_end(&mut self, generation: GenerationId, id: &ToolCallId) {
        if let Some((name, after)) = self.tools.finish(generation, id, self.now) {
            self.emit(Event::ToolFinished { id: id.clone(), name, after });
        }
    }

    /// Changes where a tool call stands that has no result yet. Returns where it stood.
    pub(super) fn set_standing(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        standing: Standing,
    ) -> Option<Standing> {
        let live = self.live.as_mut().filter(|live| live.id == generation);
        live.and_then(|live| live.set_standing(id, standing))
            .or_else(|| self.history.set_standing(generation, id, standing))
    }

    /// Sees to it that a tool which never answers is given up.
    pub(super) fn watch_tools(&mut self) {
        self.timers.set_or_clear(Timer::Tool, self.tools.deadline());
    }

    /// Goes on without the tools that have not answered in their time.
    pub(super) fn on_tools_overdue(&mut self) {
        for (generation, id) in self.tools.overdue(self.now) {
            self.commands.push_back(Command::CancelTool { generation, id: id.clone() });
            self.note_tool_end(generation, &id);
            let is_live = self.live.as_ref().is_some_and(|live| live.id == generation);
            let stood = self.set_standing(generation, &id, Standing::Overdue);
            if let Some(stood) = stood.filter(|stood| *stood == Standing::Detached || !is_live) {
                self.note_late_result(generation, &id, stood);
            }
        }
        self.advance_tools();
    }

    pub(super) fn on_hang_up_by_tool(&mut self, generation: GenerationId, id: ToolCallId) {
        if let Some(live) = self.live_mut(generation) {
            live.rounds.hung_up.push(id);
        }
        self.leave_after_speech(Leave::HangUp);
    }

    /// Goes on with the model when all tools of the round have finished, unless it has said goodbye
    /// and hung up.
    pub(super) fn advance_tools(&mut self) {
        let Some(live) = self.live.as_ref().filter(|live| live.stage == Stage::Tools) else {
            return;
        };
        if !live.rounds.held_calls.is_empty() || live.open_calls().next().is_some() {
            return;
        }
        let (generation, rounds, took_leave) = (live.id, live.rounds.count, live.took_leave());
        if took_leave && self.leaving.is_some() {
            self.drop_unspoken_filler();
            if self.is_realtime() {
                self.finish_speech();
            } else {
                self.finish_writing();
            }
            return;
        }
        if rounds == self.config.tool_use.max_rounds {
            self.emit(Event::ToolLimit { generation });
        }
        self.drop_unspoken_filler();
        self.ask_model();
    }
}
