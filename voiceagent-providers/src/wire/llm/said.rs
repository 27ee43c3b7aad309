use std::collections::VecDeque;

use serde::Deserialize;
use voiceagent_core::{
    Result,
    llm::{FinishReason, LlmEvent, ToolCall, Usage},
};

use super::answer::malformed;

/// Reads the data of one server-sent event; `None` where there is nothing in it.
///
/// # Errors
///
/// When it is no JSON object of this form.
pub(crate) fn chunk<'de, T: Deserialize<'de>>(data: &'de str) -> Result<Option<T>> {
    let data = data.trim();
    // Servers in between may end every stream like those of OpenAI.
    if data.is_empty() || data == "[DONE]" {
        return Ok(None);
    }
    if !data.starts_with('{') {
        return Err(malformed());
    }
    serde_json::from_str(data).map(Some).map_err(|_| malformed())
}

/// What a model has said and nobody has read yet.
#[derive(Debug, Default)]
pub(crate) struct Said {
    events: VecDeque<LlmEvent>,
    called: bool,
}

impl Said {
    /// Tells that the model works and says nothing: it thinks, or writes the arguments of a call.
    /// Once for all that came in one go.
    pub(crate) fn think(&mut self) {
        if self.events.back() != Some(&LlmEvent::Progress) {
            self.events.push_back(LlmEvent::Progress);
        }
    }

    /// Tells text, and whether there was any.
    pub(crate) fn say(&mut self, text: String) -> bool {
        let says = !text.is_empty();
        if says {
            self.events.push_back(LlmEvent::Text(text));
        }
        says
    }

    pub(crate) fn call(&mut self, call: ToolCall) {
        self.called = true;
        self.events.push_back(LlmEvent::ToolCall(call));
    }

    /// Closes the answer. Vendors say that an answer with calls has stopped, or the other way
    /// round, so the calls decide.
    pub(crate) fn finish(&mut self, reason: FinishReason, usage: Option<Usage>) {
        self.events.extend(usage.map(LlmEvent::Usage));
        self.events.push_back(LlmEvent::Finished(match reason {
            FinishReason::Stop | FinishReason::ToolCalls if self.called => FinishReason::ToolCalls,
            FinishReason::ToolCalls => FinishReason::Stop,
            FinishReason::Filtered | FinishReason::Length | _ => reason,
        }));
    }

    pub(crate) fn poll(&mut self) -> Option<LlmEvent> {
        self.events.pop_front()
    }
}
