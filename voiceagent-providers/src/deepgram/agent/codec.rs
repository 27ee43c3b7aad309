//! The Voice Agent's messages as events. Pure: no clock, no socket.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    Error, ErrorKind, Result, ToolCallId,
    llm::ToolCall,
    realtime::{RealtimeEvent, RealtimeInput, RealtimeOptions},
    stt::Transcript,
};

use super::{
    super::PROVIDER,
    config::DeepgramAgentConfig,
    floor::Floor,
    messages::{Call, Event, KEEP_ALIVE, Say},
    settings::{open_calls, settings},
};
use crate::wire::{
    json,
    realtime::{Out, RealtimeCodec},
    secrets::Secrets,
    voice::samples::Samples,
};

/// Understands `/v1/agent/converse`.
#[derive(Debug)]
pub(super) struct AgentCodec {
    /// What is sent when the vendor has said welcome.
    settings: Option<String>,
    keep_alive: Duration,
    ready: bool,
    floor: Floor,
    samples: Samples,
    /// Calls without a result.
    calls: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: ToolCallId,
    name: Arc<str>,
    /// The conversation that made it was lost: this one does not know of it.
    is_lost: bool,
}

impl AgentCodec {
    pub(super) fn new(config: &DeepgramAgentConfig, options: &RealtimeOptions) -> Result<Self> {
        let lost = open_calls(&options.history).map(|call| Pending {
            id: call.id.clone(),
            name: call.name.clone(),
            is_lost: true,
        });
        Ok(Self {
            settings: Some(settings(config, options)?),
            keep_alive: config.keep_alive,
            ready: false,
            floor: Floor::default(),
            samples: Samples::new(options.format),
            calls: lost.collect(),
        })
    }

    fn on_result(&mut self, id: &ToolCallId, output: &str, out: &mut Out) {
        let Some(at) = self.calls.iter().position(|call| call.id == *id) else { return };
        let Pending { name, is_lost, .. } = self.calls.remove(at);
        if is_lost {
            self.floor.tell(format!("(The function {name} has returned: {output})"));
            return;
        }
        self.respond(id.as_str(), &name, output, out);
    }

    fn respond(&mut self, id: &str, name: &str, content: &str, out: &mut Out) {
        out.messages.push(json::write(&Say::FunctionCallResponse { id, name, content }));
        if !self.is_waiting() {
            self.floor.expect();
        }
    }

    /// Whether the vendor waits for results.
    fn is_waiting(&self) -> bool {
        self.calls.iter().any(|call| !call.is_lost)
    }

    fn on_text(&mut self, event: &Event<'_>, out: &mut Out) {
        let text = event.content.as_deref().unwrap_or_default();
        if text.trim().is_empty() {
            return;
        }
        match event.role.as_deref() {
            Some("assistant") => self.floor.say(text, out),
            Some("user") if self.floor.is_users(text) => {
                let transcript = Transcript::final_(text.trim());
                out.events.push(RealtimeEvent::UserTranscript { turn: None, transcript });
            }
            Some(_) | None => {}
        }
    }

