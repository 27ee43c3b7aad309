//! A language model without a model: it talks about appointments by rules, in English.

mod birthday;
mod car;
mod clocks;
mod curious;
mod dates;
mod decide;
pub(crate) mod dialogue;
mod errand;
pub(crate) mod intent;
mod lead;
mod manner;
mod mood;
mod names;
mod numbers;
mod outcome;
mod phones;
pub(crate) mod question;
mod reading;
mod replies;
pub(crate) mod service;
mod temper;
pub(crate) mod times;
mod vin;
pub(crate) mod words;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::civil::Date;
use serde_json::Value;
use voiceagent_core::{
    Result, ToolCallId,
    llm::{
        FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Message, ToolCall,
        ToolChoice,
    },
};

pub(crate) use self::reading::Reading;
use self::{
    decide::{Facts, Step},
    dialogue::{Dialogue, Setting},
    errand::{Errand, Wish},
    service::Service,
};
use crate::summary;

/// Answers callers by rules: books, moves, cancels and looks up visits through the tools that it
/// is offered, with no vendor and no key.
///
/// It keeps nothing between two requests. Each answer is worked out from the conversation alone,
/// so it can take over in the middle of a call that another model began, and one instance serves
/// any number of calls.
///
/// It never says that something was done unless a tool's result says so.
///
/// ```
/// use dealership::brain::RuleBrain;
/// use futures_util::StreamExt;
/// use voiceagent_core::llm::{LanguageModel, LlmEvent, LlmRequest, Message};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> voiceagent_core::Result<()> {
/// let brain = RuleBrain::new(|| jiff::civil::date(2026, 3, 3));
/// let said = Message::User { text: "hi, i need an oil change".into() };
/// let mut answer = brain.generate(LlmRequest::new("", [said])).await?;
/// let first = answer.next().await.unwrap()?;
/// assert_eq!(first, LlmEvent::Text("What day would you like to come in?".into()));
/// # Ok(()) }
/// ```
pub struct RuleBrain {
    today: Box<dyn Fn() -> Date + Send + Sync>,
    facts: Facts,
}

impl RuleBrain {
    /// A brain for which `today` tells the dealership's own date.
    pub fn new(today: impl Fn() -> Date + Send + Sync + 'static) -> Self {
        let facts = Facts {
            hours: "We are open Monday to Friday from 7:30 AM to 6 PM, and Saturday from 8 AM to \
                    3 PM."
                .to_owned(),
            address: "I'm sorry, I don't have the address at hand.".to_owned(),
        };
        Self { today: Box::new(today), facts }
    }

    /// Says when the dealership is open, in a whole sentence.
    #[must_use]
    pub fn with_hours(mut self, sentence: impl Into<String>) -> Self {
        self.facts.hours = sentence.into();
        self
    }

    /// Says where the dealership is, in a whole sentence.
    #[must_use]
    pub fn with_address(mut self, sentence: impl Into<String>) -> Self {
        self.facts.address = sentence.into();
        self
    }

    /// What a [`FallbackLlm`](voiceagent_core::adapt::FallbackLlm) tells the brain to answer behind
    /// the words of a model that broke off: the [`cue`](voiceagent_core::adapt::LlmFailover::cue).
    /// It says that it begins again, and answers the caller anew.
    pub const CUE: &str = "(Your last message broke off. Answer anew.)";

    /// The line of an agent's instructions that tells a model, this one included, who calls.
    ///
    /// `number` is E.164.
    #[must_use]
    pub fn caller_line(number: &str) -> String {
        format!("{CALLER} {number}")
    }

    /// The line of an agent's instructions behind which stands what was said before a call broke
    /// off. The brain reads nothing there: others have said it.
    pub const SAID_BEFORE: &str = "The call broke off and is back. Before, this was said:";

    /// The line of an agent's instructions that tells a model, this one included, why it calls.
    #[must_use]
    pub fn errand_line(errand: &Value) -> String {
        format!("{} {errand}", errand::LINE)
    }

    /// The line of an agent's instructions that tells a model, this one included, what a call was
    /// about to book that broke off.
    #[must_use]
    pub fn wish_line(wish: &Value) -> String {
        format!("{} {wish}", errand::WISH_LINE)
    }

