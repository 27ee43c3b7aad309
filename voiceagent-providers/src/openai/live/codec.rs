//! The Live API's messages as events. Pure: no clock, no socket.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use voiceagent_core::{
    Error, ErrorKind, Result, ToolCallId,
    llm::{ToolCall, Usage},
    realtime::{RealtimeEvent, RealtimeInput, RealtimeOptions},
};

use super::{
    super::responses::messages::{Event as BackendEvent, Item, OutputItem, Response},
    PROVIDER,
    config::OpenAiLiveConfig,
    messages::{CLOSE, Event, Say, append},
    speech::{Speech, tell},
    start::start,
};
use crate::wire::{
    http::Fault,
    json,
    realtime::{LostCalls, Out, RealtimeCodec},
    secrets::Secrets,
    voice::samples::Samples,
};

/// Understands `/v1/live/sessions`.
#[derive(Debug)]
pub(super) struct LiveApi {
    /// What a connection begins with.
    start: Option<String>,
    ready: bool,
    /// The vendor was sent audio and has sent none since.
    fed: bool,
    speech: Speech,
    samples: Samples,
    /// Calls of an answer of the backend that is not complete.
    collected: Vec<ToolCall>,
    /// Calls without a result.
    calls: BTreeSet<ToolCallId>,
    lost: LostCalls,
}

impl LiveApi {
    pub(super) fn new(config: &OpenAiLiveConfig, options: &RealtimeOptions) -> Result<Self> {
        Ok(Self {
            start: Some(start(config, options)?),
            ready: false,
            fed: false,
            speech: Speech::new(options.format),
            samples: Samples::new(options.format),
            collected: Vec::new(),
            calls: BTreeSet::new(),
            lost: LostCalls::of(&options.history),
        })
    }

    fn on_result(&mut self, id: &ToolCallId, output: &str, out: &mut Out) {
        if let Some(told) = self.lost.tell(id, output) {
            return tell(id.as_str(), &told, out);
        }
        if self.calls.remove(id) {
            self.respond(id.as_str(), output, out);
        }
    }

    /// Gives the backend a result. It goes on when it has all of them, and refuses to before.
    fn respond(&self, call_id: &str, output: &str, out: &mut Out) {
        let item = Item::Output { kind: "function_call_output", call_id, output };
        out.messages.push(json::write(&Say::CreateItem { item }));
        if self.calls.is_empty() && self.collected.is_empty() {
            out.messages.push(json::write(&Say::CreateResponse));
        }
    }

    fn on_backend(&mut self, text: &str, out: &mut Out) -> Result<()> {
        let event: BackendEvent<'_> = json::read(text, PROVIDER)?;
        match &*event.kind {
            "response.output_item.done" => {
                let item = event.item.map_or("{}", |item| item.get());
                self.collected.extend(call(json::read(item, PROVIDER)?));
            }
            "response.completed" | "response.failed" | "response.incomplete" => {
                let response = event.response.map_or("{}", |response| response.get());
                let response = json::read(response, PROVIDER)?;
                self.drop_unfinished(&event.kind, &response);
                self.on_complete(out);
                self.on_usage(&response, out);
            }
            _ => {}
        }
        Ok(())
    }

    /// Leaves out the calls of an answer that failed, and those that may have been cut off with it.
    fn drop_unfinished(&mut self, kind: &str, response: &Response<'_>) {
        let why = match kind {
            "response.failed" => {
                self.collected.clear();
                let error = response.error.map_or("null", RawValue::get);
                Fault::parse(&format!("{{\"error\":{error}}}")).codes()
            }
            "response.incomplete" => {
                // An empty text may be all that was written of the arguments.
                self.collected.retain(|call| !call.arguments.is_empty());
                "it was cut off".to_owned()
            }
            _ => return,
        };
        tracing::warn!(provider = PROVIDER, why, "the backend's answer failed");
    }

