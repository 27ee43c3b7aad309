//! The tools that the model calls within one attempt to speak.

use std::sync::Arc;

use super::Generation;
use crate::{
    ToolCallId,
    llm::ToolCall,
    session::history::{Exchange, Standing},
};

impl Generation {
    /// Notes a tool call that is being run.
    pub(in crate::session) fn push_call(&mut self, call: ToolCall) {
        let mut exchange = Exchange::new(self.id, call);
        if self.request.spec(&exchange.call.name).is_some_and(|spec| spec.detached) {
            exchange.standing = Standing::Detached;
        }
        self.content.push_exchange(exchange, self.rounds.first_item);
    }

    /// Whether a call has this name.
    pub(in crate::session) fn has_call(&self, id: &ToolCallId) -> bool {
        let held = self.rounds.held_calls.iter();
        self.exchanges().map(|one| &one.call).chain(held).any(|call| call.id == *id)
    }

    /// Notes a tool's result. Returns where the call stood, if there was no result yet.
    pub(in crate::session) fn finish_call(
        &mut self,
        id: &ToolCallId,
        output: &Arc<str>,
    ) -> Option<Standing> {
        self.content.open_exchange(self.id, id).map(|exchange| {
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
        let open = self.content.open_exchange(self.id, id);
        open.map(|exchange| std::mem::replace(&mut exchange.standing, standing))
    }

    /// Waits for the result of a tool, though nobody need.
    pub(in crate::session) fn wait_for(&mut self, id: &ToolCallId) {
        self.set_standing(id, Standing::Running);
    }

    /// All tool calls so far.
    pub(in crate::session) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.content.exchanges_from(0)
    }

    /// Tool calls without a result.
    pub(in crate::session) fn open_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.exchanges().filter(|one| one.is_open()).map(|one| &one.call)
    }

    /// Whether the model has spoken in this round, and has called nothing but what ended the
    /// conversation.
    pub(in crate::session) fn took_leave(&self) -> bool {
        self.rounds.took_leave(&self.content)
    }
}
