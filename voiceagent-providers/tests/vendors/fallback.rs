//! Chains whose first provider fails, against the suites; and answers that are cut at every byte.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind, Link, Result, Secret,
    adapt::{FallbackLlm, FallbackStt, FallbackTts, LlmFailover, SttFailover, TtsFailover},
    llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Message, ToolCall},
    registry::Registry,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_providers::{
    deepgram::{DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig},
    openai::{OpenAiLlm, OpenAiLlmConfig},
};
use voiceagent_testkit::{
    conformance::{
        self,
        llm::{KEY, LlmSuite},
    },
    vendor::{
        ListenScript, SpeakScript, SpeechVendor,
        chat::{ChatVendor, Dialect, Reply},
    },
};

use crate::clock::Clock;
use crate::scripted::Scripted;

const SECOND: Duration = Duration::from_secs(1);
const UTTERANCES: [&str; 2] = ["I need an oil change.", "On Friday at nine, please."];

/// A provider that can all that another can, and is always out of reach.
#[derive(Debug)]
struct Absent<T>(T);

fn out_of_reach(operation: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, operation, "as the test asked").with_provider("absent")
}

#[async_trait]
impl SpeechToText for Absent<SttCapabilities> {
    fn name(&self) -> &str {
        "absent"
    }

    fn capabilities(&self) -> SttCapabilities {
        self.0.clone()
    }

    async fn open(&self, _: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        Err(out_of_reach("open"))
    }
}

#[async_trait]
impl TextToSpeech for Absent<TtsCapabilities> {
    fn name(&self) -> &str {
        "absent"
    }

    fn capabilities(&self) -> TtsCapabilities {
        self.0.clone()
    }

    async fn open(&self, _: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        Err(out_of_reach("open"))
    }
}

#[async_trait]
impl LanguageModel for Absent<()> {
    fn name(&self) -> &str {
        "absent"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, true).with_prompt_caching(true)
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        Err(out_of_reach("generate"))
    }
}

#[tokio::test]
async fn a_chain_of_recognizers_passes_the_suite() {
    let _clock = Clock::start();
    let script = ListenScript::utterances(UTTERANCES).idle_limit(SECOND);
    let vendor = SpeechVendor::listen(script).await;
    let make = |url: &str| {
        let mut config = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = url.to_owned();
        config.keep_alive = Duration::from_millis(100);
        config.connect_timeout = SECOND;
        config.stall_timeout = SECOND;
        let sound = DeepgramStt::new(config).unwrap();
        let first = Absent(sound.capabilities());
        let mut settings = SttFailover::default();
        // The suite wants to be told by the sound one: it is tried last.
        settings.rest = Duration::ZERO;
        let chain = FallbackStt::with_settings(Arc::new(first), vec![Arc::new(sound)], settings);
        Arc::new(chain) as Arc<dyn SpeechToText>
    };
    conformance::stt("fallback", &vendor, &UTTERANCES, make).await.assert();
}

#[tokio::test]
async fn a_chain_of_voices_passes_the_suite() {
    let _clock = Clock::start();
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let make = |url: &str| {
        let mut config = DeepgramTtsConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = url.to_owned();
        config.connect_timeout = SECOND;
        let sound = DeepgramTts::new(config).unwrap();
        let first = Absent(sound.capabilities());
        let mut settings = TtsFailover::default();
        settings.rest = Duration::ZERO;
        let chain = FallbackTts::with_settings(Arc::new(first), vec![Arc::new(sound)], settings);
        Arc::new(chain) as Arc<dyn TextToSpeech>
    };
    conformance::tts("fallback", &vendor, make).await.assert();
}

#[tokio::test]
async fn a_chain_of_models_passes_the_suite() {
    let _clock = Clock::start();
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn config(vendor: &Scripted, deadline: Duration) -> Value {
        json!({
            "provider": "absent",
            "fallback": [{
                "provider": "openai",
                "api_key": KEY,
                "base_url": vendor.server.url(),
                "first_token_timeout": deadline,
                "idle_timeout": deadline,
            }],
            "failover": { "rest": 0, "first_token": "10min", "stall": "10min" },
        })
    }

    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry.llm.register("absent", |_: Nothing| Ok(Arc::new(Absent(())) as _));
    LlmSuite { subject: "fallback", registry: &registry, config }
        .run(|| Scripted::start(Dialect::OpenAi))
        .await
        .assert();
}

