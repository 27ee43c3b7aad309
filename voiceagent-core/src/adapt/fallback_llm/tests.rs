use std::sync::atomic::AtomicUsize;

use super::*;
use crate::llm::{FinishReason, Message};

#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    BreakOff,
    BreakOffSilently,
    ConnectAndFail,
    Empty,
    FailFirstItem,
    Hang,
    Refuse(ErrorKind),
    Stall,
}

#[derive(Debug)]
struct Scripted {
    name: &'static str,
    acts: Vec<Act>,
    asked: AtomicUsize,
    capabilities: LlmCapabilities,
}

/// A model that does one thing after the other, and the last one again and again.
fn scripted(name: &'static str, acts: &[Act]) -> Arc<Scripted> {
    let capabilities = LlmCapabilities::default().with_tools(true, true);
    Arc::new(Scripted { name, acts: acts.to_vec(), asked: AtomicUsize::new(0), capabilities })
}

impl Scripted {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl LanguageModel for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn capabilities(&self) -> LlmCapabilities {
        self.capabilities
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        let said = || Ok(LlmEvent::Text(self.name.to_owned()));
        let error = |kind| Error::new(kind, "generate", "scripted").with_provider(self.name);
        let finished = Ok(LlmEvent::Finished(FinishReason::Stop));
        Ok(match self.acts[at.min(self.acts.len() - 1)] {
            Act::Answer => stream::iter([said(), finished]).boxed(),
            Act::BreakOff => stream::iter([said(), Err(error(ErrorKind::Disconnected))]).boxed(),
            Act::BreakOffSilently => stream::iter([said()]).boxed(),
            Act::ConnectAndFail => {
                let connected = LlmEvent::Connected { after: Duration::ZERO, reused: true };
                stream::iter([Ok(connected), Err(error(ErrorKind::Disconnected))]).boxed()
            }
            Act::Empty => stream::empty().boxed(),
            Act::FailFirstItem => stream::iter([Err(error(ErrorKind::Overloaded))]).boxed(),
            Act::Hang => std::future::pending().await,
            Act::Refuse(kind) => return Err(error(kind)),
            Act::Stall => stream::pending().boxed(),
        })
    }
}

async fn ask(fallback: &FallbackLlm) -> Vec<Result<LlmEvent>> {
    let request = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
    match fallback.generate(request).await {
        Ok(stream) => stream.collect().await,
        Err(error) => vec![Err(error)],
    }
}

async fn speaker(fallback: &FallbackLlm) -> String {
    match ask(fallback).await.swap_remove(0) {
        Ok(LlmEvent::Text(name)) => name,
        other => panic!("nobody spoke: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn rd1_every_failure_before_the_first_item_goes_to_the_next_model() {
    for act in [
        Act::ConnectAndFail,
        Act::Empty,
        Act::FailFirstItem,
        Act::Hang,
        Act::Stall,
        Act::Refuse(ErrorKind::Config),
        Act::Refuse(ErrorKind::RateLimited),
        Act::Refuse(ErrorKind::Unauthorized),
    ] {
        let fallback = FallbackLlm::new(scripted("a", &[act]), vec![scripted("b", &[Act::Answer])]);
        assert_eq!(speaker(&fallback).await, "b", "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rd3_a_silent_model_costs_no_more_than_its_time() {
    let fallback =
        FallbackLlm::new(scripted("a", &[Act::Stall]), vec![scripted("b", &[Act::Hang])])
            .first_token(Duration::from_secs(1));
    let just_over = Duration::from_millis(2_001);
    let items = timeout(just_over, ask(&fallback)).await.expect("each model has one second");
    let error = items[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Timeout, Some("b")));
}

#[tokio::test]
async fn an_answer_that_has_begun_stays_with_its_model() {
    let second = scripted("b", &[Act::Answer]);
    let fallback = FallbackLlm::new(scripted("a", &[Act::BreakOff]), vec![second.clone()]);
    let items = ask(&fallback).await;
    assert_eq!(items[0].as_ref().unwrap(), &LlmEvent::Text("a".to_owned()));
    assert_eq!(items[1].as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!((items.len(), second.asked()), (2, 0));
}

#[tokio::test]
async fn rd2_a_model_that_failed_is_asked_last_for_a_while_and_then_tried_again() {
    let first = scripted("a", &[Act::FailFirstItem, Act::Answer]);
    let fallback =
        FallbackLlm::new(first.clone(), vec![scripted("b", &[Act::Answer])]).cool_down(2);
    let mut speakers = Vec::new();
    for _ in 0..5 {
        speakers.push(speaker(&fallback).await);
    }
    assert_eq!(speakers, ["b", "b", "b", "a", "a"]);
    assert_eq!(first.asked(), 3);
}

#[tokio::test]
async fn rd2_a_model_that_breaks_off_is_asked_last_for_a_while() {
    for act in [Act::BreakOff, Act::BreakOffSilently] {
        let first = scripted("a", &[act, Act::Answer]);
        let fallback = FallbackLlm::new(first, vec![scripted("b", &[Act::Answer])]).cool_down(1);
        let items = ask(&fallback).await;
        assert_eq!(items[0].as_ref().unwrap(), &LlmEvent::Text("a".to_owned()));
        assert_eq!(items[1].as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
        let next = [speaker(&fallback).await, speaker(&fallback).await];
        assert_eq!(next, ["b", "a"], "{act:?}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_read_to_its_end_is_no_failure() {
    let fallback =
        FallbackLlm::new(scripted("a", &[Act::BreakOff]), vec![scripted("b", &[Act::Answer])]);
    let request = LlmRequest::new("", vec![Message::User { text: "Hi".into() }]);
    let mut interrupted = fallback.generate(request).await.unwrap();
    assert!(interrupted.next().await.unwrap().is_ok());
    drop(interrupted);
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test]
async fn a_model_that_cools_down_still_stands_in_for_the_others() {
    let first = scripted("a", &[Act::FailFirstItem, Act::Answer]);
    let second = scripted("b", &[Act::Answer, Act::Refuse(ErrorKind::Overloaded)]);
    let fallback = FallbackLlm::new(first, vec![second]);
    assert_eq!(speaker(&fallback).await, "b");
    assert_eq!(speaker(&fallback).await, "a");
}

#[tokio::test]
async fn only_what_all_models_can_do_is_claimed() {
    let plain = Arc::new(Scripted {
        name: "plain",
        acts: vec![Act::Answer],
        asked: AtomicUsize::new(0),
        capabilities: LlmCapabilities::default().with_tools(true, false),
    });
    let fallback = FallbackLlm::new(scripted("a", &[Act::Answer]), vec![plain]);
    assert_eq!(fallback.capabilities(), LlmCapabilities::default().with_tools(true, false));
}
