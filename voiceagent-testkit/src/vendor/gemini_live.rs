use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;
use voiceagent_core::audio::AudioFormat;

use super::{
    RealtimeScript,
    ears::{Ears, Heard},
    outbox::{Outbox, Output},
    query::Query,
    server::{Script, Session},
};
use crate::{fakes::Reply, tone};

/// What the vendor hears, and what it says.
const HEARS: AudioFormat = AudioFormat::PCM_16K;
const SAYS: AudioFormat = AudioFormat::PCM_24K;

/// Audio comes in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);

/// The silence after which the vendor ends a turn by itself.
const SILENCE: Duration = Duration::from_millis(200);

/// For so long the vendor takes an answer for playing that has come.
const PLAYOUT: Duration = Duration::from_millis(200);

/// Gemini's `BidiGenerateContent`, as its Python SDK 3.4.0 types it.
pub(super) struct GeminiLive(pub(super) RealtimeScript);

impl Script for GeminiLive {
    fn path(&self) -> &str {
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-goog-api-key", "scripted-vendor-key")]
    }

    fn check(&self, query: &Query) -> Result<(), String> {
        query.check_known(&[])
    }

    fn begin(&self, _query: &Query, _progress: usize) -> Box<dyn Session> {
        Box::new(Live {
            script: self.0.clone(),
            turns: None,
            ears: Ears::new(HEARS),
            activity: Activity::default(),
            calls: Vec::new(),
            named: 0,
            replies: false,
            outbox: Outbox::default(),
        })
    }
}

/// One connection.
struct Live {
    script: RealtimeScript,
    /// Who finds turns, once that was said.
    turns: Option<Turns>,
    ears: Ears,
    activity: Activity,
    /// Calls without a result.
    calls: Vec<String>,
    named: u32,
    /// An answer comes, or is taken for playing.
    replies: bool,
    outbox: Outbox,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Turns {
    Clients,
    Vendors,
}

/// What the client has marked as a turn.
#[derive(Default)]
struct Activity {
    is_open: bool,
    text: Option<String>,
}

impl Session for Live {
    fn on_audio(&mut self, _audio: &[u8], now: Instant) {
        self.refuse("binary audio", now);
    }

    fn on_text(&mut self, text: &str, now: Instant) -> bool {
        let message = spell(serde_json::from_str(text).unwrap_or_default());
        if let Err(why) = self.take(&message, now) {
            self.refuse(why, now);
        }
        false
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        let output = self.outbox.pop(now)?;
        if let Output::Text(text) = &output {
            self.replies &= !text.contains(r#""turnComplete":true"#);
        }
        Some(output)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.outbox.due()
    }

    fn progress(&self) -> usize {
        0
    }
}

impl Live {
    fn take(&mut self, message: &Value, now: Instant) -> Result<(), &'static str> {
        let Some(turns) = self.turns else {
            self.turns = Some(set_up(&message["setup"])?);
            // Its JSON comes in binary messages too.
            let complete = Bytes::from_static(br#"{"setupComplete":{}}"#);
            self.outbox.push(now, Output::Binary(complete));
            self.offer_handle(now);
            return Ok(());
        };
        if let Some(responses) = message["toolResponse"]["functionResponses"].as_array() {
            return self.on_results(responses, now);
        }
        let input = message["realtimeInput"].as_object().ok_or("unknown message")?;
        match (input.keys().next().map(String::as_str), turns) {
            (Some("audio"), _) => self.hear(&input["audio"], now),
            (Some("activityStart"), Turns::Clients) if !self.activity.is_open => {
                self.activity = Activity { is_open: true, ..Activity::default() };
                self.interrupt(now);
                Ok(())
            }
            (Some("activityEnd"), Turns::Clients) if self.activity.is_open => {
                let Activity { text, .. } = std::mem::take(&mut self.activity);
                self.end_speech(now);
                self.reply(text.as_deref(), now);
                Ok(())
            }
            (Some("text"), Turns::Clients) if self.activity.is_open => {
                self.activity.text = input["text"].as_str().map(str::to_owned);
                Ok(())
            }
            (Some("text"), Turns::Vendors) => {
                self.reply(input["text"].as_str(), now);
                Ok(())
            }
            _ => Err("invalid realtime input"),
        }
    }

    fn hear(&mut self, audio: &Value, now: Instant) -> Result<(), &'static str> {
        if audio["mimeType"] != "audio/pcm;rate=16000" {
            return Err("invalid mime type");
        }
        if self.turns == Some(Turns::Clients) && !self.activity.is_open {
            return Err("audio outside of an activity");
        }
        let samples = STANDARD.decode_to_vec(audio["data"].as_str().unwrap_or_default());
        for (_, heard) in self.ears.hear(&samples.map_err(|_| "invalid audio")?) {
            let finds_turns = self.turns == Some(Turns::Vendors);
            match heard {
                Heard::Began(_) if finds_turns => self.interrupt(now),
                Heard::Silence(since)
                    if since >= SILENCE && self.end_speech(now) && finds_turns =>
                {
                    self.reply(None, now);
                }
                Heard::Began(_) | Heard::Silence(_) | Heard::Speech => {}
            }
        }
        Ok(())
    }

    /// Tells what was said, if something was.
    fn end_speech(&mut self, now: Instant) -> bool {
        let spoke = self.ears.finish_speech();
        if spoke {
            self.transcribe(now);
        }
        spoke
    }

    fn on_results(&mut self, responses: &[Value], now: Instant) -> Result<(), &'static str> {
        for response in responses {
            let id = response["id"].as_str().unwrap_or_default();
            let known = self.calls.iter().position(|call| call == id);
            self.calls.remove(known.ok_or("a response to no call")?);
            if !response["response"].is_object() {
                return Err("a response that is no object");
            }
        }
        if self.calls.is_empty() {
            self.reply(None, now);
        }
        Ok(())
    }

