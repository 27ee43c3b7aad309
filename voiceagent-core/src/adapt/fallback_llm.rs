mod answer;
mod race;
mod seam;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{
    future::join_all,
    stream::{self, BoxStream, StreamExt},
};
use serde::Deserialize;

use self::answer::Answer;
use super::{
    chain::{Chain, REST},
    first_item::common,
};
use crate::{
    Result, duration,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

/// What a model is told that goes on with the answer of another.
const CUE: &str = "(Your last message broke off. Go on with the very next word of it, as if nothing \
    had happened. Repeat nothing of it, and do not mention this.)";

/// Goes on with the next model when one fails, before its answer has begun and within it.
///
/// A model fails when it returns an error of any kind, ends without [`LlmEvent::Finished`], or is
/// silent for 2.5 s, before its first item or within an answer, or reasons for 20 s. When it has said nothing yet,
/// the next one is asked the same. When it has, the next one is shown the words that were passed
/// on, and asked to continue; what it repeats of them all the same is left out. Words are passed on
/// whole, so that an answer never breaks off within one.
///
/// Once a tool was called, an error goes through: the tool runs, and another model would call it
/// again. A call that was cut off within its arguments was never made, and is the next model's to
/// make. Who fails is not asked again for the same answer; the error of the last goes through.
///
/// Of an answer that must be [whole](LlmRequest::whole) nothing is passed on before its end, and the
/// next model is asked the same as the first.
///
/// A model that failed is asked last until it has [rested](super::CircuitBreaker), for as long as
/// it asked for itself. No model is left out when all others fail. With
/// [`hedge_after`](LlmFailover::hedge_after) one that is outrun three times in a row has failed, too.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use voiceagent_core::{
///     adapt::{FallbackLlm, LlmFailover},
///     llm::LanguageModel,
/// };
///
/// fn resilient(first: Arc<dyn LanguageModel>, second: Arc<dyn LanguageModel>) -> FallbackLlm {
///     let mut settings = LlmFailover::default();
///     settings.first_token = Duration::from_millis(1_500);
///     FallbackLlm::with_settings(first, vec![second], settings)
/// }
/// ```
#[derive(Debug)]
pub struct FallbackLlm {
    chain: Arc<Chain<dyn LanguageModel>>,
    settings: LlmFailover,
}

/// Limits of a [`FallbackLlm`]. In a configuration, times are written as `"2.5s"`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LlmFailover {
    /// How long a model may take for its first item.
    #[serde(deserialize_with = "duration::deserialize")]
    pub first_token: Duration,
    /// How long it may be silent within its answer. The session gives up after
    /// [`ModelConfig::stall_timeout`](crate::session::ModelConfig), which should be longer.
    #[serde(deserialize_with = "duration::deserialize")]
    pub stall: Duration,
    /// How long it may give nothing but [signs of reasoning](LlmEvent::Progress), before its first word
    /// and after each one; white space and marks are no word. The session gives up after
    /// [`ModelConfig::reasoning_timeout`](crate::session::ModelConfig), which should be longer.
    #[serde(deserialize_with = "duration::deserialize")]
    pub reasoning: Duration,
    /// How long a model has before the next one is asked as well; the one that begins first answers,
    /// and the other request is cancelled. `None` waits until it has failed. No more than two are
    /// asked at once, and none as well that rests.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub hedge_after: Option<Duration>,
    /// What a model is told, in place of the user, that is to continue the answer of another. It
    /// stands in that one request and not in the history. Where it is empty nobody continues an
    /// answer, as one that follows rules could not, and errors within answers go through.
    pub cue: Arc<str>,
    /// How long one that failed once is asked last.
    #[serde(deserialize_with = "duration::deserialize")]
    pub rest: Duration,
}

impl Default for LlmFailover {
    fn default() -> Self {
        Self {
            first_token: Duration::from_millis(2_500),
            stall: Duration::from_millis(2_500),
            reasoning: Duration::from_secs(20),
            hedge_after: None,
            cue: CUE.into(),
            rest: REST,
        }
    }
}

impl FallbackLlm {
    /// Asks `first`, and those in `then` in their order when it fails.
    #[must_use]
    pub fn new(first: Arc<dyn LanguageModel>, then: Vec<Arc<dyn LanguageModel>>) -> Self {
        Self::with_settings(first, then, LlmFailover::default())
    }

    /// The same with limits of one's own.
    #[must_use]
    pub fn with_settings(
        first: Arc<dyn LanguageModel>,
        then: Vec<Arc<dyn LanguageModel>>,
        settings: LlmFailover,
    ) -> Self {
        Self { chain: Arc::new(Chain::new(first, then, settings.rest)), settings }
    }
}

#[async_trait]
impl LanguageModel for FallbackLlm {
    fn name(&self) -> &str {
        "fallback"
    }

    /// What all of the models can do.
    fn capabilities(&self) -> LlmCapabilities {
        common(self.chain.providers().map(|model| model.capabilities()))
    }

    /// Opens the connections of all.
    ///
    /// # Errors
    ///
    /// One of those that failed.
    async fn warm(&self) -> Result<()> {
        let all = self.chain.providers().map(|model| model.warm());
        join_all(all).await.into_iter().collect()
    }

    /// Begins an answer, and returns once its first item is there.
    ///
    /// # Errors
    ///
    /// That of the model which failed last, when all did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let mut answer = Answer::new(self.chain.clone(), self.settings.clone(), request);
        answer.begin().await?;
        Ok(stream::unfold(answer, Answer::next).boxed())
    }
}

#[cfg(test)]
mod tests;
