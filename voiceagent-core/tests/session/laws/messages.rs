//! What holds for the messages that the model is shown.

use proptest::prelude::*;
use voiceagent_core::{ToolCallId, llm::Message};

pub(super) fn every_call_has_one_result(messages: &[Message]) -> Result<(), TestCaseError> {
    let mut open: Vec<&ToolCallId> = Vec::new();
    for message in messages {
        match message {
            Message::ToolCall(call) => open.push(&call.id),
            Message::ToolResult { id, .. } => {
                let index = open.iter().position(|call| *call == id);
                prop_assert!(index.is_some(), "x5: a result without a call");
                index.map(|index| open.remove(index));
            }
            _ => prop_assert!(open.is_empty(), "x5: a call without a result"),
        }
    }
    prop_assert!(open.is_empty(), "x5: a call without a result");
    Ok(())
}

/// Only what was handed to the voice can have been heard.
pub(super) fn only_spoken_texts<'a>(
    all: &str,
    each: impl Iterator<Item = &'a String> + Clone,
    messages: &[Message],
) -> Result<(), TestCaseError> {
    for message in messages {
        if let Message::Assistant { text, .. } = message {
            let text = text.trim();
            // Words on the side may come between two pieces of one answer.
            let is_spoken = all.contains(text) || each.clone().any(|spoken| spoken.contains(text));
            prop_assert!(is_spoken, "law 6: {text:?} was never spoken");
        }
    }
    Ok(())
}
