use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{
    RealtimeScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    server::{DEEPGRAM, Script, Session},
};
use crate::{fakes::Reply, tone};

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// The silence after which a turn is over.
const SILENCE: Duration = Duration::from_millis(200);

const DONE: &str = r#"{"type":"AgentAudioDone"}"#;

/// Deepgram's `/v1/agent/converse`, as its Python SDK 7.17.0 types it, with messages in the order of
/// the sessions that its version 4.8.1 recorded.
pub(super) struct DeepgramAgent(pub(super) RealtimeScript);

impl Script for DeepgramAgent {
    fn path(&self) -> &str {
        "/v1/agent/converse"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &DEEPGRAM
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        let mut agent = Agent {
            script: self.0.clone(),
            ears: None,
            says: AudioFormat::PCM_24K,
            hears_user: false,
            calls: BTreeMap::new(),
            named: 0,
            speaks: false,
            was_interrupted: false,
            outbox: Outbox::default(),
        };
        agent.say(Instant::now(), json!({ "type": "Welcome", "request_id": "scripted" }));
        Box::new(agent)
    }
}

/// One connection.
struct Agent {
    script: RealtimeScript,
    /// Set by the settings.
    ears: Option<Ears>,
    says: AudioFormat,
    /// The user is in a turn.
    hears_user: bool,
    /// Calls without a result, with their names.
    calls: BTreeMap<String, String>,
    named: u32,
    /// Audio is on its way.
    speaks: bool,
    /// What was said was cut, and its end was not told.
    was_interrupted: bool,
    outbox: Outbox,
}

