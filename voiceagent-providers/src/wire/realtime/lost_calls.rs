use std::sync::Arc;

use voiceagent_core::{ToolCallId, llm::Message};

/// What stands where the result of such a call is to be.
pub(crate) const STILL_RUNS: &str =
    r#"{"status":"still running","note":"do not call it again; the result will follow"}"#;

/// Calls of a conversation that was lost, whose results are not there yet. The one that goes on with
/// it has not made them, and is told in words.
#[derive(Debug)]
pub(crate) struct LostCalls {
    calls: Vec<(ToolCallId, Arc<str>)>,
}

impl LostCalls {
    /// Those of what was said and done before.
    pub(crate) fn of(history: &[Message]) -> Self {
        let calls = history.iter().filter_map(|message| match message {
            Message::ToolCall(call) if result(history, &call.id).is_none() => {
                Some((call.id.clone(), call.name.clone()))
            }
            _ => None,
        });
        Self { calls: calls.collect() }
    }

    /// What the model is to be told of a result, if it is that of such a call.
    pub(crate) fn tell(&mut self, id: &ToolCallId, output: &str) -> Option<String> {
        let at = self.calls.iter().position(|(call, _)| call == id)?;
        let (_, name) = self.calls.remove(at);
        Some(format!("(The function {name} has returned: {output})"))
    }

    /// Whether there are none.
    pub(crate) const fn are_none(&self) -> bool {
        self.calls.is_empty()
    }
}

/// What a call has returned.
pub(crate) fn result<'a>(history: &'a [Message], call: &ToolCallId) -> Option<&'a str> {
    history.iter().find_map(|message| match message {
        Message::ToolResult { id, output } if id == call => Some(&**output),
        _ => None,
    })
}