    /// An answer of the backend is complete: what it calls is known.
    fn on_complete(&mut self, out: &mut Out) {
        let calls: Vec<_> = std::mem::take(&mut self.collected);
        let calls: Vec<_> = calls.into_iter().filter(|it| !self.calls.contains(&it.id)).collect();
        if calls.is_empty() {
            return;
        }
        let Some((generation, is_over)) = self.speech.call(out) else {
            // The vendor waits for all results before it says another word about it.
            for call in calls {
                self.respond(call.id.as_str(), r#"{"error":"cancelled"}"#, out);
            }
            return;
        };
        for mut call in calls {
            if call.arguments.is_empty() {
                call.arguments = "{}".into();
            }
            self.calls.insert(call.id.clone());
            out.events.push(RealtimeEvent::ToolCall { generation, call });
        }
        if is_over {
            out.events.push(RealtimeEvent::Finished { generation });
        }
    }

    fn on_usage(&self, response: &Response<'_>, out: &mut Out) {
        let (Some(usage), Some(generation)) = (&response.usage, self.speech.last()) else { return };
        let cached = usage.input_tokens_details.as_ref().and_then(|it| it.cached_tokens);
        let thought = usage.output_tokens_details.as_ref().and_then(|it| it.reasoning_tokens);
        let [input, cached, output, thought] =
            [usage.input_tokens, cached, usage.output_tokens, thought]
                .map(Option::unwrap_or_default);
        let usage = Usage::new(input, cached, output).with_reasoning(thought);
        out.events.push(RealtimeEvent::Usage { generation, usage });
    }

    fn on_error(&mut self, event: &Event<'_>, text: &str, out: &mut Out) -> Result<()> {
        let fault = Fault::parse(text);
        let kind = fault.kind().unwrap_or(ErrorKind::Rejected);
        let message = format!("the vendor reports an error ({})", fault.codes());
        let error = Error::new(kind, "read", message).with_provider(PROVIDER);
        if !self.ready || kind == ErrorKind::Unauthorized {
            return Err(error);
        }
        tracing::warn!(%error, "the model goes on after an error");
        if let Some(of) = event.error.as_ref().and_then(|it| it.client_event_id.as_deref()) {
            self.speech.refuse(of, kind, out);
        }
        Ok(())
    }
}

/// The vendor has ended the conversation. One that has lasted for too long is gone on with.
fn closed(event: &Event<'_>) -> Error {
    let reason = event.reason.as_deref().unwrap_or_default();
    let (kind, message) = match reason {
        "content" => (ErrorKind::Rejected, "closed by a filter of contents"),
        "expired" => (ErrorKind::Disconnected, "the conversation has expired"),
        _ => (ErrorKind::Disconnected, "the conversation was closed"),
    };
    Error::new(kind, "read", message).with_provider(PROVIDER)
}

/// The call that a part of an answer is, unless it was cut off. One that takes no arguments may have
/// an empty text of them.
fn call(item: OutputItem<'_>) -> Option<ToolCall> {
    let arguments = item.arguments.unwrap_or_default();
    let arguments = arguments.trim();
    let is_whole = item.status.is_none_or(|status| status != "incomplete")
        && (arguments.is_empty() || json::is_object(arguments));
    (item.kind == "function_call" && is_whole).then_some(())?;
    Some(ToolCall {
        id: ToolCallId::new(item.call_id?),
        name: item.name?.into(),
        arguments: arguments.into(),
    })
}

impl RealtimeCodec for LiveApi {
    const PROVIDER: &'static str = PROVIDER;
    const GOODBYE: Option<&'static str> = Some(CLOSE);

    fn begin(&mut self, out: &mut Out) {
        out.messages.extend(self.start.take());
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn take(&mut self, input: RealtimeInput, out: &mut Out) {
        match input {
            RealtimeInput::Audio(frame) if !frame.payload.is_empty() => {
                self.fed = true;
                out.messages.push(append(&frame.payload));
            }
            RealtimeInput::Cancel { generation } => self.speech.cancel(generation),
            RealtimeInput::Generate { generation, prompt } => self.speech.push(generation, prompt),
            RealtimeInput::ToolResult { id, output } => self.on_result(&id, &output, out),
            RealtimeInput::Audio(_)
            | RealtimeInput::Commit { .. }
            | RealtimeInput::Forget { .. }
            | RealtimeInput::Truncate { .. }
            | _ => {}
        }
        self.speech.advance(out);
    }

    fn decode(&mut self, text: &str, _secrets: &Secrets, out: &mut Out) -> Result<bool> {
        let event: Event<'_> = json::read(text, PROVIDER)?;
        let delta = event.delta.as_deref().unwrap_or_default();
        match &*event.kind {
            "session.output_audio.delta" => {
                self.fed = false;
                let payload = self.samples.whole(json::read_base64(delta, PROVIDER)?);
                self.speech.hear(&payload, out);
            }
            "session.output_transcript.delta" => {
                self.speech.say(delta, json::milliseconds(event.end_ms), out);
            }
            "session.input_transcript.delta" => self.speech.understand(delta),
            "session.started" => self.ready = true,
            "session.closed" => return Err(closed(&event)),
            "response.event" => {
                if let Some(event) = event.event {
                    self.on_backend(event.get(), out)?;
                }
                return Ok(false);
            }
            "error" => {
                self.on_error(&event, text, out)?;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        self.speech.advance(out);
        Ok(true)
    }

    fn owes(&self) -> bool {
        self.fed || self.speech.is_owed()
    }

    fn is_idle(&self) -> bool {
        self.speech.is_quiet()
            && self.calls.is_empty()
            && self.collected.is_empty()
            && self.lost.are_none()
    }
}
