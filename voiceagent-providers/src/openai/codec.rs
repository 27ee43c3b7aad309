use std::collections::VecDeque;

use voiceagent_core::{
    Error, ErrorKind, Result, ToolCallId,
    llm::{FinishReason, LlmEvent, Usage},
};

use super::{
    calls::Calls,
    messages::{self, Chunk, Delta},
    thoughts::Thoughts,
};
use crate::wire::http::Fault;

/// The longest answer, of text, thoughts in it, and tool calls together, in bytes: a day of speech,
/// or more than any tool takes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Makes our events of the vendor's chunks: pure, so that every oddity can be tried.
#[derive(Debug)]
pub(crate) struct Answer {
    calls: Calls,
    thoughts: Thoughts,
    reason: Option<FinishReason>,
    usage: Option<Usage>,
    /// Bytes of the answer so far.
    length: usize,
    called: bool,
    done: bool,
    events: VecDeque<LlmEvent>,
}

impl Answer {
    /// `taken` are the ids of the conversation's earlier tool calls.
    pub(crate) fn new(taken: Vec<ToolCallId>) -> Self {
        Self {
            calls: Calls::new(taken),
            thoughts: Thoughts::new(),
            reason: None,
            usage: None,
            length: 0,
            called: false,
            done: false,
            events: VecDeque::new(),
        }
    }

    /// Takes the data of one server-sent event, and says whether the answer has made progress.
    /// Chunks without content are none.
    ///
    /// # Errors
    ///
    /// When the vendor reports one, and [`ErrorKind::Protocol`] for what is not a chunk (without
    /// it, the rest would be another answer) and for an answer that does not end.
    pub(crate) fn handle(&mut self, data: &str) -> Result<bool> {
        let data = data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(true);
        }
        if data.is_empty() {
            return Ok(false);
        }
        let malformed = || Error::new(ErrorKind::Protocol, "generate", "a chunk is malformed");
        if !data.starts_with('{') {
            return Err(malformed());
        }
        let chunk: Chunk<'_> = serde_json::from_str(data).map_err(|_| malformed())?;
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

    /// The next event.
    pub(crate) fn poll(&mut self) -> Option<LlmEvent> {
        self.events.pop_front()
    }

    /// Whether the vendor has said all but what the answer cost.
    pub(crate) fn is_finished(&self) -> bool {
        self.reason.is_some() || self.done
    }

    /// Whether nothing more will come.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Closes the answer, because the stream has ended or nothing more of it is awaited.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] when the answer was cut off, [`ErrorKind::Protocol`] when a tool
    /// call makes no sense.
    pub(crate) fn end(&mut self) -> Result<()> {
        if !self.is_finished() {
            return Err(Error::new(ErrorKind::Disconnected, "generate", "the answer was cut off"));
        }
        let reason = self.reason.unwrap_or(FinishReason::Stop);
        self.flush(reason)?;
        if let Some(usage) = self.usage.take() {
            self.events.push_back(LlmEvent::Usage(usage));
        }
        self.events.push_back(LlmEvent::Finished(match reason {
            // Ollama and others say `stop` after a tool call.
            FinishReason::Stop | FinishReason::ToolCalls if self.called => FinishReason::ToolCalls,
            FinishReason::ToolCalls => FinishReason::Stop,
            FinishReason::Filtered | FinishReason::Length | _ => reason,
        }));
        Ok(())
    }

    fn extend(&mut self, delta: Delta<'_>) -> Result<bool> {
        let thinks = [delta.reasoning, delta.reasoning_content]
            .into_iter()
            .flatten()
            .any(|thought| !matches!(thought.get(), "null" | "\"\""));
        let mut progress = thinks;
        if thinks {
            self.think();
        }
        if let Some(text) = delta.content.filter(|text| !text.is_empty()) {
            progress = true;
            self.grow(text.len())?;
            let said = self.thoughts.filter(text);
            if said.is_empty() && self.thoughts.are_inside() {
                self.think();
            }
            self.say(said);
        }
        // A refusal takes the place of the content, and is said like it.
        if let Some(refusal) = delta.refusal.filter(|text| !text.is_empty()) {
            progress = true;
            self.grow(refusal.len())?;
            self.say(refusal);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            progress = true;
            self.grow(call.length())?;
            self.calls.add(call)?;
        }
        Ok(progress)
    }

    fn grow(&mut self, bytes: usize) -> Result<()> {
        self.length += bytes;
        if self.length > LONGEST_ANSWER {
            let message = format!("the answer is longer than {LONGEST_ANSWER} bytes");
            return Err(Error::new(ErrorKind::Protocol, "generate", message));
        }
        Ok(())
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
        self.say(said);
        if self.calls.is_empty() {
            return Ok(());
        }
        let cut_off = matches!(reason, FinishReason::Filtered | FinishReason::Length);
        for call in self.calls.take(cut_off)? {
            self.called = true;
            self.events.push_back(LlmEvent::ToolCall(call));
        }
        Ok(())
    }

    /// Tells that the model reasons; once for all that came in one go.
    fn think(&mut self) {
        if self.events.back() != Some(&LlmEvent::Progress) {
            self.events.push_back(LlmEvent::Progress);
        }
    }

    fn say(&mut self, text: String) {
        if !text.is_empty() {
            self.events.push_back(LlmEvent::Text(text));
        }
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

/// The error that a vendor reports in the middle of an answer.
fn reported(data: &str) -> Error {
    let fault = Fault::parse(data);
    let kind = fault.kind().unwrap_or(ErrorKind::Overloaded);
    let codes = fault.codes();
    let message = if codes.is_empty() {
        "the vendor reports an error".to_owned()
    } else {
        format!("the vendor reports an error ({codes})")
    };
    Error::new(kind, "generate", message)
}

#[cfg(test)]
mod tests;