    fn step(&self, request: &LlmRequest) -> Step {
        let today = (self.today)();
        let setting = setting(&request.instructions, today);
        let dialogue = Dialogue::after(heard(&request.messages), today, setting);
        let may_call = request.tool_choice != ToolChoice::None;
        let has =
            |tool: &str| may_call && request.tools.iter().any(|offered| &*offered.name == tool);
        decide::next(&dialogue, &self.facts, &has)
    }
}

#[async_trait]
impl LanguageModel for RuleBrain {
    fn name(&self) -> &str {
        "rules"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, false)
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        if summary::is_asked_for(&request) {
            // Rules sum nothing up, and an empty summary leaves the talk as it is.
            let nothing = [Ok(LlmEvent::Finished(FinishReason::Stop))];
            return Ok(stream::iter(nothing).boxed());
        }
        let mut events = Vec::new();
        let mut finish = FinishReason::Stop;
        let mut call = |tool: &str, arguments: &Value| {
            finish = FinishReason::ToolCalls;
            LlmEvent::ToolCall(tool_call(&request, tool, arguments))
        };
        match self.step(&request) {
            Step::Call { tool, arguments } => events.push(call(tool, &arguments)),
            Step::Farewell { words, reason } => {
                events.extend(sentences(&words));
                if request.tool_choice != ToolChoice::None
                    && request.tools.iter().any(|offered| &*offered.name == "end_call")
                {
                    events.push(call("end_call", &serde_json::json!({ "reason": reason })));
                }
            }
            Step::Say(words) if breaks_off(&request.messages) => {
                events.extend(sentences(&replies::joined(&[replies::ANEW, &words])));
            }
            Step::Say(words) => events.extend(sentences(&words)),
            Step::Silence => {}
        }
        events.push(LlmEvent::Finished(finish));
        Ok(stream::iter(events.into_iter().map(Ok)).boxed())
    }
}

impl fmt::Debug for RuleBrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleBrain").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Whether the answer follows words of another model that broke off.
fn breaks_off(messages: &[Message]) -> bool {
    matches!(
        messages,
        [.., Message::Assistant { interrupted: true, .. }, Message::User { text }]
            if &**text == RuleBrain::CUE
    )
}

/// The conversation without the words that broke off: what they were to become is not known.
fn heard(messages: &[Message]) -> &[Message] {
    if breaks_off(messages) { &messages[..messages.len() - 2] } else { messages }
}

const CALLER: &str = "The caller's phone number is";

/// What the instructions of an agent tell of a call.
fn setting(instructions: &str, today: Date) -> Setting {
    let told =
        instructions.split_once(RuleBrain::SAID_BEFORE).map_or(instructions, |(ours, _)| ours);
    Setting { caller: caller(told), errand: Errand::read(told), wish: Wish::read(told, today) }
}

fn caller(instructions: &str) -> Option<String> {
    let (_, rest) = instructions.split_once(CALLER)?;
    let number: String =
        rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '+').collect();
    (number.starts_with('+') && number.len() > 7).then_some(number)
}

/// A call whose id no other call of the conversation has: it stands for its place in it.
fn tool_call(request: &LlmRequest, tool: &str, arguments: &Value) -> ToolCall {
    let schema = |tool: &str| {
        let spec = request.tools.iter().find(|offered| &*offered.name == tool);
        spec.map_or(&Value::Null, |spec| &*spec.parameters)
    };
    let mut arguments = decide::fitted(arguments, schema(tool));
    // The search lists the shop's own codes, in an enum or in words.
    let listed = schema("get_available_slots").pointer("/properties/service_type");
    if let Some(code) = arguments.get_mut("service_type")
        && let Some(service) = code.as_str().and_then(Service::with_code)
    {
        *code = service.code_in(&listed.map(Value::to_string).unwrap_or_default()).into();
    }
    ToolCall {
        id: ToolCallId::new(format!("rules-{}", request.messages.len())),
        name: Arc::from(tool),
        arguments: arguments.to_string().into(),
    }
}

/// Sentence by sentence, as a voice can begin with the first while the rest arrives.
fn sentences(words: &str) -> Vec<LlmEvent> {
    let ends =
        words.match_indices(". ").chain(words.match_indices("? ")).chain(words.match_indices("! "));
    let mut ends: Vec<usize> = ends.map(|(at, end)| at + end.len()).collect();
    ends.sort_unstable();
    let mut start = 0;
    let mut pieces: Vec<LlmEvent> = Vec::new();
    for end in ends.into_iter().chain([words.len()]) {
        pieces.push(LlmEvent::Text(words[start..end].to_owned()));
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests;
