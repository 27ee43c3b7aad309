use std::time::Duration;

use super::content::Content;
use crate::{CallTime, ToolCallId, llm::ToolCall};

/// The rounds of the model within one attempt to speak: it is asked again with what its tools
/// return.
#[derive(Debug, Default)]
pub(in crate::session) struct Rounds {
    /// Rounds of tools that are over.
    pub(in crate::session) count: u32,
    pub(in crate::session) retries: u32,
    pub(in crate::session) asked_at: CallTime,
    /// When the model last said a word or called something in this round; before, when it was asked.
    pub(in crate::session) said_at: CallTime,
    /// The model has said something in this round.
    pub(in crate::session) begun: bool,
    /// From the request of this round to the first sign that the model reasons.
    pub(in crate::session) reasoned: Option<Duration>,
    /// What the model has called in this round, in its own words.
    calls: Vec<ToolCall>,
    /// The calls that have ended the conversation.
    pub(in crate::session) hung_up: Vec<ToolCallId>,
    /// Tool calls that wait for the turn to be over.
    pub(in crate::session) held_calls: Vec<ToolCall>,
    /// Since when the tools of this round, or what was said on the side, keep the user waiting.
    pub(in crate::session) waiting_since: CallTime,
    /// Fillers that were said in this round of tools.
    pub(in crate::session) fillers: usize,
    /// Items that belong to the rounds before this one, and bytes of the answer that do.
    pub(super) first_item: usize,
    earlier_answer: usize,
}

impl Rounds {
    pub(super) fn begin(&mut self, now: CallTime, content: &Content) {
        self.begun = false;
        self.reasoned = None;
        self.calls.clear();
        (self.asked_at, self.said_at) = (now, now);
        self.first_item = content.items();
        self.earlier_answer = content.answer();
    }

    /// Notes what the model calls. Returns whether that is new: some vendors report a call twice.
    pub(in crate::session) fn note_call(&mut self, call: &ToolCall) -> bool {
        let is_new = !self.calls.contains(call);
        if is_new {
            self.calls.push(call.clone());
        }
        is_new
    }

    /// Whether the model called a tool in this round.
    pub(in crate::session) fn has_called(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Whether the model has spoken in this round, and has called nothing but what ended the
    /// conversation.
    pub(super) fn took_leave(&self, content: &Content) -> bool {
        let has_spoken = content.answer() > self.earlier_answer || !content.segmenter.is_empty();
        let mut calls = content.exchanges_from(self.first_item);
        has_spoken && calls.all(|one| self.hung_up.contains(&one.call.id))
    }
}
