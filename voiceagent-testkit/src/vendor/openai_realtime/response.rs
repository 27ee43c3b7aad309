use std::{collections::VecDeque, time::Duration};

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::conversation::Conversation;
use crate::{fakes::Reply, tone, vendor::RealtimeScript};

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// Pieces that still come after a cancel.
const IN_FLIGHT: usize = 2;

/// An answer, with all that will be sent of it.
pub(super) struct Response {
    pub(super) id: String,
    metadata: Value,
    reply: Reply,
    script: RealtimeScript,
    format: AudioFormat,
    failure: Option<String>,
    due: Instant,
    waiting: VecDeque<Part>,
}

/// A message that is due, and the audio of an item in it.
struct Part {
    due: Instant,
    message: Value,
    sounds: Option<(String, u128)>,
}

impl Response {
    pub(super) fn new(
        id: String,
        script: &RealtimeScript,
        format: AudioFormat,
        asked: &Value,
        now: Instant,
    ) -> Self {
        let failure = script.next_failure();
        let instructions = asked["instructions"].as_str();
        let reply = match instructions.and_then(|all| all.rsplit_once('\n')) {
            // What it is to say word for word; the rest it would have to understand.
            Some((_, text)) if asked["tool_choice"] == "none" => Reply::text(text),
            _ if failure.is_some() => Reply::default(),
            _ => script.next_reply(),
        };
        let metadata = asked["metadata"].clone();
        let (script, waiting) = (script.clone(), VecDeque::new());
        Self { id, metadata, reply, script, format, failure, due: now, waiting }
    }

    /// Lines up everything.
    pub(super) fn begin(mut self, conversation: &mut Conversation) -> Self {
        let created =
            json!({ "type": "response.created", "response": self.described("in_progress") });
        self.push(created, None);
        self.due += self.script.first_audio_delay;
        if !self.reply.text.is_empty() {
            self.speak(conversation);
        }
        for (name, arguments) in std::mem::take(&mut self.reply.calls) {
            let call_id = format!("call_{}_{name}", conversation.next_id());
            let item_id = conversation.add_call(&call_id);
            let arguments = arguments.to_string();
            let item = json!({ "id": item_id, "type": "function_call", "status": "in_progress",
                "call_id": call_id, "name": name, "arguments": "" });
            self.push(self.about("response.output_item.added", &item), None);
            let delta = json!({ "type": "response.function_call_arguments.delta",
                "response_id": self.id, "item_id": item_id, "call_id": call_id,
                "output_index": 0, "delta": arguments });
            self.push(delta, None);
            let done = json!({ "type": "response.function_call_arguments.done",
                "response_id": self.id, "item_id": item_id, "call_id": call_id,
                "output_index": 0, "name": name, "arguments": arguments });
            self.push(done, None);
            let item = json!({ "id": item_id, "type": "function_call", "status": "completed",
                "call_id": call_id, "name": name, "arguments": arguments });
            self.push(self.about("response.output_item.done", &item), None);
        }
        let done = match &self.failure {
            Some(code) => {
                let mut response = self.described("failed");
                let error = json!({ "type": "invalid_request_error", "code": code });
                response["status_details"] = json!({ "type": "failed", "error": error });
                response
            }
            None => self.described("completed"),
        };
        self.push(json!({ "type": "response.done", "response": done }), None);
        self
    }

    /// The next message, and whether it is the last.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        conversation: &mut Conversation,
    ) -> Option<(Value, bool)> {
        self.due().filter(|due| *due <= now)?;
        let part = self.waiting.pop_front()?;
        if let Some((item, milliseconds)) = part.sounds {
            conversation.note_sent(&item, milliseconds);
        }
        Some((part.message, self.waiting.is_empty()))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|part| part.due)
    }

    /// Stops, but for what is on its way.
    pub(super) fn cancel(&mut self, reason: &str, now: Instant) {
        self.waiting.truncate(IN_FLIGHT.min(self.waiting.len().saturating_sub(1)));
        self.due = now.max(self.due.min(now + PIECE));
        let mut response = self.described("cancelled");
        response["status_details"] = json!({ "type": "cancelled", "reason": reason });
        self.push(json!({ "type": "response.done", "response": response }), None);
    }

    fn speak(&mut self, conversation: &mut Conversation) {
        let text = self.reply.text.clone();
        let item_id = conversation.add_message();
        let item = json!({ "id": item_id, "type": "message", "role": "assistant", "content": [] });
        self.push(self.about("response.output_item.added", &item), None);
        let mut audio = tone::spell(self.format, &text, self.script.per_character);
        let mut said = self.said("response.output_audio_transcript.delta", &item_id);
        said["delta"] = text.into();
        self.push(said, None);
        while !audio.is_empty() {
            let piece = audio.split_to(self.format.bytes_in(PIECE).min(audio.len()));
            let length = self.format.duration_of(self.format.samples(piece.len()));
            let mut message = self.said("response.output_audio.delta", &item_id);
            message["delta"] = STANDARD.encode_to_string(&piece).into();
            self.push(message, Some((item_id.clone(), length.as_millis())));
            self.due += PIECE / self.script.speed.max(1);
        }
        for kind in ["response.output_audio.done", "response.output_audio_transcript.done"] {
            self.push(self.said(kind, &item_id), None);
        }
        let item = json!({ "id": item_id, "type": "message", "role": "assistant",
            "status": "completed" });
        self.push(self.about("response.output_item.done", &item), None);
    }

    fn described(&self, status: &str) -> Value {
        let mut response =
            json!({ "id": self.id, "object": "realtime.response", "status": status, "output": [] });
        if !self.metadata.is_null() {
            response["metadata"] = self.metadata.clone();
        }
        if status != "in_progress" {
            response["usage"] = json!({ "total_tokens": 30, "input_tokens": 20,
                "output_tokens": 10, "input_token_details": { "cached_tokens": 5 } });
        }
        response
    }

    fn about(&self, kind: &str, item: &Value) -> Value {
        json!({ "type": kind, "response_id": self.id, "output_index": 0, "item": item })
    }

    fn said(&self, kind: &str, item_id: &str) -> Value {
        json!({ "type": kind, "response_id": self.id, "item_id": item_id, "output_index": 0,
            "content_index": 0 })
    }

    fn push(&mut self, message: Value, sounds: Option<(String, u128)>) {
        self.waiting.push_back(Part { due: self.due, message, sounds });
    }
}
