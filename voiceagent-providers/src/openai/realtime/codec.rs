//! The Realtime API's messages as events. Pure: no clock, no socket.

use std::{collections::BTreeSet, time::Duration};

use voiceagent_core::{
    Error, ErrorKind, GenerationId, Result, ToolCallId,
    llm::{Message, ToolCall, Usage},
    realtime::{RealtimeEvent, RealtimeInput, RealtimeOptions},
};

use super::{
    PROVIDER,
    answers::{Answer, Answers, Ask},
    config::OpenAiRealtimeConfig,
    memory::Memory,
    messages::{Content, Event, Item, Metadata, NewItem, Response, Say, StatusDetails, append},
    session::session_update,
    turns::Turns,
};
use crate::wire::{
    http::Fault,
    json,
    realtime::{Out, RealtimeCodec},
    secrets::Secrets,
    voice::samples::Samples,
};

/// Understands `/v1/realtime`.
#[derive(Debug)]
pub(super) struct RealtimeApi {
    /// What a connection begins with.
    opening: Vec<String>,
    ready: bool,
    answers: Answers,
    memory: Memory,
    turns: Turns,
    samples: Samples,
    /// Calls without a result.
    calls: BTreeSet<ToolCallId>,
    /// The vendor hears the user.
    hears: bool,
}

impl RealtimeApi {
    pub(super) fn new(config: &OpenAiRealtimeConfig, options: &RealtimeOptions) -> Result<Self> {
        let own = config.turn_detection.is_vendors();
        let mut opening = vec![session_update(config, options)?];
        let mut calls = BTreeSet::new();
        for message in &*options.history {
            match message {
                Message::ToolCall(call) => drop(calls.insert(call.id.clone())),
                Message::ToolResult { id, .. } => drop(calls.remove(id)),
                Message::Assistant { .. } | Message::User { .. } | _ => {}
            }
            opening.extend(item(message));
        }
        Ok(Self {
            opening,
            ready: false,
            answers: Answers::new(options.instructions.clone(), own),
            memory: Memory::new(options.format),
            turns: Turns::new(options.format),
            samples: Samples::new(options.format),
            calls,
            hears: false,
        })
    }

    fn on_result(&mut self, id: &ToolCallId, output: &str, out: &mut Out) {
        if !self.calls.remove(id) {
            return;
        }
        let item = NewItem::FunctionCallOutput { call_id: id.as_str(), output };
        out.messages.push(json::write(&Say::CreateItem { item }));
        // A user who speaks is answered by the vendor, which knows the results by then.
        if self.answers.are_own() && self.calls.is_empty() && !self.hears {
            self.answers.push(Ask::GoOn);
        }
    }

    fn cut(&mut self, generation: GenerationId, heard: Duration, out: &mut Out) {
        // What the vendor is still at can be cut when it is done.
        if !self.answers.cut(generation, heard) {
            self.memory.cut(generation, heard, &mut out.messages);
        }
    }

    fn on_created(&mut self, event: &Event<'_>, out: &mut Out) {
        let Some(response) = &event.response else { return };
        let metadata = response.metadata.and_then(|raw| {
            let metadata: Metadata<'_> = serde_json::from_str(raw.get()).ok()?;
            metadata.generation.parse().ok().map(GenerationId::new)
        });
        if let Some(id) = &response.id {
            self.answers.begin(id, metadata, &mut out.messages);
            self.samples.restart();
        }
    }

    fn on_audio(&mut self, event: &Event<'_>, out: &mut Out) -> Result<()> {
        let Some((answer, delta)) = wanted(&mut self.answers, event) else { return Ok(()) };
        let payload = self.samples.whole(json::read_base64(delta, PROVIDER)?);
        if payload.is_empty() {
            return Ok(());
        }
        let generation = answer.generation;
        let id = event.item_id.as_deref().unwrap_or_default();
        self.memory.add(generation, id, event.content_index, payload.len());
        if !answer.fate.cancelled {
            answer.told = true;
            out.events.push(RealtimeEvent::Audio { generation, payload });
        }
        Ok(())
    }

    fn on_text(&mut self, event: &Event<'_>, out: &mut Out) {
        let Some((answer, delta)) = wanted(&mut self.answers, event) else { return };
        if !answer.fate.cancelled {
            answer.told = true;
            let (generation, text) = (answer.generation, delta.to_owned());
            out.events.push(RealtimeEvent::AgentTranscript { generation, text });
        }
    }

