use voiceagent_core::{
    Result,
    llm::{FinishReason, LlmEvent, Usage},
};

use super::{
    calls::Calls,
    messages::{self, Chunk, Delta},
    thoughts::Thoughts,
};
use crate::wire::{
    http::reported,
    llm::{
        answer::{Codec, cut_off},
        call_ids::CallIds,
        length::Length,
        said::{Said, chunk},
    },
};

/// Makes our events of the vendor's chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    calls: Calls,
    thoughts: Thoughts,
    reason: Option<FinishReason>,
    usage: Option<Usage>,
    length: Length,
    done: bool,
    said: Said,
}

impl Chunks {
    /// `ids` are those of the conversation's earlier tool calls.
    pub(crate) fn new(ids: CallIds) -> Self {
        Self {
            calls: Calls::new(ids),
            thoughts: Thoughts::new(),
            reason: None,
            usage: None,
            length: Length::default(),
            done: false,
            said: Said::default(),
        }
    }

    fn extend(&mut self, delta: Delta<'_>) -> Result<bool> {
        let thinks = [delta.reasoning, delta.reasoning_content]
            .into_iter()
            .flatten()
            .any(|thought| !matches!(thought.get(), "null" | "\"\""));
        let mut progress = thinks;
        if thinks {
            self.said.think();
        }
        if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
            progress = true;
            self.length.grow(text.len())?;
            let said = self.thoughts.filter(text);
            if said.is_empty() && self.thoughts.are_inside() {
                self.said.think();
            }
            self.said.say(said);
        }
        // A refusal takes the place of the content, and is said like it.
        if let Some(refusal) = delta.refusal.filter(|text| !text.is_empty()) {
            progress = true;
            self.length.grow(refusal.len())?;
            self.said.say(refusal);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            progress = true;
            self.length.grow(call.length())?;
            self.calls.add(call)?;
            self.said.think();
        }
        Ok(progress)
    }

    fn finish(&mut self, reason: &str) -> Result<()> {
        let reason = match reason {
            "content_filter" => FinishReason::Filtered,
            "length" => FinishReason::Length,
            "function_call" | "tool_calls" => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        let reason = self.reason.unwrap_or(reason);
        // An answer whose calls make no sense is not finished.
        self.flush(reason)?;
        self.reason = Some(reason);
        Ok(())
    }

    /// Yields what was held back until the end was known.
    fn flush(&mut self, reason: FinishReason) -> Result<()> {
        let said = self.thoughts.finish();
        self.said.say(said);
        if self.calls.is_empty() {
            return Ok(());
        }
        let cut_off = matches!(reason, FinishReason::Filtered | FinishReason::Length);
        for call in self.calls.take(cut_off)? {
            self.said.call(call);
        }
        Ok(())
    }
}

impl Codec for Chunks {
    /// Chunks without content are no progress.
    fn handle(&mut self, data: &str) -> Result<bool> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(true);
        }
        let Some(chunk) = chunk::<Chunk<'_>>(data)? else { return Ok(false) };
        if chunk.error.is_some_and(|error| error.get() != "null") {
            return Err(reported(data));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(counted(&usage));
        }
        let mut progress = false;
        // Only one answer is ever asked for.
        for choice in chunk.choices.unwrap_or_default().into_iter().take(1) {
            if let Some(delta) = choice.delta {
                progress |= self.extend(delta)?;
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                progress = true;
                self.finish(&reason)?;
            }
        }
        Ok(progress)
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
        // Who gives no reason has not said either that what was written of a call is all.
        if self.reason.is_none() && !self.calls.are_complete() {
            return Err(cut_off());
        }
        let reason = self.reason.unwrap_or(FinishReason::Stop);
        self.flush(reason)?;
        self.said.finish(reason, self.usage.take());
        Ok(())
    }
}

fn counted(usage: &messages::Usage) -> Usage {
    let cached = usage.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
    let details = usage.completion_tokens_details.as_ref();
    let reasoning = details.and_then(|details| details.reasoning_tokens);
    Usage::new(
        usage.prompt_tokens.unwrap_or_default(),
        cached.unwrap_or_default(),
        usage.completion_tokens.unwrap_or_default(),
    )
    .with_reasoning(reasoning.unwrap_or_default())
}

#[cfg(test)]
mod tests;
