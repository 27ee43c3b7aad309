use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    future::{Either, join_all, select},
    stream::{self, BoxStream, StreamExt},
};
use tokio::time::timeout;

use super::{
    chain::{Chain, REST, now},
    failover::{Failover, Losses},
    first_item::{common, first_item},
};
use crate::{
    Error, Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

/// Asks a second model when the first takes long, and gives the answer that begins first.
///
/// The request of the slower one is dropped, and with it cancelled. The second is asked at once
/// when the first fails. It may be the same model: then a request that is stuck costs no more than
/// the delay. Every request that outlasts the delay costs the tokens of two. A second one that
/// failed is left alone while it [rests](super::CircuitBreaker), unless the first fails.
///
/// Nobody goes on with an answer that breaks off, and the first model is asked each time, however
/// often it is outrun. A [`FallbackLlm`](super::FallbackLlm) with
/// [`hedge_after`](super::LlmFailover::hedge_after) does better.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use voiceagent_core::{adapt::Hedged, llm::LanguageModel};
///
/// fn quick(model: Arc<dyn LanguageModel>) -> Hedged {
///     Hedged::new(model.clone(), model).after(Duration::from_millis(700))
/// }
/// ```
#[derive(Debug)]
pub struct Hedged {
    models: Chain<dyn LanguageModel>,
    after: Duration,
}

/// Places in the chain.
const FIRST: usize = 0;
const SECOND: usize = 1;

impl Hedged {
    /// Asks `first`, and `second` when no item has come for a second.
    #[must_use]
    pub fn new(first: Arc<dyn LanguageModel>, second: Arc<dyn LanguageModel>) -> Self {
        Self { models: Chain::new(first, vec![second], REST), after: Duration::from_secs(1) }
    }

    /// Says how long the first model has before the second is asked.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// The answer of one model, and how the model fared.
    async fn ask(
        &self,
        index: usize,
        request: LlmRequest,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let asked = now();
        let answer = first_item(&**self.models.provider(index), request).await;
        match &answer {
            Ok(_) => self.models.succeeded(index, asked),
            Err(error) => self.note(index, error),
        }
        answer
    }

    /// The answer of the second model, with that it has taken over from the first, which failed.
    async fn instead(
        &self,
        second: impl Future<Output = Result<BoxStream<'static, Result<LlmEvent>>>>,
        error: &Error,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut losses = Losses::default();
        losses.note(FIRST, error);
        let answer = second.await?;
        Ok(match losses.end(SECOND, |index| self.models.provider(index).name()) {
            Some(failover) => told(failover, answer),
            None => answer,
        })
    }

    fn note(&self, index: usize, error: &Error) {
        tracing::warn!(%error, "a hedged language model failed");
        self.models.failed(index, error);
    }
}

/// An answer, behind word of who has taken over.
fn told(
    failover: Failover,
    answer: BoxStream<'static, Result<LlmEvent>>,
) -> BoxStream<'static, Result<LlmEvent>> {
    stream::iter([Ok(LlmEvent::FailedOver(failover))]).chain(answer).boxed()
}

#[async_trait]
impl LanguageModel for Hedged {
    fn name(&self) -> &str {
        "hedged"
    }

    fn capabilities(&self) -> LlmCapabilities {
        common(self.models.providers().map(|model| model.capabilities()))
    }

    /// Opens the connections of all.
    ///
    /// # Errors
    ///
    /// One of those that failed.
    async fn warm(&self) -> Result<()> {
        let all = self.models.providers().map(|model| model.warm());
        join_all(all).await.into_iter().collect()
    }

    /// Begins an answer, and returns once its first item is there.
    ///
    /// # Errors
    ///
    /// That of the model which failed last, when both did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends all requests.
    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut first = pin!(self.ask(FIRST, request.clone()));
        let early = match self.models.rests(SECOND) {
            true => Ok((&mut first).await),
            false => timeout(self.after, &mut first).await,
        };
        match early {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => return self.instead(self.ask(SECOND, request), &error).await,
            Err(_) => {}
        }
        let second = pin!(self.ask(SECOND, request));
        match select(first, second).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Right((Ok(answer), _)) => {
                let name = |index| self.models.provider(index).name();
                Ok(told(Failover::hedge(name(FIRST), name(SECOND)), answer))
            }
            Either::Left((Err(error), second)) => self.instead(second, &error).await,
            Either::Right((Err(_), first)) => first.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::{ErrorKind, llm::FinishReason};

