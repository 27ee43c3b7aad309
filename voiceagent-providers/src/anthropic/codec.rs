use voiceagent_core::{
    Result,
    llm::{FinishReason, LlmEvent, ToolCall, Usage},
};

use super::{
    blocks::Blocks,
    messages::{self, BlockStart, Delta, Event},
};
use crate::wire::{
    http::reported,
    llm::{
        answer::{Codec, cut_off},
        call_ids::CallIds,
        keepsakes::Keepsakes,
        length::Length,
        said::{Said, chunk},
    },
};

/// Makes our events of the vendor's.
#[derive(Debug)]
pub(crate) struct Events {
    ids: CallIds,
    keepsakes: Keepsakes,
    blocks: Blocks,
    reason: Option<FinishReason>,
    usage: Option<messages::Usage>,
    length: Length,
    done: bool,
    said: Said,
}

impl Events {
    /// `ids` are those of the conversation's earlier tool calls; what the vendor wants to see again
    /// is put into `keepsakes`.
    pub(crate) fn new(ids: CallIds, keepsakes: Keepsakes) -> Self {
        Self {
            ids,
            keepsakes,
            blocks: Blocks::default(),
            reason: None,
            usage: None,
            length: Length::default(),
            done: false,
            said: Said::default(),
        }
    }

    fn begin(&mut self, index: u32, mut block: BlockStart<'_>) -> Result<bool> {
        let text = block.text.take().unwrap_or_default();
        let parts = [&block.name, &block.thinking, &block.signature, &block.data];
        let parts = parts.into_iter().flatten().map(String::len).sum::<usize>();
        self.length.grow(text.len() + parts + block.input.map_or(0, |input| input.get().len()))?;
        let progress = match &*block.kind {
            "redacted_thinking" | "thinking" | "tool_use" => {
                self.said.think();
                true
            }
            _ => false,
        };
        self.blocks.begin(index, block)?;
        Ok(self.said.say(text) || progress)
    }

    fn extend(&mut self, index: u32, mut delta: Delta<'_>) -> Result<bool> {
        let text = delta.text.take().unwrap_or_default();
        let parts = delta.partial_json.len() + delta.thinking.len() + delta.signature.len();
        self.length.grow(text.len() + parts)?;
        let progress = match &*delta.kind {
            "input_json_delta" | "signature_delta" | "thinking_delta" => {
                self.said.think();
                true
            }
            _ => false,
        };
        self.blocks.extend(index, &delta);
        Ok(self.said.say(text) || progress)
    }

    fn finish(&mut self, reason: &str) {
        let reason = match reason {
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "refusal" => FinishReason::Filtered,
            "tool_use" => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        let reason = *self.reason.get_or_insert(reason);
        self.flush(reason);
    }

    /// Yields the calls, which are held back until the answer is known to be complete.
    fn flush(&mut self, reason: FinishReason) {
        let cut_off = matches!(reason, FinishReason::Filtered | FinishReason::Length);
        for part in self.blocks.take_calls(cut_off) {
            let id = self.ids.unique(part.id);
            if !part.thoughts.is_empty() {
                self.keepsakes.keep(id.clone(), &part.thoughts);
            }
            let arguments = match part.arguments.trim() {
                "" => "{}".into(),
                _ => part.arguments.into(),
            };
            self.said.call(ToolCall { id, name: part.name.into(), arguments });
        }
    }

    /// Takes in counts. Those of the answer's end replace those of its beginning, as far as given.
    fn count(&mut self, new: messages::Usage) {
        let known = self.usage.get_or_insert_default();
        let pairs = [
            (&mut known.input_tokens, new.input_tokens),
            (&mut known.cache_creation_input_tokens, new.cache_creation_input_tokens),
            (&mut known.cache_read_input_tokens, new.cache_read_input_tokens),
            (&mut known.output_tokens, new.output_tokens),
        ];
        for (known, new) in pairs {
            *known = new.or(*known);
        }
    }
}

impl Codec for Events {
    /// Pings are progress only where nothing else can come: while the model thinks in secret, or
    /// writes an argument, which is sent when it is complete.
    fn handle(&mut self, data: &str) -> Result<bool> {
        let Some(event) = chunk::<Event<'_>>(data)? else { return Ok(false) };
        match &*event.kind {
            "content_block_delta" => match event.delta {
                Some(delta) => self.extend(event.index, delta),
                None => Ok(false),
            },
            "content_block_start" => match event.content_block {
                Some(block) => self.begin(event.index, block),
                None => Ok(false),
            },
            "content_block_stop" => {
                self.blocks.complete(event.index);
                Ok(false)
            }
            "error" => Err(reported(data)),
            "message_delta" => {
                if let Some(usage) = event.usage {
                    self.count(usage);
                }
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                let Some(reason) = reason else { return Ok(false) };
                self.finish(&reason);
                Ok(true)
            }
            "message_start" => {
                if let Some(usage) = event.message.and_then(|message| message.usage) {
                    self.count(usage);
                }
                Ok(false)
            }
            "message_stop" => {
                self.done = true;
                Ok(true)
            }
            "ping" => {
                let works = self.blocks.are_open();
                if works {
                    self.said.think();
                }
                Ok(works)
            }
            _ => Ok(false),
        }
    }

    fn poll(&mut self) -> Option<LlmEvent> {
        self.said.poll()
    }

    fn is_finished(&self) -> bool {
        self.reason.is_some() || self.done
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn end(&mut self) -> Result<()> {
        if !self.is_finished() {
            return Err(cut_off());
        }
        let reason = self.reason.unwrap_or(FinishReason::Stop);
        self.flush(reason);
        self.said.finish(reason, self.usage.take().as_ref().map(counted));
        Ok(())
    }
}

fn counted(usage: &messages::Usage) -> Usage {
    let cached = usage.cache_read_input_tokens.unwrap_or_default();
    let fresh = [usage.input_tokens, usage.cache_creation_input_tokens];
    let input = fresh.into_iter().flatten().fold(cached, u32::saturating_add);
    Usage::new(input, cached, usage.output_tokens.unwrap_or_default())
}

#[cfg(test)]
mod tests;
