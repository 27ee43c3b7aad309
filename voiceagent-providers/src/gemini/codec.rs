use std::sync::Arc;

use voiceagent_core::{
    Error, ErrorKind, Result,
    llm::{FinishReason, LlmEvent, ToolCall, Usage},
};

use super::messages::{self, Called, Chunk, SaidPart};
use crate::wire::{
    http::reported,
    llm::{
        answer::{Codec, cut_off},
        call_ids::{CallIds, MOST_CALLS, too_many_calls},
        keepsakes::Keepsakes,
        length::Length,
        said::{Said, chunk},
    },
    models::Models,
};

/// Makes our events of the vendor's chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    ids: CallIds,
    keepsakes: Keepsakes,
    /// Calls and their signatures. Held back until the answer is known to be complete.
    calls: Vec<(ToolCall, Option<String>)>,
    reason: Option<FinishReason>,
    usage: Option<Usage>,
    length: Length,
    said: Said,
    /// What is told of the end of the model.
    models: Option<Arc<Models>>,
}

impl Chunks {
    /// `ids` are those of the conversation's earlier tool calls; the signatures of new ones are put
    /// into `keepsakes`.
    pub(crate) fn new(ids: CallIds, keepsakes: Keepsakes) -> Self {
        Self {
            ids,
            keepsakes,
            calls: Vec::new(),
            reason: None,
            usage: None,
            length: Length::default(),
            said: Said::default(),
            models: None,
        }
    }

    /// Tells it when the vendor says that the model ends.
    pub(crate) fn telling(mut self, models: &Arc<Models>) -> Self {
        self.models = Some(Arc::clone(models));
        self
    }

    fn extend(&mut self, part: SaidPart<'_>) -> Result<bool> {
        let signature = part.thought_signature.filter(|signature| !signature.is_empty());
        self.length.grow(signature.as_ref().map_or(0, String::len))?;
        if let Some(call) = part.function_call {
            self.call(call, signature)?;
            // It is held back until the end, which other calls or words may put off.
            self.said.think();
            return Ok(true);
        }
        let text = part.text.unwrap_or_default();
        self.length.grow(text.len())?;
        if part.thought == Some(true) {
            self.said.think();
            return Ok(true);
        }
        Ok(self.said.say(text))
    }

    fn call(&mut self, call: Called<'_>, signature: Option<String>) -> Result<()> {
        if self.calls.len() >= MOST_CALLS {
            return Err(too_many_calls());
        }
        let arguments = call.args.map_or("{}", |args| args.get());
        let (id, name) = (call.id.unwrap_or_default(), call.name.unwrap_or_default());
        self.length.grow(id.len() + name.len() + arguments.len())?;
        let id = self.ids.unique(id);
        self.calls
            .push((ToolCall { id, name: name.into(), arguments: arguments.into() }, signature));
        Ok(())
    }
}

impl Codec for Chunks {
    /// Chunks without content are no progress.
    fn handle(&mut self, data: &str) -> Result<bool> {
        let Some(chunk) = chunk::<Chunk<'_>>(data)? else { return Ok(false) };
        if chunk.error.is_some_and(|error| error.get() != "null") {
            return Err(reported(data));
        }
        if let Some(usage) = chunk.usage_metadata {
            self.usage = Some(counted(&usage));
        }
        let ends = chunk.model_status.and_then(|status| status.retirement_time);
        if let (Some(models), Some(at)) = (&self.models, ends) {
            models.note_day(&at);
        }
        let mut progress = false;
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            self.reason = Some(FinishReason::Filtered);
            progress = true;
        }
        // Only one answer is ever asked for.
        for candidate in chunk.candidates.unwrap_or_default().into_iter().take(1) {
            let said = candidate.content.unwrap_or_default();
            for part in said.parts.unwrap_or_default() {
                progress |= self.extend(part)?;
            }
            if let Some(reason) = candidate.finish_reason.filter(|reason| !reason.is_empty()) {
                progress = true;
                self.reason = Some(understood(&reason)?);
            }
        }
        Ok(progress)
    }

    fn poll(&mut self) -> Option<LlmEvent> {
        self.said.poll()
    }

    fn is_finished(&self) -> bool {
        self.reason.is_some()
    }

    /// The protocol has no last event: the response ends.
    fn is_done(&self) -> bool {
        false
    }

    fn end(&mut self) -> Result<()> {
        let Some(reason) = self.reason else { return Err(cut_off()) };
        for (call, signature) in self.calls.drain(..) {
            if let Some(signature) = signature {
                self.keepsakes.keep(call.id.clone(), &signature);
            }
            self.said.call(call);
        }
        self.said.finish(reason, self.usage.take());
        Ok(())
    }
}

/// What a reason means. Where the model did not manage to call a function there is no answer at
/// all, and asking again helps.
fn understood(reason: &str) -> Result<FinishReason> {
    Ok(match reason {
        "BLOCKLIST" | "LANGUAGE" | "PROHIBITED_CONTENT" | "RECITATION" | "SAFETY" | "SPII" => {
            FinishReason::Filtered
        }
        "MALFORMED_FUNCTION_CALL" | "TOO_MANY_TOOL_CALLS" | "UNEXPECTED_TOOL_CALL" => {
            let message = "the model failed to call a function";
            return Err(Error::new(ErrorKind::Overloaded, "generate", message));
        }
        "MISSING_THOUGHT_SIGNATURE" => {
            let message = "a call in the conversation has no signature";
            return Err(Error::new(ErrorKind::Rejected, "generate", message));
        }
        "MAX_TOKENS" => FinishReason::Length,
        _ => FinishReason::Stop,
    })
}

fn counted(usage: &messages::Usage) -> Usage {
    let thoughts = usage.thoughts_token_count.unwrap_or_default();
    Usage::new(
        usage.prompt_token_count.unwrap_or_default(),
        usage.cached_content_token_count.unwrap_or_default(),
        usage.candidates_token_count.unwrap_or_default().saturating_add(thoughts),
    )
    .with_reasoning(thoughts)
}

#[cfg(test)]
mod tests;