    /// A message sounds, and is remembered by what was heard of it; a call is a call.
    fn on_item(&mut self, event: &Event<'_>, is_done: bool, out: &mut Out) {
        let Some(answer) = event.response_id.as_deref().and_then(|id| self.answers.get(id)) else {
            return;
        };
        let Some(item @ Item { id: Some(id), .. }) = &event.item else { return };
        match item.kind.as_deref() {
            Some("message") => self.memory.begin(answer.generation, id),
            Some("function_call") if is_done => {
                let is_whole = item.status.as_deref() != Some("incomplete");
                match call(item).filter(|_| is_whole && !answer.fate.cancelled) {
                    Some(call) if self.calls.insert(call.id.clone()) => {
                        answer.told = true;
                        let generation = answer.generation;
                        out.events.push(RealtimeEvent::ToolCall { generation, call });
                    }
                    Some(_) => {}
                    // Nobody will answer it.
                    None => out.messages.push(json::write(&Say::DeleteItem { item_id: id })),
                }
            }
            Some(_) | None => {}
        }
    }

    fn on_done(&mut self, response: &Response<'_>, out: &mut Out) {
        let Some(answer) = response.id.as_deref().and_then(|id| self.answers.end(id)) else {
            return;
        };
        let generation = answer.generation;
        if let Some(usage) = response.usage {
            let cached = usage.input_token_details.map_or(0, |details| details.cached_tokens);
            let usage = Usage::new(usage.input_tokens, cached, usage.output_tokens);
            out.events.push(RealtimeEvent::Usage { generation, usage });
        }
        if let Some(heard) = answer.fate.cut {
            self.memory.cut(generation, heard, &mut out.messages);
        }
        if answer.fate.cancelled {
            return;
        }
        let details = response.status_details.map_or("", |details| details.get());
        out.events.push(match response.status.as_deref() {
            Some("failed") => {
                let kind = fault_kind(&Fault::parse(details)).unwrap_or(ErrorKind::Overloaded);
                RealtimeEvent::Failed { generation, kind }
            }
            Some("incomplete") if reason(details) == "content_filter" => {
                RealtimeEvent::Failed { generation, kind: ErrorKind::Rejected }
            }
            // The user spoke before anything was said.
            Some("cancelled") if !answer.told && self.answers.are_own() => return,
            Some("cancelled") if self.answers.are_own() => {
                RealtimeEvent::Interrupted { generation }
            }
            _ => RealtimeEvent::Finished { generation },
        });
    }

    fn on_error(&mut self, event: &Event<'_>, text: &str, out: &mut Out) -> Result<()> {
        let fault = Fault::parse(text);
        let kind = fault_kind(&fault).unwrap_or(ErrorKind::Rejected);
        let error = || {
            let message = format!("the vendor reports an error ({})", fault.codes());
            Error::new(kind, "read", message).with_provider(PROVIDER)
        };
        if !self.ready || matches!(kind, ErrorKind::Disconnected | ErrorKind::Unauthorized) {
            return Err(error());
        }
        let of = event.error.as_ref().and_then(|error| error.event_id.as_deref());
        let refused = of.and_then(|of| self.answers.refuse(of));
        match refused {
            Some((ask, fate)) if fault.is(BUSY) => {
                if !fate.cancelled {
                    self.answers.wait(ask);
                }
            }
            Some((Ask::Say(generation, _), fate)) if !fate.cancelled => {
                out.events.push(RealtimeEvent::Failed { generation, kind });
            }
            Some(_) => {}
            None if of.is_some_and(|of| self.turns.refuse(of, out)) => {}
            // A turn ended while an answer was being made that may not be interrupted.
            None if of.is_none() && self.answers.are_own() && fault.is(BUSY) => {
                self.answers.push(Ask::GoOn);
            }
            None if HARMLESS.iter().any(|code| fault.is(code)) => {}
            None => tracing::warn!(error = %error(), "the model goes on after an error"),
        }
        Ok(())
    }
}

impl RealtimeCodec for RealtimeApi {
    const PROVIDER: &'static str = PROVIDER;

