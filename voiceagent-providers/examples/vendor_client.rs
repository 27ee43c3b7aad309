//! A client of every vendor's protocol, for servers that are not written in Rust.
//!
//! `cargo run -p voiceagent-providers --example vendor_client` reads a task from each line of its
//! input, as JSON, and prints what came of it as a line of JSON:
//!
//! ```text
//! {"task":"llm","say":"When?","config":{"provider":"openai","api_key":"k","base_url":"http://…/v1"}}
//! {"rounds":[{"text":"At nine, or at ten?","calls":[],"finish":"stop","limits":null,"usage":null}]}
//! ```
//!
//! The settings are those of a configuration, so that any provider can be asked.

use std::{
    error::Error as StdError,
    io::{Write as _, stdin, stdout},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Link, Result, TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    embedding::Purpose,
    llm::{LanguageModel, LlmEvent, LlmRequest, Message, ToolCall, ToolChoice},
    realtime::{Prompt, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
    registry::Registry,
    stt::{SpeechToText, SttEvent, SttInput, SttOptions},
    tool::ToolSpec,
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::tone;

/// A server that has not answered by then does not answer.
const DEADLINE: Duration = Duration::from_secs(30);
const FRAME: Duration = Duration::from_millis(20);
/// Answers to a question: one that calls, one that speaks, and one too many.
const ROUNDS: usize = 3;
const INSTRUCTIONS: &str = "You answer the phone of a garage.";
const RESULT: &str = r#"{"booked":true}"#;
const ONE: GenerationId = GenerationId::new(1);

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
enum Task {
    /// Makes points of texts.
    Embedding { config: Value, texts: Vec<Arc<str>> },
    /// Asks, and answers what the model calls.
    Llm { config: Value, say: Arc<str>, tools: Option<bool> },
    /// Lets a speech-to-speech model say something, or speaks to it.
    Realtime { config: Value, say: Option<Arc<str>>, tools: Option<bool> },
    /// Speaks for a second.
    Stt { config: Value },
    /// Lets a voice say something.
    Tts { config: Value, say: Arc<str> },
}

impl Task {
    async fn run(self, registry: &Registry) -> Result<Value> {
        match self {
            Self::Embedding { config, texts } => {
                let embedder = registry.embedding.build(config)?;
                let points = embedder.embed(&texts, Purpose::Document).await?;
                let sizes: Vec<_> = points.iter().map(|point| point.values().len()).collect();
                Ok(json!({ "dimensions": sizes }))
            }
            Self::Llm { config, say, tools } => {
                answer(&*registry.llm.build(config)?, say, offered(tools)).await
            }
            Self::Realtime { config, say, tools } => {
                talk(&*registry.realtime.build(config)?, say, offered(tools)).await
            }
            Self::Stt { config } => listen(&*registry.stt.build(config)?).await,
            Self::Tts { config, say } => speak(&*registry.tts.build(config)?, say).await,
        }
    }
}

/// The one tool of this agent.
fn offered(tools: Option<bool>) -> Vec<ToolSpec> {
    let day = json!({ "type": "string", "description": "The day of the week." });
    let schema = json!({ "type": "object", "properties": { "day": day }, "required": ["day"],
        "additionalProperties": false });
    let book = ToolSpec::new("book", "Books an appointment.", schema);
    if tools == Some(true) { vec![book] } else { Vec::new() }
}

/// The arguments of calls as values, since their spelling is the vendor's own.
fn called(calls: &[ToolCall]) -> Vec<Value> {
    let read = |call: &ToolCall| {
        let arguments = serde_json::from_str(&call.arguments);
        json!([&*call.name, arguments.unwrap_or_else(|_| Value::from(&*call.arguments))])
    };
    calls.iter().map(read).collect()
}

async fn answer(model: &dyn LanguageModel, say: Arc<str>, tools: Vec<ToolSpec>) -> Result<Value> {
    let mut messages = vec![Message::User { text: say }];
    let mut rounds = Vec::new();
    while rounds.len() < ROUNDS {
        let request = LlmRequest::new(INSTRUCTIONS, messages.clone())
            .with_tools(tools.clone(), ToolChoice::Auto);
        let (mut text, mut calls) = (String::new(), Vec::new());
        let (mut finish, mut usage, mut limits) = (None, None, None);
        let mut events = model.generate(request).await?;
        while let Some(event) = events.next().await {
            match event? {
                LlmEvent::Finished(reason) => finish = Some(reason),
                LlmEvent::Limits(told) => {
                    let left = |quota: voiceagent_core::llm::Quota| quota.remaining;
                    limits = Some((told.requests.map(left), told.tokens.map(left)));
                }
                LlmEvent::Text(more) => text.push_str(&more),
                LlmEvent::ToolCall(call) => calls.push(call),
                LlmEvent::Usage(told) => usage = Some(told),
                _ => {}
            }
        }
        rounds.push(json!({ "text": text, "calls": called(&calls), "finish": finish,
            "limits": limits, "usage": usage }));
        if calls.is_empty() {
            break;
        }
        if !text.is_empty() {
            messages.push(Message::Assistant { text: text.into(), interrupted: false });
        }
        let ids: Vec<_> = calls.iter().map(|call| call.id.clone()).collect();
        messages.extend(calls.into_iter().map(Message::ToolCall));
        let result = |id| Message::ToolResult { id, output: RESULT.into() };
        messages.extend(ids.into_iter().map(result));
    }
    Ok(json!({ "rounds": rounds }))
}

/// The first format that a provider takes.
fn first(formats: &[AudioFormat]) -> AudioFormat {
    formats.first().copied().unwrap_or(AudioFormat::PCM_16K)
}

fn seconds(format: AudioFormat, bytes: usize) -> f64 {
    format.duration_of(format.samples(bytes)).as_secs_f64()
}

/// A second of speech and as much silence, in frames.
fn utterance(format: AudioFormat) -> Vec<AudioFrame> {
    let second = format.samples_in(Duration::from_secs(1));
    let mut audio = tone::speech(format, MediaTime(0), second).to_vec();
    audio.extend_from_slice(&tone::silence(format, Duration::from_secs(1)));
    let size = format.bytes_in(FRAME);
    let frame = |(number, piece): (usize, &[u8])| {
        let at = MediaTime(format.samples(number * size));
        AudioFrame::new(format, at, piece.to_vec().into())
    };
    audio.chunks(size).enumerate().map(frame).collect()
}

fn ended(operation: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, operation, "the link has ended")
}

async fn give<I: Send + 'static, O: Send + 'static>(link: &Link<I, O>, input: I) -> Result<()> {
    link.writable().await;
    link.try_send(input)
}

async fn listen(stt: &dyn SpeechToText) -> Result<Value> {
    let format = first(&stt.capabilities().formats);
    let mut link = stt.open(SttOptions::new(format)).await?;
    for frame in utterance(format) {
        give(&link, SttInput::Audio(frame)).await?;
    }
    give(&link, SttInput::Finalize).await?;
    let mut interims = 0;
    loop {
        match link.recv().await.ok_or_else(|| ended("listen"))?? {
            SttEvent::Transcript(said) if said.is_final && !said.text.is_empty() => {
                return Ok(json!({ "text": &*said.text, "interims": interims }));
            }
            SttEvent::Transcript(said) if !said.is_final => interims += 1,
            _ => {}
        }
    }
}

async fn speak(tts: &dyn TextToSpeech, say: Arc<str>) -> Result<Value> {
    let format = first(&tts.capabilities().formats);
    let mut link = tts.open(TtsOptions::new(format)).await?;
    give(&link, TtsInput::Text { generation: ONE, text: say }).await?;
    give(&link, TtsInput::Finish { generation: ONE }).await?;
    let mut bytes = 0;
    loop {
        match link.recv().await.ok_or_else(|| ended("speak"))?? {
            TtsEvent::Audio { payload, .. } => bytes += payload.len(),
            TtsEvent::Finished { .. } => return Ok(json!({ "seconds": seconds(format, bytes) })),
            _ => {}
        }
    }
}

async fn talk(
    model: &dyn RealtimeModel,
    say: Option<Arc<str>>,
    tools: Vec<ToolSpec>,
) -> Result<Value> {
    let format = first(&model.capabilities().formats);
    let options = RealtimeOptions::new(INSTRUCTIONS, format).with_tools(tools);
    let mut link = model.open(options).await?;
    let prompt = match say {
        Some(text) => Prompt::Say(text),
        None => {
            for frame in utterance(format) {
                give(&link, RealtimeInput::Audio(frame)).await?;
            }
            give(&link, RealtimeInput::Commit { turn: TurnId::new(1) }).await?;
            Prompt::Answer
        }
    };
    give(&link, RealtimeInput::Generate { generation: ONE, prompt }).await?;
    let (mut bytes, mut text, mut calls, mut owed) = (0, String::new(), Vec::new(), false);
    loop {
        match link.recv().await.ok_or_else(|| ended("talk"))?? {
            RealtimeEvent::AgentTranscript { text: more, .. } => text.push_str(&more),
            RealtimeEvent::Audio { payload, .. } => bytes += payload.len(),
            RealtimeEvent::ToolCall { call, .. } => {
                let output = RESULT.into();
                give(&link, RealtimeInput::ToolResult { id: call.id.clone(), output }).await?;
                calls.push(call);
                owed = true;
            }
            RealtimeEvent::Finished { generation } if owed => {
                owed = false;
                let prompt = Prompt::Answer;
                give(&link, RealtimeInput::Generate { generation, prompt }).await?;
            }
            RealtimeEvent::Finished { .. } => {
                return Ok(json!({ "text": text, "calls": called(&calls),
                    "seconds": seconds(format, bytes) }));
            }
            RealtimeEvent::Failed { kind, .. } => {
                return Err(Error::new(kind, "talk", "the model says that it failed"));
            }
            _ => {}
        }
    }
}

fn failure(error: &Error) -> Value {
    let wait = error.retry_after().map(|wait| wait.as_secs_f64());
    json!({ "error": error.kind(), "retry_after": wait, "message": error.to_string() })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    for line in stdin().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let late = Error::new(ErrorKind::Timeout, "run", "the task is not done in time");
        let done = timeout(DEADLINE, task.run(&registry)).await.unwrap_or(Err(late));
        writeln!(stdout(), "{}", done.unwrap_or_else(|error| failure(&error)))?;
        stdout().flush()?;
    }
    Ok(())
}
