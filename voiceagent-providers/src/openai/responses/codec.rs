use std::{collections::BTreeMap, sync::Arc};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use voiceagent_core::{
    Error, Result,
    llm::{FinishReason, LlmEvent, ToolCall, Usage},
};

use super::{
    chain::{Chain, Trail},
    messages::{self, Event, OutputItem, Response},
};
use crate::wire::{
    http::{Refusal, reported},
    json::is_object,
    llm::{
        answer::{Codec, cut_off, malformed},
        call_ids::{CallIds, MOST_CALLS, too_many_calls},
        keepsakes::Keepsakes,
        length::Length,
        said::{Said, chunk},
    },
};

/// What is kept of an answer for the next one.
#[derive(Debug)]
pub(crate) struct Memory {
    /// What the model thought before its calls.
    pub(crate) keepsakes: Keepsakes,
    /// The answers that the vendor remembers, if it remembers any.
    pub(crate) chain: Option<Chain>,
    /// The conversation that is answered.
    pub(crate) trail: Trail,
}

/// Makes our events of the vendor's.
#[derive(Debug)]
pub(crate) struct Events {
    ids: CallIds,
    memory: Memory,
    calls: Vec<Call>,
    /// Thoughts since the last call, as JSON.
    thoughts: Vec<String>,
    text: String,
    usage: Option<Usage>,
    reason: Option<FinishReason>,
    length: Length,
    said: Said,
}

/// A call that is over.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
    /// The model was stopped in the midst of it.
    is_cut: bool,
    /// What the model thought before it.
    thoughts: Vec<String>,
}

impl Events {
    /// `ids` are those of the conversation's earlier tool calls.
    pub(crate) fn new(ids: CallIds, memory: Memory) -> Self {
        Self {
            ids,
            memory,
            calls: Vec::new(),
            thoughts: Vec::new(),
            text: String::new(),
            usage: None,
            reason: None,
            length: Length::default(),
            said: Said::default(),
        }
    }

    fn say(&mut self, delta: Option<&RawValue>) -> Result<bool> {
        let Some(delta) = delta else { return Ok(false) };
        let text: String = serde_json::from_str(delta.get()).map_err(|_| malformed())?;
        self.length.grow(text.len())?;
        self.text.push_str(&text);
        Ok(self.said.say(text))
    }

    /// Something that is not said. What comes of it is repeated as a whole when it is complete.
    fn work(&mut self, delta: Option<&RawValue>) -> Result<bool> {
        self.length.grow(delta.map_or(0, |delta| delta.get().len()))?;
        self.said.think();
        Ok(true)
    }

    fn begin(&mut self, item: Option<&RawValue>) -> Result<bool> {
        let Some(item) = item else { return Ok(false) };
        let kind = read::<OutputItem<'_>>(item)?.kind;
        if matches!(&*kind, "function_call" | "reasoning") {
            // It may think in silence for longer than an answer may pause.
            self.said.think();
        }
        Ok(kind == "function_call")
    }

