use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::{DateTime, Time};
use serde_json::Value;
use voiceagent_core::llm::Message;

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

impl History {
    pub(super) fn of(messages: &[Message]) -> Self {
        let mut history = Self::default();
        let mut called: BTreeMap<&str, &Arc<str>> = BTreeMap::new();
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
                Message::ToolCall(call) => {
                    called.insert(call.id.as_str(), &call.name);
                }
                Message::ToolResult { id, output } => {
                    let result: Value = serde_json::from_str(output).unwrap_or_default();
                    history.refused |= matches!(
                        result["code"].as_str(),
                        Some("SLOT_TAKEN" | "SLOT_EXPIRED" | "VEHICLE_BUSY")
                    );
                    if let Some(name) = called.get(id.as_str()) {
                        history.done.push((Arc::clone(name), result));
                    }
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
