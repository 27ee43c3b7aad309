//! The OpenAI adapter against a scripted server.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    future::{join_all, ready},
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind, Result,
    llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest, Message},
    registry::Registry,
};
use voiceagent_providers::openai::{OpenAiLlm, OpenAiLlmConfig};
use voiceagent_testkit::{
    conformance::{
        Outcome,
        llm::{KEY, LlmSuite},
    },
    vendor::chat::{ChatRequest, ChatVendor, Dialect, Reply},
};

use crate::clock::Clock;
use crate::scripted::Scripted;

fn config(vendor: &Scripted, deadline: Duration) -> Value {
    json!({
        "provider": "openai",
        "api_key": KEY,
        "base_url": vendor.server.url(),
        "structured_outputs": true,
        "prompt_caching": true,
        "first_token_timeout": deadline,
        "idle_timeout": deadline,
    })
}

fn model(vendor: &ChatVendor) -> OpenAiLlm {
    let mut config = OpenAiLlmConfig::default();
    config.api_key = Some(voiceagent_core::Secret::new(KEY));
    config.base_url = Some(vendor.url().into());
    OpenAiLlm::new(config).expect("the configuration is complete")
}

fn question() -> LlmRequest {
    LlmRequest::new("Be brief.", vec![Message::User { text: "Hi".into() }])
}

async fn events(model: &OpenAiLlm) -> Vec<LlmEvent> {
    let stream = model.generate(question()).await.expect("the vendor answers");
    let events = stream.map(|event| event.expect("the answer is complete"));
    events.filter(|event| ready(!matches!(event, LlmEvent::Connected { .. }))).collect().await
}

#[tokio::test]
async fn openai_conforms() {
    let _clock = Clock::start();
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    LlmSuite { subject: "openai", registry: &registry, config }
        .run(|| Scripted::start(Dialect::OpenAi))
        .await
        .assert();
}

/// What a broken adapter does to the answers of a sound one.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    EndsTwice,
    HidesErrors,
    IgnoresRetryAfter,
    ReadsOnWhenDropped,
    ReversesText,
    ShowsKey,
    SwallowsUsage,
}

struct Flawed {
    sound: OpenAiLlm,
    flaw: Flaw,
}

impl fmt::Debug for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.flaw, Flaw::ShowsKey) { KEY } else { "Flawed" })
    }
}

#[async_trait]
impl LanguageModel for Flawed {
    fn name(&self) -> &str {
        self.sound.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.sound.capabilities()
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut items = match (self.sound.generate(request).await, self.flaw) {
            (Ok(items), _) => items,
            (Err(error), Flaw::IgnoresRetryAfter) => {
                return Err(Error::new(error.kind(), "generate", "no"));
            }
            (Err(error), _) => return Err(error),
        };
        Ok(match self.flaw {
            Flaw::EndsTwice => {
                items.chain(stream::iter([Ok(LlmEvent::Finished(FinishReason::Stop))])).boxed()
            }
            Flaw::HidesErrors => items.filter(|item| ready(item.is_ok())).boxed(),
            Flaw::ReadsOnWhenDropped => {
                let (to, mut from) = tokio::sync::mpsc::unbounded_channel();
                tokio::spawn(async move {
                    while let Some(item) = items.next().await {
                        let _ = to.send(item);
                    }
                });
                stream::poll_fn(move |context| from.poll_recv(context)).boxed()
            }
            Flaw::ReversesText => {
                let mut all: Vec<_> = items.collect().await;
                all.sort_by_key(|item| !matches!(item, Ok(LlmEvent::Text(_))));
                let texts = all.iter().take_while(|item| matches!(item, Ok(LlmEvent::Text(_))));
                let texts = texts.count();
                all[..texts].reverse();
                stream::iter(all).boxed()
            }
            Flaw::SwallowsUsage => {
                items.filter(|item| ready(!matches!(item, Ok(LlmEvent::Usage(_))))).boxed()
            }
            Flaw::IgnoresRetryAfter | Flaw::ShowsKey => items,
        })
    }
}

/// The checks that an adapter with a flaw fails.
async fn failed_with(flaw: Flaw) -> Vec<String> {
    let mut registry = Registry::default();
    registry.llm.register("openai", move |config: OpenAiLlmConfig| {
        let flawed = Flawed { sound: OpenAiLlm::new(config)?, flaw };
        Ok(Arc::new(flawed) as Arc<dyn LanguageModel>)
    });
    let report = LlmSuite { subject: "flawed", registry: &registry, config }
        .run(|| Scripted::start(Dialect::OpenAi))
        .await;
    let failed = report.checks().iter().filter(|(_, how)| matches!(how, Outcome::Failed(_)));
    failed.map(|(check, _)| check.clone()).collect()
}

