use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What the vendor keeps of a conversation.
#[derive(Default)]
pub(super) struct Conversation {
    named: u32,
    /// Messages of the agent, and how much audio of each was sent, in milliseconds.
    said: BTreeMap<String, u128>,
    /// All other items.
    others: BTreeSet<String>,
    /// Calls without a result.
    calls: BTreeSet<String>,
}

impl Conversation {
    /// The name that the next item will have.
    pub(super) fn next_id(&self) -> String {
        format!("item_{}", self.named + 1)
    }

    pub(super) fn add_user(&mut self) -> String {
        let id = self.name();
        self.others.insert(id.clone());
        id
    }

    pub(super) fn add_message(&mut self) -> String {
        let id = self.name();
        self.said.insert(id.clone(), 0);
        id
    }

    pub(super) fn add_call(&mut self, call_id: &str) -> String {
        let id = self.name();
        self.others.insert(id.clone());
        self.calls.insert(call_id.to_owned());
        id
    }

    /// More audio of a message was sent.
    pub(super) fn note_sent(&mut self, id: &str, milliseconds: u128) {
        if let Some(sent) = self.said.get_mut(id) {
            *sent += milliseconds;
        }
    }

    pub(super) fn create(&mut self, item: &Value) -> Result<(), &'static str> {
        match item["type"].as_str() {
            Some("message") => {
                let content = &item["content"][0];
                let kind = if item["role"] == "assistant" { "output_text" } else { "input_text" };
                if content["type"] != kind || content["text"].as_str().is_none_or(str::is_empty) {
                    return Err("invalid_value");
                }
            }
            Some("function_call") => {
                self.calls.insert(item["call_id"].as_str().unwrap_or_default().to_owned());
            }
            Some("function_call_output") => {
                item["output"].as_str().ok_or("invalid_type")?;
                if !self.calls.remove(item["call_id"].as_str().unwrap_or_default()) {
                    return Err("invalid_call_id");
                }
            }
            _ => return Err("invalid_type"),
        }
        self.add_user();
        Ok(())
    }

    pub(super) fn delete(&mut self, id: &Value) -> Result<(), &'static str> {
        let id = id.as_str().unwrap_or_default();
        if self.said.remove(id).is_none() && !self.others.remove(id) {
            return Err("item_delete_invalid_item_id");
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, message: &Value) -> Result<(), &'static str> {
        let sent = self.said.get_mut(message["item_id"].as_str().unwrap_or_default());
        let sent = sent.ok_or("item_truncate_invalid_item_id")?;
        let end = message["audio_end_ms"].as_u64().map(u128::from);
        match end {
            Some(end) if end > 0 && end <= *sent && message["content_index"] == 0 => {
                *sent = end;
                Ok(())
            }
            _ => Err("invalid_value"),
        }
    }

    fn name(&mut self) -> String {
        self.named += 1;
        format!("item_{}", self.named)
    }
}
