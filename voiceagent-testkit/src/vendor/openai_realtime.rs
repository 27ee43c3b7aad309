mod conversation;
mod response;

use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use self::{conversation::Conversation, response::Response};
use super::{
    RealtimeScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    realtime::has_only,
    server::{Script, Session},
};

/// The shortest turn that is taken.
const LEAST: Duration = Duration::from_millis(100);

/// OpenAI's `/v1/realtime`, as its Python SDK 3.52.0 types it.
pub(super) struct OpenAiRealtime(pub(super) RealtimeScript);

impl Script for OpenAiRealtime {
    fn path(&self) -> &str {
        "/v1/realtime"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("authorization", "Bearer scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&["model"])?;
        match query.get("model") {
            Some(model) if model.starts_with("gpt-realtime") => Ok(()),
            _ => Err("model must name a realtime model".to_owned()),
        }
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        let mut api = Api {
            script: self.0.clone(),
            settings: None,
            conversation: Conversation::default(),
            response: None,
            responses: 0,
            outbox: Outbox::default(),
        };
        api.say(Instant::now(), json!({ "type": "session.created", "session": {} }));
        Box::new(api)
    }
}

/// One connection.
struct Api {
    script: RealtimeScript,
    settings: Option<Settings>,
    conversation: Conversation,
    /// The answer that is being made.
    response: Option<Response>,
    responses: u32,
    outbox: Outbox,
}

/// What a `session.update` has asked for.
struct Settings {
    format: AudioFormat,
    transcribes: bool,
    /// The silence after which the vendor ends a turn, if it does.
    silence: Option<Duration>,
    interrupts: bool,
    ears: Ears,
    /// Audio that is in no turn, in bytes.
    buffered: usize,
}

impl Session for Api {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse("binary", &Value::Null, now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if let Err(code) = self.take(&message, now) {
            self.refuse(code, &message["event_id"], now);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        if let Some(output) = self.outbox.pop(now) {
            return Some(output);
        }
        let (said, is_over) = self.response.as_mut()?.poll(now, &mut self.conversation)?;
        if is_over {
            self.response = None;
        }
        Some(Output::Text(said.to_string()))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due().into_iter().chain(self.response.as_ref().and_then(Response::due)).min()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Api {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let kind = message["type"].as_str().unwrap_or_default();
        if self.settings.is_none() && kind != "session.update" {
            return Err("session_not_configured");
        }
        match kind {
            "session.update" => {
                self.settings = Some(settings(&message["session"])?);
                let session = message["session"].clone();
                self.say(now, json!({ "type": "session.updated", "session": session }));
                Ok(())
            }
            "input_audio_buffer.append" => self.hear(&message["audio"], now),
            "input_audio_buffer.commit" => self.commit(now),
            "conversation.item.create" => self.conversation.create(&message["item"]),
            "conversation.item.delete" => self.conversation.delete(&message["item_id"]),
            "conversation.item.truncate" => self.conversation.truncate(message),
            "response.create" if self.response.is_some() => {
                Err("conversation_already_has_active_response")
            }
            "response.create" => {
                self.respond(&message["response"], now);
                Ok(())
            }
            "response.cancel" => match &mut self.response {
                Some(response) if message["response_id"] == response.id => {
                    response.cancel("client_cancelled", now);
                    Ok(())
                }
                _ => Err("response_cancel_not_active"),
            },
            _ => Err("unknown_type"),
        }
    }

    fn hear(&mut self, audio: &Value, now: Instant) -> Result<(), &'static str> {
        let audio = STANDARD.decode_to_vec(audio.as_str().ok_or("invalid_value")?);
        let audio = audio.map_err(|_| "invalid_value")?;
        let Some(settings) = &mut self.settings else { return Ok(()) };
        settings.buffered += audio.len();
        let Some(silence) = settings.silence else { return Ok(()) };
        for (position, heard) in settings.ears.hear(&audio) {
            let at = position.as_millis();
            match heard {
                Heard::Began(_) => {
                    let item_id = self.conversation.next_id();
                    self.say(
                        now,
                        json!({ "type": "input_audio_buffer.speech_started",
                        "audio_start_ms": at, "item_id": item_id }),
                    );
                    self.interrupt(now);
                }
                Heard::Silence(since) if since >= silence && self.ends_speech() => {
                    self.say(
                        now,
                        json!({ "type": "input_audio_buffer.speech_stopped",
                        "audio_end_ms": at }),
                    );
                    self.commit(now)?;
                    if self.response.is_none() {
                        self.respond(&Value::Null, now);
                    }
                }
                Heard::Silence(_) | Heard::Speech => {}
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, now: Instant) {
        let interrupts = self.settings.as_ref().is_some_and(|settings| settings.interrupts);
        if let Some(response) = self.response.as_mut().filter(|_| interrupts) {
            response.cancel("turn_detected", now);
        }
    }

    /// Whether there is speech that ends now.
    fn ends_speech(&mut self) -> bool {
        self.settings.as_mut().is_some_and(|settings| settings.ears.finish_speech())
    }

    fn commit(&mut self, now: Instant) -> Result<(), &'static str> {
        let Some(settings) = &mut self.settings else { return Ok(()) };
        let buffered = settings.format.samples(std::mem::take(&mut settings.buffered));
        let transcribes = settings.transcribes;
        if settings.format.duration_of(buffered) < LEAST {
            return Err("input_audio_buffer_commit_empty");
        }
        let item_id = self.conversation.add_user();
        self.say(now, json!({ "type": "input_audio_buffer.committed", "item_id": item_id }));
        let item = json!({ "id": item_id, "type": "message", "role": "user" });
        self.say(now, json!({ "type": "conversation.item.added", "item": item }));
        if transcribes {
            let words = self.script.next_utterance();
            let kind = "conversation.item.input_audio_transcription";
            let delta = json!({ "type": format!("{kind}.delta"), "item_id": item_id,
                "content_index": 0, "delta": words });
            self.say(now, delta);
            let completed = json!({ "type": format!("{kind}.completed"), "item_id": item_id,
                "content_index": 0, "transcript": words });
            self.say(now, completed);
        }
        Ok(())
    }

    fn respond(&mut self, asked: &Value, now: Instant) {
        let Some(settings) = &self.settings else { return };
        self.responses += 1;
        let id = format!("resp_{}", self.responses);
        let response = Response::new(id, &self.script, settings.format, asked, now);
        self.response = Some(response.begin(&mut self.conversation));
    }

    fn refuse(&mut self, code: &str, event_id: &Value, now: Instant) {
        self.script.complain(code);
        let error = json!({ "type": "invalid_request_error", "code": code,
            "message": "refused by the script", "param": null, "event_id": event_id });
        self.say(now, json!({ "type": "error", "error": error }));
    }

    fn say(&mut self, now: Instant, mut message: Value) {
        message["event_id"] = "scripted".into();
        self.outbox.push(now, Output::Text(message.to_string()));
    }
}

/// Reads a session, and refuses what the vendor does not know.
fn settings(session: &Value) -> Result<Settings, &'static str> {
    known(
        session,
        &[
            "audio",
            "instructions",
            "max_output_tokens",
            "output_modalities",
            "parallel_tool_calls",
            "reasoning",
            "tools",
            "type",
        ],
    )?;
    known(&session["audio"], &["input", "output"])?;
    let (input, output) = (&session["audio"]["input"], &session["audio"]["output"]);
    known(input, &["format", "noise_reduction", "transcription", "turn_detection"])?;
    known(output, &["format", "speed", "voice"])?;
    let format = format(&input["format"]).ok_or("invalid_format")?;
    if session["type"] != "realtime"
        || session["output_modalities"] != json!(["audio"])
        || input["format"] != output["format"]
    {
        return Err("invalid_value");
    }
    let detection = &input["turn_detection"];
    let milliseconds = match detection["type"].as_str() {
        Some("semantic_vad") => Some(200),
        Some("server_vad") => Some(detection["silence_duration_ms"].as_u64().unwrap_or(500)),
        Some(_) => return Err("invalid_value"),
        None => None,
    };
    Ok(Settings {
        format,
        transcribes: !input["transcription"].is_null(),
        silence: milliseconds.map(Duration::from_millis),
        interrupts: detection["interrupt_response"] != false,
        ears: Ears::new(format),
        buffered: 0,
    })
}

fn format(format: &Value) -> Option<AudioFormat> {
    match (format["type"].as_str()?, format["rate"].as_u64()) {
        ("audio/pcm", Some(24_000)) => Some(AudioFormat::PCM_24K),
        ("audio/pcma", None) => Some(AudioFormat::mono(Encoding::Alaw, 8_000)),
        ("audio/pcmu", None) => Some(AudioFormat::mono(Encoding::Mulaw, 8_000)),
        _ => None,
    }
}

fn known(object: &Value, fields: &[&str]) -> Result<(), &'static str> {
    has_only(object, fields).then_some(()).ok_or("unknown_parameter")
}