    fn begin(&mut self, out: &mut Out) {
        out.messages.append(&mut self.opening);
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn take(&mut self, input: RealtimeInput, out: &mut Out) {
        match input {
            RealtimeInput::Audio(frame) if !frame.payload.is_empty() => {
                self.turns.hear(frame.payload.len());
                out.messages.push(append(&frame.payload));
            }
            RealtimeInput::Cancel { generation } => {
                self.answers.cancel(generation, &mut out.messages);
            }
            RealtimeInput::Commit { turn } => self.turns.commit(turn, out),
            RealtimeInput::Forget { generation } => self.cut(generation, Duration::ZERO, out),
            RealtimeInput::Generate { generation, prompt } => {
                self.answers.push(Ask::Say(generation, prompt));
            }
            RealtimeInput::ToolResult { id, output } => self.on_result(&id, &output, out),
            RealtimeInput::Truncate { generation, heard } => self.cut(generation, heard, out),
            RealtimeInput::Audio(_) | _ => {}
        }
        self.answers.advance(&mut out.messages);
    }

    fn decode(&mut self, text: &str, _secrets: &Secrets, out: &mut Out) -> Result<bool> {
        let event: Event<'_> = json::read(text, PROVIDER)?;
        let transcribed = event.item_id.as_deref();
        match &*event.kind {
            // Names without `output_` are those of older servers.
            "response.output_audio.delta" | "response.audio.delta" => {
                self.on_audio(&event, out)?;
            }
            "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta"
            | "response.output_text.delta" => self.on_text(&event, out),
            "response.output_item.added" => self.on_item(&event, false, out),
            "response.output_item.done" => self.on_item(&event, true, out),
            "response.created" => self.on_created(&event, out),
            "response.done" => {
                if let Some(response) = &event.response {
                    self.on_done(response, out);
                }
            }
            "response.function_call_arguments.delta" => {}
            "session.updated" => self.ready = true,
            "input_audio_buffer.speech_started" => {
                self.hears = true;
                out.events.push(RealtimeEvent::SpeechStarted);
            }
            "input_audio_buffer.speech_stopped" => {
                self.hears = false;
                out.events.push(RealtimeEvent::SpeechStopped);
            }
            "input_audio_buffer.committed" => {
                if let Some(item) = transcribed {
                    self.turns.name(item);
                }
                return Ok(false);
            }
            "conversation.item.input_audio_transcription.completed"
            | "conversation.item.input_audio_transcription.failed" => {
                let text = event.transcript.as_deref().unwrap_or_default();
                if let Some(item) = transcribed {
                    self.turns.tell(item, text.trim(), out);
                }
                return Ok(false);
            }
            "error" => {
                self.on_error(&event, text, out)?;
            }
            _ => return Ok(false),
        }
        self.answers.advance(&mut out.messages);
        Ok(true)
    }

    fn owes(&self) -> bool {
        self.answers.are_owed()
    }

    fn is_idle(&self) -> bool {
        !self.answers.are_owed() && self.calls.is_empty() && !self.hears
    }
}

const BUSY: &str = "conversation_already_has_active_response";

/// What comes of messages that cross each other on the way.
const HARMLESS: [&str; 5] = [
    BUSY,
    "input_audio_buffer_commit_empty",
    "item_create_duplicate_item_id",
    "item_truncate_invalid_item_id",
    "response_cancel_not_active",
];

/// What the vendor's codes mean beyond those of all its services.
fn fault_kind(fault: &Fault) -> Option<ErrorKind> {
    if fault.is("session_expired") {
        return Some(ErrorKind::Disconnected);
    }
    fault.kind()
}

/// The answer that an event is about, and its text or audio.
fn wanted<'a, 'b>(
    answers: &'a mut Answers,
    event: &'b Event<'_>,
) -> Option<(&'a mut Answer, &'b str)> {
    let answer = answers.get(event.response_id.as_deref()?)?;
    Some((answer, event.delta.as_deref()?))
}

fn call(item: &Item<'_>) -> Option<ToolCall> {
    let arguments = item.arguments.as_deref().filter(|it| !it.is_empty()).unwrap_or("{}");
    Some(ToolCall {
        id: ToolCallId::new(item.call_id.as_deref()?),
        name: item.name.as_deref()?.into(),
        arguments: arguments.into(),
    })
}

fn reason(details: &str) -> String {
    let details = serde_json::from_str::<StatusDetails<'_>>(details).ok();
    details.and_then(|it| it.reason).map(|it| it.to_string()).unwrap_or_default()
}

/// What was said or done before. The vendor refuses empty messages.
fn item(message: &Message) -> Option<String> {
    let text_of = |role, text: &str, content| {
        (!text.trim().is_empty()).then_some(NewItem::Message { role, content: [content] })
    };
    let item = match message {
        Message::Assistant { text, .. } => {
            text_of("assistant", text, Content::OutputText { text })?
        }
        Message::ToolCall(ToolCall { id, name, arguments }) => {
            NewItem::FunctionCall { call_id: id.as_str(), name, arguments }
        }
        Message::ToolResult { id, output } => {
            NewItem::FunctionCallOutput { call_id: id.as_str(), output }
        }
        Message::User { text } => text_of("user", text, Content::InputText { text })?,
        _ => return None,
    };
    Some(json::write(&Say::CreateItem { item }))
}