    #[derive(Debug)]
    struct Timed {
        name: &'static str,
        first_item: Duration,
        fails: bool,
        asked: std::sync::atomic::AtomicU32,
        /// Lives as long as a request does.
        held: Arc<()>,
    }

    fn timed(name: &'static str, millis: u64, fails: bool) -> Arc<Timed> {
        let first_item = Duration::from_millis(millis);
        Arc::new(Timed { name, first_item, fails, asked: 0.into(), held: Arc::default() })
    }

    #[async_trait]
    impl LanguageModel for Timed {
        fn name(&self) -> &str {
            self.name
        }

        fn capabilities(&self) -> LlmCapabilities {
            LlmCapabilities::default()
        }

        async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
            self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let held = self.held.clone();
            sleep(self.first_item).await;
            if self.fails {
                return Err(Error::new(ErrorKind::Overloaded, "generate", "scripted"));
            }
            let events =
                [LlmEvent::Text(self.name.to_owned()), LlmEvent::Finished(FinishReason::Stop)];
            Ok(stream::iter(events.map(Ok))
                .map(move |event| {
                    let _held = &held;
                    event
                })
                .boxed())
        }
    }

    /// Who answers, after how many milliseconds, and what became of the other: nothing where none was
    /// taken over from, else whether it was outrun.
    async fn race(first: &Arc<Timed>, second: &Arc<Timed>) -> (String, u128, Option<bool>) {
        let hedged = Hedged::new(first.clone(), second.clone());
        let begun = now();
        let mut answer = hedged.generate(LlmRequest::new("", [])).await.unwrap();
        let after = begun.elapsed().as_millis();
        let requests = Arc::strong_count(&first.held) + Arc::strong_count(&second.held) - 2;
        assert_eq!(requests, 1, "the request of the loser is cancelled");
        let (mut item, mut outrun) = (answer.next().await, None);
        if let Some(Ok(LlmEvent::FailedOver(failover))) = &item {
            let of = (&*failover.from, &*failover.to, failover.cause);
            let cause = (!failover.hedged).then_some(ErrorKind::Overloaded);
            assert_eq!(of, ("a", "b", cause.unwrap_or(ErrorKind::Timeout)));
            outrun = Some(failover.hedged);
            item = answer.next().await;
        }
        match item {
            Some(Ok(LlmEvent::Text(name))) => (name, after, outrun),
            other => panic!("nobody spoke: {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rd3_the_answer_that_begins_first_wins_and_the_other_is_cancelled() {
        for (first, second, winner) in [
            ((900, false), (1, false), ("a", 900, None)),
            ((5_000, false), (200, false), ("b", 1_200, Some(true))),
            ((1_100, false), (200, false), ("a", 1_100, None)),
            ((300, true), (200, false), ("b", 500, Some(false))),
            ((1_100, true), (500, false), ("b", 1_500, Some(false))),
            ((1_900, false), (200, true), ("a", 1_900, None)),
        ] {
            let (first, second) = (timed("a", first.0, first.1), timed("b", second.0, second.1));
            let (name, after, outrun) = race(&first, &second).await;
            assert_eq!((name.as_str(), after, outrun), winner);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_model_that_failed_rests() {
        let (first, second) = (timed("a", 2_000, false), timed("b", 10, true));
        let hedged = Hedged::new(first, second.clone());
        for _ in 0..3 {
            drop(hedged.generate(LlmRequest::new("", [])).await.unwrap());
        }
        assert_eq!(second.asked.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_goes_through_when_both_fail() {
        let hedged = Hedged::new(timed("a", 10, true), timed("b", 20, true));
        assert!(hedged.generate(LlmRequest::new("", [])).await.is_err());
    }
}