    fn on_calls(&mut self, calls: &[Call<'_>], out: &mut Out) {
        let ours = calls.iter().filter(|call| call.client_side);
        let ours: Vec<_> = ours.filter(|call| !self.knows(call)).collect();
        if ours.is_empty() {
            return;
        }
        let Some(generation) = self.floor.call(out) else {
            // The vendor says nothing until it has an answer.
            for call in ours {
                self.respond(&call.id, &call.name, r#"{"error":"cancelled"}"#, out);
            }
            return;
        };
        for call in ours {
            let arguments = call.arguments.as_deref().filter(|it| !it.trim().is_empty());
            let call = ToolCall {
                id: ToolCallId::new(&*call.id),
                name: (*call.name).into(),
                arguments: arguments.unwrap_or("{}").into(),
            };
            let (id, name) = (call.id.clone(), call.name.clone());
            self.calls.push(Pending { id, name, is_lost: false });
            out.events.push(RealtimeEvent::ToolCall { generation, call });
        }
        self.floor.end_calls(out);
    }

    fn knows(&self, call: &Call<'_>) -> bool {
        self.calls.iter().any(|known| known.id.as_str() == &*call.id)
    }

    fn on_error(event: &Event<'_>, secrets: &Secrets) -> Error {
        let code = event.code.as_deref().unwrap_or("without a code");
        let message = format!("the vendor reports an error ({})", secrets.quote(code));
        Error::new(kind(code), "read", message).with_provider(PROVIDER)
    }
}

/// What the vendor's codes stand for (page "Errors & Warnings"). It is done with the conversation
/// after any of them.
fn kind(code: &str) -> ErrorKind {
    match code {
        "UNPARSABLE_CLIENT_MESSAGE" | "INVALID_SETTINGS" => ErrorKind::Rejected,
        _ if code.starts_with("FAILED_TO_") => ErrorKind::Overloaded,
        _ => ErrorKind::Disconnected,
    }
}

impl RealtimeCodec for AgentCodec {
    const PROVIDER: &'static str = PROVIDER;

    fn begin(&mut self, _out: &mut Out) {
        // The vendor speaks first.
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn take(&mut self, input: RealtimeInput, out: &mut Out) {
        match input {
            RealtimeInput::Audio(frame) if !frame.payload.is_empty() => {
                out.audio.push(frame.payload);
            }
            RealtimeInput::Cancel { generation } => self.floor.cancel(generation),
            RealtimeInput::Generate { generation, prompt } => self.floor.push(generation, prompt),
            RealtimeInput::ToolResult { id, output } => self.on_result(&id, &output, out),
            RealtimeInput::Audio(_)
            | RealtimeInput::Commit { .. }
            | RealtimeInput::Forget { .. }
            | RealtimeInput::Truncate { .. }
            | _ => {}
        }
        self.floor.advance(out);
    }

    fn decode(&mut self, text: &str, secrets: &Secrets, out: &mut Out) -> Result<bool> {
        let event: Event<'_> = json::read(text, PROVIDER)?;
        match &*event.kind {
            "Welcome" => out.messages.extend(self.settings.take()),
            "SettingsApplied" => self.ready = true,
            "ConversationText" => self.on_text(&event, out),
            "UserStartedSpeaking" => {
                self.samples.restart();
                self.floor.interrupt(out);
            }
            "AgentAudioDone" => {
                self.samples.restart();
                self.floor.end(out);
            }
            "FunctionCallRequest" => self.on_calls(&event.functions, out),
            "FunctionCallCancelled" => {
                self.calls.retain(|call| {
                    event.functions.iter().all(|over| call.id.as_str() != &*over.id)
                });
            }
            "InjectionRefused" => self.floor.refuse(out),
            "AgentStartedSpeaking" | "AgentThinking" => {}
            "Error" => return Err(Self::on_error(&event, secrets)),
            "Warning" => {
                let code = secrets.quote(event.code.as_deref().unwrap_or_default());
                tracing::warn!(provider = PROVIDER, code, "the vendor warns");
                return Ok(false);
            }
            _ => return Ok(false),
        }
        self.floor.advance(out);
        Ok(true)
    }

    fn decode_binary(&mut self, payload: Bytes, _secrets: &Secrets, out: &mut Out) -> Result<bool> {
        let payload = self.samples.whole(payload);
        if let Some(generation) = self.floor.sound(out).filter(|_| !payload.is_empty()) {
            out.events.push(RealtimeEvent::Audio { generation, payload });
        }
        Ok(true)
    }

    fn keep_alive(&self) -> Option<(Duration, &'static str)> {
        Some((self.keep_alive, KEEP_ALIVE))
    }

    fn owes(&self) -> bool {
        !self.is_waiting() && self.floor.is_owed()
    }

    fn is_idle(&self) -> bool {
        self.calls.is_empty() && !self.floor.is_owed()
    }
}