impl Session for Agent {
    fn on_audio(&mut self, audio: &[u8], now: Instant) {
        let Some(ears) = &mut self.ears else {
            return self.refuse("UNPARSABLE_CLIENT_MESSAGE", "audio before the settings", now);
        };
        for (_, heard) in ears.hear(audio) {
            match heard {
                Heard::Began(_) => self.on_speech(now),
                Heard::Silence(since) if since >= SILENCE && self.hears_user => self.on_turn(now),
                Heard::Silence(_) | Heard::Speech => {}
            }
        }
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if let Err(why) = self.take(&message, now) {
            self.refuse("UNPARSABLE_CLIENT_MESSAGE", why, now);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        let output = self.outbox.pop(now)?;
        self.speaks &= !matches!(&output, Output::Text(text) if text == DONE);
        Some(output)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Agent {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let kind = message["type"].as_str().unwrap_or_default();
        if self.ears.is_none() && kind != "Settings" {
            return Err("the settings come first");
        }
        let text = |field: &str| message[field].as_str().ok_or("a text is missing");
        match kind {
            "Settings" if self.ears.is_some() => return Err("the settings come once"),
            "Settings" => {
                let format = set_up(message)?;
                (self.ears, self.says) = (Some(Ears::new(format)), format);
                self.say(now, json!({ "type": "SettingsApplied" }));
            }
            "FunctionCallResponse" => {
                let name = self.calls.remove(text("id")?).ok_or("a response to no call")?;
                if text("name")? != name || text("content").is_err() {
                    return Err("a response to another call");
                }
                if self.calls.is_empty() {
                    self.reply(now);
                }
            }
            "InjectAgentMessage" => {
                let (message, behavior) = (text("message")?, text("behavior")?);
                let is_refused = self.hears_user || (behavior == "default" && self.speaks);
                if is_refused {
                    let why = "a turn is in progress";
                    self.say(now, json!({ "type": "InjectionRefused", "message": why }));
                } else {
                    self.speak(message, now);
                    self.end(now);
                }
            }
            "InjectUserMessage" => {
                self.understand(text("content")?, now);
                self.reply(now);
            }
            "KeepAlive" => {}
            _ => return Err("unknown type"),
        }
        Ok(())
    }

    /// The user begins to speak: what is being said is over.
    fn on_speech(&mut self, now: Instant) {
        self.hears_user = true;
        if std::mem::take(&mut self.speaks) {
            self.outbox.truncate(0);
            self.was_interrupted = true;
        }
        self.say(now, json!({ "type": "UserStartedSpeaking" }));
    }

    /// The user has finished.
    fn on_turn(&mut self, now: Instant) {
        self.hears_user = false;
        self.ears.iter_mut().for_each(Ears::end_speech);
        let words = self.script.next_utterance();
        self.understand(&words, now);
        if std::mem::take(&mut self.was_interrupted) {
            self.outbox.push(now, Output::Text(DONE.to_owned()));
        }
        self.reply(now);
    }

    fn understand(&mut self, words: &str, now: Instant) {
        self.conversation("user", words, now);
        self.say(now, json!({ "type": "EndOfThought" }));
    }

    fn reply(&mut self, now: Instant) {
        if let Some(code) = self.script.next_failure() {
            return self.refuse(&code, "failed by the script", now);
        }
        let Reply { text, calls, .. } = self.script.next_reply();
        if !text.is_empty() {
            self.speak(&text, now);
        }
        if calls.is_empty() {
            return self.end(now);
        }
        let due = self.outbox.last_due().unwrap_or(now);
        let functions: Vec<_> = calls
            .into_iter()
            .map(|(name, arguments)| {
                self.named += 1;
                let id = format!("call_{}", self.named);
                self.calls.insert(id.clone(), name.clone());
                json!({ "id": id, "name": name, "arguments": arguments.to_string(),
                    "client_side": true })
            })
            .collect();
        self.say(due, json!({ "type": "FunctionCallRequest", "functions": functions }));
    }

    /// Says a text, sentence by sentence.
    fn speak(&mut self, text: &str, now: Instant) {
        self.speaks = true;
        let mut due = now + self.script.first_audio_delay;
        for sentence in text.split_inclusive(['.', '?', '!']) {
            self.conversation("assistant", sentence.trim(), due);
            let latency = json!({ "type": "AgentStartedSpeaking", "total_latency": 0.9 });
            self.say(due, latency);
            let mut audio = tone::spell(self.says, sentence, self.script.per_character);
            while !audio.is_empty() {
                let piece = audio.split_to(self.says.bytes_in(PIECE).min(audio.len()));
                self.outbox.push(due, Output::Binary(piece));
                due += PIECE / self.script.speed.max(1);
            }
        }
    }

    /// All audio was sent.
    fn end(&mut self, now: Instant) {
        self.outbox.push(now, Output::Text(DONE.to_owned()));
    }

    fn conversation(&mut self, role: &str, content: &str, due: Instant) {
        self.say(
            due,
            json!({ "type": "ConversationText", "role": role, "content": content,
            "conversational_behavior": "default" }),
        );
        self.say(due, json!({ "type": "History", "role": role, "content": content }));
    }

    fn say(&mut self, due: Instant, message: Value) {
        self.outbox.push(due, Output::Text(message.to_string()));
    }

    fn refuse(&mut self, code: &str, why: &str, now: Instant) {
        self.script.complain(why);
        self.say(now, json!({ "type": "Error", "code": code, "description": why }));
        self.outbox.push(now, Output::Close(1005, ""));
    }
}

/// Reads the settings, and refuses what the vendor does not know.
fn set_up(settings: &Value) -> Result<AudioFormat, &'static str> {
    known(settings, &["agent", "audio", "mip_opt_out", "type"])?;
    let agent = &settings["agent"];
    known(agent, &["context", "listen", "speak", "think"])?;
    let listen = &agent["listen"]["provider"];
    let is_flux = listen["model"].as_str().is_some_and(|model| model.starts_with("flux-"));
    if listen["type"] != "deepgram" || listen["version"] != if is_flux { "v2" } else { "v1" } {
        return Err("the listen provider and its version do not fit");
    }
    let think = &agent["think"];
    known(think, &["endpoint", "functions", "prompt", "provider"])?;
    if !think["provider"]["type"].is_string() || !think["provider"]["model"].is_string() {
        return Err("the think provider is missing");
    }
    for function in think["functions"].as_array().into_iter().flatten() {
        known(function, &["defer_until_eot", "description", "name", "parameters"])?;
    }
    if agent["speak"]["provider"]["type"] != "deepgram" {
        return Err("unknown speak provider");
    }
    for message in agent["context"]["messages"].as_array().into_iter().flatten() {
        if message["type"] != "History" {
            return Err("a message of the context is no history");
        }
    }
    let (input, output) = (&settings["audio"]["input"], &settings["audio"]["output"]);
    if output["container"] != "none" || input["encoding"] != output["encoding"] {
        return Err("invalid audio");
    }
    let encoding = match input["encoding"].as_str() {
        Some("alaw") => Encoding::Alaw,
        Some("linear16") => Encoding::PcmS16Le,
        Some("mulaw") => Encoding::Mulaw,
        _ => return Err("unknown encoding"),
    };
    let rate = input["sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
    Ok(AudioFormat::mono(encoding, rate.ok_or("the sample rate is missing")?))
}

fn known(object: &Value, fields: &[&str]) -> Result<(), &'static str> {
    let mut names = object.as_object().ok_or("an object is missing")?.keys();
    if names.any(|name| !fields.contains(&name.as_str())) {
        return Err("unknown field in the settings");
    }
    Ok(())
}
