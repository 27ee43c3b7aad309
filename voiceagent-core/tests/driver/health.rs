//! How the providers of a chain fare, over many requests in virtual time.

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
use tokio::time::{sleep, timeout};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Result,
    adapt::{FallbackLlm, FallbackTts},
    llm::{FinishReason, LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::fakes::{FakeTts, TtsFault};

use crate::rig::{MULAW, ms};

/// Refuses these requests, by their number, and answers the others with a word each 100 ms.
#[derive(Debug)]
struct Model {
    refused: std::ops::Range<usize>,
    retry_after: Option<Duration>,
    words: usize,
    asked: AtomicUsize,
}

fn model(refused: std::ops::Range<usize>, words: usize) -> Model {
    Model { refused, retry_after: None, words, asked: AtomicUsize::new(0) }
}

impl Model {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl LanguageModel for Model {
    fn name(&self) -> &str {
        "model"
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
    }

    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        if self.refused.contains(&self.asked.fetch_add(1, Ordering::Relaxed)) {
            let error = Error::new(ErrorKind::RateLimited, "generate", "scripted");
            return Err(match self.retry_after {
                Some(wait) => error.with_retry_after(wait),
                None => error,
            });
        }
        let words = vec![LlmEvent::Text("word ".into()); self.words];
        let end = LlmEvent::Finished(FinishReason::Stop);
        let events = stream::iter(words.into_iter().chain([end])).then(async |event| {
            sleep(ms(100)).await;
            Ok(event)
        });
        Ok(events.boxed())
    }
}

async fn begin(chain: &FallbackLlm) -> BoxStream<'static, Result<LlmEvent>> {
    chain.generate(LlmRequest::new("", [])).await.expect("one of them answers")
}

/// Reads so many items of an answer, or all that there are.
async fn read(answer: BoxStream<'static, Result<LlmEvent>>, items: usize) {
    let read: Vec<_> = answer.take(items).collect().await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd1_an_answer_that_was_begun_before_a_refusal_does_not_shorten_the_rest() {
    let first = Arc::new(Model { retry_after: Some(ms(60_000)), ..model(1..2, 50) });
    let chain = FallbackLlm::new(first.clone(), vec![Arc::new(model(0..0, 1))]);
    let long = begin(&chain).await;
    sleep(ms(1_000)).await;
    read(begin(&chain).await, usize::MAX).await;
    assert_eq!(first.asked(), 2, "it refused the second");
    read(long, usize::MAX).await;
    read(begin(&chain).await, usize::MAX).await;
    assert_eq!(first.asked(), 2, "it has asked to be left alone for a minute");
    sleep(ms(60_000)).await;
    read(begin(&chain).await, usize::MAX).await;
    assert_eq!(first.asked(), 3);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd2_a_model_that_recovers_is_well_again_though_callers_interrupt_its_answers() {
    let first = Arc::new(model(0..3, 30));
    let chain = FallbackLlm::new(first.clone(), vec![Arc::new(model(0..0, 30))]);
    for _ in 0..3 {
        read(begin(&chain).await, usize::MAX).await;
        sleep(ms(45_000)).await;
    }
    assert_eq!(first.asked(), 3);
    for _ in 0..50 {
        read(begin(&chain).await, 20).await;
        sleep(ms(2_000)).await;
    }
    assert_eq!(first.asked(), 53, "each request is for it again");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn rd2_one_request_at_a_time_tries_a_model_that_has_rested() {
    let first = Arc::new(model(0..1, 30));
    let chain = FallbackLlm::new(first.clone(), vec![Arc::new(model(0..0, 30))]);
    read(begin(&chain).await, usize::MAX).await;
    sleep(ms(10_000)).await;
    let both = tokio::join!(begin(&chain), begin(&chain));
    assert_eq!(first.asked(), 2, "one of two tries it");
    read(both.0, 1).await;
    read(begin(&chain).await, 1).await;
    assert_eq!(first.asked(), 3, "it has begun, and is well");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn re1_a_voice_that_recovers_is_well_again_though_callers_interrupt_it() {
    let first = FakeTts::new().with_faults([TtsFault::Drop(Duration::ZERO)]);
    let opened = first.opened();
    let chain = FallbackTts::new(Arc::new(first), vec![Arc::new(FakeTts::new())]);
    assert!(hears(&chain).await, "the second voice says it");
    sleep(ms(10_000)).await;
    for call in 1..10 {
        assert!(hears(&chain).await);
        assert_eq!(opened.all().len(), call + 1, "call {call} is for the first voice");
        sleep(ms(2_000)).await;
    }
}

/// Whether a call hears some audio, which it interrupts.
async fn hears(chain: &FallbackTts) -> bool {
    let mut link = chain.open(TtsOptions::new(MULAW)).await.expect("a voice opens");
    let generation = GenerationId::new(1);
    let text = "Good morning, this is a long greeting. ".into();
    link.try_send(TtsInput::Text { generation, text }).expect("there is room");
    let audio = async {
        while let Some(event) = link.recv().await {
            if matches!(event, Ok(TtsEvent::Audio { .. })) {
                return true;
            }
        }
        false
    };
    timeout(ms(10_000), audio).await.unwrap_or(false)
}