    fn complete(&mut self, item: Option<&RawValue>) -> Result<bool> {
        let Some(raw) = item else { return Ok(false) };
        let item = read::<OutputItem<'_>>(raw)?;
        match &*item.kind {
            "function_call" => {
                if self.calls.len() >= MOST_CALLS {
                    return Err(too_many_calls());
                }
                let arguments = item.arguments.unwrap_or_default();
                self.length.grow(arguments.len())?;
                self.calls.push(Call {
                    id: item.call_id.unwrap_or_default(),
                    name: item.name.unwrap_or_default(),
                    arguments,
                    is_cut: item.status.is_some_and(|status| status == "incomplete"),
                    thoughts: std::mem::take(&mut self.thoughts),
                });
            }
            "reasoning" => {
                self.length.grow(raw.get().len())?;
                self.thoughts.push(raw.get().to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(&mut self, reason: FinishReason, response: &Response<'_>) {
        self.reason = Some(reason);
        self.usage = response.usage.as_ref().map(counted);
        let mut trail = self.memory.trail.clone();
        trail.say(&self.text);
        let is_cut = reason != FinishReason::Stop;
        let mut is_theirs = !is_cut;
        for call in std::mem::take(&mut self.calls) {
            // An empty text may be all that was written of the arguments.
            if call.is_cut || is_cut && !is_object(&call.arguments) {
                is_theirs = false;
                continue;
            }
            let id = self.ids.unique(call.id.clone());
            is_theirs &= id.as_str() == call.id;
            if !call.thoughts.is_empty() {
                let thoughts = format!("[{}]", call.thoughts.join(","));
                self.memory.keepsakes.keep(id.clone(), &thoughts);
            }
            let is_empty = call.arguments.trim().is_empty();
            let arguments = if is_empty { "{}".into() } else { call.arguments.into() };
            let call = ToolCall { id, name: call.name.into(), arguments };
            trail.call(&call);
            self.said.call(call);
        }
        if let (Some(chain), Some(id), true) = (&self.memory.chain, &response.id, is_theirs) {
            chain.keep(&trail, Arc::from(&**id));
        }
    }
}

impl Codec for Events {
    /// Events that repeat what is known, and those that nobody knows, are no progress.
    fn handle(&mut self, data: &str) -> Result<bool> {
        let Some(event) = chunk::<Event<'_>>(data)? else { return Ok(false) };
        match &*event.kind {
            "error" => Err(failure(data)),
            "response.completed" | "response.failed" | "response.incomplete" => {
                let response = event.response.map(read::<Response<'_>>).transpose()?;
                let response = response.unwrap_or_default();
                if let ("response.failed", error) = (&*event.kind, response.error) {
                    let error = error.map_or("null", RawValue::get);
                    return Err(reported(&format!("{{\"error\":{error}}}")));
                }
                let why = response.incomplete_details.as_ref().and_then(|it| it.reason.as_deref());
                let reason = match (&*event.kind, why) {
                    ("response.completed", _) => FinishReason::Stop,
                    (_, Some("content_filter")) => FinishReason::Filtered,
                    _ => FinishReason::Length,
                };
                self.finish(reason, &response);
                Ok(true)
            }
            "response.output_item.added" => self.begin(event.item),
            "response.output_item.done" => self.complete(event.item),
            "response.output_text.delta" | "response.refusal.delta" => self.say(event.delta),
            "response.function_call_arguments.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta" => self.work(event.delta),
            _ => Ok(false),
        }
    }

    fn poll(&mut self) -> Option<LlmEvent> {
        self.said.poll()
    }

    fn is_finished(&self) -> bool {
        self.reason.is_some()
    }

    fn is_done(&self) -> bool {
        self.reason.is_some()
    }

    fn end(&mut self) -> Result<()> {
        let reason = self.reason.ok_or_else(cut_off)?;
        self.said.finish(reason, self.usage.take());
        Ok(())
    }
}

/// The error that an event `error` stands for: with a status on a socket, without on a stream.
pub(crate) fn failure(data: &str) -> Error {
    let event = serde_json::from_str::<Event<'_>>(data).unwrap_or_default();
    match (event.status, event.error, event.code) {
        (Some(status), ..) => {
            let headers = event.headers.and_then(|raw| serde_json::from_str(raw.get()).ok());
            Refusal::reported(status, &headers_of(headers.unwrap_or_default()), data)
                .into_error("generate")
        }
        (None, None, Some(code)) => {
            reported(&serde_json::json!({ "error": { "code": code } }).to_string())
        }
        (None, ..) => reported(data),
    }
}

fn headers_of(fields: BTreeMap<String, &RawValue>) -> HeaderMap {
    let field = |(name, value): (String, &RawValue)| {
        let text = serde_json::from_str(value.get());
        let value: String = text.unwrap_or_else(|_| value.get().to_owned());
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    fields.into_iter().filter_map(field).collect()
}

fn read<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue) -> Result<T> {
    serde_json::from_str(raw.get()).map_err(|_| malformed())
}

fn counted(usage: &messages::Usage) -> Usage {
    let cached = usage.input_tokens_details.as_ref().and_then(|details| details.cached_tokens);
    let details = usage.output_tokens_details.as_ref();
    let reasoning = details.and_then(|details| details.reasoning_tokens);
    Usage::new(
        usage.input_tokens.unwrap_or_default(),
        cached.unwrap_or_default(),
        usage.output_tokens.unwrap_or_default(),
    )
    .with_reasoning(reasoning.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{hash::RandomState, time::Duration};

    use voiceagent_core::{ErrorKind, Retry, llm::LlmRequest};

    use super::*;
    use crate::wire::llm::fixture::{self, CALLS, STOP, call, text};

    macro_rules! cassette {
        ($name:literal) => {
            include_str!(concat!("../../../tests/cassettes/openai_responses/", $name))
        };
    }

    const TEXT: &str = cassette!("text.sample.sse");
    const TOOL: &str = cassette!("function_call.sample.sse");

    fn memory(chain: Option<Chain>) -> Memory {
        let trail = Trail::of(&LlmRequest::new("", []), &RandomState::new());
        Memory { keepsakes: Keepsakes::default(), chain, trail }
    }

    fn codec() -> Events {
        Events::new(CallIds::of(&[]), memory(None))
    }

    fn cost() -> LlmEvent {
        LlmEvent::Usage(Usage::new(100, 64, 12))
    }

    fn called() -> LlmEvent {
        call("call_1", "book_appointment", r#"{"slot":"09:30"}"#)
    }

    #[test]
    fn rd13_no_split_changes_an_answer() {
        let length = LlmEvent::Finished(FinishReason::Length);
        let samples = [
            (TEXT, vec![text("Hello "), text("there."), cost(), STOP]),
            (TOOL, vec![LlmEvent::Progress, called(), cost(), CALLS]),
            (cassette!("incomplete.sample.sse"), vec![cost(), length]),
        ];
        fixture::no_split_changes(codec, &samples);
    }

    #[test]
    fn rd7_no_call_is_made_wherever_the_answer_is_cut() {
        let end = TOOL.find("event: response.completed").unwrap();
        for at in 0..end {
            let (events, error) = fixture::understood(codec(), &[&TOOL.as_bytes()[..at]]);
            let is_quiet = events.iter().all(|event| *event == LlmEvent::Progress);
            assert!(
                is_quiet && error.unwrap().kind() == ErrorKind::Disconnected,
                "{at}: {events:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_makes_only_calls_that_are_complete() {
        let cut = TOOL.replace("response.completed", "response.incomplete");
        let events = fixture::whole(codec(), &cut);
        let length = LlmEvent::Finished(FinishReason::Length);
        assert_eq!(events, [LlmEvent::Progress, called(), cost(), length]);
        let unfinished = cut.replace("response.output_item.done", "response.something_new");
        let filtered = unfinished.replace(
            "\"incomplete_details\":null",
            r#""incomplete_details":{"reason":"content_filter"}"#,
        );
        let events = fixture::whole(codec(), &filtered);
        let filtered = LlmEvent::Finished(FinishReason::Filtered);
        assert_eq!(events, [LlmEvent::Progress, cost(), filtered]);
    }

    #[test]
    fn rd7_a_call_that_the_limit_cuts_off_is_not_made_although_its_item_is_done() {
        let arguments = |written: &str| {
            let (all, written) = (r#"{\"slot\":\"09:30\"}"#, written.replace('"', "\\\""));
            TOOL.replace(all, &written)
        };
        let length = [LlmEvent::Progress, cost(), LlmEvent::Finished(FinishReason::Length)];
        for written in ["", "{", r#"{"slot":"0"#] {
            let cut = arguments(written).replace("response.completed", "response.incomplete");
            assert_eq!(fixture::whole(codec(), &cut), length, "{written}");
            let told = cut.replace("\"status\":\"completed\"", "\"status\":\"incomplete\"");
            assert_ne!(told, cut, "the status is told");
            assert_eq!(fixture::whole(codec(), &told), length, "{written}");
        }
        let stopped = TOOL.replace("\"status\":\"completed\"", "\"status\":\"incomplete\"");
        assert_eq!(fixture::whole(codec(), &stopped), [LlmEvent::Progress, cost(), STOP]);
        let whole = [LlmEvent::Progress, call("call_1", "book_appointment", "{}"), cost(), CALLS];
        assert_eq!(fixture::whole(codec(), &arguments("")), whole, "it takes no arguments");
    }

    #[test]
    fn an_error_has_the_kind_of_its_code_wherever_it_comes() {
        let (events, error) =
            fixture::understood(codec(), &[cassette!("failed.sample.sse").as_bytes()]);
        assert_eq!((events, error.unwrap().kind()), (vec![], ErrorKind::RateLimited));
        let forgotten = cassette!("ws_error_previous_response_not_found.sample.json");
        let flat = r#"{"type":"error","code":"server_error","message":"A sentence.","param":null}"#;
        let limit = r#"{"type":"error","status":429,"error":{"code":"rate_limit_exceeded"},
            "headers":{"Retry-After":"7","x-other":1}}"#;
        for (data, message, wait) in [
            (
                forgotten,
                "status 400 (invalid_request_error, previous_response_not_found, \
                    previous_response_id)",
                Retry::Never,
            ),
            (
                flat,
                "the vendor reports an error (server_error)",
                Retry::After(Duration::from_millis(500)),
            ),
            (limit, "status 429 (rate_limit_exceeded)", Retry::After(Duration::from_secs(7))),
        ] {
            let error = codec().handle(data).unwrap_err();
            assert_eq!((error.message(), error.retry()), (message, wait));
        }
    }

    #[test]
    fn m5_a_model_that_reasons_in_silence_shows_it_and_keeps_its_deadline() {
        let mut answer = codec();
        let added = r#"{"type":"response.output_item.added","item":{"type":"reasoning"}}"#;
        assert!(!answer.handle(added).unwrap());
        assert_eq!(answer.poll(), Some(LlmEvent::Progress));
        let thought = r#"{"type":"response.reasoning_summary_text.delta","delta":"Well"}"#;
        assert!(answer.handle(thought).unwrap());
        assert_eq!(answer.poll(), Some(LlmEvent::Progress));
        let begun = r#"{"type":"response.output_item.added","item":{"type":"function_call"}}"#;
        let piece = r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#;
        for written in [begun, piece, piece] {
            assert!(answer.handle(written).unwrap(), "{written}");
            assert_eq!(answer.poll(), Some(LlmEvent::Progress), "{written}");
        }
        for unknown in [r#"{"type":"response.new","delta":{"a":1},"item":7}"#, "{}", "[DONE]"] {
            assert!(!answer.handle(unknown).unwrap(), "{unknown}");
        }
    }

    #[test]
    fn what_a_model_thought_before_a_call_is_kept_with_it() {
        let thought = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
        let done = format!(r#"{{"type":"response.output_item.done","item":{thought}}}"#);
        let memory = memory(None);
        let keepsakes = memory.keepsakes.clone();
        let events = fixture::whole(
            Events::new(CallIds::of(&[]), memory),
            &format!("data: {done}\n\n{TOOL}"),
        );
        assert_eq!(events, [LlmEvent::Progress, called(), cost(), CALLS]);
        assert_eq!(keepsakes.of(&"call_1".into()).as_deref(), Some(&*format!("[{thought}]")));
    }

    #[test]
    fn only_an_answer_that_is_complete_and_has_the_vendors_ids_is_gone_on_from() {
        let ends_in = |stream: &str, ids: CallIds| {
            let chain = Chain::new(1);
            fixture::whole(Events::new(ids, memory(Some(chain.clone()))), stream);
            !chain.is_empty()
        };
        let none = || CallIds::of(&[]);
        assert!(ends_in(TEXT, none()) && ends_in(TOOL, none()));
        assert!(!ends_in(cassette!("incomplete.sample.sse"), none()));
        let mut taken = none();
        taken.unique("call_1".to_owned());
        assert!(!ends_in(TOOL, taken));
    }

    #[test]
    fn an_answer_that_does_not_end_is_refused_with_bounded_memory() {
        let piece = "x".repeat(100_000);
        for kind in ["output_text", "function_call_arguments", "reasoning_text"] {
            let mut answer = codec();
            let event = format!(r#"{{"type":"response.{kind}.delta","delta":"{piece}"}}"#);
            let refused = (1..1_000).find_map(|at| Some((at, answer.handle(&event).err()?)));
            let (at, error) = refused.unwrap();
            assert_eq!((at, error.kind()), (11, ErrorKind::Protocol), "{kind}");
        }
    }

    #[test]
    fn a_field_that_is_null_or_a_strange_cost_ends_no_answer() {
        let streams = [TEXT, TOOL, cassette!("incomplete.sample.sse")];
        fixture::no_null_ends_an_answer(codec, &streams);
        fixture::no_strange_cost_ends_an_answer(codec, &streams);
    }
}