const SAID: &str = "One moment, I book nine o'clock. ";
const ARGUMENTS: &str = r#"{"day":"2026-12-01","note":"café \"x\""}"#;

/// A whole answer as it comes over the wire: words, a tool call in pieces, the end.
fn answer() -> Vec<u8> {
    let mut all = String::new();
    let mut event = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        all.push_str(&format!("data: {}\n\n", json!({ "choices": [choice] })));
    };
    for word in SAID.split_inclusive(' ') {
        event(json!({ "content": word }), Value::Null);
    }
    let function = json!({ "name": "book", "arguments": "" });
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": function });
    event(json!({ "tool_calls": [call] }), Value::Null);
    let (mut arguments, mut piece) = (String::new(), String::new());
    for letter in ARGUMENTS.chars() {
        piece.push(letter);
        if piece.chars().count() == 5 || arguments.len() + piece.len() == ARGUMENTS.len() {
            let call = json!({ "index": 0, "function": { "arguments": piece } });
            event(json!({ "tool_calls": [call] }), Value::Null);
            arguments.push_str(&std::mem::take(&mut piece));
        }
    }
    assert_eq!(arguments, ARGUMENTS);
    event(json!({}), json!("tool_calls"));
    (all + "data: [DONE]\n\n").into_bytes()
}

/// A model that says what is left of the answer and makes the call.
#[derive(Debug)]
struct Completes;

#[async_trait]
impl LanguageModel for Completes {
    fn name(&self) -> &str {
        "completes"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(true, true)
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let said = request.messages.iter().find_map(|message| match message {
            Message::Assistant { text, .. } => Some(text.len()),
            _ => None,
        });
        let rest = SAID[said.unwrap_or(0)..].trim_start().to_owned();
        let call =
            ToolCall { id: "other".into(), name: "book".into(), arguments: ARGUMENTS.into() };
        let events = [
            LlmEvent::Text(rest),
            LlmEvent::ToolCall(call),
            LlmEvent::Finished(FinishReason::ToolCalls),
        ];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

#[tokio::test]
async fn rd7_and_rd13_an_answer_that_is_cut_at_any_byte_is_said_once_and_its_tool_called_once() {
    let bytes = answer();
    let cut = Arc::new(AtomicUsize::new(0));
    let sent = (bytes.clone(), cut.clone());
    let vendor = ChatVendor::start(Dialect::OpenAi, move |_| {
        Reply::raw([sent.0[..sent.1.load(Ordering::Relaxed)].to_vec()])
    })
    .await;
    let mut config = OpenAiLlmConfig::default();
    config.api_key = Some(Secret::new(KEY));
    config.base_url = Some(vendor.url().into());
    let first: Arc<dyn LanguageModel> = Arc::new(OpenAiLlm::new(config).unwrap());
    let mut settings = LlmFailover::default();
    settings.rest = Duration::ZERO;
    settings.first_token = Duration::from_secs(60);
    settings.stall = Duration::from_secs(60);
    let chain = FallbackLlm::with_settings(first, vec![Arc::new(Completes)], settings);
    for end in 0..=bytes.len() {
        cut.store(end, Ordering::Relaxed);
        let question = LlmRequest::new("", vec![Message::User { text: "Nine, please".into() }]);
        let items: Vec<_> = chain.generate(question).await.unwrap().collect().await;
        let (mut said, mut called) = (String::new(), Vec::new());
        for item in &items {
            match item {
                Ok(LlmEvent::Text(text)) => said.push_str(text),
                Ok(LlmEvent::ToolCall(call)) => called.push(&*call.arguments),
                Ok(_) => {}
                // Once the call was made nobody else may answer.
                Err(error) => assert_eq!(called.len(), 1, "cut after {end} bytes: {error}"),
            }
        }
        assert_eq!(said.trim_end(), SAID.trim_end(), "cut after {end} bytes");
        assert_eq!(called, [ARGUMENTS], "cut after {end} bytes");
    }
}