#[tokio::test]
async fn the_suite_finds_every_flaw() {
    let _clock = Clock::start();
    let flaws = [
        (Flaw::EndsTwice, "`Finished` comes once and last"),
        (Flaw::HidesErrors, "a cut connection is `Disconnected`, once, and then the end"),
        (Flaw::IgnoresRetryAfter, "429 is `RateLimited`, with the time to wait"),
        (Flaw::ReadsOnWhenDropped, "dropping the stream aborts the request"),
        (Flaw::ReversesText, "text comes in order"),
        (Flaw::ShowsKey, "the key is in no `Debug` and no error"),
        (Flaw::SwallowsUsage, "the cost is reported"),
    ];
    join_all(flaws.map(|(flaw, check)| async move {
        let failed = failed_with(flaw).await;
        assert!(failed.iter().any(|failed| failed == check), "{flaw:?} only fails {failed:?}");
    }))
    .await;
}

#[tokio::test]
async fn answers_share_a_connection_that_was_opened_ahead() {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Good morning.")]).await;
    let model = model(&vendor);
    model.warm().await.unwrap();
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 0));
    for _ in 0..3 {
        events(&model).await;
    }
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 3));
}

#[tokio::test]
async fn m16_an_answer_tells_how_its_connection_came_about() {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Good morning.")]).await;
    let model = model(&vendor);
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = model.generate(question()).await.expect("the vendor answers");
        let events: Vec<_> =
            answer.map(|event| event.expect("the answer is complete")).collect().await;
        let first = events.first().cloned().expect("there are events");
        told.push(first);
    }
    let [opened, reused] = &told[..] else { panic!("{told:?}") };
    assert!(
        matches!(opened, LlmEvent::Connected { after, reused: false } if !after.is_zero()),
        "{opened:?}"
    );
    assert_eq!(*reused, LlmEvent::Connected { after: Duration::ZERO, reused: true });
}

#[tokio::test]
async fn a_server_without_stream_options_is_asked_again_without_and_remembered() {
    let vendor =
        ChatVendor::start(Dialect::OpenAi, |request| match request.body.get("stream_options") {
            Some(_) => {
                Reply::refuse(400, r#"{"error":{"message":"unknown field stream_options"}}"#)
            }
            None => Reply::text("Hello."),
        })
        .await;
    let model = model(&vendor);
    for _ in 0..2 {
        assert_eq!(events(&model).await.first(), Some(&LlmEvent::Text("Hello.".to_owned())));
    }
    let asked = vendor.requests();
    let with = |request: &ChatRequest| request.body.get("stream_options").is_some();
    assert_eq!(asked.iter().map(with).collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn a_refused_request_is_not_repeated() {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::refuse(400, "{}")]).await;
    let error = model(&vendor).generate(question()).await.err().unwrap();
    assert_eq!((error.kind(), vendor.requests().len()), (ErrorKind::Rejected, 1));
    assert_eq!(error.provider(), Some("openai"));
}

#[tokio::test]
async fn a_complete_answer_needs_no_report_of_its_cost() {
    let finish = r#"data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let pieces = [format!("{finish}\n\n"), ": an hour later\n\n".to_owned()];
    let reply = Reply::raw(pieces).per_token(Duration::from_secs(3_600));
    let vendor = ChatVendor::replying(Dialect::OpenAi, [reply]).await;
    let said = events(&model(&vendor)).await;
    let finished = LlmEvent::Finished(FinishReason::Stop);
    assert_eq!(said, [LlmEvent::Text("Hi".to_owned()), finished]);
}

#[tokio::test]
async fn a_key_that_is_missing_or_refused_is_found_before_a_call() {
    let error = OpenAiLlm::new(OpenAiLlmConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), "openai configure: config: field `api_key` is missing");
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Hello.")]).await;
    let mut config = OpenAiLlmConfig::default();
    config.base_url = Some(vendor.url().into());
    let error = OpenAiLlm::new(config).unwrap().warm().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_disconnected() {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::text("Hello.")]).await;
    let model = model(&vendor);
    drop(vendor);
    let error = model.generate(question()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn i10_an_answer_that_is_given_up_leaves_no_connection() {
    let vendor =
        ChatVendor::replying(Dialect::OpenAi, [Reply::text("One two three.").stall_after(1)]).await;
    let model = model(&vendor);
    let mut answers = Vec::new();
    for _ in 0..10 {
        let mut answer = model.generate(question()).await.expect("the vendor answers");
        let connected = answer.next().await.unwrap().unwrap();
        assert!(matches!(connected, LlmEvent::Connected { reused: false, .. }), "{connected:?}");
        assert_eq!(answer.next().await.unwrap().unwrap(), LlmEvent::Text("One ".to_owned()));
        answers.push(answer);
    }
    assert_eq!((vendor.open(), vendor.aborted()), (10, 0));
    drop(answers);
    let gone = vendor.until(|vendor| vendor.open() == 0 && vendor.aborted() == 10);
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("all connections close");
}
