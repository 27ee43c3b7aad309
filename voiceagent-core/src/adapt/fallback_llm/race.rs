use std::{future, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered, StreamExt},
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    ErrorKind, Result,
    adapt::{
        chain::now,
        first_item::{failure, first_item},
    },
    llm::{LanguageModel, LlmEvent, LlmRequest},
};

/// Requests that are under way at once. Each costs the tokens of an answer.
const LANES: usize = 2;

type Begun = BoxStream<'static, Result<LlmEvent>>;

/// The models that are asked for one answer and have not begun. With it all requests are dropped.
pub(super) struct Race {
    requests: FuturesUnordered<BoxFuture<'static, (Asked, Result<Begun>)>>,
    /// Whose they are, in the order in which they were asked.
    asked: Vec<usize>,
    /// When the last of them was asked.
    since: Instant,
}

/// Which model was asked, and when.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) index: usize,
    pub(super) at: Instant,
}

/// What happens in a race.
pub(super) enum Step {
    /// The answer of this model is there.
    Begun(Asked, Begun),
    /// This model failed.
    Failed(usize, crate::Error),
    /// The model that was asked last has not begun in time.
    Slow,
}

impl Race {
    pub(super) fn new() -> Self {
        Self { requests: FuturesUnordered::new(), asked: Vec::with_capacity(LANES), since: now() }
    }

    /// Asks a model, which has so long for its first item.
    pub(super) fn ask(
        &mut self,
        index: usize,
        model: Arc<dyn LanguageModel>,
        request: LlmRequest,
        limit: Duration,
    ) {
        self.since = now();
        let asked = Asked { index, at: self.since };
        let begun = async move {
            let begun = timeout(limit, first_item(&*model, request)).await;
            let late = |_| failure(&*model, ErrorKind::Timeout, "no first item in time");
            (asked, begun.map_err(late).and_then(|begun| begun))
        };
        self.requests.push(begun.boxed());
        self.asked.push(index);
    }

    /// Nobody is asked any more.
    pub(super) fn is_over(&self) -> bool {
        self.asked.is_empty()
    }

    /// The models that have not begun: those that were asked before the one that has, and those
    /// that were asked behind it.
    pub(super) fn losers(&self, winner: usize) -> (&[usize], &[usize]) {
        let place = self.asked.iter().position(|index| *index == winner);
        let (before, behind) = self.asked.split_at(place.unwrap_or(self.asked.len()));
        (before, behind.split_first().map_or(&[], |(_, behind)| behind))
    }

    /// What happens next. `patience` is how long the model that was asked last has before another
    /// one would be asked as well, if there is one.
    pub(super) async fn next(&mut self, patience: Option<Duration>) -> Step {
        let patience = patience.filter(|_| self.asked.len() < LANES);
        let slow = async {
            match patience {
                Some(patience) => sleep_until(self.since + patience).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some((asked, begun)) = self.requests.next() => match begun {
                Ok(answer) => Step::Begun(asked, answer),
                Err(error) => {
                    self.asked.retain(|other| *other != asked.index);
                    Step::Failed(asked.index, error)
                }
            },
            () = slow => Step::Slow,
        }
    }
}
