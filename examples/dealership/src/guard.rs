//! Between the model and the caller: what is said has to be so, and what is done was agreed to.

mod agreement;
mod claims;
mod history;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use serde_json::Value;
use tracing::warn;
use voiceagent_core::{
    Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, ToolCall},
};

use self::history::{History, Memory};
use crate::summary;

/// A language model that cannot claim what no tool has done, for one call.
///
/// - Words that say that a visit is booked, moved or cancelled, that a text was sent, that the
///   caller is put through, or what something costs pass only if the result of a tool in this
///   conversation says so, with the same time of day and the same numbers. Others are replaced.
///   Text is held back until the end of a clause, which is what a voice waits for anyway.
/// - `confirmed: true` passes only if the read-back before the caller's last words was heard to its
///   end and names the time, and these words agree to it. Otherwise the tool is told that nothing
///   was confirmed, and returns the read-back.
///
/// Both follow from the conversation, in which an interrupted read-back stands as what was heard of
/// it. So it also holds for a model that takes over in the middle of a call. What a summary has taken
/// out of the conversation the guard remembers: it is one call's. The notes that a model writes for
/// itself are nothing that is said, and pass.
///
/// Claims are known in English, by their words; what is put in other words gets through.
#[derive(Debug)]
pub struct Guard {
    model: Arc<dyn LanguageModel>,
    memory: Mutex<Memory>,
}

impl Guard {
    /// What is said in place of a claim that is not so.
    pub const INSTEAD: &str = "That is not done yet.";

    /// Guards a model.
    #[must_use]
    pub fn new(model: Arc<dyn LanguageModel>) -> Self {
        Self { model, memory: Mutex::default() }
    }
}

#[async_trait]
impl LanguageModel for Guard {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.model.capabilities()
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        if summary::is_asked_for(&request) {
            return self.model.generate(request).await;
        }
        let history = {
            // Nothing is half-done in a panic: what is remembered is only added to.
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.recall(&request.messages)
        };
        let mut filter = Filter::new(history);
        let answer = self.model.generate(request).await?;
        let checked = answer.flat_map(move |event| {
            let events = match event {
                Ok(event) => filter.pass(event).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            futures_util::stream::iter(events)
        });
        Ok(checked.boxed())
    }
}

/// One answer on its way.
struct Filter {
    history: History,
    /// What of the sentence has passed.
    passed: String,
    /// What waits for the end of its clause.
    held: String,
    /// Whether the rest of the sentence is dropped.
    drops: bool,
}

impl Filter {
    fn new(history: History) -> Self {
        Self { history, passed: String::new(), held: String::new(), drops: false }
    }

    fn pass(&mut self, event: LlmEvent) -> Vec<LlmEvent> {
        match event {
            LlmEvent::Text(words) => self.take(&words, false),
            LlmEvent::ToolCall(call) => {
                let mut events = self.take("", true);
                events.push(LlmEvent::ToolCall(self.checked(call)));
                events
            }
            LlmEvent::Finished(reason) => {
                let mut events = self.take("", true);
                events.push(LlmEvent::Finished(reason));
                events
            }
            // What a later version of the core adds has no words.
            other => vec![other],
        }
    }

    fn take(&mut self, words: &str, is_all: bool) -> Vec<LlmEvent> {
        self.held.push_str(words);
        let mut out = String::new();
        while let Some(end) =
            clause(&self.held).or((is_all && !self.held.is_empty()).then_some(self.held.len()))
        {
            let rest = self.held.split_off(end);
            let clause = std::mem::replace(&mut self.held, rest);
            self.decide(&clause, &mut out);
        }
        if out.is_empty() { Vec::new() } else { vec![LlmEvent::Text(out)] }
    }

    fn decide(&mut self, clause: &str, out: &mut String) {
        self.passed.push_str(clause);
        let ends = clause.trim_end().ends_with(['.', '!', '?']);
        if !self.drops {
            match claims::unfounded(&self.passed, &self.history) {
                None => out.push_str(clause),
                Some(claim) => {
                    warn!(?claim, "guard.blocked");
                    out.push_str(Guard::INSTEAD);
                    out.push(' ');
                    self.drops = true;
                }
            }
        }
        if ends {
            self.passed.clear();
            self.drops = false;
        }
    }

    /// The call, without a confirmation that was not given.
    fn checked(&self, call: ToolCall) -> ToolCall {
        let Ok(Value::Object(mut arguments)) = serde_json::from_str(&call.arguments) else {
            return call;
        };
        if arguments.get("confirmed") != Some(&Value::Bool(true))
            || agreement::given(&call.name, &arguments, &self.history)
        {
            return call;
        }
        warn!(tool = &*call.name, "guard.unconfirmed");
        arguments.insert("confirmed".to_owned(), Value::Bool(false));
        ToolCall { arguments: Value::Object(arguments).to_string().into(), ..call }
    }
}

/// Where the first clause of a text ends: after the white space that follows its mark.
fn clause(text: &str) -> Option<usize> {
    let mut spaces = text.char_indices().filter(|(_, c)| c.is_whitespace());
    spaces
        .find(|(at, _)| text[..*at].ends_with(['.', '!', '?', ',', ';', ':']))
        .map(|(at, space)| at + space.len_utf8())
}
