//! The rounds of the model within one attempt to speak, and the tools that it calls in them.

use std::sync::Arc;

use super::{Generation, Item, Stage, exchanges};
use crate::{
    CallTime, ToolCallId,
    llm::ToolCall,
    session::history::{Exchange, Standing, open_exchange},
    tool::{Effect, ToolSpec},
};

impl Generation {
    /// Notes a tool call that is being run.
    pub(in crate::session) fn push_call(&mut self, call: ToolCall) {
        let mut exchange = Exchange::new(self.id, call);
        if self.spec(&exchange.call.name).is_some_and(|spec| spec.detached) {
            exchange.standing = Standing::Detached;
        }
        let group = self.items[self.earlier_rounds..].last_mut();
        if let Some(Item::Tools(exchanges)) = group {
            exchanges.push(exchange);
        } else {
            self.items.push(Item::Tools(vec![exchange]));
        }
    }

    /// Notes what the model calls. Returns whether that is new: some vendors report a call twice.
    pub(in crate::session) fn note_call(&mut self, call: &ToolCall) -> bool {
        let is_new = !self.round_calls.contains(call);
        if is_new {
            self.round_calls.push(call.clone());
        }
        is_new
    }

    /// Whether a call has this name.
    pub(in crate::session) fn has_call(&self, id: &ToolCallId) -> bool {
        let held = self.held_calls.iter();
        exchanges(&self.items).map(|one| &one.call).chain(held).any(|call| call.id == *id)
    }

    /// Notes a tool's result. Returns where the call stood, if there was no result yet.
    pub(in crate::session) fn finish_call(
        &mut self,
        id: &ToolCallId,
        output: &Arc<str>,
    ) -> Option<Standing> {
        let generation = self.id;
        let open = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Tools(exchanges) => open_exchange(exchanges, generation, id),
            Item::Aside { .. } | Item::Text(_) => None,
        });
        open.map(|exchange| {
            exchange.output = Some(output.clone());
            exchange.standing
        })
    }

    /// Changes where a tool call stands that has no result yet. Returns where it stood.
    pub(in crate::session) fn set_standing(
        &mut self,
        id: &ToolCallId,
        standing: Standing,
    ) -> Option<Standing> {
        let generation = self.id;
        let open = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Tools(exchanges) => open_exchange(exchanges, generation, id),
            Item::Aside { .. } | Item::Text(_) => None,
        });
        open.map(|exchange| std::mem::replace(&mut exchange.standing, standing))
    }

    /// Waits for the result of a tool, though nobody need.
    pub(in crate::session) fn wait_for(&mut self, id: &ToolCallId) {
        self.set_standing(id, Standing::Running);
    }

    /// All tool calls so far.
    pub(in crate::session) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        exchanges(&self.items)
    }

    /// Tool calls without a result.
    pub(in crate::session) fn open_calls(&self) -> impl Iterator<Item = &ToolCall> {
        exchanges(&self.items).filter(|one| one.is_open()).map(|one| &one.call)
    }

    /// Begins a round of the model.
    pub(in crate::session) fn begin_round(&mut self, now: CallTime) {
        self.stage = Stage::Writing;
        self.round_begun = false;
        self.reasoned = None;
        self.round_calls.clear();
        self.asked_at = now;
        self.earlier_rounds = self.items.len();
        self.earlier_answer = self.answer();
    }

    /// Whether the model called a tool in this round.
    pub(in crate::session) fn called_in_round(&self) -> bool {
        !self.round_calls.is_empty()
    }

    /// Whether the model has spoken in this round, and has called nothing but what ended the
    /// conversation.
    pub(in crate::session) fn took_leave(&self) -> bool {
        let has_spoken = self.answer() > self.earlier_answer || !self.segmenter.is_empty();
        let calls = exchanges(&self.items[self.earlier_rounds..]);
        has_spoken && calls.map(|one| &one.call.id).all(|id| self.hung_up.contains(id))
    }

    /// Whether a call may run before the turn is over.
    pub(in crate::session) fn may_run_early(&self, call: &ToolCall) -> bool {
        let is_free = |spec: &ToolSpec| spec.effect == Effect::Pure && !spec.detached;
        self.spec(&call.name).is_none_or(is_free)
    }

    pub(in crate::session) fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.iter().find(|spec| *spec.name == *name)
    }
}
