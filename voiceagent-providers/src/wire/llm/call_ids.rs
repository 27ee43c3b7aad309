use std::sync::atomic::{AtomicU64, Ordering};

use voiceagent_core::{
    Error, ErrorKind, ToolCallId,
    llm::{Message, ToolCall},
};

use super::conversation::as_call;

/// Calls in one answer. As many as OpenAI takes functions, and far more than a caller waits for.
pub(crate) const MOST_CALLS: usize = 128;

/// Numbers the ids that are made up, so that no two calls of the process share one.
static MADE_UP: AtomicU64 = AtomicU64::new(1);

/// Gives every tool call of a conversation an id of its own.
#[derive(Debug)]
pub(crate) struct CallIds(Vec<ToolCallId>);

impl CallIds {
    /// The ids of the calls of a conversation, which no further call may have.
    pub(crate) fn of(messages: &[Message]) -> Self {
        let calls = messages.iter().filter_map(as_call);
        Self(calls.map(|ToolCall { id, .. }| id.clone()).collect())
    }

    /// The vendor's `id`, or another one where it is empty or taken.
    pub(crate) fn unique(&mut self, id: String) -> ToolCallId {
        let mut id = ToolCallId::new(id);
        while id.as_str().is_empty() || self.0.contains(&id) {
            // Nine letters and digits, the only form that Mistral takes.
            let number = MADE_UP.fetch_add(1, Ordering::Relaxed);
            id = ToolCallId::new(format!("call{number:05}"));
        }
        self.0.push(id.clone());
        id
    }
}

/// The error of an answer with more than [`MOST_CALLS`].
pub(crate) fn too_many_calls() -> Error {
    let message = format!("the answer has more than {MOST_CALLS} tool calls");
    Error::new(ErrorKind::Protocol, "generate", message)
}
