use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::timeout;

use crate::{
    Error, ErrorKind, Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

/// Asks the next model when one fails before its first item.
///
/// A model fails when it returns an error of any kind, ends without an item, or yields none in
/// time. Once an item has been passed on, the answer stays with its model, and an error goes
/// through: the caller may have heard the beginning. It counts as a failure all the same.
///
/// A model that failed is asked last for a number of requests, and then in its usual place again.
/// No model is left out when all others fail.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use voiceagent_core::{adapt::FallbackLlm, llm::LanguageModel};
///
/// fn resilient(first: Arc<dyn LanguageModel>, second: Arc<dyn LanguageModel>) -> FallbackLlm {
///     FallbackLlm::new(first, vec![second]).first_token(Duration::from_millis(1_500))
/// }
/// ```
#[derive(Debug)]
pub struct FallbackLlm {
    candidates: Vec<Arc<Candidate>>,
    first_token: Duration,
    cool_down: u32,
}

#[derive(Debug)]
struct Candidate {
    model: Arc<dyn LanguageModel>,
    /// For how many more requests it is asked last.
    cooling: AtomicU32,
}

impl FallbackLlm {
    /// Asks `first`, and those in `then` in their order when it fails. A model has 2.5 s for its
    /// first item, and one that failed is asked last for eight requests, unless said otherwise.
    #[must_use]
    pub fn new(first: Arc<dyn LanguageModel>, then: Vec<Arc<dyn LanguageModel>>) -> Self {
        let candidate = |model| Arc::new(Candidate { model, cooling: AtomicU32::new(0) });
        let candidates = std::iter::once(first).chain(then).map(candidate).collect();
        Self { candidates, first_token: Duration::from_millis(2_500), cool_down: 8 }
    }

    /// Says how long each model may take for its first item.
    #[must_use]
    pub fn first_token(mut self, limit: Duration) -> Self {
        self.first_token = limit;
        self
    }

    /// Says for how many requests a model that failed is asked last. At 0 it never is.
    #[must_use]
    pub fn cool_down(mut self, requests: u32) -> Self {
        self.cool_down = requests;
        self
    }

    /// The models in the order in which this request asks them.
    fn in_order(&self) -> Vec<&Arc<Candidate>> {
        let (cooling, mut order): (Vec<_>, Vec<_>) =
            self.candidates.iter().partition(|candidate| candidate.is_cooling());
        order.extend(cooling);
        order
    }
}

impl Candidate {
    /// Whether it is to be asked last, which counts as one request of its cool-down.
    fn is_cooling(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.cooling.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// The answer, once its first item is there.
    async fn ask(
        &self,
        request: LlmRequest,
        limit: Duration,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let begin = async {
            let mut stream = self.model.generate(request).await?;
            let cut_off = || self.error(ErrorKind::Disconnected, "the answer has no items");
            let mut begun = Vec::with_capacity(1);
            loop {
                let item = stream.next().await.unwrap_or_else(|| Err(cut_off()))?;
                // A connection is no answer yet.
                let waits = matches!(item, LlmEvent::Connected { .. });
                begun.push(Ok(item));
                if !waits {
                    break;
                }
            }
            Ok(stream::iter(begun).chain(stream).boxed())
        };
        let late = |_| self.error(ErrorKind::Timeout, "no first item in time");
        timeout(limit, begin).await.map_err(late)?
    }

    /// Passes the answer on, and notes how it ends. One that is dropped says nothing of its model.
    fn watch(
        self: Arc<Self>,
        answer: BoxStream<'static, Result<LlmEvent>>,
        cool_down: u32,
    ) -> BoxStream<'static, Result<LlmEvent>> {
        stream::unfold(Some(answer), move |answer| {
            let candidate = self.clone();
            async move {
                let mut answer = answer?;
                let broken = || candidate.error(ErrorKind::Disconnected, "the answer breaks off");
                let item = answer.next().await.unwrap_or_else(|| Err(broken()));
                let goes_on = match &item {
                    Ok(LlmEvent::Finished(_)) => {
                        candidate.cooling.store(0, Ordering::Relaxed);
                        false
                    }
                    Ok(_) => true,
                    Err(_) => {
                        candidate.cooling.store(cool_down, Ordering::Relaxed);
                        false
                    }
                };
                Some((item, goes_on.then_some(answer)))
            }
        })
        .boxed()
    }

    fn error(&self, kind: ErrorKind, message: &'static str) -> Error {
        Error::new(kind, "generate", message).with_provider(self.model.name().to_owned())
    }
}

#[async_trait]
impl LanguageModel for FallbackLlm {
    fn name(&self) -> &str {
        "fallback"
    }

    /// What all of the models can do: nobody knows which of them will answer.
    fn capabilities(&self) -> LlmCapabilities {
        let all = |can: fn(LlmCapabilities) -> bool| {
            self.candidates.iter().all(|candidate| can(candidate.model.capabilities()))
        };
        LlmCapabilities::default()
            .with_tools(all(|can| can.tools), all(|can| can.parallel_tools))
            .with_prompt_caching(all(|can| can.prompt_caching))
    }

    /// Begins an answer, and returns once its first item is there.
    ///
    /// # Errors
    ///
    /// That of the model which was asked last, when all failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut last = Error::config("there is no model to ask");
        for candidate in self.in_order() {
            match candidate.ask(request.clone(), self.first_token).await {
                Ok(stream) => {
                    candidate.cooling.store(0, Ordering::Relaxed);
                    return Ok(candidate.clone().watch(stream, self.cool_down));
                }
                Err(error) => {
                    tracing::warn!(%error, "a language model failed; the next one is asked");
                    candidate.cooling.store(self.cool_down, Ordering::Relaxed);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests;
