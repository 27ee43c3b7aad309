use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::civil::{DateTime, Time};
use serde_json::Value;
use voiceagent_core::{ToolCallId, llm::Message};

/// What a conversation holds that claims and agreements are checked against.
#[derive(Debug, Default)]
pub(super) struct History {
    /// What tools have done or found, in order.
    pub(super) done: Vec<(Arc<str>, Value)>,
    /// What the agent said last before the user's last words, if it was heard to its end.
    pub(super) asked: Option<Arc<str>>,
    /// The user's last words.
    pub(super) answer: Option<Arc<str>>,
    /// All words of the user.
    pub(super) said: String,
    /// Whether a time was refused after the user's last words: what was read back is void.
    pub(super) refused: bool,
}

/// What was in a conversation before it was summed up.
#[derive(Default)]
pub(super) struct Memory {
    /// What tools have done or found, in order.
    done: Vec<(ToolCallId, Arc<str>, Value)>,
    /// What the user has said, in order, each once.
    said: Vec<Arc<str>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What somebody has said is nobody else's.
        f.debug_struct("Memory").field("done", &self.done.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// The history of a conversation, with what was in it before. What it holds is remembered.
    pub(super) fn recall(&mut self, messages: &[Message]) -> History {
        let mut history = History::of(messages);
        if matches!(messages, [Message::Summary { .. }, ..]) {
            let missing = self.done.iter().filter(|(id, ..)| !has_result(messages, id));
            let mut done: Vec<_> =
                missing.map(|(_, name, result)| (Arc::clone(name), result.clone())).collect();
            done.append(&mut history.done);
            history.done = done;
            let said: Vec<&str> = self.said.iter().map(|said| &**said).collect();
            history.said = format!("{} {}", said.join(" "), history.said);
        }
        self.note(messages);
        history
    }

    fn note(&mut self, messages: &[Message]) {
        for (id, name, result) in results(messages) {
            match self.done.iter_mut().find(|(known, ..)| *known == id) {
                // One that was told to wait has come.
                Some((.., known)) => *known = result,
                None => self.done.push((id, name, result)),
            }
        }
        // The last words may still become others.
        let before = messages.len().saturating_sub(1);
        for message in &messages[..before] {
            if let Message::User { text } = message
                && !self.said.contains(text)
            {
                self.said.push(Arc::clone(text));
            }
        }
    }
}

fn has_result(messages: &[Message], of: &ToolCallId) -> bool {
    messages.iter().any(|message| matches!(message, Message::ToolResult { id, .. } if id == of))
}

/// The results of tools, each with the name of its tool.
fn results(messages: &[Message]) -> Vec<(ToolCallId, Arc<str>, Value)> {
    let mut called: BTreeMap<&str, &Arc<str>> = BTreeMap::new();
    let mut results = Vec::new();
    for message in messages {
        match message {
            Message::ToolCall(call) => _ = called.insert(call.id.as_str(), &call.name),
            Message::ToolResult { id, output } => {
                let name = called.get(id.as_str()).copied();
                let result: Value = serde_json::from_str(output).unwrap_or_default();
                results.extend(name.map(|name| (id.clone(), Arc::clone(name), result)));
            }
            _ => {}
        }
    }
    results
}

impl History {
    pub(super) fn of(messages: &[Message]) -> Self {
        let done = results(messages).into_iter().map(|(_, name, result)| (name, result));
        let mut history = Self { done: done.collect(), ..Self::default() };
        let mut heard: Option<Arc<str>> = None;
        for message in messages {
            match message {
                Message::Assistant { text, interrupted } => {
                    heard = (!interrupted).then(|| Arc::clone(text));
                }
                Message::User { text } => {
                    history.asked = heard.take();
                    history.answer = Some(Arc::clone(text));
                    history.said.push_str(text);
                    history.said.push(' ');
                    history.refused = false;
                }
                Message::ToolResult { output, .. } => {
                    let result: Value = serde_json::from_str(output).unwrap_or_default();
                    history.refused |= matches!(
                        result["code"].as_str(),
                        Some("SLOT_TAKEN" | "SLOT_EXPIRED" | "VEHICLE_BUSY")
                    );
                }
                // A summary tells what was said, not what was done.
                _ => {}
            }
        }
        history
    }

    /// The data of what these tools did.
    pub(super) fn results<'a>(&'a self, tools: &'a [&str]) -> impl Iterator<Item = &'a Value> {
        let of = self.done.iter().filter(|(name, _)| tools.contains(&&**name));
        of.filter(|(_, result)| result["ok"] == true).map(|(_, result)| &result["data"])
    }

    /// When a time begins that a tool offered under this identifier.
    pub(super) fn slot(&self, id: &str) -> Option<DateTime> {
        self.done.iter().rev().find_map(|(_, result)| slot(&result["data"], id))
    }
}

fn slot(data: &Value, id: &str) -> Option<DateTime> {
    match data {
        Value::Object(fields) if fields.get("slot_id").and_then(Value::as_str) == Some(id) => {
            fields.get("start_local").and_then(start)
        }
        Value::Object(fields) => fields.values().find_map(|field| slot(field, id)),
        Value::Array(items) => items.iter().find_map(|item| slot(item, id)),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => None,
    }
}

/// Every start of a visit in a result.
pub(super) fn starts(data: &Value) -> Vec<Time> {
    match data {
        Value::Object(fields) => {
            let own = fields.get("start_local").and_then(start).map(DateTime::time);
            own.into_iter().chain(fields.values().flat_map(starts)).collect()
        }
        Value::Array(items) => items.iter().flat_map(starts).collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The wall-clock time of `2026-11-24T13:30:00-06:00`.
fn start(local: &Value) -> Option<DateTime> {
    local.as_str()?.get(..16)?.parse().ok()
}
