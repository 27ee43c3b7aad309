use voiceagent_core::Result;

use super::messages::{BlockStart, Delta, Thought};
use crate::wire::{
    json::is_object,
    llm::call_ids::{MOST_CALLS, too_many_calls},
};

/// The blocks of an answer that are put together from their fragments: calls, and the thoughts
/// before them.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Vec<(u32, Open)>,
    calls: Vec<Part>,
    /// Thoughts since the last call, as JSON.
    thoughts: Vec<String>,
}

/// A block that is not complete.
#[derive(Debug)]
enum Open {
    /// The place among the calls.
    Call(usize),
    Redacted {
        data: String,
    },
    Thought {
        thinking: String,
        signature: String,
    },
}

/// A call of a tool.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    /// The thoughts before it, a JSON array; empty where there are none.
    pub(crate) thoughts: String,
}

impl Blocks {
    /// Begins a block. Those of text and those that nobody knows are passed over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`](voiceagent_core::ErrorKind::Protocol) for too many calls.
    pub(crate) fn begin(&mut self, index: u32, block: BlockStart<'_>) -> Result<()> {
        let open = match &*block.kind {
            "redacted_thinking" => Open::Redacted { data: block.data.unwrap_or_default() },
            "thinking" => Open::Thought {
                thinking: block.thinking.unwrap_or_default(),
                signature: block.signature.unwrap_or_default(),
            },
            "tool_use" => {
                if self.calls.len() >= MOST_CALLS {
                    return Err(too_many_calls());
                }
                let thoughts = std::mem::take(&mut self.thoughts);
                // Servers that speak the protocol may send the arguments at once.
                let whole = block.input.map(|input| input.get()).filter(|input| *input != "{}");
                self.calls.push(Part {
                    id: block.id.unwrap_or_default(),
                    name: block.name.unwrap_or_default(),
                    arguments: whole.unwrap_or_default().to_owned(),
                    thoughts: if thoughts.is_empty() {
                        String::new()
                    } else {
                        format!("[{}]", thoughts.join(","))
                    },
                });
                Open::Call(self.calls.len() - 1)
            }
            _ => return Ok(()),
        };
        self.open.push((index, open));
        Ok(())
    }

    /// Adds a fragment to the block that it belongs to, if that is one of these.
    pub(crate) fn extend(&mut self, index: u32, delta: &Delta<'_>) {
        let block = self.open.iter_mut().rfind(|(open, _)| *open == index);
        match (block.map(|(_, open)| open), &*delta.kind) {
            (Some(Open::Call(at)), "input_json_delta") => {
                self.calls[*at].arguments.push_str(&delta.partial_json);
            }
            (Some(Open::Thought { thinking, .. }), "thinking_delta") => {
                thinking.push_str(&delta.thinking);
            }
            (Some(Open::Thought { signature, .. }), "signature_delta") => {
                signature.push_str(&delta.signature);
            }
            _ => {}
        }
    }

    /// Completes a block.
    pub(crate) fn complete(&mut self, index: u32) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == index) else { return };
        let thought = match &self.open.remove(at).1 {
            Open::Call(_) => return,
            Open::Redacted { data } => serde_json::to_string(&Thought::RedactedThinking { data }),
            Open::Thought { thinking, signature } => {
                serde_json::to_string(&Thought::Thinking { thinking, signature })
            }
        };
        self.thoughts.push(thought.expect("texts are JSON"));
    }

    /// Whether the model is in the middle of something that nobody hears.
    pub(crate) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes the calls. Those that were cut off are left out if `only_complete`.
    pub(crate) fn take_calls(&mut self, only_complete: bool) -> Vec<Part> {
        let mut calls = std::mem::take(&mut self.calls);
        if only_complete {
            let open: Vec<_> = self.open.iter().map(|(_, open)| open).collect();
            let mut at = 0;
            calls.retain(|call| {
                let is_open = open.iter().any(|open| matches!(open, Open::Call(of) if *of == at));
                at += 1;
                // None may be all that was written of the arguments.
                !is_open && is_object(&call.arguments)
            });
        }
        self.open.retain(|(_, open)| !matches!(open, Open::Call(_)));
        calls
    }
}
