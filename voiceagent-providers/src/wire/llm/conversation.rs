use std::borrow::Cow;

use serde_json::value::RawValue;
use voiceagent_core::{
    ToolCallId,
    llm::{Message, ToolCall},
};

/// Stands in for a result that the conversation does not hold: vendors refuse a call without one,
/// and the model must not believe that the call succeeded.
pub(crate) const NO_RESULT: &str = r#"{"error":"no result was recorded"}"#;

/// One side's share of a conversation, in the order that vendors want.
#[derive(Debug, PartialEq)]
pub(crate) enum Turn<'a> {
    /// What the agent said and called: calls that belong together, each with its result.
    Agent { text: Option<Cow<'a, str>>, calls: Vec<Called<'a>> },
    /// What the user said.
    User { text: &'a str },
}

/// A call and its result, `None` where the conversation holds none.
#[derive(Debug, PartialEq)]
pub(crate) struct Called<'a> {
    pub(crate) call: &'a ToolCall,
    pub(crate) result: Option<&'a str>,
}

/// Puts a conversation into the order of vendors: calls that belong together are one answer with
/// the words before them, and every one of them has its result. What was said in between comes
/// after. `marker` is put behind words that were cut off.
pub(crate) fn turns<'a>(messages: &'a [Message], marker: Option<&str>) -> Vec<Turn<'a>> {
    let mut turns = Vec::with_capacity(messages.len());
    let mut at = 0;
    while let Some(message) = messages.get(at) {
        let text = match message {
            Message::Assistant { text, interrupted } => said(text, marker.filter(|_| *interrupted)),
            Message::ToolCall(_) => None,
            Message::Summary { text } | Message::User { text } => {
                turns.push(Turn::User { text });
                at += 1;
                continue;
            }
            // A result is sent with its call.
            Message::ToolResult { .. } | _ => {
                at += 1;
                continue;
            }
        };
        at += usize::from(as_call(message).is_none());
        let calls: Vec<_> = messages[at..].iter().map_while(as_call).collect();
        at += calls.len();
        let after = &messages[at..];
        let called = |call: &'a ToolCall| Called { call, result: result_of(&call.id, after) };
        let calls: Vec<_> = calls.into_iter().map(called).collect();
        if text.is_some() || !calls.is_empty() {
            turns.push(Turn::Agent { text, calls });
        }
    }
    turns
}

/// The tool call that a message is.
pub(crate) fn as_call(message: &Message) -> Option<&ToolCall> {
    if let Message::ToolCall(call) = message { Some(call) } else { None }
}

/// A call's arguments as they stand, for vendors that take nothing but objects. Models err.
pub(crate) fn object(arguments: &str) -> &RawValue {
    let arguments = Some(arguments.trim()).filter(|arguments| arguments.starts_with('{'));
    arguments
        .and_then(|arguments| serde_json::from_str(arguments).ok())
        .unwrap_or_else(|| serde_json::from_str("{}").expect("it is JSON"))
}

/// The words that the caller heard, unless there were none.
fn said<'a>(text: &'a str, marker: Option<&str>) -> Option<Cow<'a, str>> {
    let said = match marker {
        Some(marker) => Cow::Owned(format!("{text}{marker}")),
        None => Cow::Borrowed(text),
    };
    (!said.is_empty()).then_some(said)
}

/// The result of a call, if it is among these messages.
pub(crate) fn result_of<'a>(call: &ToolCallId, messages: &'a [Message]) -> Option<&'a str> {
    messages.iter().find_map(|message| match message {
        Message::ToolResult { id, output } if id == call => Some(&**output),
        Message::Assistant { .. }
        | Message::Summary { .. }
        | Message::ToolCall(_)
        | Message::ToolResult { .. }
        | Message::User { .. }
        | _ => None,
    })
}