    /// The user speaks: what is being said is over, and so are calls.
    fn interrupt(&mut self, now: Instant) {
        if std::mem::take(&mut self.replies) {
            self.outbox.truncate(0);
            self.content(now, json!({ "interrupted": true }));
            self.content(now, json!({ "turnComplete": true }));
        }
        if !self.calls.is_empty() {
            let ids = std::mem::take(&mut self.calls);
            self.say(now, json!({ "toolCallCancellation": { "ids": ids } }));
        }
    }

    fn transcribe(&mut self, now: Instant) {
        let words = self.script.next_utterance();
        // Pieces come with the spaces between them.
        let (first, rest) = words.split_at(words.find(' ').unwrap_or(words.len()));
        for text in [first, rest] {
            self.content(now, json!({ "inputTranscription": { "text": text } }));
        }
        self.content(now, json!({ "inputTranscription": { "finished": true } }));
    }

    fn reply(&mut self, text: Option<&str>, now: Instant) {
        if self.script.next_failure().is_some() {
            self.outbox.push(now, Output::Close(1011, "failed by the script"));
            return;
        }
        self.replies = true;
        let reply = match text.and_then(|text| text.split_once(":)\n")) {
            // What it is to say word for word; the rest it would have to understand.
            Some((_, exactly)) => Reply::text(exactly),
            None => self.script.next_reply(),
        };
        let mut due = now + self.script.first_audio_delay;
        if !reply.text.is_empty() {
            let text = reply.text.as_str();
            self.content(due, json!({ "outputTranscription": { "text": text } }));
            let mut audio = tone::spell(SAYS, text, self.script.per_character);
            while !audio.is_empty() {
                let piece = audio.split_to(SAYS.bytes_in(PIECE).min(audio.len()));
                let data = STANDARD.encode_to_string(&piece);
                let blob = json!({ "mimeType": "audio/pcm;rate=24000", "data": data });
                self.content(due, json!({ "modelTurn": { "parts": [{ "inlineData": blob }] } }));
                due += PIECE / self.script.speed.max(1);
            }
        }
        if !reply.calls.is_empty() {
            let calls = reply.calls.into_iter().map(|(name, args)| {
                self.named += 1;
                let id = format!("call-{}", self.named);
                self.calls.push(id.clone());
                json!({ "id": id, "name": name, "args": args })
            });
            let calls: Vec<_> = calls.collect();
            self.say(due, json!({ "toolCall": { "functionCalls": calls } }));
            return;
        }
        self.content(due, json!({ "generationComplete": true }));
        let usage = json!({ "promptTokenCount": 20, "responseTokenCount": 10 });
        let over = json!({ "serverContent": { "turnComplete": true }, "usageMetadata": usage });
        self.say(due + PLAYOUT, over);
        self.offer_handle(due + PLAYOUT);
    }

    fn offer_handle(&mut self, due: Instant) {
        let update = json!({ "newHandle": "handle-1", "resumable": true });
        self.say(due, json!({ "sessionResumptionUpdate": update }));
    }

    fn content(&mut self, due: Instant, content: Value) {
        self.say(due, json!({ "serverContent": content }));
    }

    fn say(&mut self, due: Instant, message: Value) {
        self.outbox.push(due, Output::Text(message.to_string()));
    }

    fn refuse(&mut self, why: &'static str, now: Instant) {
        self.script.complain(why);
        self.outbox.push(now, Output::Close(1007, why));
    }
}

/// Spells the names of fields as JSON does. Those of the messages' own definition are taken as well
/// (Protocol Buffers, "ProtoJSON Format"), and the vendor's SDK sends some.
fn spell(message: Value) -> Value {
    // What is in them has names of the user's.
    const OWN: [&str; 5] = ["args", "parameters", "parametersJsonSchema", "response", "text"];
    match message {
        Value::Array(all) => all.into_iter().map(spell).collect(),
        Value::Object(fields) => {
            let spelled = fields.into_iter().map(|(name, value)| {
                let name = camel_case(&name);
                let value = if OWN.contains(&&*name) { value } else { spell(value) };
                (name, value)
            });
            Value::Object(spelled.collect())
        }
        other => other,
    }
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut name, part| {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name + letters.as_str()
    })
}

/// Reads a setup, and refuses what the vendor does not know.
fn set_up(setup: &Value) -> Result<Turns, &'static str> {
    const KNOWN: [&str; 9] = [
        "contextWindowCompression",
        "generationConfig",
        "inputAudioTranscription",
        "model",
        "outputAudioTranscription",
        "realtimeInputConfig",
        "sessionResumption",
        "systemInstruction",
        "tools",
    ];
    let mut fields = setup.as_object().ok_or("the setup comes first")?.keys();
    if fields.any(|field| !KNOWN.contains(&field.as_str())) {
        return Err("unknown field in setup");
    }
    let model = setup["model"].as_str().unwrap_or_default();
    if !model.starts_with("models/gemini-") {
        return Err("unknown model");
    }
    if setup["generationConfig"]["responseModalities"] != json!(["AUDIO"]) {
        return Err("invalid modalities");
    }
    match setup["sessionResumption"]["handle"].as_str() {
        Some(handle) if handle != "handle-1" => return Err("unknown handle"),
        Some(_) | None => {}
    }
    let detection = &setup["realtimeInputConfig"]["automaticActivityDetection"];
    Ok(if detection["disabled"] == true { Turns::Clients } else { Turns::Vendors })
}
